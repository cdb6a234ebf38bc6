/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMCS shadowing as L1 gives it to L2 (SDM 25.10, 31.3): which VMREADs and VMWRITEs exit by the bitmaps, how the others end,
 * and what becomes of the shadow VMCS.
 */
#include "insns.h"

#define READ_BITMAP	0x1f00000u
#define WRITE_BITMAP	0x1f01000u
#define NO_LINK		(~0ull)
#define FIELD_RIP	0x681e
#define CR2_BEFORE	0x1234000u

#define FIELD(X, field, a, c) \
	X("mov $" field ", %eax; vmread %" a ", %" c) X("mov $" field ", %eax; mov $0x1234567, %ecx; vmwrite %" c ", %" a)
#define FIELDS(X, a, c, d) \
	FIELD(X, "0x681e", a, c) FIELD(X, "0x681c", a, c) FIELD(X, "0x800", a, c) FIELD(X, "0x4402", a, c) FIELD(X, "0x2010", a, c) \
	FIELD(X, "0x2011", a, c) FIELD(X, "0x4400", a, c) FIELD(X, "0x681f", a, c) FIELD(X, "0x6ffe", a, c) FIELD(X, "0x7ffe", a, c) \
	FIELD(X, "0x8000", a, c) FIELD(X, "0x1681e", a, c) FIELD(X, "0x4016", a, c) FIELD(X, "0x6c16", a, c) \
	X("mov $0x681e, %eax; vmread %" a ", (%ebx); mov (%ebx), %ecx") X("mov $0x681e, %edx; vmwrite (%ebx), %" d) \
	X("mov $0x800, %eax; vmread %" a ", 8(%ebx); mov 8(%ebx), %ecx") X("mov $0x800, %eax; vmwrite 8(%ebx), %" a) \
	X("mov $0x681e, %eax; vmread %" a ", %" a) X("mov $0x681e, %ecx; vmread %" c ", -0x1808010(%ebx)") \
	X("mov $0x5000000, %ecx; mov $0x681e, %eax; vmread %" a ", (%ecx)") X("mov $0x5000000, %ecx; mov $0x681e, %eax; vmwrite (%ecx), %" a) \
	X("mov $0x5000000, %ecx; mov $0x6ffe, %eax; vmread %" a ", (%ecx)")
#define FIELDS_32(X) FIELDS(X, "eax", "ecx", "edx")
#define FIELDS_64(X) \
	FIELDS(X, "rax", "rcx", "rdx") X("mov $0x681e, %eax; bts $32, %rax; vmread %rax, %rcx") \
	X("mov $0x681e, %eax; movabs $0x123456789abc, %rcx; vmwrite %rcx, %rax") X("mov $0x2010, %eax; mov %rsp, %rcx; vmwrite %rcx, %rax") \
	X("mov $0x681e, %r9d; vmread %r9, %r10; mov %r10, %rcx") X("mov $0x4016, %r12d; vmwrite %rbx, %r12")
INSNS_OF(32, fields_32, FIELDS_32);
INSNS_OF(64, fields_64, FIELDS_64);

static const struct setting {
	const char *name;
	bool shadows, links;
	u8 reads, writes;		/* of each byte of the bitmap */
	bool flips;			/* the bit of RIP is the other way round */
	u32 exceptions, mask, match;	/* which faults exit: the bitmap, and for #PF what its error code is compared with */
} settings[] = {
	{ .name = "off" },
	{ .name = "bitmaps of 0", .shadows = true, .links = true },
	{ .name = "bitmaps of 1", .shadows = true, .links = true, .reads = 0xff, .writes = 0xff },
	{ .name = "reads exit", .shadows = true, .links = true, .reads = 0xff },
	{ .name = "writes exit", .shadows = true, .links = true, .writes = 0xff },
	{ .name = "RIP exits", .shadows = true, .links = true, .flips = true },
	{ .name = "all but RIP exit", .shadows = true, .links = true, .reads = 0xff, .writes = 0xff, .flips = true },
	{ .name = "no shadow VMCS", .shadows = true },
	{ .name = "exceptions exit", .shadows = true, .links = true, .exceptions = ~0u },
	{ .name = "#PF exits", .shadows = true, .links = true, .exceptions = BIT(PF_TRAP) },
	{ .name = "#PF of writes exits", .shadows = true, .links = true, .exceptions = BIT(PF_TRAP), .mask = 2, .match = 2 },
	{ .name = "#PF of reads exits", .shadows = true, .links = true, .exceptions = BIT(PF_TRAP), .mask = 2 },
	{ .name = "#PF of reads exits, bit clear", .shadows = true, .links = true, .mask = 2, .match = 2 },
	{ .name = "#PF exits, bit clear", .shadows = true, .links = true, .match = 1 },
	{ .name = "no #PF exits, bit set", .shadows = true, .links = true, .exceptions = BIT(PF_TRAP), .match = 1 },
};
static const struct setting *now;
static void *shadow;
static u64 current;

static struct l2 l2;

static void use(u64 vmcs) { (void)vmx_ptrld(vmcs); }

