/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L1 with several CPUs, each with L2s: at the same time, VMCSs that wander, one EPT12 for all, IPIs and NMIs from L2 to
 * L2. Whatever comes first, the lines are the same: each CPU counts for itself, and the first one says it.
 */
#include "ept.h"
#include "l2.h"

#define CPUS		4
#define ROUNDS		300
#define NMIS		200
#define VMCSS		8
#define VECTOR		0x50
#define APIC_AT		0xfee00000u
#define FLUSH_ROUNDS	20
#define TICKS		50000u

#ifdef __x86_64__
L2_CODE(adds, 64, "lock incl (%rsi); mov (%rsi), %eax; vmcall");
L2_CODE(reads, 64, "mov (%rsi), %eax; vmcall");
L2_CODE(sends, 64, "mov %edx, 0x310(%rbx); mov %ecx, 0x300(%rbx); nop; vmcall");
L2_CODE(waits, 64, "movl $1, (%rsi); sti; 1: pause; jmp 1b");
#else
L2_CODE(adds, 32, "lock incl (%esi); mov (%esi), %eax; vmcall");
L2_CODE(reads, 32, "mov (%esi), %eax; vmcall");
L2_CODE(sends, 32, "mov %edx, 0x310(%ebx); mov %ecx, 0x300(%ebx); nop; vmcall");
L2_CODE(waits, 32, "movl $1, (%esi); sti; 1: pause; jmp 1b");
#endif

static struct l2 l2s[CPUS], wandering[VMCSS];
static u32 cpus_in;				/* that take part */
static volatile u32 generation, finished, steps;
static void (*volatile job)(u32 cpu);
static struct { u32 exits, wrong, last; } seen[CPUS];

/* All of them come here before anyone goes on. */
static void together(void)
{
	u32 step = __atomic_add_fetch(&steps, 1, __ATOMIC_SEQ_CST), all = (step + cpus_in - 1) / cpus_in * cpus_in;

	while (__atomic_load_n(&steps, __ATOMIC_SEQ_CST) < all)
		pause();
}

static void worker(void)
{
	u32 done_before = 0;

	l1_begin_ap();
	apic_enable();
	for (;;) {
		while (generation == done_before)
			pause();
		done_before = generation;
		if (cpu_number() < cpus_in) {
			vmx_enable();
			job(cpu_number());
			vmx_disable();
		}
		__atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
	}
}

static void on_all(const char *name, u32 count, void (*what)(u32 cpu))
{
	memset(seen, 0, sizeof(seen));
	cpus_in = count;
	steps = finished = 0;
	job = what;
	generation++;
	vmx_enable();
	what(0);
	vmx_disable();
	while (finished < CPUS - 1)
		pause();
	for (u32 i = 0; i < count; i++)
		say("R %u CPUs, %s, CPU %u: exits %u wrong %u last %u\n", count, name, i, seen[i].exits, seen[i].wrong, seen[i].last);
}

/* One after the other, for they write the same memory: L2 with this code and data at its own page. */
static void set_up(u32 cpu, const u8 *code, const u8 *end, u32 with)
{
	for (u32 i = 0; i < cpus_in; i++) {
		if (i == cpu) {
			l2_setup(&l2s[cpu], L2_NATIVE, with);
			l2_code(&l2s[cpu], code, end);
			l2s[cpu].si = L2_DATA;
		}
		together();
	}
}

static bool again(u32 cpu)
{
	vmcs_set(GUEST_RIP, L2_CODE_AT);
	if (l2_run(&l2s[cpu]).kind != VMX_OK)
		return false;
	seen[cpu].exits++;
	return exit_reason() == EXIT_VMCALL;
}

/* ---- each its own L2, the same address to each another page ---- */

static void own_pages(u32 cpu)
{
	set_up(cpu, adds, adds_end, L2_WITH_EPT | L2_WITH_VPID);
	ept_map(l2s[cpu].eptp, L2_DATA, physical(page_take()), EPT_4K, EPT_RWX | EPT_WB);
	(void)vmx_invept(1, l2s[cpu].eptp);
	together();
	for (u32 i = 1; i <= ROUNDS; i++)
		seen[cpu].wrong += !again(cpu) || (u32)l2s[cpu].ax != i;
	seen[cpu].last = (u32)l2s[cpu].ax;
	ept_map(l2s[cpu].eptp, L2_DATA, L2_DATA, EPT_4K, EPT_RWX | EPT_WB);
	(void)vmx_invept(1, l2s[cpu].eptp);
}

/* The same page to all: nothing is lost. */
static void common_page(u32 cpu)
{
	set_up(cpu, adds, adds_end, cpu & 1 ? L2_WITH_EPT : 0);
	if (cpu == 0)
		*(volatile u32 *)(uptr)L2_DATA = 0;
	together();
	for (u32 i = 1; i <= ROUNDS; i++)
		seen[cpu].wrong += !again(cpu) || (u32)l2s[cpu].ax < i;
	together();
	seen[cpu].last = *(volatile u32 *)(uptr)L2_DATA;
}

