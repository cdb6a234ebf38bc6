/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the runtime asks the hypapp. An entry that the hypapp hasn't costs a look at a constant. What the hypapp
 * answers becomes a verdict by hypapp_verdict().
 */
#ifndef HYPAPP_HYPAPP_H
#define HYPAPP_HYPAPP_H

#include <xmhf/hypapp.h>
#include "vmx/vcpu.h"

/* SKIP past the instruction (a RIP that the hypapp changed stands) or INJECT; CHAIN is the caller's to act on. */
MUST_CHECK enum verdict hypapp_verdict(const struct vcpu *v, enum xmhf_result result);

static inline void hypapp_main(void)
{
	if (xmhf_hypapp.main)
		xmhf_hypapp.main();
}

static inline void hypapp_start(struct vcpu *v)
{
	if (xmhf_hypapp.start)
		xmhf_hypapp.start(v);
}

static inline enum xmhf_result hypapp_hypercall(struct vcpu *v, u32 number)
{
	return xmhf_hypapp.hypercall ? xmhf_hypapp.hypercall(v, number) : XMHF_CHAIN;
}

static inline bool hypapp_wants_cpuid(u32 leaf)
{
	return xmhf_hypapp.cpuid && leaf >= xmhf_hypapp.cpuid_first && leaf <= xmhf_hypapp.cpuid_last;
}

static inline void hypapp_cpuid(u32 leaf, u32 subleaf, union gprs *g)
{
	struct xmhf_cpuid answer = { (u32)g->rax, (u32)g->rbx, (u32)g->rcx, (u32)g->rdx };

	xmhf_hypapp.cpuid(leaf, subleaf, &answer);
	g->rax = answer.eax;
	g->rbx = answer.ebx;
	g->rcx = answer.ecx;
	g->rdx = answer.edx;
}

static inline enum xmhf_result hypapp_mtrr_write(struct vcpu *v, u32 msr, u64 value)
{
	return xmhf_hypapp.mtrr_write ? xmhf_hypapp.mtrr_write(v, msr, value) : XMHF_CHAIN;
}

static inline enum xmhf_result hypapp_port(struct vcpu *v, struct xmhf_port_access *access)
{
	return xmhf_hypapp.port ? xmhf_hypapp.port(v, access) : XMHF_CHAIN;
}

static inline enum xmhf_result hypapp_ept_violation(struct vcpu *v, const struct xmhf_violation *violation)
{
	return xmhf_hypapp.ept_violation ? xmhf_hypapp.ept_violation(v, violation) : XMHF_CHAIN;
}

static inline enum xmhf_result hypapp_interrupt(struct vcpu *v, u8 vector)
{
	return xmhf_hypapp.interrupt ? xmhf_hypapp.interrupt(v, vector) : XMHF_CHAIN;
}

static inline void hypapp_interrupt_window(struct vcpu *v)
{
	if (xmhf_hypapp.interrupt_window)
		xmhf_hypapp.interrupt_window(v);
}

static inline void hypapp_shutdown(void)
{
	if (xmhf_hypapp.shutdown)
		xmhf_hypapp.shutdown();
}

#endif
