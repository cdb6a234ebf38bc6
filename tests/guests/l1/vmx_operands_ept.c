/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions of L2 that the hypervisor does for it, with an operand in memory that L1's EPT doesn't allow, marks, logs
 * or makes a #VE of: L1 must see what the CPU's own accesses would bring.
 */
#include "ept.h"
#include "insns.h"

#define BITMAPS_AT	0x1f00000u
#define LOG_AT		0x1f01000u
#define VE_AT		0x1f02000u
#define POWER_PORT	0xb004		/* the emulated machine's PM1a control register, which the hypervisor watches */
#define LINEAR		0x40009010u	/* OPERAND + 0x10, by a directory of its own */
#define DIRECTORY	(L2_TABLES + 0x3000)
#define OPERAND		(L2_DATA + 0x1000)
#define ENTRY_AD	0x60u

#define INSNS_ANY(X) \
	X("mov (%ebx), %eax") X("mov %eax, (%ebx)") \
	X("insw") X("insb") X("outsw") X("rep insw") X("rep outsw") X("add $0xfef, %edi; insl") X("add $0xfec, %edi; rep insw") \
	X("add $0xfef, %esi; outsw") X("std; mov $0x40009000, %edi; rep insw; cld")
#define INSNS_32(X) \
	INSNS_ANY(X) X("vmread %eax, (%ebx)") X("vmwrite (%ebx), %eax") X("mov $0x6ffe, %eax; vmread %eax, (%ebx)") \
	X("vmread %eax, 0xfee(%ebx)") X("vmwrite 0xfee(%ebx), %eax")
#define INSNS_64(X) \
	INSNS_ANY(X) X("vmread %rax, (%rbx)") X("vmwrite (%rbx), %rax") X("mov $0x6ffe, %eax; vmread %rax, (%rbx)") \
	X("vmread %rax, 0xfea(%rbx)") X("vmwrite 0xfea(%rbx), %rax")
INSNS_OF(32, insns_32, INSNS_32);
INSNS_OF(64, insns_64, INSNS_64);

static const struct way {
	const char *name;
	u64 page, next, table;		/* rights; misconfigurations too */
	u32 secondary, log_index;
	bool marks, fresh;
} ways[] = {
	{ "allowed", EPT_RWX, EPT_RWX, EPT_RWX, 0, 0, false, false }, { "page absent", 0, EPT_RWX, EPT_RWX, 0, 0, false, false },
	{ "page read-only", EPT_R, EPT_RWX, EPT_RWX, 0, 0, false, false }, { "page misconfigured", EPT_W, EPT_RWX, EPT_RWX, 0, 0, false, false },
	{ "next page absent", EPT_RWX, 0, EPT_RWX, 0, 0, false, false }, { "next page read-only", EPT_RWX, EPT_R, EPT_RWX, 0, 0, false, false },
	{ "table absent", EPT_RWX, EPT_RWX, 0, 0, 0, false, false }, { "table read-only", EPT_RWX, EPT_RWX, EPT_R, 0, 0, false, false },
	{ "A/D", EPT_RWX, EPT_RWX, EPT_RWX, 0, 0, true, true }, { "A/D, page absent", 0, EPT_RWX, EPT_RWX, 0, 0, true, true },
	{ "A/D, table absent", EPT_RWX, EPT_RWX, 0, 0, 0, true, true }, { "A/D, table read-only", EPT_RWX, EPT_RWX, EPT_R, 0, 0, true, false },
	{ "PML", EPT_RWX, EPT_RWX, EPT_RWX, SECONDARY_PML, 511, true, false },
	{ "PML, fresh", EPT_RWX, EPT_RWX, EPT_RWX, SECONDARY_PML, 511, true, true },
	{ "PML, last entry", EPT_RWX, EPT_RWX, EPT_RWX, SECONDARY_PML, 0, true, false },
	{ "PML, full", EPT_RWX, EPT_RWX, EPT_RWX, SECONDARY_PML, 0xffff, true, false },
	{ "#VE, page absent", 0, EPT_RWX, EPT_RWX, SECONDARY_VE, 0, false, false },
	{ "#VE, page read-only", EPT_R, EPT_RWX, EPT_RWX, SECONDARY_VE, 0, false, false },
	{ "#VE, table absent", EPT_RWX, EPT_RWX, 0, SECONDARY_VE, 0, false, false },
};
static const struct way *way;
static void *shadow;

