/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the CPU does with EPT for L1 beside translating: the page-modification log (SDM 29.3.6), #VE instead of violations
 * (26.5.7), and EPTP switching by VMFUNC (26.5.6).
 */
#include "ept.h"
#include "insns.h"

#define LOG_AT		0x1f00000u
#define VE_AT		0x1f01000u
#define LIST_AT		0x1f02000u
#define LOG		((volatile u64 *)(uptr)LOG_AT)
#define VE_INFO		((volatile u32 *)(uptr)VE_AT)
#define EPTP_LIST	((volatile u64 *)(uptr)LIST_AT)
#define LOG_ENTRIES	512u
#define SUPPRESS_VE	(1ull << 63)
#define VE_TRAP		20
#define DIRECTORY	(L2_TABLES + 0x3000)
#define OTHER		(L2_DATA + 0x3000)

static struct l2 l2;

/* ---- the log ---- */

#define WRITES(X) \
	X("nop") X("mov (%ebx), %eax") X("mov %eax, (%ebx)") X("mov %eax, (%ebx); mov %eax, 8(%ebx)") \
	X("mov %eax, (%ebx); mov %eax, 0x1000(%ebx)") X("mov %eax, (%ebx); mov %eax, 0x1000(%ebx); mov %eax, 0x2000(%ebx)") \
	X("mov %eax, 0xfee(%ebx)") X("lock addl $1, (%ebx)") X("mov %ebx, %edi; mov $1, %ch; rep stosl; mov $7, %ch; rep stosl") \
	X("lea 0x800(%ebx), %esp; int $0x30") X("add $0x3e7f8000, %ebx; mov %eax, (%ebx)") X("add $0x3e7f8000, %ebx; mov (%ebx), %eax")
INSNS(writes, WRITES, WRITES);

static const u32 indices[] = { 511, 3, 1, 0, 512, 0xffff, 0x8000 };
static u32 start;
static bool dirty;

/* Linear 0x40008010 is L2_DATA + 0x10 too, by a directory whose A and D are clear. */
static void prepare_log(struct l2 *l)
{
	memset((void *)(uptr)LOG_AT, 0x5a, 0x1000);
	*(volatile u64 *)(uptr)DIRECTORY = L2_AT | PTE_P | PTE_W | PTE_U | BIT(7);
	ept_recycle();
	l->eptp = ept_new();
	ept_identity(l->eptp);
	l->eptp |= EPTP_AD;
	for (u32 i = 0; i < 4; i++)
		ept_map(l->eptp, L2_DATA + i * 0x1000, L2_DATA + i * 0x1000, EPT_4K, EPT_WB | EPT_RWX | (dirty ? EPT_A | EPT_D : 0));
	vmcs_set(EPTP, l->eptp);
	secondary_on(SECONDARY_PML);
	vmcs_set(PML_ADDR, LOG_AT);
	vmcs_set(GUEST_PML_INDEX, start);
}

static void say_log(struct l2 *l)
{
	u32 index = (u32)vmcs_get(GUEST_PML_INDEX);

	say(" index %x:", index);
	for (u32 i = start; i < LOG_ENTRIES && i != (index & 0xffff); i--)
		say(" %llx", LOG[i]);
	say(" next %llx, D %x %x", index < LOG_ENTRIES ? LOG[index] : 0, (u32)*ept_entry(l->eptp, L2_DATA, EPT_4K) >> 9 & 1,
	    (u32)*ept_entry(l->eptp, L2_DATA + 0x1000, EPT_4K) >> 9 & 1);
}

static void logs(void)
{
	static const char *const names[] = { "index 511", "index 3", "index 1", "index 0", "index 512", "index ffff", "index 8000" };

	if (!CAN_SECONDARY(SECONDARY_PML))
		return;
	for (u32 i = 0; i < 2 * ARRAY_SIZE(indices); i++) {
		start = indices[i / 2];
		dirty = i & 1;
		insns_run(&l2, &(struct insn_run){ .mode = L2_NATIVE, .with = L2_WITH_EPT, .prepare = prepare_log, .says = say_log,
						   .what = { "PML,", names[i / 2], dirty ? "dirty" : NULL } }, &writes);
	}
}

