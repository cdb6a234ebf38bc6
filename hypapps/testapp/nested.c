/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest hypervisor's guest: its entries and exits, registers and memory. */
#include "testapp.h"

#define UD_FAULT	6
#define NO_REASON	(~0u)

static u32 entries, exits, all_reasons;
static struct xmhf_nested_exit last;
static u64 last_rip;
static enum xmhf_result entry_result;
static struct { u32 reason; enum xmhf_result result; u32 advance; } answers = { NO_REASON, XMHF_CHAIN, 0 };

enum xmhf_result nested_entry(struct vcpu *v)
{
	enum xmhf_result result = entry_result;

	count(&entries);
	entry_result = XMHF_CHAIN;
	return xmhf_in_l2(v) ? result : XMHF_SKIP;
}

enum xmhf_result nested_exit(struct vcpu *v, const struct xmhf_nested_exit *exit)
{
	count(&exits);
	all_reasons = all_reasons * 100 + exit->reason;
	last = *exit;
	last_rip = xmhf_get(v, XMHF_RIP);
	if (exit->reason != answers.reason || !xmhf_in_l2(v))
		return XMHF_CHAIN;
	if (answers.advance)
		xmhf_set(v, XMHF_RIP, last_rip + answers.advance);
	return answers.result == XMHF_INJECT ? xmhf_inject(v, UD_FAULT, -1) : answers.result;
}

static enum xmhf_result counts(struct vcpu *v)
{
	u32 n = entries;

	out(v, XMHF_RBX, exits);
	out(v, XMHF_RCX, all_reasons);
	out(v, XMHF_RDX, xmhf_in_l2(v));
	entries = exits = all_reasons = 0;
	return answer(v, n);
}

static enum xmhf_result last_exit(struct vcpu *v)
{
	out(v, XMHF_RBX, last.failed);
	out(v, XMHF_RCX, last.qualification);
	out(v, XMHF_RDX, last.event);
	out(v, XMHF_RSI, last_rip);
	return answer(v, last.reason);
}

static enum xmhf_result set_entry(struct vcpu *v)
{
	entry_result = (enum xmhf_result)in(v, XMHF_RBX);
	return answer(v, 0);
}

static enum xmhf_result set_exit(struct vcpu *v)
{
	answers.reason = in(v, XMHF_RBX);
	answers.result = (enum xmhf_result)in(v, XMHF_RCX);
	answers.advance = in(v, XMHF_RDX);
	return answer(v, 0);
}

static enum xmhf_result get_register(struct vcpu *v)
{
	return answer(v, in(v, (enum xmhf_register)in(v, XMHF_RBX)));
}

static enum xmhf_result read_l2(struct vcpu *v)
{
	u32 value = 0;
	bool done = xmhf_read_physical_l2(v, (gpa2_t){ in(v, XMHF_RBX) }, &value, sizeof(value));

	out(v, XMHF_RCX, value);
	return answer(v, done);
}

static enum xmhf_result write_l2(struct vcpu *v)
{
	u32 value = in(v, XMHF_RCX);

	return answer(v, xmhf_write_physical_l2(v, (gpa2_t){ in(v, XMHF_RBX) }, &value, sizeof(value)));
}

static enum xmhf_result translate_l2(struct vcpu *v)
{
	gpa1_t to = { 0 };
	bool done = xmhf_translate_l2(v, (gpa2_t){ in(v, XMHF_RBX) }, &to);

	out(v, XMHF_RCX, to.at);
	return answer(v, done);
}

const call nested_calls[CALL_END - CALL_NESTED_COUNTS] = {
	counts, last_exit, set_entry, set_exit, get_register, read_l2, write_l2, translate_l2,
};
