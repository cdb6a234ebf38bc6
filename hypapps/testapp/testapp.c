/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exercises every callback and every service, so that a tiny guest (tests/guests/testapp.c) can check each one: the
 * guest drives it by the hypercalls of calls.h.
 */
#include "testapp.h"

#define PAUSES		200000u
#define PIECES		200u
#define LARGEST		4096u

static u32 mains, starts, shutdowns, leaves;
static u32 port_accesses, mtrr_writes;
static enum xmhf_result port_mode = XMHF_SKIP, mtrr_mode = XMHF_CHAIN;
static struct xmhf_port_access last_access;
static u32 latch;		/* behind the emulated ports: reads give the complement of what was written */

/* ---- calls ---- */

static enum xmhf_result about(struct vcpu *v)
{
	out(v, XMHF_RBX, xmhf_cpl(v));
	out(v, XMHF_RCX, xmhf_code_bits(v));
	out(v, XMHF_RDX, xmhf_cpu_index(v));
	out(v, XMHF_RSI, xmhf_cpu_count());
	xmhf_set(v, XMHF_RFLAGS, xmhf_get(v, XMHF_RFLAGS) | 1);
	return answer(v, in(v, XMHF_RIP));
}

static enum xmhf_result counts(struct vcpu *v)
{
	out(v, XMHF_RBX, mains);
	out(v, XMHF_RCX, starts);
	return answer(v, shutdowns);
}

static enum xmhf_result option(struct vcpu *v)
{
	char text[8] = "";
	u32 word = 0;

	xmhf_option("test", text, sizeof(text));
	memcpy(&word, text, sizeof(word));
	out(v, XMHF_RBX, word);
	out(v, XMHF_RCX, xmhf_module_count());
	word = 0;
	if (xmhf_module(0).size >= sizeof(word))
		memcpy(&word, xmhf_module(0).start, sizeof(word));
	out(v, XMHF_RDX, word);
	return answer(v, xmhf_module(xmhf_module_count()).size != 0);
}

static bool is_filled(const u8 *piece, size_t size, u8 byte)
{
	for (size_t i = 0; i < size; i++)
		if (piece[i] != byte)
			return false;
	return true;
}

/* Pieces of all sizes: zeroed, aligned, apart from each other. */
static u32 use_heap(u8 *piece[PIECES])
{
	for (u32 i = 0; i < PIECES; i++) {
		size_t size = 1 + i * 37 % LARGEST;

		piece[i] = xmhf_alloc(size);
		if (!piece[i] || (uptr)piece[i] & 15)
			return 1;
		if (!is_filled(piece[i], size, 0))
			return 2;
		memset(piece[i], (int)i, size);
	}
	for (u32 i = 0; i < PIECES; i++)
		if (!is_filled(piece[i], 1 + i * 37 % LARGEST, (u8)i))
			return 3;
	return xmhf_alloc(LARGEST + 1) ? 4 : 0;
}

static enum xmhf_result heap(struct vcpu *v)
{
	u8 **piece = xmhf_page();
	u32 broken = 5;

	if (piece) {
		broken = use_heap(piece);
		for (u32 i = 0; i < PIECES; i++)
			xmhf_free(piece[i]);
		xmhf_page_free(piece);
	}
	return answer(v, broken);
}

static enum xmhf_result reboot(struct vcpu *v)
{
	(void)v;
	xmhf_reboot();
}

static enum xmhf_result ports(struct vcpu *v)
{
	xmhf_intercept_ports((u16)in(v, XMHF_RBX), in(v, XMHF_RCX), in(v, XMHF_RDX));
	return answer(v, 0);
}

static enum xmhf_result set_port_mode(struct vcpu *v)
{
	port_mode = (enum xmhf_result)in(v, XMHF_RBX);
	return answer(v, 0);
}

static enum xmhf_result port_seen(struct vcpu *v)
{
	out(v, XMHF_RBX, last_access.port);
	out(v, XMHF_RCX, last_access.value);
	out(v, XMHF_RDX, last_access.bytes);
	out(v, XMHF_RSI, last_access.write);
	return answer(v, port_accesses);
}

static enum xmhf_result set_mtrr_mode(struct vcpu *v)
{
	mtrr_mode = (enum xmhf_result)in(v, XMHF_RBX);
	return answer(v, mtrr_writes);
}

