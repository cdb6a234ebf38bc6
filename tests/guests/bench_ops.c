/* SPDX-License-Identifier: BSD-2-Clause */
/* What the hypervisor below tells of itself: the memory that it took, its longest INIT. tests/bench/bench.py prints it. */
#include "vmcall.h"

#define AP	1

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
	memory_taken();
	init_window();
	done();
}
