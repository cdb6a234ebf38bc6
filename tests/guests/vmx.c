/* SPDX-License-Identifier: BSD-2-Clause */
/* VMX outside of VM entry: who may execute what, how operands and regions are checked, and what fields keep. */
#include "guest.h"

#define LEAF1_VMX	BIT(5)
#define MSR_FEATURE	0x3a
#define MSR_VMX_BASIC	0x480
#define MSR_VMX_CR0_FIXED0 0x486
#define MSR_VMX_CR4_FIXED0 0x488
#define MSR_VMX_EPT_VPID 0x48c
#define VMXON_AT	0x200000u
#define VMCS_A		0x201000u
#define VMCS_B		0x202000u
#define EPT_TABLE	0x203000u
#define NOWHERE		0xfffff000u	/* the firmware's ROM: no revision identifier */
#define NO_VMCS		(~0ull)
#define EPTP_WB_4	0x1e
#define VM_INSTR_ERROR	0x4400
#define SEL_EXPAND	(SEL_FREE)
#define SEL_READ_ONLY	(SEL_FREE + 8)
#define SEL_SHORT	(SEL_FREE + 16)

enum { GUEST_ES_SELECTOR = 0x800, TSC_OFFSET = 0x2010, TSC_OFFSET_HIGH, VMCS_LINK = 0x2800, EXCEPTION_BITMAP = 0x4004,
       EXIT_REASON = 0x4402, GUEST_ES_LIMIT = 0x4800, CR0_SHADOW = 0x6004, EXIT_QUALIFICATION = 0x6400, GUEST_CR3 = 0x6802,
       GUEST_RSP = 0x681c, GUEST_RIP = 0x681e, HOST_RIP = 0x6c16 };

/* How an instruction ended: a vector, or NO_TRAP and one of these, or VMfailValid's error. */
#define SUCCEED		0x1000u
#define FAIL_INVALID	0x2000u
#define FAIL_VALID	0x3000u

static u32 vmread_plain(u32 field)
{
	u32 value = 0xdeadbeef;

	__asm__ volatile("vmread %1, %0" : "+r"(value) : "r"(field) : "cc");
	return value;
}

static u32 outcome(u32 trap, u32 flags)
{
	if (trap != NO_TRAP)
		return trap << 8 | (this_cpu()->error & 0xff);
	switch (flags & 0x8d5) {
	case 0:
		return SUCCEED;
	case BIT(0):
		return FAIL_INVALID;
	case BIT(6):
		return FAIL_VALID | vmread_plain(VM_INSTR_ERROR);
	default:
		return 0xf000 | (flags & 0x8d5);
	}
}

/* All arithmetic flags are set before, so that each must be cleared. */
#define VMX(insn, ...) ({								\
	u32 flags_ = 0, trap_ = TRY("pushl $0x8d7; popf; " insn "; pushf; popl %0", : "+r"(flags_) : __VA_ARGS__ : "memory", "cc");	\
	outcome(trap_, flags_); })

static u32 vmxon(u64 at) { return VMX("vmxon %1", "m"(at)); }
static u32 vmxoff(void) { return VMX("vmxoff", "r"(0)); }
static u32 vmclear(u64 at) { return VMX("vmclear %1", "m"(at)); }
static u32 vmptrld(u64 at) { return VMX("vmptrld %1", "m"(at)); }
static u32 vmwrite(u32 field, u32 value) { return VMX("vmwrite %1, %2", "r"(value), "r"(field)); }
static u32 vmwrite_memory(u32 field, u32 value) { return VMX("vmwrite %1, %2", "m"(value), "r"(field)); }
static u32 invept(u32 type, u64 low, u64 high) { const u64 d[2] = { low, high }; return VMX("invept %1, %2", "m"(d), "r"(type)); }
static u32 invvpid(u32 type, u64 low, u64 high) { const u64 d[2] = { low, high }; return VMX("invvpid %1, %2", "m"(d), "r"(type)); }

static u32 vmread(u32 field, u32 *value)
{
	*value = 0x55555555;
	return VMX("vmread %2, %1", "m"(*value), "r"(field));
}

static u64 vmptrst(void)
{
	volatile u64 at = 0x5555;
	u32 how = VMX("vmptrst %1", "m"(at));

	expect(how == SUCCEED, "VMPTRST %x", how);
	return at;
}

static u32 revision(void) { return (u32)rdmsr(MSR_VMX_BASIC) & 0x7fffffff; }

static void set_revisions(void)
{
	memset((void *)VMXON_AT, 0, 0x4000);
	*(u32 *)VMXON_AT = *(u32 *)VMCS_A = *(u32 *)VMCS_B = revision();
}

