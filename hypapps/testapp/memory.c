/* SPDX-License-Identifier: BSD-2-Clause */
/* Rights and bytes of the guest's memory. */
#include "testapp.h"

static enum testapp_violation mode;
static u32 mode_argument;
static u32 violations;
static struct xmhf_violation last;

static u32 pay(struct xmhf_flush owed)
{
	return xmhf_flush_discharge(&owed);
}

static enum xmhf_result protect(struct vcpu *v)
{
	gpa1_t page = { in(v, XMHF_RBX) };
	enum xmhf_rights to = (enum xmhf_rights)in(v, XMHF_RCX);
	struct xmhf_flush first = xmhf_protect(page, in(v, XMHF_RDX), XMHF_NONE);
	struct xmhf_flush second = xmhf_protect(page, in(v, XMHF_RDX), to);

	return answer(v, pay(xmhf_flush_join(first, second)));
}

static enum xmhf_result unprotect(struct vcpu *v)
{
	return answer(v, pay(xmhf_unprotect((gpa1_t){ in(v, XMHF_RBX) }, in(v, XMHF_RDX))));
}

static enum xmhf_result rights(struct vcpu *v)
{
	return answer(v, xmhf_rights((gpa1_t){ in(v, XMHF_RBX) }));
}

static enum xmhf_result set_mode(struct vcpu *v)
{
	mode = (enum testapp_violation)in(v, XMHF_RBX);
	mode_argument = in(v, XMHF_RCX);
	return answer(v, 0);
}

static enum xmhf_result seen(struct vcpu *v)
{
	out(v, XMHF_RBX, last.at.at);
	out(v, XMHF_RCX, last.linear.at);
	out(v, XMHF_RDX, last.read | last.write << 1 | last.fetch << 2 | last.page_walk << 3);
	return answer(v, violations);
}

enum xmhf_result memory_violation(struct vcpu *v, const struct xmhf_violation *violation)
{
	gpa1_t page = { round_down(violation->at.at, PAGE_SIZE) };

	last = *violation;
	count(&violations);
	switch (mode) {
	case VIOLATION_CHAIN:
		break;
	case VIOLATION_CHAIN_ALLOW:
		pay(xmhf_unprotect(page, PAGE_SIZE));
		break;
	case VIOLATION_ALLOW:
		pay(xmhf_unprotect(page, PAGE_SIZE));
		return XMHF_SKIP;
	case VIOLATION_STEP_OVER:
		xmhf_set(v, XMHF_RIP, xmhf_get(v, XMHF_RIP) + mode_argument);
		return XMHF_SKIP;
	case VIOLATION_PAGE_FAULT:
		return xmhf_inject_page_fault(v, &(struct xmhf_page_fault){ violation->linear, mode_argument });
	}
	return XMHF_CHAIN;
}

static enum xmhf_result read_physical(struct vcpu *v)
{
	u32 value = 0;
	bool done = xmhf_read_physical((gpa1_t){ in(v, XMHF_RBX) }, &value, sizeof(value));

	out(v, XMHF_RCX, value);
	return answer(v, done);
}

static enum xmhf_result write_physical(struct vcpu *v)
{
	u32 value = in(v, XMHF_RCX);

	return answer(v, xmhf_write_physical((gpa1_t){ in(v, XMHF_RBX) }, &value, sizeof(value)));
}

static enum xmhf_result outcome(struct vcpu *v, enum xmhf_access how, const struct xmhf_page_fault *fault)
{
	if (how == XMHF_PAGE_FAULT) {
		out(v, XMHF_RDX, fault->error_code);
		out(v, XMHF_RSI, fault->linear.at);
	}
	return answer(v, how);
}

static enum xmhf_result read_linear(struct vcpu *v)
{
	struct xmhf_page_fault fault;
	u32 value = 0;
	enum xmhf_access how = xmhf_read_linear(v, (gla_t){ in(v, XMHF_RBX) }, &value, sizeof(value), &fault);

	out(v, XMHF_RCX, value);
	return outcome(v, how, &fault);
}

static enum xmhf_result write_linear(struct vcpu *v)
{
	struct xmhf_page_fault fault;
	u32 value = in(v, XMHF_RCX);
	enum xmhf_access how = xmhf_write_linear(v, (gla_t){ in(v, XMHF_RBX) }, &value, sizeof(value), &fault);

	return outcome(v, how, &fault);
}

static enum xmhf_result read_or_fault(struct vcpu *v)
{
	struct xmhf_page_fault fault;
	u32 value = 0;
	enum xmhf_access how = xmhf_read_linear(v, (gla_t){ in(v, XMHF_RBX) }, &value, sizeof(value), &fault);

	if (how != XMHF_DONE)
		return xmhf_inject_fault(v, how, &fault);
	out(v, XMHF_RCX, value);
	return answer(v, 0);
}

static enum xmhf_result translate(struct vcpu *v)
{
	struct xmhf_page_fault fault;
	struct xmhf_translation to = { { 0 }, 0, false, false, false };
	enum xmhf_access how = xmhf_translate(v, (gla_t){ in(v, XMHF_RBX) }, &to, &fault);

	out(v, XMHF_RCX, to.at.at);
	out(v, XMHF_RDX, to.page_size);
	out(v, XMHF_RSI, to.writable | to.user << 1 | to.executable << 2);
	return answer(v, how);
}

const call memory_calls[CALL_INJECT - CALL_PROTECT] = {
	protect, unprotect, rights, set_mode, seen, read_physical, write_physical, read_linear, write_linear,
	read_or_fault, translate,
};
