/* SPDX-License-Identifier: BSD-2-Clause */
/* All CPUID leaves, for the comparison with the bare machine, and the bits that follow CR4. */
#include "guest.h"

#define LEAF_XMHF	0x46484d58u	/* "XMHF" */
#define LEAF_EXT	0x80000000u
#define LEAF_PT		0x14u		/* hidden where it is, another leaf's answer where it isn't */
#define LEAF_SPARE	0x40000000u	/* never a CPU's */
#define SUBLEAVES	4
#define LEAF1_SMX	BIT(6)
#define LEAF1_XSAVE	BIT(26)
#define LEAF1_OSXSAVE	BIT(27)
#define LEAF7_PKU	BIT(3)
#define LEAF7_OSPKE	BIT(4)

static bool has_subleaves(u32 leaf)
{
	static const u8 with[] = { 4, 7, 0xb, 0xd, 0xf, 0x10, 0x12, 0x14, 0x17, 0x18, 0x1a, 0x1d, 0x1f };

	for (u32 i = 0; i < sizeof(with); i++)
		if (leaf == with[i])
			return true;
	return false;
}

static void tell(u32 leaf, u32 subleaf)
{
	struct cpuid_regs r = cpuid(leaf, subleaf);

	fact("cpuid.%x.%x %08x %08x %08x %08x", leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
}

static void tell_all(u32 first)
{
	u32 last = cpuid(first, 0).eax;

	for (u32 leaf = first; leaf <= last && leaf - first < 64; leaf++)
		for (u32 sub = 0; sub < (has_subleaves(leaf) ? SUBLEAVES : 1); sub++)
			tell(leaf, sub);
}

static void osxsave(void)
{
	u32 cr4 = READ_CR(4);

	expect(!(cpuid(1, 0).ecx & LEAF1_OSXSAVE), "shown while CR4.OSXSAVE is 0");
	WRITE_CR(4, cr4 | CR4_OSXSAVE);
	expect(cpuid(1, 0).ecx & LEAF1_OSXSAVE, "not shown while CR4.OSXSAVE is 1");
	WRITE_CR(4, cr4);
	expect(!(cpuid(1, 0).ecx & LEAF1_OSXSAVE), "shown after CR4.OSXSAVE was 0 again");
	kept("osxsave", "CPUID's OSXSAVE follows CR4");
}

static void ospke(void)
{
	u32 cr4 = READ_CR(4);

	if (!(cpuid(7, 0).ecx & LEAF7_PKU))
		return;
	WRITE_CR(4, cr4 | CR4_PKE);
	expect(cpuid(7, 0).ecx & LEAF7_OSPKE, "not shown while CR4.PKE is 1");
	WRITE_CR(4, cr4);
	expect(!(cpuid(7, 0).ecx & LEAF7_OSPKE), "shown while CR4.PKE is 0");
	kept("ospke", "CPUID's OSPKE follows CR4");
}

static void us(void)
{
	struct cpuid_regs r = cpuid(LEAF_XMHF, 0);

	if (!on_us())
		return;
	promise(r.eax == 1 && r.ebx == LEAF_XMHF && r.ecx == 0x52505648, "leaf_us", "leaf 46484D58h names us, at depth 1");
	promise(!(cpuid(1, 0).ecx & LEAF1_SMX), "smx_hidden", "SMX isn't shown");
}

/* The upper halves of the result registers are 0 in 64-bit mode; 1 if so. */
__asm__(".text; .code64; cpuid64: push %rbx; mov $-1, %rbx; mov $-1, %rdx; mov $-1, %rax; mov $0, %eax; mov $-1, %rcx;"
	"cpuid; or %rbx, %rax; or %rcx, %rax; or %rdx, %rax; shr $32, %rax; setz %al; movzbl %al, %eax; pop %rbx; ret; .code32");
void cpuid64(void);

/* EDX of leaf 80000001h in 64-bit mode and in compatibility mode: SYSCALL is shown in the former alone. */
__asm__(".text; .code64; edx64: push %rbx; mov $0x80000001, %eax; xor %ecx, %ecx; cpuid; mov %edx, %eax; pop %rbx; ret;"
	"edx_compat: push %rbx; push $0x08; mov $1f, %ecx; push %rcx; lretq; .code32;"
	"1: mov $0x80000001, %eax; xor %ecx, %ecx; cpuid; ljmp $0x28, $2f; .code64;"
	"2: mov %edx, %eax; pop %rbx; ret; .code32");
void edx64(void);
void edx_compat(void);
_Static_assert(SEL_CODE32 == 0x08 && SEL_CODE64 == 0x28, "edx_compat writes them out");

void guest_main(void)
{
	tell_all(0);
	tell_all(LEAF_EXT);
	tell(LEAF_SPARE, 0);
	tell(LEAF_PT, 0);
	tell(0x8fffffff, 0);
	osxsave();
	ospke();
	us();
	if (!has_long_mode())
		return;
	fact("cpuid64.80000001 %x", long_enter(edx64, 0));
	fact("cpuid_compat.80000001 %x", long_enter(edx_compat, 0));
	promise(long_enter(cpuid64, 0), "cpuid64", "CPUID clears the upper halves in 64-bit mode");
}
