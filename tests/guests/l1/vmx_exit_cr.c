/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control and debug registers of L2 (SDM 26.1.3, 26.3): what exits with which qualification, what L2 reads and writes
 * under masks and shadows, CR3 targets, CR8, and which faults come first.
 */
#include "insns.h"

#define OTHER_PDPT	(L2_PDPT | 0x8000u)
#define DR7_GD		0x2400u
#define CR4_DE		BIT(3)

#define CRS(X, a, c) \
	X("mov %cr0, %" a) \
	X("mov %cr0, %" a "; mov %" a ", %cr0") \
	X("mov %cr0, %" a "; xor $2, %eax; mov %" a ", %cr0; mov %cr0, %" c) \
	X("mov %cr0, %" a "; xor $4, %eax; mov %" a ", %cr0; mov %cr0, %" c) \
	X("mov %cr0, %" a "; xor $8, %eax; mov %" a ", %cr0; mov %cr0, %" c) \
	X("mov %cr0, %" a "; xor $0x10000, %eax; mov %" a ", %cr0; mov %cr0, %" c) \
	X("mov %cr0, %" a "; xor $0x40000, %eax; mov %" a ", %cr0; mov %cr0, %" c) \
	X("mov %cr0, %" a "; xor $0x20, %eax; mov %" a ", %cr0; mov %cr0, %" c) \
	X("mov %cr0, %" a "; xor $0x10, %eax; mov %" a ", %cr0; mov %cr0, %" c) \
	X("mov %cr0, %" a "; xor $0x40, %eax; mov %" a ", %cr0; mov %cr0, %" c) \
	X("mov %cr0, %" a "; xor $0x40000000, %eax; mov %" a ", %cr0; mov %cr0, %" c) \
	X("mov %cr0, %" a "; xor $0x20000000, %eax; mov %" a ", %cr0; mov %cr0, %" c) \
	X("mov %cr0, %" a "; and $0x7fffffff, %eax; mov %" a ", %cr0; mov %cr0, %" c) \
	X("mov %cr0, %" a "; and $0x7ffffffe, %eax; mov %" a ", %cr0; mov %cr0, %" c) \
	X("mov %cr0, %" a "; and $0xfffffffe, %eax; mov %" a ", %cr0; mov %cr0, %" c) \
	X("xor %eax, %eax; mov %" a ", %cr0") \
	X("clts; mov %cr0, %" c) X("smsw %eax") X("smsw %ax") X("smsw (%ebx); mov (%ebx), %ecx") \
	X("mov $1, %ecx; lmsw %cx; mov %cr0, %" a) X("mov $9, %ecx; lmsw %cx; mov %cr0, %" a) \
	X("mov $3, %eax; lmsw %ax; mov %cr0, %" a) X("mov $5, %edx; lmsw %dx; mov %cr0, %" a) \
	X("mov $0xfff6, %esi; lmsw %si; mov %cr0, %" a) X("mov $0, %edi; lmsw %di; mov %cr0, %" a) \
	X("movw $0xb, (%ebx); lmsw (%ebx); mov %cr0, %" a) X("movw $0xf0, 8(%ebx); lmsw 8(%ebx); mov %cr0, %" a) \
	X("movw $0xfff1, -0x10(%ebx); lmsw %fs:-0x10(%ebx)") \
	X("mov %cr4, %" a) X("mov %cr4, %" a "; mov %" a ", %cr4") \
	X("mov %cr4, %" a "; xor $4, %eax; mov %" a ", %cr4; mov %cr4, %" c) \
	X("mov %cr4, %" a "; xor $8, %eax; mov %" a ", %cr4; mov %cr4, %" c) \
	X("mov %cr4, %" a "; xor $0x10, %eax; mov %" a ", %cr4; mov %cr4, %" c) \
	X("mov %cr4, %" a "; xor $0x80, %eax; mov %" a ", %cr4; mov %cr4, %" c) \
	X("mov %cr4, %" a "; xor $0x2000, %eax; mov %" a ", %cr4; mov %cr4, %" c) \
	X("mov %cr4, %" a "; xor $0x20, %eax; mov %" a ", %cr4") \
	X("mov %cr4, %" a "; xor $0x8000, %eax; mov %" a ", %cr4") \
	X("mov %cr4, %" a "; xor $0x4000, %eax; mov %" a ", %cr4") \
	X("mov %cr4, %" a "; xor $0x40000, %eax; mov %" a ", %cr4; mov %cr4, %" c) \
	X("mov %cr2, %" a) X("mov %" a ", %cr2; mov %cr2, %" c)
