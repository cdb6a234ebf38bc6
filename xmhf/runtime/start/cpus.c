/* SPDX-License-Identifier: BSD-2-Clause */
/* Waking the CPUs (SDM vol. 3, 9.4) and the table of their blocks. */
#include "lib/string.h"
#include "machine/cpu_insn.h"
#include "machine/delay.h"
#include "machine/lapic.h"
#include "machine/log.h"
#include "machine/machine.h"
#include "memory/host_map.h"
#include "memory/pool.h"
#include "nested/nested.h"
#include "start/cpus.h"
#include "start/start.h"

#define INIT_DELAY_US		10000
#define SIPI_DELAY_US		200
#define ARRIVAL_STEP_US		1000
#define ARRIVAL_STEPS_MAX	200	/* for CPUs that the firmware named */
#define SIPI_EVERY		10	/* steps, while some of them aren't there, */
#define SIPIS_UNTIL		(ARRIVAL_STEPS_MAX / 2)	/* and this step: whom the last one reaches has the others to arrive */
#define STRAGGLER_STEPS		10	/* for those it didn't */

extern const u8 trampoline_start[], trampoline_end[];
void ap_entry(void);
NORETURN void ap_main(struct vcpu *v);
NORETURN void cpus_no_room(void);

static struct vcpu *cpus[CPUS_MAX];
static u32 count;
static u32 arrived;		/* APs that wait for the release */
static bool released;
static u32 in_vmx;

struct vcpu *cpus_allocate(void)
{
	u8 *block = pool_block(CPU_BLOCK / PAGE_SIZE);
	struct vcpu *v = (struct vcpu *)(block + CPU_AT);

	if (!block || count == CPUS_MAX)
		return NULL;
	v->index = count;
	v->served = count < machine.handoff.options.max_cpus;
	v->apic_id = lapic_id();
	v->urgent = URGENT_IN_L1;
	v->vmxon_region = pool_page();
	v->vmcs01 = (uptr)pool_page();
	if (!v->vmxon_region || !v->vmcs01 || !nested_cpu_init(v))
		return NULL;
	cpus[count] = v;
	__atomic_store_n(&count, count + 1, __ATOMIC_SEQ_CST);
	return v;
}

/* A CPU that merely halted here could be started by the guest, outside of us. */
void cpus_no_room(void)
{
	panic("no memory for CPU %u, LAPIC id 0x%x", count, lapic_id());
}

void ap_main(struct vcpu *v)
{
	trap_load(v);
	__atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&released, __ATOMIC_ACQUIRE))
		cpu_pause();
	start_guest(v);
}

static void send_sipi(void)
{
	lapic_send(0, ICR_SIPI | ICR_ALL_BUT_SELF | TRAMPOLINE_PAGE >> PAGE_SHIFT);
}

/*
 * A SIPI is lost on a CPU that isn't ready for it, as a guest's while its hypervisor runs, and does nothing to one that has
 * started: none of ours waits for another before the release.
 */
static void wait_for_arrivals(u32 expected)
{
	for (u32 i = 0; i < ARRIVAL_STEPS_MAX && __atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < expected; i++) {
		if (i % SIPI_EVERY == SIPI_EVERY - 1 && i < SIPIS_UNTIL)
			send_sipi();
		delay_us(ARRIVAL_STEP_US);
	}
	for (u32 i = 0, last = arrived; i < STRAGGLER_STEPS; i++) {
		delay_us(ARRIVAL_STEP_US);
		if (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) != last) {
			last = arrived;
			i = 0;
		}
	}
}

void cpus_wake(void)
{
	u8 *page = (u8 *)(uptr)TRAMPOLINE_PAGE;
	u8 *saved = pool_page();

	BUG_ON(!saved);
	memcpy(saved, page, PAGE_SIZE);
	memcpy(page, trampoline_start, (size_t)(trampoline_end - trampoline_start));
	*(u32 *)(page + TRAMPOLINE_CR3) = host_map_cr3();
	*(u32 *)(page + TRAMPOLINE_CR4) = host_map_cr4();
	*(u64 *)(page + TRAMPOLINE_ENTRY) = (uptr)ap_entry;
	host_map_executable(TRAMPOLINE_PAGE, true);

	lapic_send(0, ICR_INIT | ICR_ALL_BUT_SELF);
	delay_us(INIT_DELAY_US);
	send_sipi();
	delay_us(SIPI_DELAY_US);
	send_sipi();
	wait_for_arrivals(machine.handoff.cpus_expected - 1);

	host_map_executable(TRAMPOLINE_PAGE, false);
	memcpy(page, saved, PAGE_SIZE);
	pool_free(saved);
}

void cpus_release(void)
{
	__atomic_store_n(&released, true, __ATOMIC_RELEASE);
}

void cpus_in_vmx(const struct vcpu *v)
{
	__atomic_add_fetch(&in_vmx, 1, __ATOMIC_SEQ_CST);
	while (v->index == 0 && __atomic_load_n(&in_vmx, __ATOMIC_SEQ_CST) < count)
		cpu_pause();
}

u32 cpus_count(void) { return count; }

u32 cpus_served(void)
{
	return MIN(count, (u32)machine.handoff.options.max_cpus);
}

struct vcpu *cpus_get(u32 index) { return cpus[index]; }

bool cpus_owns(const struct vcpu *v)
{
	for (u32 i = 0; i < count; i++)
		if (cpus[i] == v)
			return true;
	return false;
}

void cpus_stop_others(void)
{
	lapic_send(0, ICR_NMI | ICR_ALL_BUT_SELF);
}
