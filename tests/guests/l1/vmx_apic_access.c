/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses of L2 to the APIC-access page (SDM 30.4): which are virtualised, which exit with which type and offset, and
 * which of the writes exit behind themselves, by each set of the controls, with and without EPT.
 */
#include "ept.h"
#include "insns.h"
#include "vapic.h"

#define OTHER		(L2_DATA + 0x3000)	/* another page of L2's that leads to the APIC-access page */
#define SVI_RVI		0x6131u

#define READ(X, offset)		X("mov " offset "(%ebx), %eax")
#define WRITE(X, offset)	X("mov %eax, " offset "(%ebx)")
#define ACCESSES(X) \
	READ(X, "0") READ(X, "0x20") READ(X, "0x30") READ(X, "0x70") READ(X, "0x80") READ(X, "0x84") READ(X, "0x81") READ(X, "0x7e") \
	READ(X, "0xa0") READ(X, "0xb0") READ(X, "0xd0") READ(X, "0xe0") READ(X, "0xf0") READ(X, "0x110") READ(X, "0x170") READ(X, "0x1a0") \
	READ(X, "0x210") READ(X, "0x280") READ(X, "0x2f0") READ(X, "0x300") READ(X, "0x310") READ(X, "0x320") READ(X, "0x370") \
	READ(X, "0x380") READ(X, "0x390") READ(X, "0x3a0") READ(X, "0x3e0") READ(X, "0x3f0") READ(X, "0x400") READ(X, "0xff0") \
	READ(X, "0xffe") \
	WRITE(X, "0") WRITE(X, "0x20") WRITE(X, "0x30") WRITE(X, "0x80") WRITE(X, "0x84") WRITE(X, "0x82") WRITE(X, "0xa0") WRITE(X, "0xb0") \
	WRITE(X, "0xd0") WRITE(X, "0xe0") WRITE(X, "0xf0") WRITE(X, "0x110") WRITE(X, "0x210") WRITE(X, "0x280") WRITE(X, "0x2f0") \
	WRITE(X, "0x300") WRITE(X, "0x310") WRITE(X, "0x320") WRITE(X, "0x370") WRITE(X, "0x380") WRITE(X, "0x390") WRITE(X, "0x3e0") \
	WRITE(X, "0x3f0") WRITE(X, "0xff0") \
	X("mov $0xfd, %al; mov %eax, 0x300(%ebx)") X("mov $0x41, %eax; mov %eax, 0x300(%ebx)") X("mov $0x10, %eax; mov %eax, 0x80(%ebx)") \
	X("movzbl 0x80(%ebx), %eax") X("movzwl 0x80(%ebx), %eax") X("movzbl 0x83(%ebx), %eax") X("mov %al, 0x80(%ebx)") \
	X("mov %ax, 0x80(%ebx)") X("mov %al, 0xb0(%ebx)") X("mov %ah, 0x83(%ebx)") \
	X("orl $1, 0x80(%ebx)") X("lock addl $1, 0x80(%ebx)") X("xchg %eax, 0x80(%ebx)") X("incl 0xf0(%ebx)") X("cmpl $1, 0x80(%ebx)") \
	X("testb $1, 0x20(%ebx)") \
	X("lea 0x80(%ebx), %esi; lodsl") X("lea 0x80(%ebx), %edi; stosl") X("lea 0x80(%ebx), %esi; movsl") X("lea 0x80(%ebx), %edi; movsb") \
	X("mov $2, %cl; lea 0x30(%ebx), %esi; rep movsl") X("lea 0x100(%ebx), %esp; int $0x30") X("lea 0x100(%ebx), %esp; ud2") \
	X("clflush 0x80(%ebx)") X("prefetcht0 0x80(%ebx)") X("invlpg 0x80(%ebx)") X("lgdt 0x100(%ebx)") X("fnstcw 0x80(%ebx)")
#define ACCESSES_32(X) ACCESSES(X) X("lea 0x84(%ebx), %esp; push %eax") X("lea 0x80(%ebx), %esp; pop %eax")
#define ACCESSES_64(X) \
	ACCESSES(X) X("lea 0x88(%ebx), %esp; push %rax") X("lea 0x80(%ebx), %esp; pop %rax") X("mov 0x80(%ebx), %rax") \
	X("mov %rax, 0x80(%ebx)") X("mov 0x300(%ebx), %rax") X("mov %rax, 0x300(%ebx)") X("mov %cr8, %rax") \
	X("mov $3, %eax; mov %rax, %cr8")
INSNS_OF(32, accesses_32, ACCESSES_32);
INSNS_OF(64, accesses_64, ACCESSES_64);

#define ACCESS	SECONDARY_APIC_ACCESS
static const struct apic_setting settings[] = {
	{ "plain", 0, ACCESS, 0, 0, 0x70 },
	{ "TPR", APIC_TPR, ACCESS, 0, 0, 0x70 },
	{ "TPR, threshold 5", APIC_TPR, ACCESS, 0, 5, 0x70 },
	{ "TPR, threshold above", APIC_TPR, ACCESS, 0, 9, 0x70 },
	{ "registers", APIC_TPR, ACCESS | SECONDARY_APIC_REGS, 0, 0, 0x70 },
	{ "delivery", APIC_TPR, ACCESS | APIC_VID, PIN_EXTINT, 0, 0x70 },
	{ "registers, delivery", APIC_TPR, ACCESS | SECONDARY_APIC_REGS | APIC_VID, PIN_EXTINT, 0, 0x70 },
	{ "no page", APIC_TPR, SECONDARY_APIC_REGS, 0, 0, 0x70 },
};
static const struct apic_setting *now;
static bool through_ept;

