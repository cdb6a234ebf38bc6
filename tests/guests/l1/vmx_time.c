/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time in L2: what RDTSC, RDTSCP and RDMSR of the TSC give under TSC offset and multiplier (SDM 26.3), the preemption
 * timer (26.5.1), PAUSE-loop exiting (26.1.3). Values differ from run to run, so relations are said.
 */
#include "insns.h"

#define MSR_TSC		0x10
#define MSR_TSC_AUX	0xc0000103
#define BITMAP_AT	0x1f00000u
#define OWN_BITMAP_AT	0x1f01000u	/* L2 writes there */
#define ONE		(1ull << 48)
#define TIMER_RATE	((u32)CAP(MISC) & MISC_TIMER_RATE)

#define READS(X) \
	X("rdtsc", .primary = PRIMARY_RDTSC) X("rdtscp", .enable = SECONDARY_RDTSCP, .primary = PRIMARY_RDTSC) \
	X("mov $0x10, %ecx; rdmsr", .primary = PRIMARY_RDTSC)
INSNS(reads, READS, READS);
#define READS_BLIND(X) X("movb $0, (%ebp); mov $0x10, %ecx; rdmsr")	/* L2 writes to its own MSR bitmap */
INSNS(reads_blind, READS_BLIND, READS_BLIND);

static struct l2 l2;
static bool uses_offset, scales;
static u32 bitmap_at = BITMAP_AT;
static u64 offset, multiplier, before;

static void prepare(struct l2 *l)
{
	l->bp = bitmap_at;
	memset((void *)(uptr)bitmap_at, 0, 4096);
	vmcs_on(PRIMARY_CTRLS, PRIMARY_MSR_BITMAPS | (uses_offset ? PRIMARY_TSC_OFFSET : 0));
	vmcs_set(MSR_BITMAP, bitmap_at);
	vmcs_set(TSC_OFFSET, offset);
	if (scales) {
		secondary_on(SECONDARY_TSC_SCALING);
		vmcs_set(TSC_MULTIPLIER, multiplier);
	}
	before = rdtsc();
}

/* Multipliers here are a few bits. */
static u64 scaled(u64 tsc)
{
	u64 sum = 0;

	if (!scales)
		return tsc;
	for (u32 bit = 0; bit < 64; bit++)
		if (multiplier >> bit & 1)
			sum += bit >= 48 ? tsc << (bit - 48) : tsc >> (48 - bit);
	return sum;
}

static void say_time(struct l2 *l)
{
	u64 read = (u64)(u32)l->dx << 32 | (u32)l->ax, moved = uses_offset ? offset : 0;
	u64 first = scaled(before) + moved, last = scaled(rdtsc()) + moved;

	if (exit_reason() == EXIT_VMCALL && vmcs_get(GUEST_RIP) < L2_HANDLERS)
		say(" %s aux %x", read - first + 2 <= last - first + 4 ? "in time" : "out of time", (u32)l->cx);
}

static void offsets(u32 with, const struct insn_list *list)
{
	static const u64 all[] = { 0, 1ull << 40, ~0ull << 32, ~0ull, 1ull << 63 };
	static const char *const names[] = { "0", "2^40", "-2^32", "-1", "2^63" };
	static const u64 multipliers[] = { ONE, ONE / 2, ONE * 2, ONE / 2 * 3, ONE * 8, 1, ONE / 1024, ~0ull << 60 };
	static const char *const times[] = { "1", "1/2", "2", "3/2", "8", "2^-48", "1/1024", "15 * 2^12" };

	try_wrmsr(MSR_TSC_AUX, 0x55);
	for (u32 m = 0; m <= ARRAY_SIZE(multipliers); m++)
		for (u32 i = 0; i < ARRAY_SIZE(all); i++)
			for (u32 on = 0; on < 2; on++) {
				scales = m > 0;
				uses_offset = on;
				offset = all[i];
				multiplier = m ? multipliers[m - 1] : 0;
				if (scales && !CAN_SECONDARY(SECONDARY_TSC_SCALING))
					continue;
				insns_run(&l2, &(struct insn_run){ .mode = L2_NATIVE, .with = with, .prepare = prepare, .says = say_time,
					  .what = { scales ? times[m - 1] : NULL, on ? "offset" : "offset unused", names[i] } }, list);
			}
	scales = uses_offset = false;
}