#define all_instructions(where) do {								\
	u64 m_[2] = { VMCS_B, 0 };								\
												\
	fact(where ".vmxon %x", VMX("vmxon %1", "m"(m_)));					\
	fact(where ".vmclear %x", VMX("vmclear %1", "m"(m_)));					\
	fact(where ".vmptrld %x", VMX("vmptrld %1", "m"(m_)));					\
	fact(where ".vmptrst %x", VMX("vmptrst %1", "m"(m_)));					\
	fact(where ".vmread %x", VMX("vmread %2, %1", "m"(m_), "r"(0x681e)));			\
	fact(where ".vmwrite %x", VMX("vmwrite %1, %2", "m"(m_), "r"(0x681e)));			\
	fact(where ".vmlaunch %x", VMX("vmlaunch", "r"(0)));					\
	fact(where ".vmresume %x", VMX("vmresume", "r"(0)));					\
	fact(where ".invept %x", VMX("invept %1, %2", "m"(m_), "r"(2)));			\
	fact(where ".invvpid %x", VMX("invvpid %1, %2", "m"(m_), "r"(2)));			\
	fact(where ".vmfunc %x", VMX("vmfunc", "a"(0), "c"(0)));				\
} while (0)

static void exposure(void)
{
	u64 value;

	expect(cpuid(1, 0).ecx & LEAF1_VMX, "CPUID");
	expect(rdmsr(MSR_FEATURE) == 5, "FEATURE_CONTROL");
	expect(rdmsr(MSR_VMX_CR0_FIXED0) == 0x80000021 || rdmsr(MSR_VMX_CR0_FIXED0) == 0x21, "CR0_FIXED0 %llx", rdmsr(MSR_VMX_CR0_FIXED0));
	for (u32 msr = MSR_VMX_BASIC; msr <= 0x493; msr++)
		if (try_rdmsr(msr, &value) == NO_TRAP)
			expect(try_wrmsr(msr, value) == GP_TRAP, "%x can be written", msr);
	kept("exposed", "VMX is shown, FEATURE_CONTROL allows it, and the capability MSRs are read-only");
	fact("cr0_fixed %llx %llx", rdmsr(MSR_VMX_CR0_FIXED0), rdmsr(MSR_VMX_CR0_FIXED0 + 1));
	fact("cr4_fixed %llx %llx", rdmsr(MSR_VMX_CR4_FIXED0), rdmsr(MSR_VMX_CR4_FIXED0 + 1));
	for (u32 msr = 0x481; msr <= 0x491; msr++)
		if (try_rdmsr(msr, &value) == NO_TRAP)
			fact("capability %x %llx", msr, value);
}

/* Bochs ends at one in VMX root operation. */
#define vmcall()	VMX("vmcall", "a"(0x12345678))

static void user_outside(void)
{
	all_instructions("user_outside");
	fact("user_outside.vmxoff %x", vmxoff());
}

static void user_inside(void)
{
	all_instructions("user_inside");
	fact("user_inside.vmxoff %x", vmxoff());
	if (on_us())
		expect(vmcall() == GP_TRAP << 8, "VMCALL at CPL 3");
}

static void before_vmxon(void)
{
	u32 cr4 = READ_CR(4), cr0 = READ_CR(0);

	all_instructions("no_vmxe");
	fact("no_vmxe.vmxoff %x", vmxoff());
	fact("no_vmxe.vmcall %x", vmcall());
	WRITE_CR(4, cr4 | CR4_VMXE);
	expect(READ_CR(4) == (cr4 | CR4_VMXE), "CR4 %x", READ_CR(4));
	WRITE_CR(4, cr4);
	expect(READ_CR(4) == cr4, "CR4 %x", READ_CR(4));
	WRITE_CR(4, cr4 | CR4_VMXE);
	kept("vmxe", "CR4.VMXE is set and cleared");
	fact("vmxon_without_pg %x", vmxon(VMXON_AT));
	user_call(user_outside);
	paging_32();
	WRITE_CR(0, READ_CR(0) & ~CR0_NE);
	fact("vmxon_without_ne %x", vmxon(VMXON_AT));
	WRITE_CR(0, READ_CR(0) | CR0_NE);
	fact("vmxon_unaligned %x", vmxon(VMXON_AT + 8));
	fact("vmxon_wide %x", vmxon(1ull << 52));
	fact("vmxon_nowhere %x", vmxon(NOWHERE));
	*(u32 *)VMXON_AT ^= 1;
	fact("vmxon_revision %x", vmxon(VMXON_AT));
	*(u32 *)VMXON_AT = revision() | BIT(31);
	fact("vmxon_shadow %x", vmxon(VMXON_AT));
	*(u32 *)VMXON_AT = revision();
	paging_off();
	WRITE_CR(0, cr0);
}