static struct l2 l2;

static void prepare(struct l2 *l)
{
	apic_prepare(now);
	memset((void *)(uptr)APIC_ACCESS_AT, 0x5a, 0x1000);
	if (now->secondary & APIC_VID) {
		vmcs_set(GUEST_INTR_STATUS, SVI_RVI);
		vapic_set(VAPIC_ISR, SVI_RVI >> 8);
		vapic_set(VAPIC_IRR, SVI_RVI & 0xff);
		vmcs_set(EOI_EXIT_BITMAP1, 0);
	}
	l->ax = 0x55;
	l->bx = APIC_ACCESS_AT;
	if (!through_ept)
		return;
	ept_recycle();
	l->eptp = ept_new();
	ept_identity(l->eptp);
	ept_map(l->eptp, OTHER, APIC_ACCESS_AT, EPT_4K, EPT_RWX | EPT_WB);
	vmcs_set(EPTP, l->eptp);
	l->bx = OTHER;
}

static void say_page(struct l2 *l)
{
	say(" %llx %llx, tpr %x ppr %x eoi %x svr %x icr %x %x isr %x irr %x", (u64)l->ax, (u64)l->cx, VAPIC(0x80), VAPIC(0xa0), VAPIC(0xb0),
	    VAPIC(0xf0), VAPIC(0x300), VAPIC(0x310), VAPIC(0x130), VAPIC(0x210));
	if (now->secondary & APIC_VID)
		say(" status %x", (u32)vmcs_get(GUEST_INTR_STATUS));
	if (*(volatile u32 *)(uptr)(APIC_ACCESS_AT + 0x80) != 0x5a5a5a5a)
		say(" page %x", *(volatile u32 *)(uptr)(APIC_ACCESS_AT + 0x80));
}

static void run(void)
{
	const struct insn_list *list = L1_IS_64 ? &accesses_64 : &accesses_32;

	insns_run(&l2, &(struct insn_run){ .mode = L2_NATIVE, .with = through_ept ? L2_WITH_EPT : 0, .prepare = prepare, .says = say_page,
					   .what = { now->name, through_ept ? "EPT" : NULL } }, list);
}

/* L2's page tables and its IDT in the page: types of accesses that aren't linear. */
static void tables(void)
{
	static const u8 nop_vmcall[] = { 0x90, 0x0f, 0x01, 0xc1 };

	now = &settings[1];
	for (u32 i = 0; i < 6; i++) {
		through_ept = i & 1;
		l2_setup(&l2, L2_NATIVE, through_ept ? L2_WITH_EPT : 0);
		l2_guard();
		l2_again(&l2);
		prepare(&l2);
		l2_code(&l2, nop_vmcall, nop_vmcall + sizeof(nop_vmcall));
		if (i / 2 == 0) {
			vmcs_set(GUEST_IDTR_BASE, APIC_ACCESS_AT);
			vmcs_set(ENTRY_INTR_INFO, EVENT(TYPE_NMI, 2));
		} else if (i / 2 == 1) {		/* a page table */
			volatile u64 *directory = (volatile u64 *)(uptr)(L2_TABLES + 0x2000) + (L2_AT >> 21);

			*directory = APIC_ACCESS_AT | PTE_P | PTE_W;
		} else {
			vmcs_set(GUEST_RSP, APIC_ACCESS_AT + 0x100);
			vmcs_set(ENTRY_INTR_INFO, EVENT(TYPE_HARDWARE, GP_TRAP) | EVENT_CODE);
		}
		result_l2_f(l2_run(&l2), "%s in the page%s", i / 2 == 0 ? "IDT" : i / 2 == 1 ? "page table" : "stack",
			    through_ept ? ", EPT" : "");
	}
}

/* APIC-access addresses where there is no memory, and the APIC's own. */
static void places(void)
{
	static const u32 at[] = { 0xfee00000u, 0x70000000u, 0xfec00000u };
	static const u8 read_32[] = { 0x8b, 0x43, 0x30, 0x0f, 0x01, 0xc1 };	/* mov 0x30(%ebx), %eax; vmcall */

	now = &settings[1];
	for (u32 i = 0; i < 2 * ARRAY_SIZE(at); i++) {
		through_ept = i & 1;
		l2_setup(&l2, L2_NATIVE, through_ept ? L2_WITH_EPT : 0);
		l2_again(&l2);
		prepare(&l2);
		l2_code(&l2, read_32, read_32 + sizeof(read_32));
		vmcs_set(APIC_ACCESS_ADDR, at[i / 2]);
		l2.bx = at[i / 2];
		result_l2_f(l2_run(&l2), "APIC-access page at %x%s", at[i / 2], through_ept ? ", EPT" : "");
	}
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	for (u32 i = 0; i < 2 * ARRAY_SIZE(settings); i++) {
		now = &settings[i / 2];
		through_ept = i & 1;
		if (apic_can(now))
			run();
	}
	tables();
	places();
	vmx_disable();
}