#define CRS_32(X) CRS(X, "eax", "ecx")
#define CRS_64(X) CRS(X, "rax", "rcx")
INSNS(crs, CRS_32, CRS_64);

#define CR3_L	.primary = PRIMARY_CR3_LOAD
#define CR3_S	.primary = PRIMARY_CR3_STORE
#define CR3(X, r)	X("mov %cr3, %" r, CR3_S)
#define CR3S_32(X) \
	CR3(X, "eax") CR3(X, "ecx") CR3(X, "edx") CR3(X, "ebx") CR3(X, "esp") CR3(X, "ebp") CR3(X, "esi") CR3(X, "edi") \
	X("mov %cr3, %eax; mov %eax, %cr3", CR3_L) X("mov %cr3, %edi; mov %edi, %cr3", CR3_L) \
	X("mov %cr3, %ebp; mov %ebp, %cr3", CR3_L) X("mov %cr3, %edx; or $8, %edx; mov %edx, %cr3", CR3_L) \
	X("mov %cr3, %edx; or $0x8000, %edx; mov %edx, %cr3", CR3_L)
INSNS_OF(32, cr3s_32, CR3S_32);
#define CR8_L	.primary = PRIMARY_CR8_LOAD
#define CR8_S	.primary = PRIMARY_CR8_STORE
#define CR3S_64(X) \
	CR3(X, "rax") CR3(X, "rcx") CR3(X, "rdx") CR3(X, "rbx") CR3(X, "rsp") CR3(X, "rbp") CR3(X, "rsi") CR3(X, "rdi") \
	CR3(X, "r8") CR3(X, "r9") CR3(X, "r10") CR3(X, "r11") CR3(X, "r12") CR3(X, "r13") CR3(X, "r14") CR3(X, "r15") \
	X("mov %cr3, %rax; mov %rax, %cr3", CR3_L) X("mov %cr3, %r9; mov %r9, %cr3", CR3_L) \
	X("mov %cr3, %rbp; mov %rbp, %cr3", CR3_L) X("mov %cr3, %rdx; or $8, %rdx; mov %rdx, %cr3", CR3_L) \
	X("mov %cr3, %r15; bts $60, %r15; mov %r15, %cr3", CR3_L) \
	X("mov %cr8, %rax", CR8_S) X("mov %cr8, %r12", CR8_S) X("mov %rax, %cr8", CR8_L) X("mov %r11, %cr8", CR8_L) \
	X("mov $7, %ecx; mov %rcx, %cr8; mov %cr8, %rdx; xor %ecx, %ecx; mov %rcx, %cr8", CR8_L) \
	X("mov $16, %ecx; mov %rcx, %cr8", CR8_L) X("mov %cr4, %r10; mov %r10, %cr4") X("mov %cr0, %r13; mov %r13, %cr0") \
	X("mov %cr0, %rax; bts $32, %rax; mov %rax, %cr0") X("mov %cr4, %rax; bts $32, %rax; mov %rax, %cr4") \
	X(".byte 0x0f, 0x20, 0xc8") X(".byte 0x0f, 0x22, 0xe8") X(".byte 0x44, 0x0f, 0x20, 0xc8")
INSNS_OF(64, cr3s_64, CR3S_64);

