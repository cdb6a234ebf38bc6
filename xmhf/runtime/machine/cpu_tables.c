/* SPDX-License-Identifier: BSD-2-Clause */
/* Taking CPUs out of the firmware's tables. */
#include "lib/mptable.h"
#include "machine/cpu_tables.h"
#include "machine/log.h"
#include "machine/machine.h"

struct offer {
	void *table;
	bool (*is_served)(u32 apic_id);
	u32 withdrawn;
};

static void madt_cpu(void *offer, const struct acpi_cpu *cpu)
{
	struct offer *o = offer;

	if (!(cpu->enabled || cpu->online_capable) || o->is_served(cpu->apic_id))
		return;
	if (acpi_madt_disable(o->table, cpu->offset) && cpu->enabled)
		o->withdrawn++;
}

static void mp_entry(void *offer, const struct mp_cpu *cpu)
{
	struct offer *o = offer;

	if (cpu->enabled && !o->is_served(cpu->apic_id) && o->table && mp_disable(o->table, cpu->offset))
		o->withdrawn++;
}

/* Walks @table twice: what is still offered the second time couldn't be written. */
static u32 withdraw(const char *name, struct offer *o, void (*walk)(struct offer *o))
{
	u32 withdrawn;

	walk(o);
	withdrawn = o->withdrawn;
	o->withdrawn = 0;
	if (withdrawn)
		walk(o);
	if (o->withdrawn)
		log_warn("the %s is read-only: it still offers %u CPU%s that will not start", name, o->withdrawn,
			 o->withdrawn == 1 ? "" : "s");
	return withdrawn;
}

static void walk_madt(struct offer *o)
{
	(void)acpi_madt_walk(o->table, madt_cpu, o);
}

static void walk_mp(struct offer *o)
{
	(void)mp_walk(&machine_memory, mp_find(&machine_memory), NULL, mp_entry, o);
}

u32 cpu_tables_offer(bool (*is_served)(u32 apic_id))
{
	u64 rsdp = machine.handoff.rsdp, mp = mp_find(&machine_memory), at;
	struct offer o = { .is_served = is_served };
	u32 by_mp = 0;

	if (mp) {
		o.table = (void *)(uptr)mp_config(&machine_memory, mp);
		by_mp = withdraw("MP table", &o, walk_mp);
	}
	if (!rsdp || !acpi_find_table(&machine_memory, rsdp, "APIC", 0, &at))
		return by_mp;
	o = (struct offer){ .is_served = is_served, .table = (void *)(uptr)at };
	return withdraw("MADT", &o, walk_madt);
}
