/* SPDX-License-Identifier: BSD-2-Clause */
/* On the testapp: breaks the hypervisor, whose last words the test reads, while the other CPU counts. */
#include "vmcall.h"
#include "../../hypapps/testapp/calls.h"

static volatile u32 counting;

static void count(void)
{
	counting = 1;
	for (;;)
		outb(0x80, 0);
}

void guest_main(void)
{
	apic_enable();
	promise(ap_run(1, count) && wait_until(&counting, 1), "ready", "two CPUs run");
	for (u32 i = 0; i < 3; i++)
		cpuid(i, 0);
	vmcall(CALL_BREAK, 0, 0, 0);
	promise(false, "stopped", "the hypervisor stops the machine");
}
