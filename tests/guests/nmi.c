/* SPDX-License-Identifier: BSD-2-Clause */
/* NMIs: each sent one is received once, with the blocking of a bare CPU, whatever the CPU does meanwhile. */
#include "guest.h"

#define SENT		1000
#define SENT_HALTED	200

static volatile u32 received[CPUS_MAX], nested[CPUS_MAX], depth[CPUS_MAX];
static void (*volatile in_handler)(void);
static volatile u32 wakes, started;
static volatile bool stop;		/* the other CPU shall halt: where it exits all the time, Bochs would drop an INIT (S1) */

static void nmi(struct frame *f)
{
	u32 cpu = cpu_number();

	(void)f;
	depth[cpu]++;
	if (depth[cpu] > 1)
		nested[cpu]++;
	received[cpu]++;
	if (in_handler)
		in_handler();
	depth[cpu]--;
}

static void reset_counts(void)
{
	memset((void *)received, 0, sizeof(received));
	memset((void *)nested, 0, sizeof(nested));
	in_handler = NULL;
}

static void send_self(void) { ipi(0, ICR_NMI); }

static void to_self(void)
{
	reset_counts();
	for (u32 i = 1; i <= SENT; i++) {
		send_self();
		if (!wait_until(&received[0], i))
			break;
	}
	spin(1000);
	expect(received[0] == SENT && !nested[0], "%u received, %u nested", received[0], nested[0]);
	kept("self", "1000 NMIs that a CPU sends itself are 1000 received");
	reset_counts();
	for (u32 i = 1; i <= SENT; i++) {
		send_self();
		cpuid(0, 0);
		cpuid(0, 0);
		if (!wait_until(&received[0], i))
			break;
	}
	expect(received[0] == SENT && !nested[0], "%u received, %u nested", received[0], nested[0]);
	kept("self_exits", "1000 NMIs right before CPUID are 1000 received");
}

static void sends_two(void)
{
	if (received[0] > 1)
		return;
	send_self();
	spin(100);
	send_self();
	cpuid(0, 0);
	spin(100);
	cpuid(0, 0);
	expect(received[0] == 1, "%u received inside the handler", received[0]);
}

static void breakpoint(struct frame *f) { (void)f; }

static void sends_one_and_irets(void)
{
	if (received[0] > 1)
		return;
	send_self();
	cpuid(0, 0);
	expect(received[0] == 1, "%u received before IRET", received[0]);
	__asm__ volatile("int3");
	spin(100);
	expect(received[0] == 2, "%u received after IRET", received[0]);
}

static void blocking(void)
{
	reset_counts();
	in_handler = sends_two;
	send_self();
	spin(1000);
	expect(received[0] == 2 && !nested[0], "%u received, %u nested", received[0], nested[0]);
	kept("blocked", "NMIs inside the handler are one, delivered after its IRET, over exits too");
	reset_counts();
	handlers[BP_TRAP] = breakpoint;
	in_handler = sends_one_and_irets;
	send_self();
	spin(1000);
	expect(received[0] == 2 && nested[0] == 1, "%u received, %u nested", received[0], nested[0]);
	kept("iret_unblocks", "an IRET inside the handler lets the next NMI in");
	in_handler = NULL;
}

static void spins(void)
{
	started++;
	while (!stop)
		pause();
}

static void executes_cpuid(void)
{
	started++;
	while (!stop)
		cpuid(0, 0);
}

static void halts(void)
{
	started++;
	while (!stop) {
		__asm__ volatile("cli; hlt" : : : "memory");
		wakes++;
	}
}

static void shadows(void)
{
	started++;
	while (!stop)
		__asm__ volatile("mov %%ss, %%eax; mov %%eax, %%ss; pushal; cpuid; popal; sti; pushal; cpuid; popal; cli" : : : "eax");
}

static void leaves_and_enters_paging(void)
{
	started++;
	WRITE_CR(0, READ_CR(0) & ~(CR0_CD | CR0_NW));
	while (!stop) {
		paging_pae();
		WRITE_CR(0, READ_CR(0) ^ CR0_CD);
		WRITE_CR(0, READ_CR(0) ^ CR0_CD);
		paging_off();
	}
}

static void to_other(void (*what)(void), u32 count, const char *name, const char *sentence)
{
	u32 before = started, sent = 0;

	stop = true;
	spin(2000);
	stop = false;
	expect(ap_run(1, what) && wait_until(&started, before + 1), "no start");
	wakes = 0;
	reset_counts();
	memset((void *)depth, 0, sizeof(depth));
	while (sent < count) {
		ipi(1, ICR_NMI);
		sent++;
		if (!wait_until(&received[1], sent))
			break;
	}
	spin(2000);
	expect(sent == count && received[1] == count, "%u sent, %u received", sent, received[1]);
	expect(!nested[1], "%u nested", nested[1]);
	kept(name, sentence);
}

void guest_main(void)
{
	apic_enable();
	handlers[NMI_TRAP] = nmi;
	to_self();
	blocking();
	if (!ap_run(1, spins))
		return;
	fact("two_cpus 1");
	to_other(spins, SENT, "spinning", "1000 NMIs to a spinning CPU are 1000 received");
	to_other(halts, SENT_HALTED, "halted", "NMIs wake a CPU that halts with interrupts off");
	expect(wakes == SENT_HALTED, "%u wakes", wakes);
	kept("halted_once", "each of them wakes it once");
	to_other(executes_cpuid, SENT, "exits", "1000 NMIs to a CPU that executes CPUID are 1000 received");
	to_other(shadows, SENT, "shadows", "1000 NMIs to a CPU that executes MOV SS, STI and CPUID are 1000 received");
	to_other(leaves_and_enters_paging, SENT, "paging", "1000 NMIs to a CPU that flips paging and CD are 1000 received");
}
