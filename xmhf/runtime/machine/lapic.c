/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APIC through MMIO or MSRs. */
#include "machine/cpu_insn.h"
#include "machine/lapic.h"

#define ICR_PENDING		BIT(12)
#define SVR_RESET		0xff
#define DFR_FLAT		0xffffffff
#define SVR_ENABLE		BIT(8)
#define LVT_MASKED		BIT(16)
#define LVT_EXTINT		0x700
#define LVT_NMI			0x400
#define X2APIC_MSR(reg)		(MSR_X2APIC_FIRST + ((reg) >> 4))

/* The base if the APIC is in xAPIC mode; 0 in x2APIC mode or while it is disabled. */
static volatile u8 *xapic(u64 apic_base)
{
	if ((apic_base & (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) != APIC_BASE_ENABLE)
		return NULL;
	return (volatile u8 *)(uptr)(apic_base & 0x000ffffffffff000ull);
}

static u32 get(volatile u8 *base, enum lapic_register reg)
{
	return base ? *(volatile u32 *)(base + reg) : (u32)rdmsr(X2APIC_MSR(reg));
}

static void set(volatile u8 *base, enum lapic_register reg, u32 value)
{
	if (base)
		*(volatile u32 *)(base + reg) = value;
	else
		wrmsr(X2APIC_MSR(reg), value);
}

u32 lapic_id(void)
{
	u64 apic_base = rdmsr(MSR_APIC_BASE);
	volatile u8 *base = xapic(apic_base);

	if (!(apic_base & APIC_BASE_ENABLE))
		return cpuid(1, 0).ebx >> 24;
	return base ? get(base, LAPIC_ID) >> 24 : get(base, LAPIC_ID);
}

void lapic_acknowledge(u8 vector)
{
	u64 apic_base = rdmsr(MSR_APIC_BASE);
	volatile u8 *base = xapic(apic_base);

	if (apic_base & APIC_BASE_ENABLE && get(base, (enum lapic_register)(LAPIC_ISR + vector / 32 * 0x10)) & BIT(vector % 32))
		set(base, LAPIC_EOI, 0);
}

void lapic_send(u32 apic_id, u32 icr)
{
	u64 apic_base = rdmsr(MSR_APIC_BASE);
	volatile u8 *base = xapic(apic_base);
	u32 guests_icr2;

	if (!(apic_base & APIC_BASE_ENABLE))
		return;
	if (!base) {
		wrmsr(X2APIC_MSR(LAPIC_ICR), (u64)apic_id << 32 | icr);
		return;
	}
	while (get(base, LAPIC_ICR) & ICR_PENDING)
		cpu_pause();
	guests_icr2 = get(base, LAPIC_ICR2);
	set(base, LAPIC_ICR2, apic_id << 24);
	set(base, LAPIC_ICR, icr);
	while (get(base, LAPIC_ICR) & ICR_PENDING)
		cpu_pause();
	set(base, LAPIC_ICR2, guests_icr2);
}

void lapic_reset(void)
{
	u64 apic_base = rdmsr(MSR_APIC_BASE);
	volatile u8 *base = xapic(apic_base);

	if (!(apic_base & APIC_BASE_ENABLE))
		return;
	for (u32 i = 0; i < 8; i++)
		for (u32 bits = get(base, LAPIC_ISR + 0x10 * i); bits; bits &= bits - 1)
			set(base, LAPIC_EOI, 0);
	set(base, LAPIC_TPR, 0);
	if (base) {			/* in x2APIC mode the one is read-only, the other absent */
		set(base, LAPIC_LDR, 0);
		set(base, LAPIC_DFR, DFR_FLAT);
	}
	set(base, LAPIC_TIMER_INITIAL, 0);
	for (u32 lvt = LAPIC_LVT_TIMER; lvt <= LAPIC_LVT_ERROR; lvt += 0x10)
		set(base, lvt, LVT_MASKED);
	set(base, LAPIC_SVR, SVR_RESET);
}

void lapic_virtual_wire(void)
{
	volatile u8 *base = xapic(rdmsr(MSR_APIC_BASE));

	set(base, LAPIC_SVR, SVR_RESET | SVR_ENABLE);
	set(base, LAPIC_LVT_LINT0, LVT_EXTINT);
	set(base, LAPIC_LVT_LINT1, LVT_NMI);
}
