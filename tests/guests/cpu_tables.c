/* SPDX-License-Identifier: BSD-2-Clause */
/* The CPUs that the firmware's tables offer are those that start. */
#include "guest.h"

#define BDA_EBDA	0x40eu
#define BIOS		0xe0000u
#define BIOS_END	0x100000u
#define INIT_TO_SIPI	200
#define START_TIME	20000		/* spins */

struct table {
	char signature[4];
	u32 length;
	u8 bytes[];
};

static volatile bool started[CPUS_MAX];
static bool offered[CPUS_MAX];

static void halts(void)
{
	started[cpu_number()] = true;
	for (;;)
		__asm__ volatile("cli; hlt");
}

static void *at(u32 address)
{
	void *p = (void *)address;

	__asm__("" : "+r"(p));		/* addresses in the first page are real here */
	return p;
}

static bool begins(const void *what, const char *with, u32 size)
{
	return memcmp(what, with, size) == 0;
}

static u8 *find_from(u32 from, u32 end, const char *signature, u32 size)
{
	for (; from < end; from += 16)
		if (begins(at(from), signature, size))
			return at(from);
	return NULL;
}

/* In the EBDA or the BIOS. */
static u8 *find(const char *signature, u32 size)
{
	u32 ebda = *(u16 *)at(BDA_EBDA) << 4;
	u8 *found = ebda ? find_from(ebda, ebda + 1024, signature, size) : NULL;

	return found ? found : find_from(BIOS, BIOS_END, signature, size);
}

static bool sum_ok(const void *table, u32 length)
{
	u8 sum = 0;

	for (u32 i = 0; i < length; i++)
		sum = (u8)(sum + ((const u8 *)table)[i]);
	return sum == 0;
}

static struct table *find_madt(void)
{
	u8 *rsdp = find("RSD PTR ", 8);
	struct table *rsdt;

	if (!rsdp)
		return NULL;
	rsdt = at(*(u32 *)(void *)(rsdp + 16));
	for (u32 *entry = (u32 *)(void *)((u8 *)rsdt + 36); (u8 *)entry < (u8 *)rsdt + rsdt->length; entry++)
		if (begins(at(*entry), "APIC", 4))
			return at(*entry);
	return NULL;
}

static u32 offer(u8 id)
{
	if (id < CPUS_MAX)
		offered[id] = true;
	return 1;
}

static u32 read_madt(const struct table *madt)
{
	const u8 *end = (const u8 *)madt + madt->length;
	u32 count = 0;

	for (const u8 *e = (const u8 *)madt + 44; e < end && e[1] >= 2; e += e[1])
		if (e[0] == 0 && e[4] & 1)
			count += offer(e[3]);
	return count;
}

static u32 read_mp(const u8 *table)
{
	u32 count = 0, left = *(const u16 *)(const void *)(table + 34);

	for (const u8 *e = table + 44; left; left--) {
		if (e[0] == 0 && e[3] & 1)
			count++;
		e += e[0] == 0 ? 20 : 8;
	}
	return count;
}

/*
 * More SIPIs than an operating system sends: of several CPUs that wait in VMX non-root operation Bochs gives a
 * broadcast SIPI to one, and to the next at the second broadcast after that.
 */
static void start_others(u32 destination, u32 shorthand, u32 sipis)
{
	ipi(destination, shorthand | ICR_INIT);
	while (sipis--) {
		spin(INIT_TO_SIPI);
		ipi(destination, shorthand | ICR_SIPI | AP_PAGE >> 12);
	}
	spin(START_TIME);
}

static void expect_offered_ones_started(const char *name, const char *sentence)
{
	for (u32 i = 0; i < CPUS_MAX; i++) {
		expect(started[i] == offered[i], "CPU %u: started %u, offered %u", i, started[i], offered[i]);
		if (i)
			started[i] = false;
	}
	kept(name, sentence);
}

void guest_main(void)
{
	struct table *madt = find_madt();
	u8 *mp = find("_MP_", 4), *config = mp ? at(*(u32 *)(void *)(mp + 4)) : NULL;
	u32 by_madt;

	expect(madt && sum_ok(madt, madt->length), "MADT at %x", (u32)madt);
	kept("madt", "the MADT is there and its checksum is right");
	expect(config && sum_ok(config, *(u16 *)(void *)(config + 4)), "MP table at %x", (u32)config);
	kept("mp_table", "the MP table is there and its checksum is right");
	if (!madt || !config)
		done();

	by_madt = read_madt(madt);
	fact("offered %u", by_madt);
	fact("offered_by_mp_table %u", read_mp(config));

	started[cpu_number()] = true;
	apic_enable();
	ap_prepare(halts);
	start_others(0, ICR_OTHERS, 2 * CPUS_MAX);
	expect_offered_ones_started("broadcast", "INIT and SIPI to all others start the CPUs offered and no other");
	for (u32 round = 0; round < 2; round++)
		for (u32 i = 1; i < CPUS_MAX; i++)
			start_others(i, 0, 2);
	expect_offered_ones_started("one_by_one", "INIT and SIPI to each CPU start the CPUs offered and no other");
	done();
}