/* ---- #VE ---- */

#define TOUCHES(X) \
	X("mov (%ebx), %eax") X("mov %eax, (%ebx)") X("lock addl $1, (%ebx)") X("lea 0x800(%ebx), %esp; int $0x30") \
	X("mov $0x40008010, %ebx; mov %eax, (%ebx)")
INSNS(touches, TOUCHES, TOUCHES);

static const struct ve {
	const char *name;
	u64 entry, table;		/* of the page, of L2's own table; 0 here: as it should be */
	u32 busy, bitmap;
	bool is_on;
} ves[] = {
	{ "off", SUPPRESS_VE, 0, 0, 0, false }, { "off, not suppressed", EPT_WB, 0, 0, 0, false },
	{ "absent", EPT_WB, 0, 0, 0, true }, { "absent, suppressed", SUPPRESS_VE, 0, 0, 0, true },
	{ "read-only", EPT_WB | EPT_R, 0, 0, 0, true }, { "read-only, suppressed", SUPPRESS_VE | EPT_WB | EPT_R, 0, 0, 0, true },
	{ "busy", EPT_WB, 0, 1, 0, true }, { "busy, all ones", EPT_WB, 0, ~0u, 0, true }, { "in the bitmap", EPT_WB, 0, 0, BIT(VE_TRAP), true },
	{ "misconfigured", EPT_WB | EPT_W, 0, 0, 0, true }, { "table absent", EPT_WB | EPT_RWX, EPT_WB, 0, 0, true },
	{ "table absent, suppressed", EPT_WB | EPT_RWX, EPT_WB | SUPPRESS_VE, 0, 0, true },
	{ "table read-only", EPT_WB | EPT_RWX, EPT_WB | EPT_R, 0, 0, true }, { "fine", EPT_WB | EPT_RWX, 0, 0, 0, true },
};
static const struct ve *ve;

static void prepare_ve(struct l2 *l)
{
	memset((void *)(uptr)VE_AT, 0x5a, 64);
	VE_INFO[1] = ve->busy;
	*(volatile u64 *)(uptr)DIRECTORY = L2_AT | PTE_P | PTE_W | PTE_U | BIT(7);
	ept_recycle();
	l->eptp = ept_new();
	ept_identity(l->eptp);
	ept_map(l->eptp, L2_DATA, L2_DATA, EPT_4K, ve->entry);
	ept_map(l->eptp, DIRECTORY, DIRECTORY, EPT_4K, ve->table ? ve->table : EPT_WB | EPT_RWX);
	vmcs_set(EPTP, l->eptp);
	if (ve->is_on)
		secondary_on(SECONDARY_VE);
	vmcs_set(VE_INFO_ADDR, VE_AT);
	vmcs_set(EPTP_INDEX, 0x1234);
	vmcs_set(EXCEPTION_BITMAP, ve->bitmap);
	l->bx = L2_DATA + 0x10;
}

static void say_ve(struct l2 *l)
{
	(void)l;
	say(" sp %llx index %x info", vmcs_get(GUEST_RSP), VE_INFO[8] & 0xffff);
	for (u32 i = 0; i < 8; i++)
		say(" %x", VE_INFO[i] & ~(i == 2 ? (u32)QUALIFICATION_ADVANCED : 0));
}

static void virtualization_exceptions(void)
{
	if (!CAN_SECONDARY(SECONDARY_VE))
		return;
	for (u32 i = 0; i < ARRAY_SIZE(ves); i++) {
		ve = &ves[i];
		insns_run(&l2, &(struct insn_run){ .mode = L2_NATIVE, .with = L2_WITH_EPT, .prepare = prepare_ve, .says = say_ve,
						   .what = { "#VE,", ve->name } }, &touches);
	}
}

/* ---- VMFUNC ---- */