/*
 * A write of L2's to the TSC takes neither offset nor multiplier into account (26.3), though its reads do: it is seen in
 * units of 2^32 by how far L1's clock jumps, and the clock that IA32_TSC_ADJUST tells of with it.
 */
#define MSR_TSC_ADJUST	0x3b
#define WRITES(X) X("mov $0x10, %ecx; rdmsr; add $0x1000, %edx; wrmsr")
INSNS(writes, WRITES, WRITES);

static u64 adjusted;

static u64 tsc_adjust(void)
{
	u64 value;

	return try_rdmsr(MSR_TSC_ADJUST, &value) == NO_TRAP ? value : 0;
}

static void prepare_write(struct l2 *l)
{
	adjusted = tsc_adjust();
	prepare(l);
}

static void say_jump(struct l2 *l)
{
	u64 now = rdtsc(), jump = now - before, unscaled = scaled(before) - before;

	(void)l;
	say(" jumped %llx, adjusted %llx", (jump - unscaled + BIT(31)) >> 32, (tsc_adjust() - adjusted - unscaled + BIT(31)) >> 32);
	wrmsr(MSR_TSC, now - jump);
}

static void tsc_writes(void)
{
	static const u64 offsets_used[] = { 0, 1ull << 40, ~0ull << 32 };
	static const char *const names[] = { "no offset", "offset 2^40", "offset -2^32" };

	for (u32 i = 0; i < 2 * ARRAY_SIZE(offsets_used); i++) {
		scales = i & 1;
		multiplier = 2 * ONE;
		offset = offsets_used[i / 2];
		uses_offset = offset != 0;
		if (!scales || CAN_SECONDARY(SECONDARY_TSC_SCALING))
			insns_run(&l2, &(struct insn_run){ .mode = L2_NATIVE, .prepare = prepare_write, .says = say_jump,
				  .what = { scales ? "times 2" : NULL, names[i / 2] } }, &writes);
	}
	scales = uses_offset = false;
}

/* ---- the preemption timer ---- */

L2_CODE(spin_code, 32, "1: pause; jmp 1b");
L2_CODE(call_code, 32, "nop; vmcall");
L2_CODE(hlt_code, 32, "hlt; vmcall");
L2_CODE(count_code, 32, "mov $1000, %ecx; 1: sub $1, %ecx; jnz 1b; vmcall");

static void begin_timer(const u8 *code, const u8 *end, u32 value, bool saves)
{
	l2_setup(&l2, L2_NATIVE, 0);
	l2_again(&l2);
	l2_code(&l2, code, end);
	vmcs_on(PIN_CTRLS, PIN_TIMER);
	vmcs_on(EXIT_CTRLS, saves ? EXIT_SAVE_TIMER : 0);
	vmcs_set(PREEMPTION_TIMER, value);
}

static void run_timer(const char *name, u32 value, bool saves)
{
	u64 start = rdtsc(), ticks;
	struct vmx_result r = l2_run(&l2);
	u32 left = (u32)vmcs_get(PREEMPTION_TIMER);

	ticks = rdtsc() - start;
	say("R timer %s, %x%s: ", name, value, saves ? ", saved" : "");
	if (exit_reason() == EXIT_TIMER && value && vmcs_get(GUEST_ACTIVITY_STATE) == ACTIVITY_ACTIVE)
		say("exit 52 q %llx", vmcs_get(EXIT_QUALIFICATION));		/* RIP is anywhere in the loop */
	else
		say_entry(r);
	say(" left %s", left == value ? "all" : left == 0 ? "nothing" : left > value ? "more" : "some");
	if (exit_reason() == EXIT_TIMER)
		say(", %s", ticks >= (u64)value << TIMER_RATE ? "not before its time" : "early");
	else
		say(", %s", (u64)(value - left) << TIMER_RATE <= ticks ? "no more than passed" : "more than passed");
	say("\n");
}

