/* SPDX-License-Identifier: BSD-2-Clause */
/* The CPUs: found in the MADT, started one by one with INIT, SIPI, SIPI. */
#include "lhv.h"
#include "lib/acpi.h"
#include "lib/string.h"

#define APIC_AT		0xfee00000u
#define APIC_ID		0x20
#define ICR_INIT	0x4500
#define ICR_SIPI	0x4600
#define ICR_PENDING	BIT(12)
#define INIT_TO_SIPI	1000		/* spins */
#define BOUND		200000

extern const u8 ap_code[], ap_code_end[];
extern u32 ap_stack;
void ap_main(void);

u32 cpus_up = 1;

u32 apic_read(u32 reg) { return *(volatile u32 *)(uptr)(APIC_AT + reg); }
void apic_write(u32 reg, u32 value) { *(volatile u32 *)(uptr)(APIC_AT + reg) = value; }

static const void *map(void *ctx, u64 at, u64 length)
{
	(void)ctx;
	return at && at < SIZE_4G && length <= SIZE_4G - at ? (const void *)(uptr)at : NULL;
}

static void spin(u32 rounds)
{
	while (rounds--)
		cpu_pause();
}

static void ipi(u32 apic_id, u32 command)
{
	apic_write(APIC_ICR2, apic_id << 24);
	apic_write(APIC_ICR, command);
	while (apic_read(APIC_ICR) & ICR_PENDING)
		cpu_pause();
}

void ap_main(void)
{
	struct cpu *c = &cpus[cpus_up];

	tables_load(c);
	c->up = true;
	cpu_serve(c);
}

static void start(void *ctx, const struct acpi_cpu *found)
{
	struct cpu *c = &cpus[cpus_up];

	(void)ctx;
	if (!found->enabled || found->apic_id == cpus[0].apic_id)
		return;
	if (cpus_up == CPUS_MAX)
		fail("more than %u CPUs", CPUS_MAX);
	c->apic_id = found->apic_id;
	ap_stack = (u32)(uptr)(c->stack[L1] + STACK_BYTES);
	ipi(c->apic_id, ICR_INIT);
	spin(INIT_TO_SIPI);
	ipi(c->apic_id, ICR_SIPI | AP_PAGE >> PAGE_SHIFT);
	spin(INIT_TO_SIPI);
	ipi(c->apic_id, ICR_SIPI | AP_PAGE >> PAGE_SHIFT);
	for (u32 left = BOUND; !c->up; left--) {
		if (!left)
			fail("the CPU with APIC id %u doesn't start", c->apic_id);
		cpu_pause();
	}
	cpus_up++;
}

void smp_start(void)
{
	const struct physmem memory = { map, NULL };
	const struct acpi_header *madt = acpi_find_table(&memory, acpi_find_rsdp(&memory), "APIC", 0, NULL);

	cpus[0].apic_id = apic_read(APIC_ID) >> 24;
	memcpy((void *)AP_PAGE, ap_code, (size_t)(ap_code_end - ap_code));
	if (!madt || !acpi_madt_walk(madt, start, NULL))
		fail("no MADT to find the CPUs in");
}
