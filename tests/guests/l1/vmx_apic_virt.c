/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L2's virtual APIC by MSRs (virtualised x2APIC mode, SDM 30.5), virtual-interrupt delivery with TPR, PPR, EOI and self-IPI
 * (30.1, 30.2), and posted interrupts (30.6).
 */
#include "insns.h"
#include "vapic.h"

#define BITMAP_AT	0x1f00000u
#define OWN_BITMAP_AT	0x1f04000u		/* of an L2 that writes to it */
#define POSTED_AT	0x1f03000u
#define PIR(vector)	(((volatile u32 *)(uptr)POSTED_AT)[(vector) / 32])
#define OUTSTANDING	8			/* the word of the descriptor with ON in bit 0 */
#define NOTIFICATION	0xf2u
#define OTHER_VECTOR	0xe3u

#define RD(X, p, msr)		X(p "mov $" msr ", %ecx; rdmsr")
#define WR(X, p, msr, value)	X(p "mov $" msr ", %ecx; mov $" value ", %eax; wrmsr")
#define MSRS_BEHIND(X, p) \
	RD(X, p, "0x7ff") RD(X, p, "0x800") RD(X, p, "0x802") RD(X, p, "0x803") RD(X, p, "0x808") RD(X, p, "0x809") RD(X, p, "0x80a") \
	RD(X, p, "0x80b") RD(X, p, "0x80d") RD(X, p, "0x80e") RD(X, p, "0x80f") RD(X, p, "0x810") RD(X, p, "0x817") RD(X, p, "0x820") \
	RD(X, p, "0x828") RD(X, p, "0x82f") RD(X, p, "0x830") RD(X, p, "0x831") RD(X, p, "0x832") RD(X, p, "0x838") RD(X, p, "0x839") \
	RD(X, p, "0x83e") RD(X, p, "0x83f") RD(X, p, "0x840") RD(X, p, "0x8ff") RD(X, p, "0x900") \
	WR(X, p, "0x808", "0x30") WR(X, p, "0x808", "0xff") WR(X, p, "0x808", "0x100") X(p "mov $0x808, %ecx; inc %edx; wrmsr") \
	WR(X, p, "0x80b", "0") WR(X, p, "0x80b", "1") WR(X, p, "0x83f", "0x42") WR(X, p, "0x83f", "0x5") WR(X, p, "0x83f", "0x142") \
	X(p "mov $0x83f, %ecx; inc %edx; wrmsr") WR(X, p, "0x830", "0x42") WR(X, p, "0x80f", "0x1ff") WR(X, p, "0x802", "0") \
	WR(X, p, "0x80a", "0") WR(X, p, "0x838", "0")
#define DELIVERIES_BEHIND(X, p) \
	X(p "nop; nop; nop") X(p "sti; nop; nop; nop") X(p "hlt") X(p "mov $0x80b, %ecx; wrmsr; nop; nop") \
	X(p "mov $0x80b, %ecx; wrmsr; wrmsr; nop") X(p "mov $0x808, %ecx; mov $0x20, %eax; wrmsr; nop; nop") \
	X(p "mov $0x808, %ecx; mov $0xe0, %eax; wrmsr; nop; nop") X(p "mov $0x83f, %ecx; mov $0x71, %eax; wrmsr; nop; nop") \
	X(p "mov $0x83f, %ecx; mov $0x33, %eax; wrmsr; nop; nop")
#define MSRS(X)			MSRS_BEHIND(X, "")
#define DELIVERIES(X)		DELIVERIES_BEHIND(X, "")
INSNS(msrs, MSRS, MSRS);
INSNS(deliveries, DELIVERIES, DELIVERIES);

/* Behind a write of L2's to its MSR bitmap, which a hypervisor below can't watch then. */
#define OWN_BITMAP		"movb $0, (%ebp); "
#define MSRS_BLIND(X)		MSRS_BEHIND(X, OWN_BITMAP)
#define DELIVERIES_BLIND(X)	DELIVERIES_BEHIND(X, OWN_BITMAP)
INSNS(msrs_blind, MSRS_BLIND, MSRS_BLIND);
INSNS(deliveries_blind, DELIVERIES_BLIND, DELIVERIES_BLIND);

