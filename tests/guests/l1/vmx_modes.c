/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where VMX instructions may not be: CPL 3, compatibility, virtual-8086 and real mode, outside VMX operation; what VMXON
 * asks for; which bits of CR0 and CR4 VMX operation holds.
 */
#include "ept.h"
#include "probe.h"

#define REAL_CODE	0x3000u
#define REAL_UD		0x3080u
#define REAL_GP		0x30c0u
#define REAL_VECTOR	0x60
#define CR4_LA57	BIT(12)
#define CR4_SMAP	BIT(21)
#define CR4_LASS	BIT(27)
#define FLIP_CRASHES	(CR4_PSE | CR4_PAE | CR4_LA57 | CR4_SMEP | CR4_SMAP | CR4_LASS)	/* by what this program's pages are */

/* Every instruction once, with operands that are good at CPL 0 in VMX operation; [bx] or [ebx] is theirs. */
enum { I_VMXON, I_VMXOFF };
static const struct insn { const char *name; u8 length, bytes[8]; } insns[] = {
	[I_VMXON] = { "VMXON", 4, { 0xf3, 0x0f, 0xc7, 0x33 } }, [I_VMXOFF] = { "VMXOFF", 3, { 0x0f, 0x01, 0xc4 } },
	{ "VMCLEAR", 4, { 0x66, 0x0f, 0xc7, 0x33 } },
	{ "VMPTRLD", 3, { 0x0f, 0xc7, 0x33 } }, { "VMPTRST", 3, { 0x0f, 0xc7, 0x3b } },
	{ "VMREAD", 3, { 0x0f, 0x78, 0x0b } }, { "VMREAD register", 3, { 0x0f, 0x78, 0xca } },
	{ "VMWRITE", 3, { 0x0f, 0x79, 0x0b } }, { "VMWRITE register", 3, { 0x0f, 0x79, 0xca } },
	{ "INVEPT", 5, { 0x66, 0x0f, 0x38, 0x80, 0x0b } }, { "INVVPID", 5, { 0x66, 0x0f, 0x38, 0x81, 0x0b } },
	{ "VMLAUNCH", 3, { 0x0f, 0x01, 0xc2 } }, { "VMRESUME", 3, { 0x0f, 0x01, 0xc3 } },
	{ "VMFUNC", 3, { 0x0f, 0x01, 0xd4 } },
	{ "LOCK VMPTRLD", 4, { 0xf0, 0x0f, 0xc7, 0x33 } }, { "LOCK VMXOFF", 4, { 0xf0, 0x0f, 0x01, 0xc4 } },
	{ "LOCK VMREAD", 4, { 0xf0, 0x0f, 0x78, 0x0b } }, { "REP VMREAD", 4, { 0xf3, 0x0f, 0x78, 0x0b } },
	{ "REPNE VMWRITE", 4, { 0xf2, 0x0f, 0x79, 0x0b } }, { "66 VMREAD", 4, { 0x66, 0x0f, 0x78, 0x0b } },
	{ "REP VMPTRST", 4, { 0xf3, 0x0f, 0xc7, 0x3b } }, { "INVEPT register", 5, { 0x66, 0x0f, 0x38, 0x80, 0xcb } },
};

static u64 *operand;
static u32 *vmcs;
static const u32 native = L1_IS_64 ? 64 : 32;

static struct probe ready(u32 bits)
{
	struct probe p = probe_begin(bits);

	operand[0] = physical(vmcs);
	operand[1] = 0;
	p.r[PROBE_BX] = (uptr)operand;
	p.r[PROBE_CX] = HOST_SYSENTER_ESP;
	p.r[PROBE_DX] = 0;
	return p;
}

/* All of them at CPL 0 but @skipped, which would begin or end VMX operation. */
static void all(const char *where, u32 bits, const struct insn *skipped)
{
	for (u32 i = 0; i < ARRAY_SIZE(insns); i++) {
		struct probe p = ready(bits);

		if (&insns[i] != skipped)
			result_f(probe_run(&p, insns[i].bytes, insns[i].length), "%s in %u-bit code %s", insns[i].name, bits,
				 where);
	}
}

