/* SPDX-License-Identifier: BSD-2-Clause */
/* What runs in L2: the options' parts, iteration after iteration. */
#include "lhv.h"

uptr l2_call(u32 number, uptr argument)
{
	uptr answer = number;

	__asm__ volatile("vmcall" : "+a"(answer) : "b"(argument) : "memory");
	return answer;
}

void l2_main(void)
{
	struct cpu *c = this_cpu();

	for (;;) {
		FOR_EACH_OPTION(o)
			if (o->in_l2)
				o->in_l2(c, c->iteration);
		l2_call(CALL_NEXT, 0);
	}
}