/* ---- VMCSs that go from CPU to CPU, by VMCLEAR and VMPTRLD ---- */

static void wander(u32 cpu)
{
	for (u32 i = 0; i < VMCSS; i++)
		if (cpu == 0) {
			l2_setup(&wandering[i], L2_NATIVE, 0);
			vmcs_set(GUEST_SYSENTER_CS, i);
			vmcs_set(SEG(BASE, SEG_FS), 0);
			wandering[i].si = L2_DATA;
			vmx_clear(physical(wandering[i].vmcs));
		}
	if (cpu == 0)
		l2_code(&wandering[0], reads, reads_end);
	together();
	for (u32 round = 0; round < ROUNDS / 10; round++) {
		for (u32 i = (cpu + round) % cpus_in; i < VMCSS; i += cpus_in) {
			struct l2 *l = &wandering[i];

			vmx_ptrld(physical(l->vmcs));
			l->launched = false;
			seen[cpu].wrong += vmcs_get(GUEST_SYSENTER_CS) != i + round || vmcs_get(SEG(BASE, SEG_FS)) != round;
			seen[cpu].wrong += vmcs_get(GUEST_RIP) != L2_CODE_AT + (round ? 2 : 0);
			vmcs_set(GUEST_SYSENTER_CS, i + round + 1);
			vmcs_set(SEG(BASE, SEG_FS), round + 1);
			vmcs_set(GUEST_RIP, L2_CODE_AT);
			l2_setup_host();
			seen[cpu].wrong += l2_run(l).kind != VMX_OK || exit_reason() != EXIT_VMCALL;
			seen[cpu].wrong += l2_enter(l, false).kind != VMX_VALID;		/* it is launched */
			vmx_clear(physical(l->vmcs));
			seen[cpu].exits++;
		}
		together();
	}
}

/* ---- one EPT12 for all, changed by the first CPU ---- */

static u64 shared_eptp;
static volatile u32 *pages[2];

static void change_shared(u32 round)
{
	volatile u64 *entry = ept_entry(shared_eptp, L2_DATA, EPT_4K);

	*entry = physical((const void *)(uptr)pages[round & 1]) | EPT_WB | EPT_RWX;
}

static void shared_ept(u32 cpu)
{
	if (cpu == 0) {
		shared_eptp = ept_new();
		ept_identity(shared_eptp);
		for (u32 i = 0; i < 2; i++)
			*(pages[i] = page_take()) = 100 + i;
		change_shared(0);
	}
	set_up(cpu, reads, reads_end, L2_WITH_EPT);
	vmcs_set(EPTP, shared_eptp);
	(void)vmx_invept(1, shared_eptp);
	for (u32 round = 0; round < FLUSH_ROUNDS; round++) {
		together();
		if (cpu == 0)
			change_shared(round);
		together();
		(void)vmx_invept(1 + (round & 1), round & 1 ? 0 : shared_eptp);	/* each CPU its own */
		for (u32 i = 0; i < 3; i++)
			seen[cpu].wrong += !again(cpu) || (u32)l2s[cpu].ax != 100 + (round & 1);
	}
	seen[cpu].last = (u32)l2s[cpu].ax;
}

/* The last CPU changes it, and has no exit from change to change; the others read by it in between. */
static void written_elsewhere(u32 cpu)
{
	bool writes = cpu == cpus_in - 1;

	set_up(cpu, reads, reads_end, L2_WITH_EPT);
	vmcs_set(EPTP, shared_eptp);
	seen[cpu].wrong += !again(cpu);
	for (u32 round = 0; round < FLUSH_ROUNDS; round++) {
		together();
		if (writes)
			change_shared(round);
		together();
		if (writes)
			continue;
		(void)vmx_invept(1, shared_eptp);
		seen[cpu].wrong += !again(cpu) || (u32)l2s[cpu].ax != 100 + (round & 1);
	}
	seen[cpu].last = (u32)l2s[cpu].ax;
}

/* ---- IPIs from L2 to L2: the last CPU waits, the first one sends ---- */

/* An exit by a handler's first instruction may save an old RIP in the emulator. */
static const u8 nop_vmcall[] = { 0x90, 0x0f, 0x01, 0xc1 };
static u32 command;
static u32 pins;

