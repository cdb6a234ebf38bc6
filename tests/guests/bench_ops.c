/* SPDX-License-Identifier: BSD-2-Clause */
/* Costs of single operations by the TSC, in Bochs an exact number of instructions; tests/bench/bench.py prints them. */
#include "guest.h"

#define ITERATIONS	1000u
#define CALL_UNKNOWN	0x4c4151ffu	/* of the core's range, which answers at once that there is no such call */

static u32 tsc(void)
{
	u32 lo;

	__asm__ volatile("rdtsc" : "=a"(lo) : : "edx");
	return lo;
}

/* A loop of five instructions, one of them the measured one. */
#define MEASURE(name, instruction, leaf)						\
static u32 name(void)									\
{											\
	u32 n = ITERATIONS, start = tsc();						\
	__asm__ volatile("1:	mov %1, %%eax\n"					\
			 "	xor %%ecx, %%ecx\n"					\
			 "	" instruction "\n"					\
			 "	dec %0\n"						\
			 "	jnz 1b"							\
			 : "+S"(n) : "i"(leaf) : "eax", "ebx", "ecx", "edx", "memory");	\
	return (tsc() - start) / ITERATIONS;						\
}
MEASURE(cpuid_0, "cpuid", 0)
MEASURE(cpuid_1, "cpuid", 1)
MEASURE(vmcall, "vmcall", CALL_UNKNOWN)

void guest_main(void)
{
	say_init();
	fact("l1_cpuid %u", cpuid_0());
	fact("l1_cpuid_leaf1 %u", cpuid_1());
	if (on_us())
		fact("l1_vmcall %u", vmcall());
	done();
}
