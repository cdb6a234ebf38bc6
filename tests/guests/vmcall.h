/* SPDX-License-Identifier: BSD-2-Clause */
/* Hypercalls by 32-bit guests. */
#ifndef VMCALL_H
#define VMCALL_H

#include "guest.h"
#include "../../xmhf/include/xmhf/hypercall.h"

struct call { u32 ax, bx, cx, dx, si, di, trap; };

/* The registers after the call; trap is the exception's vector, or NO_TRAP. */
static inline struct call vmcall6(u32 number, u32 bx, u32 cx, u32 dx, u32 si, u32 di)
{
	struct call c = { number, bx, cx, dx, si, di, NO_TRAP };

	c.trap = TRY("vmcall", : "+a"(c.ax), "+b"(c.bx), "+c"(c.cx), "+d"(c.dx), "+S"(c.si), "+D"(c.di) : : "memory", "cc");
	return c;
}

#define vmcall(number, bx, cx, dx)	vmcall6(number, bx, cx, dx, 0, 0)

#endif
