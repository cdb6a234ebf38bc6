/* SPDX-License-Identifier: BSD-2-Clause */
/* 0x800: L2 runs at CPL 3 too; it is interrupted there, and its VMCALL reaches L1. */
#include "lhv.h"

const struct option opt_l2_user;

static struct { u32 cpl, cli; uptr answer; bool interrupted; } seen[CPUS_MAX];

static uptr call(struct cpu *c, uptr argument)
{
	u32 ss = vmcs_read32(GUEST_SS_AR);

	(void)c;
	check(&opt_l2_user, vmcs_read32(GUEST_CS_SELECTOR) == SEL_USER_CODE && (ss >> 5 & 3) == 3,
	      "VMCALL came from CS 0x%x, SS rights 0x%x, 0x%llx", vmcs_read32(GUEST_CS_SELECTOR), ss, vmcs_read(GUEST_RIP));
	return argument + 1;
}

static void at_cpl3(void)
{
	struct cpu *c = this_cpu();
	u32 left = WAIT_BOUND;

	seen[c->index].cpl = cpl();
	seen[c->index].cli = TRY("cli");
	seen[c->index].answer = l2_call(OPT_L2_USER, c->iteration);
	seen[c->index].interrupted = true;
	if (asked & (OPT_NO_INTERRUPTS | OPT_NO_IF))
		return;
	for (u32 before = c->in_user[L2]; c->in_user[L2] == before && left--; )
		cpu_pause();
	seen[c->index].interrupted = left != ~0u;
}

static void in_l2(struct cpu *c, u32 n)
{
	user_call(at_cpl3);
	check(&opt_l2_user, seen[c->index].cpl == 3 && cpl() == 0, "CPL %u, then %u", seen[c->index].cpl, cpl());
	check(&opt_l2_user, seen[c->index].cli == GP_FAULT, "CLI: vector %u", seen[c->index].cli);
	check(&opt_l2_user, seen[c->index].answer == n + 1, "VMCALL answers %zu", seen[c->index].answer);
	check(&opt_l2_user, seen[c->index].interrupted, "no interrupt at CPL 3");
}

const struct option opt_l2_user = {
	.bit = OPT_L2_USER, .name = "l2_user", .promise = "L2 runs at CPL 3, is interrupted there, and calls L1 from there",
	.in_l2 = in_l2, .call = call,
};
