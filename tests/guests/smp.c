/* SPDX-License-Identifier: BSD-2-Clause */
/* Starting, stopping and restarting other CPUs, and what they keep over INIT. */
#include "vmcall.h"

#define ROUNDS		20
#define SENDINGS	100
#define MSR_SYSENTER_EIP 0x176
#define OTHER_PAT	0x0001040506070007ull
#define LEAF1_XSAVE	BIT(26)
#define LEAF1_X2APIC	BIT(21)
#define INIT_TO_SIPI	200
#define WINDOW_MAX	200		/* ticks; Linux gives at least 10 us, 300 ticks at 30 million a second */

static volatile u32 marks[CPUS_MAX], spins;
static volatile u64 kept_pat, kept_sysenter;
static volatile u32 kept_xcr0, kept_cr0, kept_cr4, x2apic_kept, id_now;
static u32 others;

static void halts(void)
{
	marks[cpu_number()]++;
	for (;;)
		__asm__ volatile("cli; hlt");
}

static void spins_forever(void)
{
	marks[cpu_number()]++;
	for (;;)
		spins++;
}

static void executes_cpuid(void)
{
	marks[cpu_number()]++;
	for (;;) {
		cpuid(0, 0);
		spin(10);
	}
}

static void in_paging(void)
{
	paging_pae();
	marks[cpu_number()]++;
	for (;;)
		pause();
}

static u32 marked(void)
{
	u32 count = 0;

	for (u32 i = 1; i < CPUS_MAX; i++)
		count += marks[i] != 0;
	return count;
}

/*
 * In Bochs a SIPI to several CPUs that wait for it as VMX guests reaches only the first, because its VM exit leaves the
 * loop over the APICs: on us one is enough for the broadcast, and the rest are started one by one.
 */
static void count_others(void)
{
	u32 by_broadcast;

	ap_prepare(halts);
	ipi(0, ICR_OTHERS | ICR_INIT);
	spin(INIT_TO_SIPI);
	ipi(0, ICR_OTHERS | ICR_SIPI | AP_PAGE >> 12);
	spin(INIT_TO_SIPI);
	ipi(0, ICR_OTHERS | ICR_SIPI | AP_PAGE >> 12);
	spin(20000);
	by_broadcast = marked();
	for (u32 cpu = 1; cpu < CPUS_MAX && (marks[cpu] || ap_run(cpu, halts)); cpu++)
		wait_until(&marks[cpu], 1);
	others = marked();
	fact("others %u", others);
	promise(others && (by_broadcast == others || on_us()) && by_broadcast, "all_but_self",
		"INIT and SIPI to all excluding self start the other CPUs");
}

/* Where Bochs' INIT differs from a CPU's (EDX, CR2, CD and NW, x2APIC mode) only we are asked. */
static void first_state(void)
{
	const struct ap_state *s = ap_first_state();

	expect(s->edx == cpuid(1, 0).eax && !s->cr2, "edx %x cr2 %x", s->edx, s->cr2);
	kept_by_us("init_state", "INIT leaves the CPU's signature in EDX and 0 in CR2");
	fact("ap.general %x %x %x %x %x %x %x", s->eax, s->ebx, s->ecx, s->esi, s->edi, s->ebp, s->esp);
	fact("ap.segments %x %x %x %x %x %x", s->cs, s->ds, s->es, s->ss, s->fs, s->gs);
	fact("ap.control %x %x %x", s->cr0 & ~(CR0_CD | CR0_NW), s->cr3, s->cr4);
	fact("ap.debug %x %x %x", s->dr6, s->dr7, s->dr0);
	fact("ap.tables %x:%x %x:%x flags %x", s->gdt_base, s->gdt_limit, s->idt_base, s->idt_limit, s->eflags);
}

/* Bochs drops an INIT that arrives in VMX root mode (its fault S1; a CPU latches it): there it is sent again. */
static bool start(u32 cpu, void (*what)(void), bool exits)
{
	for (u32 i = 0; i < (exits && on_us() ? SENDINGS : 1); i++) {
		if (ap_run(cpu, what))
			return true;
		spin(3 * i);		/* two CPUs in step would meet at the same point again */
	}
	return false;
}

static void rounds_of(void (*what)(void), bool exits, const char *name, const char *sentence)
{
	for (u32 round = 0; round < ROUNDS; round++)
		for (u32 cpu = 1; cpu <= others; cpu++) {
			u32 before = marks[cpu], starts = ap_starts[cpu];

			expect(start(cpu, what, exits) && wait_until(&marks[cpu], before + 1), "round %u: CPU %u doesn't start", round, cpu);
			spin(300);
			expect(ap_starts[cpu] == starts + 1, "round %u: CPU %u started %u times", round, cpu, ap_starts[cpu] - starts);
		}
	kept(name, sentence);
}

static void rounds(void (*what)(void), const char *name, const char *sentence)
{
	rounds_of(what, false, name, sentence);
}

static void sipi_without_init(const char *name, const char *sentence)
{
	u32 starts = ap_starts[1];

	for (u32 i = 0; i < 5; i++) {
		ipi(1, ICR_SIPI | AP_PAGE >> 12);
		spin(500);
	}
	promise(ap_starts[1] == starts, name, sentence);
}

/* A CPU that waits has nothing to do for an INIT, and takes the first SIPI. */
static void one_sipi(void)
{
	for (u32 inits = 1; inits <= 3; inits++) {
		u32 before = marks[1], starts = ap_starts[1];

		ap_prepare(halts);
		for (u32 i = 0; i < inits; i++) {
			ipi(1, ICR_INIT);
			spin(INIT_TO_SIPI);
		}
		ipi(1, ICR_SIPI | AP_PAGE >> 12);
		expect(wait_until(&marks[1], before + 1), "no start after %u INITs", inits);
		spin(300);
		expect(ap_starts[1] == starts + 1, "%u starts after %u INITs", ap_starts[1] - starts, inits);
	}
	kept("one_sipi", "one SIPI starts a CPU once, however many INITs were sent before");
}

