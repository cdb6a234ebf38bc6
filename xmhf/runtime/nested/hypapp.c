/* SPDX-License-Identifier: BSD-2-Clause */
/* What the hypapp is told of L2's entries and exits, and what comes of its answers: xmhf/hypapp.h has the rules. */
#include "guest/exits.h"
#include "hypapp/hypapp.h"
#include "nested/l2_exits.h"
#include "nested/state.h"

/* How L2 goes on after an exit that the hypapp saw to; exits that aren't here are L1's whatever it says. */
enum going_on { L1S_ALWAYS, PAST_IT, AGAIN };

static const u8 going_on[EXIT_REASONS] = {
	[EXIT_EXCEPTION_NMI] = AGAIN, [EXIT_EPT_VIOLATION] = AGAIN,
	[EXIT_CPUID ... 16] = PAST_IT,		/* to RDTSC */
	[EXIT_VMCALL ... EXIT_WRMSR] = PAST_IT,
	[36] = PAST_IT,				/* MWAIT */
	[39 ... 40] = PAST_IT,			/* MONITOR, PAUSE */
	[46 ... 47] = PAST_IT,			/* of GDTR, IDTR, LDTR, TR */
	[EXIT_INVEPT ... 51] = PAST_IT,		/* and RDTSCP */
	[EXIT_INVVPID ... EXIT_XSETBV] = PAST_IT,
	[57 ... 61] = PAST_IT,			/* RDRAND to RDSEED */
	[63 ... 65] = PAST_IT,			/* XSAVES, XRSTORS, PCONFIG */
	[67 ... 69] = PAST_IT,			/* UMWAIT, TPAUSE, LOADIWKEY */
};

bool nested_hypapp_enters(struct vcpu *v)
{
	return xmhf_hypapp.nested_entry(v) != XMHF_SKIP;
}

static struct xmhf_nested_exit told(const struct l2_exit *exit)
{
	bool failed = exit->reason & EXIT_REASON_ENTRY_FAILED;
	u32 event = exit->made_up ? exit->intr_info : failed ? 0 : vmcs_read32(EXIT_INTR_INFO);

	return (struct xmhf_nested_exit){ (u16)exit->reason, failed, exit->qualification, event };
}

static bool may_be_kept(const struct l2_exit *exit, const struct xmhf_nested_exit *told)
{
	if (exit->made_up || told->failed || told->reason >= EXIT_REASONS)
		return false;
	if (told->reason == EXIT_EXCEPTION_NMI && INTR_TYPE(told->event) == INTR_NMI)
		return false;
	return going_on[told->reason] != L1S_ALWAYS;
}

static enum verdict go_on(struct vcpu *v, const struct xmhf_nested_exit *exit, enum xmhf_result result)
{
	if (result == XMHF_INJECT || going_on[exit->reason] == PAST_IT)
		return hypapp_verdict(v, result);
	return guest_retry(exit->reason == EXIT_EXCEPTION_NMI ? exit->event : (u32)exit->qualification);
}

bool nested_hypapp_keeps(struct vcpu *v)
{
	struct nested *n = v->nested;
	struct l2_exit exit = n->exit;
	struct xmhf_nested_exit tell = told(&exit);
	enum xmhf_result result = xmhf_hypapp.nested_exit(v, &tell);

	n->exit = exit;
	if (result == XMHF_CHAIN || !may_be_kept(&exit, &tell))
		return false;
	n->exits_kept[tell.reason]++;
	l2_act(v, go_on(v, &tell, result));
	return true;
}

void nested_hypapp_refused(struct vcpu *v)
{
	struct xmhf_nested_exit tell = { .reason = EXIT_BAD_GUEST_STATE, .failed = true };

	(void)xmhf_hypapp.nested_exit(v, &tell);
}