#define SWITCHES(X) \
	X("vmfunc; mov (%ebx), %edx") X("mov $1, %ecx; vmfunc; mov (%ebx), %edx") X("mov $2, %ecx; vmfunc; mov (%ebx), %edx") \
	X("mov $1, %ecx; vmfunc; mov $0, %ecx; vmfunc; mov (%ebx), %edx") X("mov $511, %ecx; vmfunc; mov (%ebx), %edx") \
	X("mov $512, %ecx; vmfunc") X("mov $0xffffffff, %ecx; vmfunc") X("mov $3, %ecx; vmfunc") X("mov $4, %ecx; vmfunc") \
	X("mov $5, %ecx; vmfunc") X("mov $6, %ecx; vmfunc; mov (%ebx), %edx") X("mov $1, %eax; vmfunc") X("mov $63, %eax; vmfunc") \
	X("mov $64, %eax; vmfunc") X("mov $7, %ecx; vmfunc; mov (%ebx), %edx")
INSNS(switches, SWITCHES, SWITCHES);

static u64 functions;
static bool enabled;

/* Entries 0, 1, 2 and 511 are good, with another page each; 3, 4 and 5 are bad; 6 has A/D; 7 is empty. */
static void prepare_vmfunc(struct l2 *l)
{
	ept_recycle();
	for (u32 i = 0; i < 4; i++) {
		u64 eptp = ept_new();

		ept_identity(eptp);
		ept_map(eptp, OTHER, L2_DATA + i * 0x1000, EPT_4K, EPT_RWX | EPT_WB);
		*(volatile u32 *)(uptr)(L2_DATA + i * 0x1000 + 0x10) = 0x1000 + i;
		EPTP_LIST[i == 3 ? 511 : i] = eptp;
	}
	EPTP_LIST[3] = EPTP_LIST[1] & ~0x38ull;
	EPTP_LIST[4] = EPTP_LIST[1] | 1ull << 62;
	EPTP_LIST[5] = EPTP_LIST[1] | 7;
	EPTP_LIST[6] = EPTP_LIST[2] | EPTP_AD;
	EPTP_LIST[7] = ept_new();
	l->eptp = EPTP_LIST[0];
	vmcs_set(EPTP, l->eptp);
	l->bx = OTHER + 0x10;
	if (!enabled)
		return;
	secondary_on(SECONDARY_VMFUNC | (CAN_SECONDARY(SECONDARY_VE) ? SECONDARY_VE : 0));
	vmcs_set(VE_INFO_ADDR, VE_AT);
	vmcs_set(EPTP_INDEX, 0x1234);
	vmcs_set(VMFUNC_CTRLS, functions);
	vmcs_set(EPTP_LIST_ADDR, LIST_AT);
}

static void say_vmfunc(struct l2 *l)
{
	u64 eptp = vmcs_get(EPTP);
	u32 index = 0;

	while (index < LOG_ENTRIES && EPTP_LIST[index] != eptp)
		index++;
	say(" read %llx eptp of %u", (u64)l->dx, index);
	if (enabled && CAN_SECONDARY(SECONDARY_VE))
		say(" index %x", (u32)vmcs_get(EPTP_INDEX));
}

static void vmfunc(void)
{
	static const char *const names[] = { "not enabled", "no function", "EPTP switching" };

	if (!CAN_SECONDARY(SECONDARY_VMFUNC) || !(CAP(VMFUNC) & VMFUNC_EPTP_SWITCHING))
		return;
	for (u32 i = 0; i < 2 * ARRAY_SIZE(names); i++) {
		enabled = i / 2 > 0;
		functions = i / 2 > 1 ? VMFUNC_EPTP_SWITCHING : 0;
		insns_run(&l2, &(struct insn_run){ .mode = L2_NATIVE, .with = L2_WITH_EPT | (i & 1 ? L2_WITH_VPID : 0), .user = i & 1,
						   .prepare = prepare_vmfunc, .says = say_vmfunc, .what = { "VMFUNC,", names[i / 2] } }, &switches);
	}
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	logs();
	virtualization_exceptions();
	vmfunc();
	vmx_disable();
}