#define DR	.primary = PRIMARY_MOV_DR
#define DRS(X, a, c, d, b, sp, bp, si, di) \
	X("mov %db0, %" a, DR) X("mov %db1, %" c, DR) X("mov %db2, %" d, DR) X("mov %db3, %" b, DR) X("mov %db4, %" bp, DR) \
	X("mov %db5, %" si, DR) X("mov %db6, %" di, DR) X("mov %db7, %" sp, DR) \
	X("mov %" a ", %db0", DR) X("mov %" c ", %db1", DR) X("mov %" d ", %db2", DR) X("mov %" a ", %db3", DR) \
	X("mov %" bp ", %db4", DR) X("mov %" d ", %db5", DR) X("mov %db6, %" di "; mov %" di ", %db6", DR) \
	X("mov $0x400, %eax; mov %" a ", %db7", DR) X("mov %" sp ", %db7; mov %db7, %" c, DR)
#define DRS_32(X) DRS(X, "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
#define DRS_64(X) DRS(X, "rax", "rcx", "r10", "rbx", "rsp", "rbp", "r14", "r15") X("bts $32, %rax; mov %rax, %db7", DR)
INSNS_OF(32, drs_32, DRS_32);
INSNS_OF(64, drs_64, DRS_64);

static struct l2 l2;

static const struct setting {
	const char *name;
	u32 set_0, mask_0, shadow_0;		/* of CR0; the shadow's difference from it */
	u32 mask_4, shadow_4;
} settings[] = {
	{ "free", 0, 0, 0, 0, 0 },
	{ "TS", CR0_TS, 0, 0, CR4_VMXE, CR4_VMXE },
	{ "TS owned", 0, CR0_TS, 0, CR4_VMXE, 0 },
	{ "TS owned, shown", 0, CR0_TS, CR0_TS, CR4_PGE, CR4_PGE },
	{ "TS owned, hidden", CR0_TS, CR0_TS, CR0_TS, CR4_PAE | CR4_PSE, 0 },
	{ "MP, EM owned", 0, CR0_MP | CR0_EM, CR0_MP, 0, CR4_VMXE },
	{ "PE, PG owned", 0, CR0_PE | CR0_PG, 0, ~(u32)CR4_VMXE, 0 },
	{ "PE, PG owned, hidden", 0, CR0_PE | CR0_PG, CR0_PE | CR0_PG, ~0u, CR4_PAE },
	{ "all owned", 0, ~0u, 0, ~0u, 0 },
	{ "all owned, shown", 0, ~0u, ~0u, ~0u, ~0u },
	{ "CD, NW owned", 0, CR0_CD | CR0_NW, CR0_CD, CR4_OSXSAVE, CR4_OSXSAVE },
	{ "shadow of no mask", 0, 0, ~0u, 0, ~0u },
	{ "WP, AM, NE owned", CR0_WP | CR0_AM, CR0_WP | CR0_AM | CR0_NE, CR0_AM, 0xc, 8 },
};
static const struct setting *now;

static void prepare(struct l2 *l)
{
	(void)l;
	vmcs_on(GUEST_CR0, now->set_0);
	vmcs_set(CR0_MASK, now->mask_0);
	vmcs_set(CR0_SHADOW, (u32)vmcs_get(GUEST_CR0) ^ now->shadow_0);
	vmcs_set(CR4_MASK, now->mask_4);
	vmcs_set(CR4_SHADOW, (u32)vmcs_get(GUEST_CR4) ^ now->shadow_4);
}

static void say_crs(struct l2 *l)
{
	say(" %llx %llx, %llx %llx %llx, %llx %llx", (u64)l->ax, (u64)l->cx, vmcs_get(GUEST_CR0), vmcs_get(GUEST_CR3),
	    vmcs_get(GUEST_CR4), vmcs_get(CR0_SHADOW), vmcs_get(CR4_SHADOW));
}