static void timer(void)
{
	static const u32 values[] = { 0, 1, 100, 10000, 200000 };
	static const u32 states[] = { ACTIVITY_HLT, ACTIVITY_SHUTDOWN };
	u32 used = 0, last;

	if (!CAN_PIN(PIN_TIMER))
		return;
	for (u32 i = 0; i < 2 * ARRAY_SIZE(values); i++) {
		begin_timer(spin_code, spin_code_end, values[i / 2], i & 1);
		run_timer("spins", values[i / 2], i & 1);
		begin_timer(hlt_code, hlt_code_end, values[i / 2], i & 1);
		run_timer("halts", values[i / 2], i & 1);
		for (u32 s = 0; s < ARRAY_SIZE(states); s++) {
			begin_timer(hlt_code, hlt_code_end, values[i / 2], i & 1);
			vmcs_set(GUEST_ACTIVITY_STATE, states[s]);
			run_timer(s ? "in shutdown" : "in HLT", values[i / 2], i & 1);
		}
	}
	begin_timer(call_code, call_code_end, 0x7fffffff, true);
	run_timer("calls", 0x7fffffff, true);
	begin_timer(call_code, call_code_end, 0x7fffffff, false);
	run_timer("calls", 0x7fffffff, false);
	for (u32 i = 0; i < 2; i++) {			/* an event goes first */
		begin_timer(spin_code, spin_code_end, 0, i);
		vmcs_set(ENTRY_INTR_INFO, i ? EVENT(TYPE_NMI, 2) : EVENT(TYPE_HARDWARE, UD_TRAP));
		run_timer("with an event", 0, i);
	}
	for (u32 i = 0; i < 2; i++) {			/* a timer that ran out is 0 in the next entry, written or not */
		begin_timer(count_code, count_code_end, 0, true);
		(void)l2_run(&l2);
		if (i)
			vmcs_set(PREEMPTION_TIMER, 0);
		result_l2_f(l2_run(&l2), "timer of 0 again, %s", i ? "written" : "not written");
	}
	/* It counts while L2 runs, not while L1 does: 50 entries of 1000 rounds each. */
	begin_timer(count_code, count_code_end, last = 0x10000000u, true);
	for (u32 i = 0; i < 50; i++) {
		spin(2000);
		(void)l2_run(&l2);
		used += last - (u32)vmcs_get(PREEMPTION_TIMER);
		last = (u32)vmcs_get(PREEMPTION_TIMER);
		vmcs_set(GUEST_RIP, L2_CODE_AT);
	}
	say("R timer over 50 entries: %s\n", used << TIMER_RATE < 50 * 2000 ? "nothing counted" :
	    used << TIMER_RATE > 50 * 2000 * 10 ? "L1's time counted" : "L2's time counted");
}

/* ---- PAUSE loops ---- */

L2_CODE(pauses_code, 32, "1: pause; sub $1, %ecx; jnz 1b; vmcall");

static void pause_loops(void)
{
	static const struct { u32 gap, window, rounds; bool user, exits; } all[] = {
		{ 128, 0x1000, 50, false, false }, { 128, 0x1000, 0x10000, false, false }, { 128, 0x1000, 0x10000, true, false },
		{ 128, 0xffffffff, 5000, false, false }, { 1, 0x100, 5000, false, false }, { 128, 0x1000, 10, false, true },
	};

	if (!CAN_SECONDARY(SECONDARY_PAUSE_LOOP))
		return;
	for (u32 i = 0; i < ARRAY_SIZE(all); i++) {
		begin_timer(pauses_code, pauses_code_end, GUARD_TICKS * 10, false);
		secondary_on(SECONDARY_PAUSE_LOOP);
		vmcs_on(PRIMARY_CTRLS, all[i].exits ? PRIMARY_PAUSE : 0);
		vmcs_set(PLE_GAP, all[i].gap);
		vmcs_set(PLE_WINDOW, all[i].window);
		if (all[i].user)
			l2_user(&l2);
		l2.cx = all[i].rounds;
		result_l2_f(l2_run(&l2), "PAUSE loop %u", i);
		say("R PAUSE loop %u left: %s\n", i, l2.cx == all[i].rounds ? "all" : l2.cx ? "some" : "nothing");
	}
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	offsets(0, &reads);
	bitmap_at = OWN_BITMAP_AT;
	offsets(L2_WITH_EPT, &reads_blind);
	bitmap_at = BITMAP_AT;
	tsc_writes();
	timer();
	pause_loops();
	vmx_disable();
}