static void control_registers(void)
{
	u32 cr0 = READ_CR(0), cr4 = READ_CR(4), bits0[] = { CR0_PE, CR0_PG, CR0_NE, CR0_PE | CR0_PG };

	for (u32 i = 0; i < ARRAY_SIZE(bits0); i++)
		expect(TRY("mov %0, %%cr0", : : "r"(cr0 & ~bits0[i]) : "memory") == GP_TRAP && READ_CR(0) == cr0, "CR0 less %x", bits0[i]);
	expect(TRY("lmsw %w0", : : "r"(0)) == NO_TRAP && READ_CR(0) == (cr0 & ~0xeu), "LMSW: %x", READ_CR(0));
	WRITE_CR(0, cr0 | CR0_TS);
	__asm__ volatile("clts");
	expect(READ_CR(0) == (cr0 & ~CR0_TS), "CLTS: %x", READ_CR(0));
	WRITE_CR(0, cr0 ^ CR0_WP);
	WRITE_CR(0, cr0 | CR0_CD);
	expect(READ_CR(0) == (cr0 | CR0_CD), "CD: %x", READ_CR(0));
	WRITE_CR(0, cr0);
	kept("cr0_fixed", "in VMX operation PE, PG and NE can't be cleared, and the others are free");
	expect(TRY("mov %0, %%cr4", : : "r"(cr4 & ~CR4_VMXE) : "memory") == GP_TRAP && READ_CR(4) == cr4, "VMXE");
	expect(TRY("mov %0, %%cr4", : : "r"(cr4 | CR4_SMXE) : "memory") == GP_TRAP && READ_CR(4) == cr4, "SMXE");
	WRITE_CR(4, cr4 ^ CR4_VME);
	WRITE_CR(4, cr4);
	kept("cr4_fixed", "in VMX operation VMXE can't be cleared");
}

static void pointers(void)
{
	u32 shadow = rdmsr(0x48b) >> 32 & BIT(14);

	expect(vmptrst() == NO_VMCS, "current VMCS after VMXON");
	if (on_us())
		expect(vmcall() == FAIL_INVALID, "VMCALL without a current VMCS");
	all_instructions("no_vmcs");
	fact("vmclear_b %x", vmclear(VMCS_B));
	fact("vmclear_unaligned %x %x", vmclear(VMCS_A + 4), vmclear(VMCS_A + 0x800));
	fact("vmptrld_unaligned %x", vmptrld(VMCS_A + 4));
	expect(vmclear(VMCS_A) == SUCCEED && vmptrld(VMCS_A) == SUCCEED && vmptrst() == VMCS_A, "VMCS A");
	fact("pointer.vmclear %x %x %x", vmclear(VMCS_B + 4), vmclear(1ull << 52), vmclear(VMXON_AT));
	fact("pointer.vmptrld %x %x %x", vmptrld(VMCS_B + 4), vmptrld(1ull << 52), vmptrld(VMXON_AT));
	*(u32 *)VMCS_B = revision() ^ 2;
	fact("pointer.revision %x", vmptrld(VMCS_B));
	*(u32 *)VMCS_B = revision() | BIT(31);
	fact("pointer.shadow %x %x", !!shadow, vmptrld(VMCS_B));
	fact("pointer.nowhere %x", vmptrld(NOWHERE));
	expect(vmptrld(VMCS_A) == SUCCEED && vmclear(VMCS_B) == SUCCEED && vmptrst() == VMCS_A, "A stays current");
	*(u32 *)VMCS_B = revision();
	expect(vmptrld(VMCS_B) == SUCCEED && vmptrst() == VMCS_B, "B is current");
	expect(vmclear(VMCS_B) == SUCCEED && vmptrst() == NO_VMCS, "none is current after VMCLEAR of it");
	kept("pointers", "VMPTRLD, VMPTRST and VMCLEAR agree on the current VMCS");
	fact("vmxon_in_root_without_vmcs %x", vmxon(VMXON_AT));
	expect(vmptrld(VMCS_A) == SUCCEED, "A again");
	fact("vmxon_in_root %x %x", vmxon(VMXON_AT), vmxon(1));
	if (on_us())
		expect(vmcall() == (FAIL_VALID | 1), "VMCALL with a current VMCS");
	fact("vmfunc %x", VMX("vmfunc", "a"(0), "c"(0)));
}