static u32 target;		/* the CR3 target that is L2's CR3; beyond 3: none */

static void targets(struct l2 *l)
{
	(void)l;
	vmcs_set(CR3_TARGET_COUNT, target < 3 ? target + 1 : 4);
	for (u32 i = 0; i < 4; i++)
		vmcs_set((enum vmcs_field)(CR3_TARGET0 + 2 * i), target == i || target == 8 + i ? vmcs_get(GUEST_CR3) : 0x5000);
	if (target == 8)
		vmcs_set(CR3_TARGET_COUNT, 0);
	if (target == 9)
		vmcs_set(CR3_TARGET_COUNT, 1);
	for (u32 i = 0; i < 4; i++)			/* another set, for CR3 with bit 15: one has a reserved bit */
		((volatile u64 *)(uptr)OTHER_PDPT)[i] = ((volatile u64 *)(uptr)L2_PDPT)[i] | (i == 3 ? BIT(1) : 0);
}

static void de(struct l2 *l)
{
	(void)l;
	vmcs_on(GUEST_CR4, CR4_DE);
}

static void gd(struct l2 *l)
{
	de(l);
	vmcs_on(ENTRY_CTRLS, ENTRY_LOAD_DEBUG);
	vmcs_on(EXIT_CTRLS, EXIT_SAVE_DEBUG);
	vmcs_set(GUEST_DR7, DR7_GD);
}

static void say_drs(struct l2 *l)
{
	(void)l;
	say(" %llx %llx %llx %llx, %llx %llx", (u64)READ_DR(0), (u64)READ_DR(1), (u64)READ_DR(2), (u64)READ_DR(3),
	    (u64)READ_DR(6) & ~0xffull, vmcs_get(GUEST_DR7));
}

static void debug_registers(enum l2_mode mode)
{
	const struct insn_list *list = l2_bits(mode) == 64 ? &drs_64 : &drs_32;

	insns_run(&l2, &(struct insn_run){ .mode = mode, .says = say_drs }, list);
	insns_run(&l2, &(struct insn_run){ .mode = mode, .what = { "DE" }, .prepare = de, .says = say_drs }, list);
	insns_run(&l2, &(struct insn_run){ .mode = mode, .what = { "GD" }, .prepare = gd, .says = say_drs }, list);
	insns_run(&l2, &(struct insn_run){ .mode = mode, .user = true, .what = { "DE" }, .prepare = de }, list);
}

void guest_main(void)
{
	static const char *const names[] = { "target 0", "target 1", "target 2", "target 3", "no target", "", "", "",
					     "target 0 of none", "target 1 of one" };

	if (!l1_begin())
		return;
	vmx_enable();
	for (u32 i = 0; i < ARRAY_SIZE(settings); i++) {
		now = &settings[i];
		insns_run(&l2, &(struct insn_run){ .mode = L2_NATIVE, .what = { now->name }, .prepare = prepare, .says = say_crs }, &crs);
		if (i < 4)
			insns_run(&l2, &(struct insn_run){ .mode = L2_FLAT, .what = { now->name }, .prepare = prepare, .says = say_crs }, &crs);
	}
	now = &settings[0];
	insns_run(&l2, &(struct insn_run){ .mode = L2_NATIVE, .user = true, .prepare = prepare }, &crs);
	insns_run(&l2, &(struct insn_run){ .mode = L2_V86, .prepare = prepare }, &crs);
	for (target = 0; target < ARRAY_SIZE(names); target++)
		if (*names[target]) {
			insns_run(&l2, &(struct insn_run){ .mode = L2_PAE, .what = { names[target] }, .prepare = targets }, &cr3s_32);
			insns_run(&l2, &(struct insn_run){ .mode = L2_LONG, .what = { names[target] }, .prepare = targets }, &cr3s_64);
		}
	debug_registers(L2_NATIVE);
	vmx_disable();
}