static void ipis(u32 cpu)
{
	bool receives = cpu == cpus_in - 1;

	set_up(cpu, receives ? waits : sends, receives ? waits_end : sends_end, 0);
	if (receives)		/* the last one's code is there; the first one's goes elsewhere */
		memcpy((void *)(uptr)(L2_CODE_AT + 0x1000), sends, (size_t)(sends_end - sends));
	memcpy((void *)(uptr)(L2_HANDLERS + 4 * NMI_TRAP), nop_vmcall, sizeof(nop_vmcall));
	memcpy((void *)(uptr)(L2_HANDLERS + 4 * VECTOR), nop_vmcall, sizeof(nop_vmcall));
	together();
	if (receives) {
		vmcs_on(PIN_CTRLS, pins);
		vmcs_on(EXIT_CTRLS, EXIT_ACK_INTR);
		seen[cpu].wrong = l2_run(&l2s[cpu]).kind != VMX_OK;
		seen[cpu].exits = exit_reason();
		seen[cpu].last = exit_reason() == EXIT_VMCALL ? (u32)vmcs_get(GUEST_RIP) - L2_HANDLERS : (u32)vmcs_get(EXIT_INTR_INFO);
		apic_write(APIC_EOI, 0);
		__asm__ volatile("int %0" : : "i"(VECTOR + 1) : "memory");
	} else if (cpu == 0) {
		while (!*(volatile u32 *)(uptr)L2_DATA)
			pause();
		spin(200);
		l2s[0].bx = APIC_AT;
		l2s[0].cx = command;
		l2s[0].dx = (cpus_in - 1) << 24;
		vmcs_set(GUEST_RIP, L2_CODE_AT + 0x1000);
		seen[0].wrong = l2_run(&l2s[0]).kind != VMX_OK || exit_reason() != EXIT_VMCALL;
	}
}

static void all_ipis(u32 count)
{
	command = ICR_FIXED | VECTOR;
	pins = 0;
	on_all("IPI from L2 to L2", count, ipis);
	pins = PIN_EXTINT;
	on_all("IPI from L2 to L2, exiting", count, ipis);
	command = ICR_NMI;
	pins = 0;
	on_all("NMI from L2 to L2", count, ipis);
	pins = PIN_NMI;
	on_all("NMI from L2 to L2, exiting", count, ipis);
	pins = PIN_NMI | PIN_VIRTUAL_NMIS;
	on_all("NMI from L2 to L2, virtual", count, ipis);
}

/* ---- NMIs to an L2 whose CPU is asked to flush all the time ---- */

static volatile u32 acknowledged;

/* Some reach L1's handler, between an exit and the next entry. The timer ends what waits for one that came there. */
static void receive(u32 cpu)
{
	vmcs_on(PIN_CTRLS, PIN_NMI | PIN_VIRTUAL_NMIS | PIN_TIMER);
	while (acknowledged < NMIS) {
		vmcs_set(PREEMPTION_TIMER, TICKS >> (CAP(MISC) & MISC_TIMER_RATE));
		if (l2_run(&l2s[cpu]).kind != VMX_OK || (exit_reason() != EXIT_EXCEPTION && exit_reason() != EXIT_TIMER)) {
			seen[cpu].wrong++;
			return;
		}
		if (exit_reason() == EXIT_EXCEPTION) {
			__asm__ volatile("int %0" : : "i"(VECTOR + 1) : "memory");	/* an IRET */
			acknowledged++;
		}
	}
}

static bool flush(u32 cpu)
{
	*ept_entry(l2s[cpu].eptp, L2_DATA, EPT_4K) ^= EPT_W;
	(void)vmx_invept(1, l2s[cpu].eptp);
	vmcs_set(GUEST_RIP, L2_CODE_AT + 0x1000);
	return l2_run(&l2s[cpu]).kind == VMX_OK && exit_reason() == EXIT_VMCALL;
}

static void nmis_and_flushes(u32 cpu)
{
	set_up(cpu, waits, waits_end, L2_WITH_EPT);
	memcpy((void *)(uptr)(L2_CODE_AT + 0x1000), reads, (size_t)(reads_end - reads));
	acknowledged = 0;
	together();
	if (cpu == cpus_in - 1)
		receive(cpu);
	for (u32 i = 0; cpu == 0 && i < NMIS; i++) {
		ipi(cpus_in - 1, ICR_NMI);
		seen[cpu].wrong += !flush(cpu) || !wait_until(&acknowledged, i + 1);
	}
	while (cpu && cpu != cpus_in - 1 && acknowledged < NMIS)
		seen[cpu].wrong += !flush(cpu);
	together();
	seen[cpu].last = acknowledged;
}

static void on_nmi(struct frame *f) { (void)f; acknowledged++; }
static void on_nothing(struct frame *f) { (void)f; }

void guest_main(void)
{
	if (!l1_begin())
		return;
	handlers[NMI_TRAP] = on_nmi;
	handlers[VECTOR + 1] = on_nothing;
	for (u32 cpu = 1; cpu < CPUS; cpu++)
		if (!l1_first_run(cpu, worker))
			say("R CPU %u: absent\n", cpu);
	for (u32 count = 2; count <= CPUS; count += 2) {
		on_all("pages of their own", count, own_pages);
		on_all("a common page", count, common_page);
		on_all("VMCSs that wander", count, wander);
		on_all("one EPT", count, shared_ept);
		on_all("one EPT, written elsewhere", count, written_elsewhere);
		all_ipis(count);
		on_all("NMIs and flushes", count, nmis_and_flushes);
	}
}