static bool keeps(u32 field, u32 value, u32 wanted)
{
	u32 how = vmwrite(field, value), now, there = vmread(field, &now);

	expect(how == SUCCEED && there == SUCCEED && now == wanted && vmread_plain(field) == wanted,
	       "field %x: VMWRITE %x, VMREAD %x, %x for %x", field, how, there, now, wanted);
	how = vmwrite_memory(field, ~value);
	return how == SUCCEED;
}

static void fields(void)
{
	static const u32 all[] = { GUEST_ES_SELECTOR, TSC_OFFSET, TSC_OFFSET_HIGH, VMCS_LINK, EXCEPTION_BITMAP, GUEST_ES_LIMIT,
				   CR0_SHADOW, GUEST_CR3, GUEST_RSP, GUEST_RIP, HOST_RIP };
	u32 value;

	for (u32 i = 0; i < ARRAY_SIZE(all); i++)
		expect(keeps(all[i], 0x87654321 + i, all[i] == GUEST_ES_SELECTOR ? 0x4321 : 0x87654321 + i), "%x from memory", all[i]);
	kept("fields", "fields keep what is written, from registers and from memory");
	expect(vmptrld(VMCS_B) == SUCCEED, "B");
	expect(vmwrite(GUEST_RIP, 0xbbbb) == SUCCEED && vmwrite(HOST_RIP, 0xbbb0) == SUCCEED, "B's RIP");
	expect(vmptrld(VMCS_A) == SUCCEED && vmread_plain(HOST_RIP) == ~(0x87654321u + ARRAY_SIZE(all) - 1), "A's: %x", vmread_plain(HOST_RIP));
	expect(vmclear(VMCS_B) == SUCCEED && vmptrld(VMCS_B) == SUCCEED, "B cleared");
	expect(vmread_plain(GUEST_RIP) == 0xbbbb && vmread_plain(HOST_RIP) == 0xbbb0, "B's: %x", vmread_plain(GUEST_RIP));
	expect(vmptrld(VMCS_A) == SUCCEED, "A");
	kept("fields_apart", "each VMCS has its own fields, over VMPTRLD and VMCLEAR");
	fact("field.read_only %x", vmwrite(EXIT_REASON, 0x1234));
	fact("field.read_only_value %x", vmread_plain(EXIT_REASON));
	fact("field.qualification %x", vmwrite(EXIT_QUALIFICATION, 0x4321));
	fact("field.qualification_value %x", vmread_plain(EXIT_QUALIFICATION));
	for (u32 field = 0; field < 0x8000; field++) {
		u32 how = vmread(field, &value);

		if (how != (FAIL_VALID | 12))
			fact("field.%x %x %x", field, how, vmwrite(field, field & 1 ? 0 : field));
	}
	fact("field.reserved %x %x", vmread(0x8000, &value), vmwrite(0x1001681e, 0));
}

static void fault(const char *name, u32 how) { fact("%s %x %x", name, how, READ_CR(2)); }

