/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An L1 that does VMX operations at random while another CPU tramples on their structures. What it promises is about the
 * hypervisor: that it goes on, takes nothing of L1's, and keeps the other CPU running. vmx_misbehave.c has the worst of
 * it one by one.
 *
 * A long test writes another seed and number of operations into the image, behind ORDER_MAGIC.
 */
#include "probe.h"
#include "rogue.h"

#define ORDER_MAGIC	"operations here:"
#define REGIONS		6
#define ARENA_PAGES	16		/* what the structures that others trample on are made of */
#define PROGRESS	20		/* rounds of the other CPU for each hundred operations, at least */
#define MUTATIONS	3
#define IS_HOST(field)	(((field) >> 10 & 3) == 3)

static volatile struct { char magic[20]; u32 seed, count; } order = { ORDER_MAGIC, 1, 5000 };

static u64 state;
static u8 *arena;
static struct l2 ls[REGIONS];
static bool garbled[REGIONS];
static volatile bool stop;
static volatile u32 rounds;		/* of the other CPU */

static u32 random(u32 below) { return random_of(&state, below); }
static bool chance(u32 percent) { return random(100) < percent; }
static u64 random64(void) { return random64_of(&state); }

/* ---- the other CPU ---- */

/* Of an EPT table, perhaps; so it leads to no device. */
static u64 random_entry(u64 *from)
{
	u64 in_arena = physical(arena) + 4096 * random_of(from, ARENA_PAGES);
	u64 where = random_of(from, 4) ? in_arena : rogue_place(random_of(from, ROGUE_MEMORY));

	return where | random_of(from, 0x1000) | (random_of(from, 16) ? 0 : 1ull << (40 + random_of(from, 24)));
}

/* VMCSs, bitmaps, EPT tables: other contents, at any time. */
static void trample(u64 *from)
{
	u32 n = random_of(from, REGIONS);

	if (random_of(from, 32) == 0) {
		rogue_garble(from, ls[n].vmcs, 1);
		garbled[n] = true;
	} else {
		((u64 *)arena)[random_of(from, ARENA_PAGES * 512)] = random_entry(from);
	}
}

static void other_cpu(void)
{
	u64 mine = 0x1234567;
	uptr value = 0;

	l1_begin_ap();
	vmx_enable();
	while (!stop) {
		u64 region = physical(ls[random_of(&mine, REGIONS)].vmcs);

		trample(&mine);
		switch (random_of(&mine, 16)) {
		case 0:
			vmx_ptrld(region);
			break;
		case 1:
			vmx_clear(region);
			break;
		case 2:
			vmx_read(GUEST_RIP, &value);
			break;
		case 3:
			vmx_invept(2, 0);
			break;
		case 4:
			cpuid(0, 0);
			break;
		}
		rounds++;
	}
	vmx_disable();
	rounds = 0;
}

/* ---- at random ---- */

static enum vmcs_field random_field(void)
{
	static const u8 lasts[] = { 0x7, 0xa, 0x3, 0x7, 0x1d, 0x1, 0x16, 0x3, 0x10, 0x8, 0x18, 0x1, 0x4, 0x6, 0x15, 0xc };
	u32 kind = random(16);

	return (enum vmcs_field)((kind >> 2) << 13 | (kind & 3) << 10 | random(lasts[kind] + 2) << 1 | (chance(10) ? 1 : 0));
}

static u64 random_page(void)
{
	return chance(70) ? physical(arena) + 4096 * random(ARENA_PAGES) : rogue_place(random(ROGUE_PLACES));
}

static u64 random_value(u64 old)
{
	static const u64 interesting[] = { 0, 1, ~0ull, 0xffff, 0x10000, 0x80000000, 1ull << 32, 1ull << 47, 1ull << 63,
					   0x93, 0x9b, 0x10093 };

	switch (random(5)) {
	case 0:
		return old ^ 1ull << random(64);
	case 1:
		return interesting[random(ARRAY_SIZE(interesting))];
	case 2:
		return random_page();
	case 3:
		return EVENT(random(8), random(256)) | (chance(30) ? EVENT_CODE : 0);
	default:
		return random64();
	}
}

static u64 random_pointer(void)
{
	switch (random(8)) {
	case 0:
		return rogue_place(random(ROGUE_PLACES));
	case 1:
		return random64();
	case 2:
		return vmxon_region();
	default:
		return physical(ls[random(REGIONS)].vmcs);
	}
}

static u32 current_region(void)
{
	u64 now = ~0ull;
	u32 n = 0;

	vmx_ptrst(&now);
	while (n < REGIONS && physical(ls[n].vmcs) != now)
		n++;
	return n;
}