#define XAPIC	SECONDARY_X2APIC
#define REGS	SECONDARY_APIC_REGS
static const struct apic_setting settings[] = {
	{ "none", 0, 0, 0, 0, 0x70 },
	{ "TPR", APIC_TPR, 0, 0, 0, 0x70 },
	{ "x2APIC", APIC_TPR, XAPIC, 0, 0, 0x70 },
	{ "x2APIC, threshold 5", APIC_TPR, XAPIC, 0, 5, 0x70 },
	{ "x2APIC, registers", APIC_TPR, XAPIC | REGS, 0, 0, 0x70 },
	{ "x2APIC, delivery", APIC_TPR, XAPIC | APIC_VID, PIN_EXTINT, 0, 0x70 },
	{ "x2APIC, registers, delivery", APIC_TPR, XAPIC | REGS | APIC_VID, PIN_EXTINT, 0, 0x70 },
	{ "registers, delivery", APIC_TPR, REGS | APIC_VID, PIN_EXTINT, 0, 0x70 },
};

static const struct state {
	const char *name;
	u32 rvi, svi, tpr, flags, blocking, window, event, eoi;	/* eoi: its bit in the EOI-exit bitmaps; 0: none */
} states[] = {
	{ "41 of 0", 0x41, 0, 0, EFLAGS_IF, 0, 0, 0, 0 }, { "41, TPR 50", 0x41, 0, 0x50, EFLAGS_IF, 0, 0, 0, 0 },
	{ "41, TPR 4f", 0x41, 0, 0x4f, EFLAGS_IF, 0, 0, 0, 0 }, { "41, TPR 3f", 0x41, 0, 0x3f, EFLAGS_IF, 0, 0, 0, 0 },
	{ "41, serving 51", 0x41, 0x51, 0, EFLAGS_IF, 0, 0, 0, 0 }, { "41, serving 31", 0x41, 0x31, 0, EFLAGS_IF, 0, 0, 0, 0 },
	{ "41, serving 51, EOI exits", 0x41, 0x51, 0, EFLAGS_IF, 0, 0, 0, 0x51 },
	{ "nothing, serving 51", 0, 0x51, 0x10, EFLAGS_IF, 0, 0, 0, 0x52 }, { "nothing", 0, 0, 0x70, EFLAGS_IF, 0, 0, 0, 0 },
	{ "41, IF off", 0x41, 0, 0, 0, 0, 0, 0, 0 }, { "41, STI", 0x41, 0, 0, EFLAGS_IF, BLOCKING_STI, 0, 0, 0 },
	{ "41, MOV SS", 0x41, 0, 0, EFLAGS_IF, BLOCKING_MOV_SS, 0, 0, 0 },
	{ "41, window exits", 0x41, 0, 0, EFLAGS_IF, 0, PRIMARY_INTR_WINDOW, 0, 0 },
	{ "41, with an NMI", 0x41, 0, 0, EFLAGS_IF, 0, 0, EVENT(TYPE_NMI, 2), 0 },
	{ "41, with #UD", 0x41, 0, 0, EFLAGS_IF, 0, 0, EVENT(TYPE_HARDWARE, UD_TRAP), 0 },
	{ "41, TPR 60", 0x41, 0, 0x60, EFLAGS_IF, 0, 0, 0, 0 }, { "ef of ff", 0xef, 0xff, 0, EFLAGS_IF, 0, 0, 0, 0xff },
	{ "10 of 0", 0x10, 0, 0, EFLAGS_IF, 0, 0, 0, 0 }, { "5 of 0", 5, 0, 0, EFLAGS_IF, 0, 0, 0, 0 },
};

static struct l2 l2;
static const struct apic_setting *now;
static const struct state *state;
static u32 bitmap_at = BITMAP_AT;

static void prepare(struct l2 *l)
{
	memset((void *)(uptr)bitmap_at, 0, 4096);
	l->bp = bitmap_at;
	apic_prepare(now);
	vmcs_on(PRIMARY_CTRLS, PRIMARY_MSR_BITMAPS);
	vmcs_set(MSR_BITMAP, bitmap_at);
	for (u32 i = 0; i < 4; i++)
		vmcs_set((enum vmcs_field)(EOI_EXIT_BITMAP0 + 2 * i), 0);
}

static void say_apic(struct l2 *l)
{
	say(" %llx %llx, tpr %x ppr %x icr %x self %x", (u64)l->ax, (u64)l->dx, VAPIC(0x80), VAPIC(0xa0), VAPIC(0x300), VAPIC(0x3f0));
	for (u32 i = 0; i < 8; i++)
		if (VAPIC(VAPIC_ISR + 16 * i) | VAPIC(VAPIC_IRR + 16 * i))
			say(" %u: isr %x irr %x", i, VAPIC(VAPIC_ISR + 16 * i), VAPIC(VAPIC_IRR + 16 * i));
	if (now->secondary & APIC_VID)
		say(" status %x", (u32)vmcs_get(GUEST_INTR_STATUS));
}

