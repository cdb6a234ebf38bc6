/* SPDX-License-Identifier: BSD-2-Clause */
/* Costs of single operations by the TSC, in Bochs an exact number of instructions; tests/bench/bench.py prints them. */
#include "vmcall.h"

#define ITERATIONS	1000u
#define CALL_UNKNOWN	XMHF_CALL_CORE_LAST	/* answered at once: there is no such call */
#define AP		1

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
MEASURE(core_vmcall, "vmcall", CALL_UNKNOWN)

static volatile u32 ap_runs;

static void ap(void)
{
	ap_runs = 1;
	for (;;)
		__asm__ volatile("hlt");
}

/* The instructions from an INIT's arrival to the CPU's waiting for SIPI again, which nobody can see but the hypervisor. */
static void init_window(void)
{
	static struct xmhf_stat_cpu cpu;

	for (u32 round = 0; round < 2; round++) {
		ap_runs = 0;
		if (!ap_run(AP, ap) || !wait_until(&ap_runs, 1))
			return;
	}
	vmcall6(XMHF_CALL_CPU, AP, 0, XMHF_EXITS_L1, sizeof(cpu), (u32)&cpu);
	fact("init_window %u", (u32)cpu.init_ticks);
}

static void memory_taken(void)
{
	static struct xmhf_stat_info info;

	vmcall6(XMHF_CALL_INFO, 0, 0, 0, sizeof(info), (u32)&info);
	fact("memory_taken_bytes %u", (u32)info.memory_size);
}

void guest_main(void)
{
	say_init();
	fact("l1_cpuid %u", cpuid_0());
	fact("l1_cpuid_leaf1 %u", cpuid_1());
	if (on_us()) {
		fact("l1_vmcall %u", core_vmcall());
		memory_taken();
		init_window();
	}
	done();
}
