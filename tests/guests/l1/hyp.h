/* SPDX-License-Identifier: BSD-2-Clause */
/* L1s on the testapp: its hypercalls by L1 and by an L2, and counting what it was told. */
#ifndef L1_HYP_H
#define L1_HYP_H

#include "../../../hypapps/testapp/calls.h"
#include "../vmcall.h"
#include "ept.h"
#include "l2.h"

enum { CHAIN, SKIP, INJECT };					/* enum xmhf_result */
enum { DONE, PAGE_FAULT, NOT_CANONICAL, FORBIDDEN };		/* enum xmhf_access */

#define NO_REASON	(~0u)
#define UD_HANDLER	(L2_HANDLERS + 4 * UD_TRAP)

/* L2's hypercall, its answer kept in EBP, then one of L1's. */
#define HYPERCALL	"vmcall\n mov %eax, %ebp\n xor %eax, %eax\n vmcall\n hlt"
L2_CODE(hypercall16, 16, HYPERCALL);
L2_CODE(hypercall32, 32, HYPERCALL);

static struct l2 l2;

/* L2 runs on from where its fields say, with these registers; AX is what it left in EBP. */
static inline struct call l2_call(u32 ax, u32 bx, u32 cx, u32 dx)
{
	l2.ax = ax;
	l2.bx = bx;
	l2.cx = cx;
	l2.dx = dx;
	if (l2_run(&l2).kind != VMX_OK)
		return (struct call){ .trap = 0 };
	return (struct call){ (u32)l2.bp, (u32)l2.bx, (u32)l2.cx, (u32)l2.dx, (u32)l2.si, (u32)l2.di, exit_reason() };
}

/* An L2 that makes a hypercall, another one each time that it is entered. */
static inline void l2_of_hypercalls(enum l2_mode mode, u32 with)
{
	l2_setup(&l2, mode, with);
	if (mode == L2_REAL || mode == L2_V86)
		l2_code(&l2, hypercall16, hypercall16_end);
	else
		l2_code(&l2, hypercall32, hypercall32_end);	/* the same bytes in 64-bit mode */
}

static inline struct call l2_hypercall(u32 number, u32 bx, u32 cx, u32 dx)
{
	vmcs_set(GUEST_RIP, l2.mode == L2_REAL || l2.mode == L2_V86 ? 0 : L2_CODE_AT);
	return l2_call(number, bx, cx, dx);
}

/* What the hypapp was told since the last call: so many entries, and exits for these reasons, two digits each. */
static inline void expect_told(const char *what, u32 entries, u32 exits, u32 reasons)
{
	struct call c = vmcall(CALL_NESTED_COUNTS, 0, 0, 0);

	expect(c.ax == entries && c.bx == exits && c.cx == reasons && c.dx == 0, "%s: %u entries, %u exits for %u, by %u", what,
	       c.ax, c.bx, c.cx, c.dx);
}

/* L2 left by a VMCALL at @at. */
static inline void expect_vmcall(const char *what, u64 at)
{
	expect(exit_reason() == EXIT_VMCALL && vmcs_get(GUEST_RIP) == at && !host_damage(), "%s: exit %u at 0x%llx", what, exit_reason(),
	       vmcs_get(GUEST_RIP));
}

#endif