static u32 growth(gpa1_t counter)
{
	u32 before = 0, after = 0;

	if (!xmhf_read_physical(counter, &before, sizeof(before)))
		return 0;
	for (u32 i = 0; i < PAUSES; i++)
		__asm__ volatile("pause");
	if (!xmhf_read_physical(counter, &after, sizeof(after)))
		return 0;
	return after - before;
}

static enum xmhf_result quiesce(struct vcpu *v)
{
	gpa1_t counter = { in(v, XMHF_RBX) };
	u32 meanwhile;

	xmhf_quiesce();
	xmhf_quiesce();
	xmhf_resume();
	meanwhile = growth(counter);
	xmhf_resume();
	out(v, XMHF_RCX, growth(counter));
	return answer(v, meanwhile);
}

static enum xmhf_result none(struct vcpu *v)
{
	(void)v;
	return XMHF_CHAIN;
}

static enum xmhf_result break_down(struct vcpu *v)
{
	(void)v;
	__builtin_trap();
}

static enum xmhf_result machine_check(struct vcpu *v)
{
	__asm__ volatile("int $18");
	return answer(v, 0);
}

static const call own_calls[CALL_PROTECT - CALL_ABOUT] = {
	about, counts, option, heap, reboot, ports, set_port_mode, port_seen, set_mtrr_mode, quiesce, none, break_down,
	machine_check,
};

static enum xmhf_result testapp_hypercall(struct vcpu *v, u32 number)
{
	if (number < CALL_PROTECT)
		return own_calls[number - CALL_ABOUT](v);
	if (number < CALL_INJECT)
		return memory_calls[number - CALL_PROTECT](v);
	if (number < CALL_NESTED_COUNTS)
		return event_calls[number - CALL_INJECT](v);
	if (number < CALL_END)
		return nested_calls[number - CALL_NESTED_COUNTS](v);
	return XMHF_CHAIN;
}

/* ---- the other callbacks ---- */

static void testapp_main(void)
{
	struct xmhf_flush owed = xmhf_protect((gpa1_t){ 0x80000 }, 0x1000, XMHF_R);

	xmhf_flush_discharge(&owed);
	owed = xmhf_unprotect((gpa1_t){ 0x80000 }, 0x1000);
	xmhf_flush_discharge(&owed);
	xmhf_intercept_ports(0xffff, 1, true);
	xmhf_intercept_ports(0xffff, 1, false);
	mains++;
	xmhf_log(XMHF_INFO, "%u CPUs, %u modules", xmhf_cpu_count(), xmhf_module_count());
}

static void testapp_start(struct vcpu *v)
{
	(void)v;
	count(&starts);
}

static void testapp_cpuid(u32 leaf, u32 subleaf, struct xmhf_cpuid *regs)
{
	if (leaf == TESTAPP_LEAF)
		*regs = (struct xmhf_cpuid){ count(&leaves), subleaf, 0, 0 };
}

static enum xmhf_result testapp_mtrr_write(struct vcpu *v, u32 msr, u64 value)
{
	(void)msr, (void)value;
	count(&mtrr_writes);
	return mtrr_mode == XMHF_INJECT ? xmhf_inject(v, 13, 0) : mtrr_mode;
}

static enum xmhf_result testapp_port(struct vcpu *v, struct xmhf_port_access *access)
{
	count(&port_accesses);
	if (port_mode == XMHF_SKIP && access->write)
		latch = access->value;
	else if (port_mode == XMHF_SKIP)
		access->value = ~latch;
	last_access = *access;
	return port_mode == XMHF_INJECT ? xmhf_inject(v, 13, 0) : port_mode;
}

static void testapp_shutdown(void)
{
	count(&shutdowns);
	xmhf_log(XMHF_ERROR, "shutdown");
}

const struct xmhf_hypapp xmhf_hypapp = {
	.name = "testapp",
	.main = testapp_main,
	.start = testapp_start,
	.hypercall = testapp_hypercall,
	.cpuid_first = TESTAPP_LEAF,
	.cpuid_last = TESTAPP_LEAF,
	.cpuid = testapp_cpuid,
	.mtrr_write = testapp_mtrr_write,
	.port = testapp_port,
	.ept_violation = memory_violation,
	.interrupt = events_interrupt,
	.interrupt_window = events_window,
	.nested_entry = nested_entry,
	.nested_exit = nested_exit,
	.shutdown = testapp_shutdown,
};