/* ---- CPL 3 ---- */

static struct vmx_result at_user[11];

static void user(void)
{
	struct vmx_result *r = at_user;
	uptr value = 0;
	u64 at = 0;

	*r++ = vmx_on(1);
	*r++ = vmx_clear(1);
	*r++ = vmx_ptrld(1);
	*r++ = vmx_ptrst(&at);
	*r++ = vmx_read(0x6ffe, &value);
	*r++ = vmx_write(0x6ffe, 0);
	*r++ = vmx_launch();
	*r++ = vmx_resume();
	*r++ = vmx_off();
	*r++ = vmx_invept(7, 0);
	*r++ = vmx_invvpid(7, 0, 0);
}

static void user_all(const char *where)
{
	static const char *const names[] = { "VMXON", "VMCLEAR", "VMPTRLD", "VMPTRST", "VMREAD", "VMWRITE", "VMLAUNCH",
					     "VMRESUME", "VMXOFF", "INVEPT", "INVVPID" };

	user_call(user);
	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		result_f(at_user[i], "%s at CPL 3 %s", names[i], where);
}

/* ---- modes without VMX ---- */

#ifdef __x86_64__
static void other_modes(const char *where)
{
	all(where, 32, NULL);
	all(where, 16, NULL);
}
static void real_mode(void) {}
#else
static void other_modes(const char *where)
{
	for (u32 i = 0; i < ARRAY_SIZE(insns); i++)
		say("R %s in virtual-8086 mode %s: vector %u\n", insns[i].name, where, v86_try(insns[i].bytes, insns[i].length));
}

static void *at(u32 address)
{
	void *p = (void *)(uptr)address;

	__asm__("" : "+r"(p));
	return p;
}

/* As the service of an INT; an exception's handler gives its number and ends that service. */
static void real_mode(void)
{
	static const u8 before[] = { 0xb8, 0x00, 0x01, 0xbb, 0x00, 0x40 };	/* mov $0x100, %ax; mov $0x4000, %bx */
	static const u8 iret[] = { 0xcf };
	static const u8 ends[] = { 0xb8, 0x00, 0x00, 0x83, 0xc4, 0x06, 0xcf };	/* mov $vector, %ax; add $6, %sp; iret */
	static const struct { u8 vector; u16 at; } traps[] = { { UD_TRAP, REAL_UD }, { GP_TRAP, REAL_GP } };
	u32 *ivt = at(0);

	paging_off();
	ivt[REAL_VECTOR] = REAL_CODE;
	for (u32 i = 0; i < ARRAY_SIZE(traps); i++) {
		memcpy(at(traps[i].at), ends, sizeof(ends));
		((u8 *)at(traps[i].at))[1] = traps[i].vector;
		ivt[traps[i].vector] = traps[i].at;
	}
	for (u32 i = 0; i < ARRAY_SIZE(insns); i++) {
		struct bios_regs regs = { 0 };

		memcpy(at(REAL_CODE), before, sizeof(before));
		memcpy(at(REAL_CODE + sizeof(before)), insns[i].bytes, insns[i].length);
		memcpy(at(REAL_CODE + sizeof(before) + insns[i].length), iret, sizeof(iret));
		bios(REAL_VECTOR, &regs);
		say("R %s in real mode: %x\n", insns[i].name, regs.eax & 0xffff);
	}
	paging_pae();
}
#endif

/* ---- VMXON ---- */

static void vmxon_as(const char *name, u64 at)
{
	result_f(vmx_on(at), "VMXON %s", name);
	result_f(vmx_off(), "VMXOFF after VMXON %s", name);
}