static void prepare_delivery(struct l2 *l)
{
	prepare(l);
	VAPIC(VAPIC_TPR) = state->tpr;
	vmcs_set(GUEST_INTR_STATUS, state->svi << 8 | state->rvi);
	if (state->rvi)
		vapic_set(VAPIC_IRR, state->rvi);
	vapic_set(VAPIC_IRR, 0x21);
	if (state->svi) {
		vapic_set(VAPIC_ISR, state->svi);
		vapic_set(VAPIC_ISR, 0x11);
	}
	if (state->eoi)
		vmcs_set((enum vmcs_field)(EOI_EXIT_BITMAP0 + 2 * (state->eoi / 64)), 1ull << state->eoi % 64);
	vmcs_on(GUEST_RFLAGS, state->flags);
	vmcs_set(GUEST_INTERRUPTIBILITY, state->blocking);
	vmcs_on(PRIMARY_CTRLS, state->window);
	vmcs_set(ENTRY_INTR_INFO, state->event);
	l->ax = l->dx = 0;
}

/* ---- posted interrupts: one is pending in L1's APIC as it enters ---- */

static bool acknowledges, posts;
static u32 arrives, posted;

static void prepare_posted(struct l2 *l)
{
	prepare_delivery(l);
	memset((void *)(uptr)POSTED_AT, 0, 64);
	PIR(posted) = BIT(posted % 32);
	((volatile u32 *)(uptr)POSTED_AT)[OUTSTANDING] = 1 | NOTIFICATION << 16;
	vmcs_on(PIN_CTRLS, posts ? PIN_POSTED : 0);
	vmcs_on(EXIT_CTRLS, acknowledges ? EXIT_ACK_INTR : 0);
	vmcs_set(POSTED_INTR_NV, NOTIFICATION);
	vmcs_set(POSTED_INTR_DESC, POSTED_AT);
	apic_write(APIC_ICR, ICR_SELF | ICR_FIXED | arrives);
}

static void say_posted(struct l2 *l)
{
	say_apic(l);
	say(" pir %x outstanding %x", PIR(posted), ((volatile u32 *)(uptr)POSTED_AT)[OUTSTANDING]);
	say(" apic isr %x irr %x", apic_read(VAPIC_ISR + arrives / 32 * 16), apic_read(VAPIC_IRR + arrives / 32 * 16));
	apic_write(APIC_EOI, 0);
}

/* What nobody took is L1's, who drops it. */
static void ignore(struct frame *f)
{
	(void)f;
	apic_write(APIC_EOI, 0);
}

static void run_posted(const char *name)
{
	insns_run(&l2, &(struct insn_run){ .mode = L2_NATIVE, .prepare = prepare_posted, .says = say_posted,
					   .what = { name, state->name, posted == 0x41 ? "posted 41" : "posted 91" } }, &deliveries);
	__asm__ volatile("sti; nop; nop; cli");
}

static void all_posted(void)
{
	now = &settings[6];
	if (!apic_can(now))
		return;
	handlers[NOTIFICATION] = handlers[OTHER_VECTOR] = ignore;
	for (u32 i = 0; i < 10; i++) {
		state = &states[i];
		posted = i & 1 ? 0x41 : 0x91;
		acknowledges = posts = CAN_PIN(PIN_POSTED);
		arrives = NOTIFICATION;
		if (posts)
			run_posted("notified,");
		arrives = OTHER_VECTOR;
		if (posts)
			run_posted("interrupted,");
		posts = false;
		run_posted("acknowledged,");
		acknowledges = false;
		run_posted("not acknowledged,");
	}
}

static void run_msrs(u32 with, const struct insn_list *accesses, const struct insn_list *interrupted)
{
	insns_run(&l2, &(struct insn_run){ .mode = L2_NATIVE, .with = with, .what = { now->name }, .prepare = prepare, .says = say_apic },
		  accesses);
	for (u32 s = 0; s < ARRAY_SIZE(states) && now->secondary & APIC_VID; s++) {
		state = &states[s];
		insns_run(&l2, &(struct insn_run){ .mode = L2_NATIVE, .with = with, .prepare = prepare_delivery, .says = say_apic,
						   .what = { now->name, state->name } }, interrupted);
	}
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	for (u32 i = 0; i < ARRAY_SIZE(settings); i++) {
		now = &settings[i];
		if (!apic_can(now))
			continue;
		run_msrs(0, &msrs, &deliveries);
		bitmap_at = OWN_BITMAP_AT;
		if (now->secondary & XAPIC)
			run_msrs(L2_WITH_EPT, &msrs_blind, &deliveries_blind);
		bitmap_at = BITMAP_AT;
	}
	all_posted();
	vmx_disable();
}
