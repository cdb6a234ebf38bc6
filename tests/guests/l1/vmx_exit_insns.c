/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exits by instructions (SDM 26.1.1 to 26.1.3): each as it is, enabled, and with the control that makes it exit, in each
 * mode of L2 and at CPL 3, where faults come before exits.
 */
#include "insns.h"

#define CR4_TSD		BIT(2)
#define CR4_PCE		BIT(8)

/* The same text in all sizes of code. */
#define PLAIN(X) \
	X("nop") X("ud2") X("cpuid") X("getsec") X("rsm") X("vmcall") X("invd") \
	X("hlt", .primary = PRIMARY_HLT) \
	X("invlpg (%ebx)", .primary = PRIMARY_INVLPG) \
	X("invlpg %gs:0x12345(%ebx,%ecx,8)", .primary = PRIMARY_INVLPG) \
	X("rdpmc", .primary = PRIMARY_RDPMC) \
	X("rdtsc", .primary = PRIMARY_RDTSC) \
	X("rdtscp", .enable = SECONDARY_RDTSCP, .primary = PRIMARY_RDTSC) \
	X("pause", .primary = PRIMARY_PAUSE) \
	X("rep; rep; pause", .primary = PRIMARY_PAUSE) \
	X("wbinvd", .secondary = SECONDARY_WBINVD) \
	X("monitor", .primary = PRIMARY_MONITOR) \
	X("mov $5, %ecx; monitor", .primary = PRIMARY_MONITOR) \
	X("mwait", .primary = PRIMARY_MWAIT) \
	X("mov %ebx, %eax; monitor; mwait", .primary = PRIMARY_MWAIT) \
	X("xsetbv") \
	X("mov $1, %eax; mov $9, %ecx; xsetbv") \
	X("xgetbv") \
	X("vmlaunch") X("vmresume") X("vmxoff") \
	X("vmfunc", .enable = SECONDARY_VMFUNC) \
	X("vmclear (%ebx)") X("vmptrld 0x20(%ebx)") X("vmptrst -1(%ebx)") X("vmxon (%ebx)") \
	X("sgdt (%ebx)", .secondary = SECONDARY_DESC_TABLE) \
	X("sidt 0x100(%ebx)", .secondary = SECONDARY_DESC_TABLE) \
	X("lgdt (%ebx)", .secondary = SECONDARY_DESC_TABLE) \
	X("lidt (%ebx)", .secondary = SECONDARY_DESC_TABLE) \
	X("sldt %eax", .secondary = SECONDARY_DESC_TABLE) \
	X("sldt (%ebx)", .secondary = SECONDARY_DESC_TABLE) \
	X("str %edi", .secondary = SECONDARY_DESC_TABLE) \
	X("str %ds:4(%esi)", .secondary = SECONDARY_DESC_TABLE) \
	X("lldt %cx", .secondary = SECONDARY_DESC_TABLE) \
	X("lldt (%ebx)", .secondary = SECONDARY_DESC_TABLE) \
	X("ltr %cx", .secondary = SECONDARY_DESC_TABLE) \
	X("ltr (%ebx)", .secondary = SECONDARY_DESC_TABLE) \
	X("rdrand %cx", .secondary = SECONDARY_RDRAND) \
	X("rdrand %esi", .secondary = SECONDARY_RDRAND) \
	X("rdseed %dx", .secondary = SECONDARY_RDSEED) \
	X("rdseed %ebp", .secondary = SECONDARY_RDSEED) \
	X("xsaves (%ebx)", .enable = SECONDARY_XSAVES) \
	X("xrstors 8(%ebx)", .enable = SECONDARY_XSAVES)

/* VMREAD and the like take registers of the mode's own size. */
#define WIDE(X, a, c) \
	X("vmread %" a ", (%ebx)") X("vmread %" c ", %" a) X("vmwrite (%ebx), %" c) X("vmwrite %" a ", %" c) \
	X("invept (%ebx), %" a) X("invvpid 0x10(%esi), %" c) \
	X("invpcid (%ebx), %" a, .enable = SECONDARY_INVPCID, .primary = PRIMARY_INVLPG) \
	X("mov $4, %ecx; invpcid 0x10(%ebx), %" c, .enable = SECONDARY_INVPCID, .primary = PRIMARY_INVLPG)
#define WIDE_32(X) WIDE(X, "eax", "ecx")
#define WIDE_64(X) WIDE(X, "rax", "rcx")

INSNS(plain, PLAIN, PLAIN);
INSNS(wide, WIDE_32, WIDE_64);

static struct l2 l2;

static void run(const struct insn_run *how)
{
	insns_run(&l2, how, &plain);
	insns_run(&l2, how, &wide);
}

/* XSETBV, XSAVES and RDPMC of CPL 3 want bits of CR4. */
static void more_cr4(struct l2 *l)
{
	(void)l;
	vmcs_on(GUEST_CR4, CAP(CR4_FIXED1) & (CR4_OSXSAVE | CR4_PCE));
}

static void no_tsc(struct l2 *l)
{
	(void)l;
	vmcs_on(GUEST_CR4, CR4_TSD);
}

#define TIME(X) \
	X("rdtsc", .primary = PRIMARY_RDTSC) X("rdtscp", .enable = SECONDARY_RDTSCP, .primary = PRIMARY_RDTSC)
INSNS(time, TIME, TIME);

#define XSTATE(X) \
	X("xsetbv") X("mov $1, %eax; xsetbv") X("mov $5, %ecx; xsetbv") X("rdpmc", .primary = PRIMARY_RDPMC) \
	X("xsaves (%ebx)", .enable = SECONDARY_XSAVES) X("xrstors (%ebx)", .enable = SECONDARY_XSAVES)
INSNS(xstate, XSTATE, XSTATE);

void guest_main(void)
{
	static const enum l2_mode modes[] = { L2_REAL, L2_V86, L2_PAE, L2_COMPAT, L2_LONG };

	if (!l1_begin())
		return;
	vmx_enable();
	for (u32 i = 0; i < ARRAY_SIZE(modes); i++) {
		run(&(struct insn_run){ .mode = modes[i] });
		if (modes[i] == L2_NATIVE)
			run(&(struct insn_run){ .mode = modes[i], .user = true });
	}
	for (u32 user = 0; user < 2; user++) {
		insns_run(&l2, &(struct insn_run){ .mode = L2_NATIVE, .user = user, .what = { "TSD" }, .prepare = no_tsc }, &time);
		insns_run(&l2, &(struct insn_run){ .mode = L2_NATIVE, .user = user, .what = { "OSXSAVE" }, .prepare = more_cr4 }, &xstate);
	}
	vmx_disable();
}