static void vmxon_rules(void)
{
	static const struct { const char *name; u32 bit; } bits[] = {
		{ "without NE", CR0_NE }, { "with WP", CR0_WP }, { "with TS", CR0_TS }, { "with EM", CR0_EM }, { "with MP", CR0_MP },
		{ "with AM", CR0_AM }, { "with CD", CR0_CD },
	};
	u32 *region = vmcs_region();
	u64 at = physical(region), end = 1ull << vmx_address_bits();
	uptr cr0 = READ_CR(0), cr4 = READ_CR(4);

	vmxon_as("of a region", at);
	vmxon_as("misaligned by 1", at + 1);
	vmxon_as("misaligned by 0x800", at + 0x800);
	vmxon_as("of bit 63", at | 1ull << 63);
	vmxon_as("beyond the width", at | end);
	vmxon_as("of ones", ~0ull);
	for (u32 bit = 0; bit < 32; bit++) {
		region[0] ^= BIT(bit);
		result_f(vmx_on(at), "VMXON with bit %u of the revision flipped", bit);
		region[0] ^= BIT(bit);
	}
	vmx_off();
	for (u32 i = 0; i < ARRAY_SIZE(bits); i++) {
		WRITE_CR(0, cr0 ^ bits[i].bit);
		vmxon_as(bits[i].name, at);
		WRITE_CR(0, cr0);
	}
	WRITE_CR(4, cr4 & ~(uptr)CR4_VMXE);
	vmxon_as("without VMXE", at);
	WRITE_CR(4, cr4);
	for (u32 n = 0; n < 3; n++)
		vmxon_as("again and again", at);
	say("R IA32_FEATURE_CONTROL written: %u\n", try_wrmsr(MSR_FEATURE_CONTROL, rdmsr(MSR_FEATURE_CONTROL)));
}

/* ---- control registers ---- */

#define FLIP(n, bit, name) do {									\
	uptr old_ = READ_CR(n);									\
	u32 vector_ = TRY("mov %0, %%cr" #n, : : "r"(old_ ^ (uptr)1 << (bit)) : "memory");	\
												\
	say("R CR" #n " bit %u flipped %s: vector %u", bit, name, vector_);			\
	say(" now %llx\n", (u64)READ_CR(n));							\
	WRITE_CR(n, old_);									\
} while (0)

static void control_registers(const char *when)
{
	for (u32 bit = 0; bit < 8 * sizeof(uptr); bit++) {
		if (bit != 0 && bit != 31)			/* outside VMX operation paging would end */
			FLIP(0, bit, when);
		if (bit >= 32 || !(BIT(bit) & FLIP_CRASHES))
			FLIP(4, bit, when);
	}
}

static void held(void)
{
	uptr cr0 = READ_CR(0), cleared[] = { CR0_PE, CR0_PG, CR0_PE | CR0_PG, CR0_NE | CR0_PG };

	for (u32 i = 0; i < ARRAY_SIZE(cleared); i++)
		say("R CR0 less %x in VMX operation: vector %u\n", (u32)cleared[i],
		    TRY("mov %0, %%cr0", : : "r"(cr0 & ~cleared[i]) : "memory"));
	say("R LMSW of 0 in VMX operation: vector %u", TRY("lmsw %w0", : : "r"(0)));
	say(" now %llx\n", (u64)READ_CR(0));
	WRITE_CR(0, cr0);
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	operand = page_take();
	vmcs = vmcs_region();
	control_registers("outside VMX operation");
	vmxon_rules();
	all("outside VMX operation", native, &insns[I_VMXON]);
	other_modes("outside VMX operation");
	real_mode();
	user_all("outside VMX operation");
	WRITE_CR(4, READ_CR(4) & ~(uptr)CR4_VMXE);
	all("with VMXE clear", native, NULL);
	user_all("with VMXE clear");
	WRITE_CR(4, READ_CR(4) | CR4_VMXE);
	vmx_enable();
	all("without a VMCS at first", native, &insns[I_VMXOFF]);
	vmx_clear(physical(vmcs));
	vmx_ptrld(physical(vmcs));
	other_modes("in VMX operation");
	user_all("in VMX operation");
	control_registers("in VMX operation");
	held();
	vmx_disable();
}