static void fill_shadow(void)
{
	(void)vmx_clear(physical(shadow));
	use(physical(shadow));
	vmcs_set(GUEST_RIP, 0x11111111);
	vmcs_set(GUEST_RSP, 0x22222222);
	vmcs_set(GUEST_ES_SELECTOR, 0x3333);
	vmcs_set(EXIT_REASON, 0x44444444);
	vmcs_set(TSC_OFFSET, 0x5555555566666666ull);
	vmcs_set(VM_INSTR_ERROR, 0x77);
	vmcs_set(ENTRY_INTR_INFO, 0);
	(void)vmx_clear(physical(shadow));
	use(current);
}

static void prepare(struct l2 *l)
{
	current = physical(l->vmcs);
	fill_shadow();
	memset((void *)(uptr)READ_BITMAP, now->reads, 4096);
	memset((void *)(uptr)WRITE_BITMAP, now->writes, 4096);
	if (now->flips) {
		((u8 *)(uptr)READ_BITMAP)[FIELD_RIP / 8] ^= (u8)BIT(FIELD_RIP % 8);
		((u8 *)(uptr)WRITE_BITMAP)[FIELD_RIP / 8] ^= (u8)BIT(FIELD_RIP % 8);
	}
	if (now->shadows) {
		secondary_on(SECONDARY_SHADOWING);
		vmcs_set(VMREAD_BITMAP, READ_BITMAP);
		vmcs_set(VMWRITE_BITMAP, WRITE_BITMAP);
		vmcs_set(VMCS_LINK_POINTER, now->links ? physical(shadow) : NO_LINK);
	}
	*((volatile u64 *)(uptr)(L2_TABLES + 0x2000) + (0x5000000 >> 21)) = 0;		/* absent */
	*(volatile u64 *)(uptr)(L2_DATA + 0x10) = 0x8888888899999999ull;
	*(volatile u64 *)(uptr)(L2_DATA + 0x18) = 0xaaaaaaaabbbbbbbbull;
	l->cx = 0x7777;
	vmcs_set(VM_INSTR_ERROR, 0x99);
	vmcs_set(EXCEPTION_BITMAP, now->exceptions);
	vmcs_set(PF_ERROR_MASK, now->mask);
	vmcs_set(PF_ERROR_MATCH, now->match);
	__asm__ volatile("mov %0, %%cr2" : : "r"((uptr)CR2_BEFORE));
}

/* What the shadow VMCS holds, as L1 reads it. */
static void say_shadow(struct l2 *l)
{
	u64 rip, es, offset, error, event, own_error = vmcs_get(VM_INSTR_ERROR);

	if (now->exceptions | now->mask | now->match)
		say(" cr2 %llx", (u64)READ_CR(2));
	if (exit_reason() == EXIT_VMCALL) {
		(void)vmx_clear(current);
		use(physical(shadow));
		rip = vmcs_get(GUEST_RIP);
		es = vmcs_get(GUEST_ES_SELECTOR);
		offset = vmcs_get(TSC_OFFSET);
		error = vmcs_get(VM_INSTR_ERROR);
		event = vmcs_get(ENTRY_INTR_INFO);
		say(" %llx %llx, shadow %llx %llx %llx %llx error %llx event %llx, current error %llx",
		    (u64)l->ax, (u64)l->cx, rip, es, offset, vmcs_get(EXIT_REASON),
		    error, event, own_error);
		(void)vmx_clear(physical(shadow));
		use(current);
	}
}

/* The shadow VMCS is changed by L1 and read by L2 in turn, without any other change of L2's VMCS. */
L2_CODE(reader, 32, "mov $0x681e, %eax; vmread %eax, %ecx; mov $0x1111, %edx; mov $0x681c, %eax; vmwrite %edx, %eax; vmcall");

static void in_turn(void)
{
	now = &settings[1];
	l2_setup(&l2, L2_NATIVE, 0);
	prepare(&l2);
	l2_code(&l2, reader, reader_end);
	for (u32 i = 0; i < 6; i++) {
		vmcs_set(GUEST_RIP, L2_CODE_AT);
		result_l2_f(l2_run(&l2), "in turn %u", i);
		use(physical(shadow));
		say("R in turn %u reads: %x, shadow %llx %llx\n", i, (u32)l2.cx, vmcs_get(GUEST_RIP), vmcs_get(GUEST_RSP));
		vmcs_set(GUEST_RIP, 0x100 + i);
		vmcs_set(GUEST_RSP, 0);
		if (i & 1)
			(void)vmx_clear(physical(shadow));
		use(current);
	}
}

void guest_main(void)
{
	const struct insn_list *list = L1_IS_64 ? &fields_64 : &fields_32;

	if (!l1_begin())
		return;
	vmx_enable();
	shadow = vmcs_region();
	*(u32 *)shadow |= BIT(31);
	for (u32 i = 0; i < ARRAY_SIZE(settings) && CAN_SECONDARY(SECONDARY_SHADOWING); i++) {
		now = &settings[i];
		for (u32 user = 0; user < 2; user++)
			insns_run(&l2, &(struct insn_run){ .mode = L2_NATIVE, .user = user, .what = { now->name }, .prepare = prepare,
							   .says = say_shadow }, list);
	}
	if (CAN_SECONDARY(SECONDARY_SHADOWING))
		in_turn();
	vmx_disable();
}