/* An instruction whose operand is in a place of any kind; what may be written there is nobody's. */
static void random_operand(void)
{
	u64 places[] = { physical(arena), rogue_ours, 0xa0000, ROGUE_RAM_END, 0xe0000000, 1ull << 47, ~0ull - random(32) };
	struct form f = { .mod = 2, .base = PROBE_BX, .index = NO_REGISTER, .displacement = (int32_t)random(0x2000) };
	struct probe p = probe_begin(L1_IS_64 ? 64 : 32);
	enum vmx_insn insn = (enum vmx_insn)random(VMX_INSNS);
	u8 code[PROBE_INSN_MAX];

	p.r[PROBE_BX] = (uptr)places[random(ARRAY_SIZE(places))];
	p.r[PROBE_CX] = insn == VMREAD || insn == VMWRITE ? (uptr)random_field() : random(5);
	probe_run(&p, code, probe_encode(code, insn, p.bits, &f, PROBE_CX));
	if (insn == VMWRITE && current_region() < REGIONS)
		garbled[current_region()] = true;
}

static void write_random(void)
{
	enum vmcs_field field = random_field();
	u32 n = current_region();

	vmx_write(field, (uptr)random_value(vmcs_get(field)));
	if (n < REGIONS)
		garbled[n] = true;
}

static void again(u32 n)
{
	static const enum l2_mode modes[REGIONS] = { L2_PAE, L2_PAGED, L2_V86, L2_REAL, L2_FLAT, L2_PAE };
	enum l2_mode mode = L1_IS_64 && n == 0 ? L2_LONG : l2_can(modes[n]) ? modes[n] : L2_PAE;

	ls[n].eptp = rogue_eptp;
	l2_setup(&ls[n], mode, L2_WITH_EPT);
	l2_code(&ls[n], rogue_busy, rogue_busy_end);
	garbled[n] = false;
}

/* A VMCS with a few changes, which mostly don't last. */
static void enter_random(void)
{
	struct { enum vmcs_field field; u64 old; } changes[MUTATIONS];
	u32 n = random(REGIONS), count = random(MUTATIONS + 1);
	bool bad = garbled[n];

	if (bad && chance(50))
		again(n), bad = false;
	vmx_ptrld(physical(ls[n].vmcs));
	rogue_mend_host();		/* the other CPU may garble it at any time */
	for (u32 i = 0; i < count; i++) {
		changes[i].field = random_field();
		changes[i].old = vmcs_get(changes[i].field);
		if (!IS_HOST(changes[i].field))
			vmx_write(changes[i].field, (uptr)random_value(changes[i].old));
	}
	if (chance(80))
		rogue_make_controls_valid();
	rogue_restrain();
	if (chance(30))
		rogue_point(random(ROGUE_STRUCTURES), random_page());
	ls[n].bx = ls[n].si = L2_DATA;
	if (chance(10))
		ls[n].launched = chance(50);
	rogue_run(&ls[n]);
	vmx_ptrld(physical(ls[n].vmcs));
	while (count--)
		if (!IS_HOST(changes[count].field))
			vmx_write(changes[count].field, (uptr)changes[count].old);
	garbled[n] = bad || chance(5);
}

static void random_operation(void)
{
	uptr value = 0;
	u64 now;
	u32 kind = random(100);

	if (kind < 25)
		vmx_read((uptr)random_field(), &value);
	else if (kind < 28)
		write_random();
	else if (kind < 40)
		vmx_ptrld(random_pointer());
	else if (kind < 46)
		vmx_clear(random_pointer());
	else if (kind < 53)
		vmx_ptrst(&now);
	else if (kind < 54)
		vmx_off(), vmx_on(random_pointer()), vmx_off(), vmx_enable();
	else if (kind < 58)
		vmx_invept(random(4), chance(50) ? rogue_eptp : random_entry(&state));
	else if (kind < 66)
		vmx_invvpid(random(5), random(3), random64());
	else if (kind < 78)
		random_operand();
	else if (kind < 85)
		trample(&state);
	else if (kind < 89)
		vmx_call();
	else
		enter_random();
}

static void at_random(void)
{
	state = (u64)order.seed << 32;
	for (u32 n = 0; n < REGIONS; n++)
		again(n);
	rogue_entered = rogue_refused = 0;
	expect(ap_run(1, other_cpu) && !stop, "there is another CPU");
	for (u32 done_ = 0; done_ < order.count; done_ += 100) {
		u32 before = rounds;

		for (u32 i = 0; i < 100; i++)
			random_operation();
		expect(rounds - before >= PROGRESS, "the other CPU made %u rounds in 100 operations", rounds - before);
		if (done_ % 10000 < 100)
			say("%u operations, %u entries, %u refused, %u rounds\n", done_, rogue_entered, rogue_refused, rounds);
	}
	stop = true;
	expect(wait_until(&rounds, 0), "the other CPU comes to its end");
	expect(!rogue_damaged, "%u exits damaged L1", rogue_damaged);
	expect(rogue_entered > order.count / 40, "only %u entries", rogue_entered);
	say("%u operations, %u entries, %u refused\n", order.count, rogue_entered, rogue_refused);
	kept("random", "random operations, with another CPU that tramples on their structures");
}

void guest_main(void)
{
	if (!rogue_begin())
		return;
	arena = pages_take(ARENA_PAGES);
	at_random();
	vmx_disable();
}