/* A SIPI that finds the CPU in root mode is lost. */
static void ready_again(void)
{
	static struct xmhf_stat_cpu cpu;

	if (on_us())
		vmcall6(XMHF_CALL_CPU, 1, 0, XMHF_EXITS_L1, sizeof(cpu), (u32)&cpu);
	expect(cpu.init_ticks < WINDOW_MAX, "%u ticks", (u32)cpu.init_ticks);
	kept("ready_again", "soon after an INIT the CPU waits for SIPI");
}

static void sets(void)
{
	wrmsr(MSR_PAT, OTHER_PAT);
	wrmsr(MSR_SYSENTER_EIP, 0x1234);
	if (cpuid(1, 0).ecx & LEAF1_XSAVE) {
		WRITE_CR(4, READ_CR(4) | CR4_OSXSAVE);
		__asm__ volatile("xsetbv" : : "c"(0), "a"(3), "d"(0));
	}
	__asm__ volatile("mov %0, %%dr0; mov %0, %%cr2" : : "r"(0x5555));
	WRITE_CR(0, READ_CR(0) & ~(CR0_CD | CR0_NW));
	halts();
}

static void looks(void)
{
	u32 high;

	kept_cr0 = READ_CR(0);
	kept_cr4 = READ_CR(4);
	kept_pat = rdmsr(MSR_PAT);
	kept_sysenter = rdmsr(MSR_SYSENTER_EIP);
	if (cpuid(1, 0).ecx & LEAF1_XSAVE) {
		WRITE_CR(4, READ_CR(4) | CR4_OSXSAVE);
		__asm__ volatile("xgetbv" : "=a"(*(u32 *)&kept_xcr0), "=d"(high) : "c"(0));
	}
	halts();
}

static void over_init(void)
{
	u32 before = marks[1];

	expect(ap_run(1, sets) && wait_until(&marks[1], before + 1), "no start");
	expect(ap_run(1, looks) && wait_until(&marks[1], before + 2), "no second start");
	fact("kept cr4 %x pat %llx sysenter %llx xcr0 %x", kept_cr4, kept_pat, kept_sysenter, kept_xcr0);
	expect(kept_pat == OTHER_PAT && kept_sysenter == 0x1234, "PAT %llx, SYSENTER_EIP %llx", kept_pat, kept_sysenter);
	expect(!(cpuid(1, 0).ecx & LEAF1_XSAVE) || kept_xcr0 == 3, "XCR0 %x", kept_xcr0);
	kept("over_init", "XCR0, PAT and SYSENTER MSRs are kept over INIT");
	expect(!(kept_cr0 & (CR0_CD | CR0_NW)), "cr0 %x", kept_cr0);
	kept_by_us("over_init_cd", "CD and NW are kept over INIT");
	first_state();
}

static void stops(void)
{
	u32 before;

	expect(ap_run(1, spins_forever), "no start");
	before = spins;
	expect(!wait_until(&spins, before), "never");
	ipi(1, ICR_INIT);
	spin(INIT_TO_SIPI);
	before = spins;
	spin(20000);
	expect(spins == before, "it runs on");
	kept("init_stops", "INIT stops a CPU that spins with interrupts off");
}

static void other_cpu_x2apic(void)
{
	x2apic_enable();
	id_now = apic_read(APIC_ID);
	halts();
}

static void sees_x2apic(void)
{
	x2apic_kept = x2apic_on() && apic_read(APIC_ID) == id_now;
	halts();
}

static void x2apic(void)
{
	u32 before = marks[1];

	if (!(cpuid(1, 0).ecx & LEAF1_X2APIC))
		return;
	expect(ap_run(1, other_cpu_x2apic) && wait_until(&marks[1], before + 1), "no start");
	x2apic_enable();
	expect(x2apic_on() && apic_read(APIC_ID) == 0 && id_now == 1, "ids %x and %x", apic_read(APIC_ID), id_now);
	expect(ap_run(1, sees_x2apic) && wait_until(&marks[1], before + 2), "no start by x2APIC");
	kept("x2apic", "CPUs start by x2APIC");
	expect(x2apic_kept, "x2APIC mode or the id is lost over INIT");
	kept_by_us("x2apic_over_init", "CPUs keep x2APIC mode and their id over INIT");
	rounds(halts, "x2apic_rounds", "any number of rounds by x2APIC");
	rounds_of(executes_cpuid, true, "x2apic_cpuid", "any number of rounds by x2APIC of a CPU that exits all the time");
}

void guest_main(void)
{
	apic_enable();
	count_others();
	if (!others)
		return;
	rounds(halts, "rounds", "20 rounds of INIT, SIPI, SIPI each start a halted CPU once");
	sipi_without_init("sipi_to_halted", "a SIPI without an INIT is ignored by a halted CPU");
	rounds(spins_forever, "rounds_running", "20 rounds each start a CPU once that spins with interrupts off");
	sipi_without_init("sipi_to_running", "a SIPI without an INIT is ignored by a running CPU");
	rounds_of(executes_cpuid, true, "rounds_cpuid", "20 rounds each start a CPU once that executes CPUID");
	rounds_of(halts, true, "rounds_halted", "and then again halted ones");
	rounds(in_paging, "rounds_paging", "20 rounds each start a CPU once that has PAE paging on");
	one_sipi();
	ready_again();
	over_init();
	stops();
	x2apic();
}
