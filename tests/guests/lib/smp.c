/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APIC, in both its modes, and starting other CPUs. A CPU's number is its APIC id. */
#include "guest.h"

#define APIC_AT		((uptr)0xfee00000)
#define APIC_BASE_X2	BIT(10)
#define APIC_SVR_ON	BIT(8)
#define SPURIOUS	0xff
#define MSR_X2APIC	0x800
#define ICR_PENDING	BIT(12)
#define ICR_SHORTHAND	0xc0000
#define PIC1_MASK	0x21
#define PIC2_MASK	0xa1
#define INIT_TO_SIPI	200		/* spins; Linux waits 10 us */
#define BOUND		300000		/* spins that mean never */
#define SIPIS		10		/* on copies of the hypervisor the first ones may come too early */
#define START_BOUND	5000		/* for a CPU that was sent its SIPIs */

extern const u8 ap_code[], ap_code_end[], ap_state[];
void ap_start(void);

struct ap_state *ap_first_state(void)
{
	return (struct ap_state *)(AP_PAGE + (ap_state - ap_code));
}

volatile u32 ap_starts[CPUS_MAX];
static void (*volatile ap_entry)(void);

bool x2apic_on(void)
{
	return rdmsr(MSR_APIC_BASE) & APIC_BASE_X2;
}

u32 apic_read(u32 reg)
{
	if (x2apic_on())
		return (u32)rdmsr(MSR_X2APIC + reg / 16);
	return *(volatile u32 *)(APIC_AT + reg);
}

void apic_write(u32 reg, u32 value)
{
	if (x2apic_on())
		wrmsr(MSR_X2APIC + reg / 16, value);
	else
		*(volatile u32 *)(APIC_AT + reg) = value;
}

void apic_enable(void)
{
	outb(PIC1_MASK, 0xff);
	outb(PIC2_MASK, 0xff);
	apic_write(APIC_SVR, APIC_SVR_ON | SPURIOUS);
}

void x2apic_enable(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_X2);
}

void ipi(u32 destination, u32 command)
{
	if (x2apic_on()) {
		wrmsr(MSR_X2APIC + APIC_ICR / 16, (u64)destination << 32 | command);
		return;
	}
	if (!(command & ICR_SHORTHAND))
		apic_write(APIC_ICR + 0x10, destination << 24);
	apic_write(APIC_ICR, command);
	while (apic_read(APIC_ICR) & ICR_PENDING)
		pause();
}

void spin(u32 rounds)
{
	while (rounds--)
		pause();
}

static bool wait_bounded(volatile u32 *what, u32 value, u32 bound)
{
	while (*what != value) {
		if (!bound--)
			return false;
		pause();
	}
	return true;
}

bool wait_until(volatile u32 *what, u32 value) { return wait_bounded(what, value, BOUND); }

void ap_start(void)
{
	void (*entry)(void) = ap_entry;

	__atomic_fetch_add(&ap_starts[cpu_number()], 1, __ATOMIC_SEQ_CST);
	if (entry)
		entry();
}

void ap_prepare(void (*entry)(void))
{
	ap_entry = entry;
	memcpy((void *)AP_PAGE, ap_code, (size_t)(ap_code_end - ap_code));
}

bool ap_run(u32 cpu, void (*entry)(void))
{
	u32 before = ap_starts[cpu];

	ap_prepare(entry);
	ipi(cpu, ICR_INIT);
	spin(INIT_TO_SIPI);
	ipi(cpu, ICR_SIPI | AP_PAGE >> 12);
	for (u32 i = 0; i < SIPIS; i++) {
		spin(INIT_TO_SIPI);
		ipi(cpu, ICR_SIPI | AP_PAGE >> 12);
		if (wait_bounded(&ap_starts[cpu], before + 1, START_BOUND))
			return true;
	}
	return false;
}