/* Operands that fault, and which fault it is when several could be. */
static void operands(void)
{
	u32 ds;

	__asm__ volatile("mov %%ds, %0" : "=r"(ds));
	descriptor_set(SEL_EXPAND, 0, 0xfff, 0x97, 0x4);		/* expand-down: from 1000h on */
	descriptor_set(SEL_READ_ONLY, 0, 0xfffff, 0x91, 0xc);
	descriptor_set(SEL_SHORT, 0, 0x1003, 0x93, 0x4);
#define WITH(selector, insn, ...) ({ __asm__ volatile("mov %0, %%fs" : : "r"(selector)); VMX(insn, __VA_ARGS__); })
	*(u64 *)0x1000 = VMCS_A + 4;
	fact("operand.null %x", WITH(0, "vmptrst %%fs:0x1000", "r"(0)));
	fact("operand.read_only %x", WITH(SEL_READ_ONLY, "vmptrst %%fs:0x1000", "r"(0)));
	fact("operand.read_only_read %x", WITH(SEL_READ_ONLY, "vmptrld %%fs:0x1000", "r"(0)));
	fact("operand.limit %x", WITH(SEL_SHORT, "vmptrst %%fs:0xffc", "r"(0)));
	fact("operand.limit4 %x", WITH(SEL_SHORT, "vmread %1, %%fs:0x1000", "r"(GUEST_RIP)));
	fact("operand.beyond %x", WITH(SEL_SHORT, "vmptrst %%fs:0xffd", "r"(0)));
	fact("operand.beyond4 %x", WITH(SEL_SHORT, "vmread %1, %%fs:0x1001", "r"(GUEST_RIP)));
	fact("operand.beyond16 %x", WITH(SEL_SHORT, "invept %%fs:0xff8, %1", "r"(2)));
	fact("operand.bad_type_first %x", WITH(SEL_SHORT, "invept %%fs:0xff8, %1", "r"(3)));
	fact("operand.bad_field_first %x", WITH(SEL_SHORT, "vmread %1, %%fs:0xffff", "r"(0x7777)));
	fact("operand.bad_field_write %x", WITH(SEL_SHORT, "vmwrite %%fs:0xffff, %1", "r"(0x7777)));
	fact("operand.expand_down %x %x", WITH(SEL_EXPAND, "vmptrst %%fs:0x1000", "r"(0)),
	     WITH(SEL_EXPAND, "vmptrst %%fs:0xfff", "r"(0)));
	fact("operand.vmxon_in_root %x", WITH(SEL_SHORT, "vmxon %%fs:0xffff", "r"(0)));
	__asm__ volatile("mov %0, %%fs" : : "r"(ds));
	directory32[0x300] = 0;					/* C0000000h: absent */
	directory32[0x301] &= ~BIT(1);				/* C0400000h: read-only */
	directory32[0x301] = (directory32[0x301] & 0xfff);	/* ... and at 0 */
	WRITE_CR(3, READ_CR(3));
	fault("operand.page", VMX("vmptrld 0xc0000ff8", "r"(0)));
	fault("operand.page_crossing", VMX("invept 0xbffffff8, %1", "r"(2)));
	fact("operand.page_write %x", VMX("vmptrst 0xc0400ffc", "r"(0)));
	WRITE_CR(0, READ_CR(0) | CR0_WP);
	fault("operand.page_wp", VMX("vmptrst 0xc0401000", "r"(0)));
	fault("operand.page_vmread", VMX("vmread %1, 0xc0401004", "r"(GUEST_RIP)));
	fault("operand.page_vmwrite", VMX("vmwrite 0xc0001004, %1", "r"(GUEST_RIP)));
	WRITE_CR(0, READ_CR(0) & ~CR0_WP);
	__asm__ volatile("mov %0, %%fs" : : "r"(SEL_SHORT));
}

static void invalidations(void)
{
	if (rdmsr(MSR_VMX_EPT_VPID) >> 20 & 1) {
		for (u32 type = 0; type < 5; type++)
			fact("invept.%u %x %x %x %x", type, invept(type, EPT_TABLE | EPTP_WB_4, 0), invept(type, EPT_TABLE | 3, 0),
			     invept(type, EPT_TABLE | EPTP_WB_4 | 0x80, 0), invept(type, 1ull << 52 | EPTP_WB_4, 0));
		fact("invept.high %x", invept(0x80000001, EPT_TABLE | EPTP_WB_4, 0));
		fact("invept.reserved %x", invept(1, EPT_TABLE | EPTP_WB_4, 1));
	}
	if (rdmsr(MSR_VMX_EPT_VPID) >> 32 & 1)
		for (u32 type = 0; type < 5; type++)
			fact("invvpid.%u %x %x %x %x %x", type, invvpid(type, 1, 0x1000), invvpid(type, 0, 0), invvpid(type, 0x10001, 0),
			     invvpid(type, 1, 1ull << 62), invvpid(type, 0xffff, ~0ull));
}

static void off(void)
{
	expect(vmxoff() == SUCCEED, "VMXOFF");
	fact("after.vmptrld %x", vmptrld(VMCS_A));
	fact("after.vmxoff %x", vmxoff());
	expect(vmxon(VMXON_AT) == SUCCEED && vmptrst() == NO_VMCS, "VMXON again");
	expect(vmptrld(VMCS_B) == SUCCEED && vmread_plain(GUEST_RIP) == 0xbbbb, "B has its fields");
	expect(vmxoff() == SUCCEED, "VMXOFF again");
	kept("twice", "VMX operation can be left and entered again, and VMCSs stay");
}

void guest_main(void)
{
	exposure();
	set_revisions();
	paging_init();
	before_vmxon();
	paging_32();
	WRITE_CR(0, READ_CR(0) | CR0_NE);
	expect(vmxon(VMXON_AT) == SUCCEED, "VMXON");
	control_registers();
	pointers();
	fields();
	invalidations();
	user_call(user_inside);
	operands();
	off();
	WRITE_CR(4, READ_CR(4) & ~CR4_VMXE);
	paging_off();
	expect(!(READ_CR(4) & CR4_VMXE), "CR4 %x", READ_CR(4));
	kept("off", "after VMXOFF paging and CR4.VMXE can be cleared");
	set_revisions();
	done();
}
