/* SPDX-License-Identifier: BSD-2-Clause */
/* 0x40: L1 runs at CPL 3 too; it is interrupted there, and VMX instructions fault. */
#include "lhv.h"

const struct option opt_user;

static struct { u32 cpl, cli, vmptrst, vmxoff, vmcall; bool interrupted; } seen[CPUS_MAX];

static void at_cpl3(void)
{
	struct cpu *c = this_cpu();
	u64 region = 0;
	u32 left = WAIT_BOUND;

	seen[c->index].cpl = cpl();
	seen[c->index].cli = TRY("cli");
	seen[c->index].vmptrst = TRY("vmptrst %1", "m"(region));
	seen[c->index].vmxoff = TRY("vmxoff");
	seen[c->index].vmcall = TRY("vmcall");
	seen[c->index].interrupted = true;
	if (asked & OPT_NO_INTERRUPTS)
		return;
	for (u32 before = c->in_user[L1]; c->in_user[L1] == before && left--; )
		cpu_pause();
	seen[c->index].interrupted = left != ~0u;
}

static void before(struct cpu *c, u32 n)
{
	(void)n;
	if (!(asked & OPT_NO_INTERRUPTS))
		irq_on();
	user_call(at_cpl3);
	irq_off();
	check(&opt_user, seen[c->index].cpl == 3 && cpl() == 0, "CPL %u, then %u", seen[c->index].cpl, cpl());
	check(&opt_user, seen[c->index].cli == GP_FAULT, "CLI: vector %u", seen[c->index].cli);
	check(&opt_user, seen[c->index].vmptrst == GP_FAULT, "VMPTRST: vector %u", seen[c->index].vmptrst);
	check(&opt_user, seen[c->index].vmxoff == GP_FAULT, "VMXOFF: vector %u", seen[c->index].vmxoff);
	check(&opt_user, seen[c->index].vmcall == GP_FAULT, "VMCALL: vector %u", seen[c->index].vmcall);
	check(&opt_user, seen[c->index].interrupted, "no interrupt at CPL 3");
}

const struct option opt_user = {
	.bit = OPT_USER, .name = "user", .promise = "L1 runs at CPL 3, is interrupted there, and VMX instructions are #GP",
	.before = before,
};