static struct l2 l2;

static void prepare(struct l2 *l)
{
	*(volatile u64 *)(uptr)DIRECTORY = L2_AT | PTE_P | PTE_W | PTE_U | BIT(7) | (way->fresh ? 0 : ENTRY_AD);
	memset((void *)(uptr)OPERAND, 0x5a, 0x2000);
	memset((void *)(uptr)BITMAPS_AT, 0, 4096);
	memset((void *)(uptr)VE_AT, 0, 64);
	ept_recycle();
	l->eptp = ept_new();
	ept_identity(l->eptp);
	l->eptp |= way->marks ? EPTP_AD : 0;
	ept_map(l->eptp, OPERAND, OPERAND, EPT_4K, EPT_WB | way->page);
	ept_map(l->eptp, OPERAND + 0x1000, OPERAND + 0x1000, EPT_4K, EPT_WB | way->next);
	ept_map(l->eptp, DIRECTORY, DIRECTORY, EPT_4K, EPT_WB | way->table);
	vmcs_set(EPTP, l->eptp);
	secondary_on(way->secondary);
	vmcs_set(PML_ADDR, LOG_AT);
	vmcs_set(GUEST_PML_INDEX, way->log_index);
	vmcs_set(VE_INFO_ADDR, VE_AT);
	if (CAN_SECONDARY(SECONDARY_SHADOWING)) {
		secondary_on(SECONDARY_SHADOWING);
		vmcs_set(VMREAD_BITMAP, BITMAPS_AT);
		vmcs_set(VMWRITE_BITMAP, BITMAPS_AT);
		vmcs_set(VMCS_LINK_POINTER, physical(shadow));
	}
	l->ax = GUEST_RIP;
	l->bx = l->si = l->di = LINEAR;
	l->cx = 3;
	l->dx = POWER_PORT;
}

static void say_state(struct l2 *l)
{
	const volatile u32 *at = (const volatile u32 *)(uptr)(OPERAND + 0x10), *ve = (const volatile u32 *)(uptr)VE_AT;

	say(" %llx %llx %llx %llx, entry %x ept %x %x %x, %x %x %x", (u64)l->ax, (u64)l->cx, (u64)l->si, (u64)l->di,
	    *(volatile u32 *)(uptr)DIRECTORY & ENTRY_AD, (u32)*ept_entry(l->eptp, DIRECTORY, EPT_4K) >> 8 & 3,
	    (u32)*ept_entry(l->eptp, OPERAND, EPT_4K) >> 8 & 3, (u32)*ept_entry(l->eptp, OPERAND + 0x1000, EPT_4K) >> 8 & 3, at[0],
	    at[0xfe8 / 4], at[0xff0 / 4]);
	if (way->secondary & SECONDARY_PML)
		say(" index %x: %llx %llx", (u32)vmcs_get(GUEST_PML_INDEX), ((volatile u64 *)(uptr)LOG_AT)[511], ((volatile u64 *)(uptr)LOG_AT)[0]);
	if (way->secondary & SECONDARY_VE)
		say(" info %x %x %x %x %x", ve[0], ve[1], ve[2] & ~(u32)QUALIFICATION_ADVANCED, ve[4], ve[6]);
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	shadow = vmcs_region();
	*(u32 *)shadow |= BIT(31);
	(void)vmx_clear(physical(shadow));
	(void)vmx_ptrld(physical(shadow));
	vmcs_set(GUEST_RIP, 0x11223344);
	(void)vmx_clear(physical(shadow));
	for (u32 i = 0; i < ARRAY_SIZE(ways); i++) {
		way = &ways[i];
		if ((way->secondary && !CAN_SECONDARY(way->secondary)) || (way->marks && !(CAP(EPT_VPID) & EPT_CAP_AD)))
			continue;
		insns_run(&l2, &(struct insn_run){ .mode = L2_NATIVE, .with = L2_WITH_EPT, .what = { way->name }, .prepare = prepare,
						   .says = say_state }, L1_IS_64 ? &insns_64 : &insns_32);
	}
	vmx_disable();
}
