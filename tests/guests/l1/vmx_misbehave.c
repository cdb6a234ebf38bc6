/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An L1 that misbehaves: structures in the hypervisor's memory, in devices and where there is nothing, garbage in VMCSs,
 * EPTs that lead to themselves, another CPU that changes all of it meanwhile, and then random operations. What it
 * promises is about the hypervisor: that it goes on, shows and takes nothing of its own, and keeps the other CPU running.
 *
 * A long test writes another seed and number of operations into the image, behind ORDER_MAGIC.
 */
#include "ept.h"
#include "probe.h"
#include "rows.h"

#define ORDER_MAGIC	"operations here:"
#define REGIONS		6
#define ARENA_PAGES	16		/* what the structures that others trample on are made of */
#define GUARD_TICKS	300
#define SEARCH_AT	0x1000000u
#define RAM_END		0x10000000u	/* of the machine that this is made for */
#define LARGE		0x200000u
#define L2_LOW_PAGES_AT	0x2000u
#define L2_LOW_PAGES_END 0x5000u
#define L2_END		0x2000000u
#define PROGRESS	20		/* rounds of the other CPU for each hundred operations, at least */
#define MUTATIONS	3
#define BAD_PLACES	14
#define FIRST_HOST	0x0c00
#define IS_HOST(field)	(((field) >> 10 & 3) == 3)
#define WINDOW_AT	0x8000000u	/* of L2's: where an experiment's page is */

static volatile struct { char magic[20]; u32 seed, count; } order = { ORDER_MAGIC, 1, 5000 };

static u64 state;
static u64 ours, ours_end;		/* the hypervisor's range; none: 0 */
static u64 safe_eptp;
static u8 *arena;
static struct l2 ls[REGIONS];
static bool garbled[REGIONS];
static volatile bool stop;
static volatile u32 rounds;		/* of the other CPU */
static u32 entered, refused, damaged;

static u32 random_of(u64 *from, u32 below)
{
	u64 z = *from += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return (u32)(((z ^ z >> 31) >> 32) * below >> 32);
}

static u32 random(u32 below) { return random_of(&state, below); }
static bool chance(u32 percent) { return random(100) < percent; }
static u64 random64(void) { return (u64)random(~0u) << 32 | random(~0u); }

static void *at(u64 address)
{
	void *p = (void *)(uptr)address;

	__asm__("" : "+r"(p));
	return p;
}

/* Our range reads as ones, and no RAM of the machine does. */
static void find_hypervisor(void)
{
	for (u32 place = SEARCH_AT; place < RAM_END; place += LARGE) {
		volatile u32 *page = at(place);

		if (page[0] != ~0u || page[511] != ~0u || page[1023] != ~0u)
			continue;
		ours = ours ? ours : place;
		ours_end = place + LARGE;
	}
	say("the hypervisor: %llx to %llx\n", ours, ours_end);
}

static u64 last_page(void) { return (1ull << vmx_address_bits()) - 4096; }

/* Where no structure belongs. */
static u64 bad_place(u32 n)
{
	const u64 places[BAD_PLACES] = {
		ours, ours + 4096, (ours + ours_end) / 2 & ~0xfffull, ours_end - 4096, 0xfee00000, 0xfec00000, 0xa0000,
		0xf0000, 0xfffff000, RAM_END, 0x20000000, 0xe0000000, last_page(), last_page() / 2 & ~0xfffull,
	};

	return places[n];
}

/* ---- L2 ---- */

/* It writes nowhere but in its own memory, whatever it runs into. */
static u64 safe_ept(void)
{
	u64 eptp = ept_new();

	ept_identity(eptp);
	for (u32 page = 0; page < LARGE; page += 4096)
		if (page < L2_LOW_PAGES_AT || page >= L2_LOW_PAGES_END)
			*ept_entry(eptp, page, EPT_4K) &= ~(u64)EPT_W;
	for (u64 page = LARGE; page < 1ull << 32; page += LARGE)
		if (page < L2_AT || page >= L2_END)
			*ept_entry(eptp, page, EPT_2M) &= ~(u64)EPT_W;
	return eptp;
}

/* Reads, writes, ports, MSRs and control registers, then an exit. */
L2_CODE(busy, 32, "mov (%ebx), %eax; mov %eax, (%esi); in $0x80, %al; mov %cr3, %eax; mov %eax, %cr3; mov $0x174, %ecx\n"
		  "rdmsr; xor %eax, %eax; xor %ecx, %ecx; .byte 0x0f, 0x01, 0xd4; vmcall; hlt");
L2_CODE(reads, 32, "mov (%ebx), %eax; vmcall; hlt");
L2_CODE(writes, 32, "mov %eax, (%ebx); vmcall; hlt");

static void guard(void)
{
	if (!CAN_PIN(PIN_TIMER))
		return;
	vmcs_on(PIN_CTRLS, PIN_TIMER);
	vmcs_set(PREEMPTION_TIMER, GUARD_TICKS);
}

static void plain(struct l2 *l, const u8 *code, const u8 *end)
{
	l->eptp = safe_eptp;
	l2_setup(l, L2_PAE, L2_WITH_EPT);
	guard();
	l2_code(l, code, end);
	l->bx = l->si = L2_DATA;
	l->ax = 0x12345678;
}

static void run(struct l2 *l)
{
	struct vmx_result r = l2_run(l);
	const char *damage;

	if (r.kind != VMX_OK) {
		refused++;
		return;
	}
	damage = entered++ % 4 ? NULL : host_damage();
	if (damage && damaged++ < 3)
		say("after an exit %x L1's %s isn't what it was\n", exit_reason(), damage);
}

/* ---- one by one ---- */

static void pointers(void)
{
	struct l2 *l = &ls[0];

	plain(l, reads, reads_end);
	for (u32 n = 0; n < BAD_PLACES; n++) {
		u64 place = bad_place(n);
		struct vmx_result r = vmx_ptrld(place);

		if (place >= ours && place < ours_end)
			expect(r.kind == VMX_VALID && r.number == 11, "VMPTRLD of %llx: %u %u", place, r.kind, r.number);
		vmx_clear(place);
		vmx_ptrld(physical(l->vmcs));
		run(l);
		vmx_off();
		r = vmx_on(place);
		expect(r.kind == VMX_INVALID, "VMXON of %llx: %u", place, r.kind);
		vmx_enable();
		plain(l, reads, reads_end);
	}
	kept("pointers", "VMXON, VMCLEAR and VMPTRLD of memory that isn't L1's do nothing");
}

static const struct { u16 field; u16 with; u32 bits, low; } structures[] = {
	{ IO_BITMAP_A, PRIMARY_CTRLS, PRIMARY_IO_BITMAPS, 0 },
	{ IO_BITMAP_B, PRIMARY_CTRLS, PRIMARY_IO_BITMAPS, 0 },
	{ MSR_BITMAP, PRIMARY_CTRLS, PRIMARY_MSR_BITMAPS, 0 },
	{ VIRTUAL_APIC_ADDR, PRIMARY_CTRLS, PRIMARY_TPR_SHADOW, 0 },
	{ APIC_ACCESS_ADDR, SECONDARY_CTRLS, SECONDARY_APIC_ACCESS, 0 },
	{ VMREAD_BITMAP, SECONDARY_CTRLS, SECONDARY_SHADOWING, 0 },
	{ VMWRITE_BITMAP, SECONDARY_CTRLS, SECONDARY_SHADOWING, 0 },
	{ EPTP, SECONDARY_CTRLS, SECONDARY_EPT, EPTP_DEFAULT },
	{ EPTP, SECONDARY_CTRLS, SECONDARY_EPT, EPTP_DEFAULT | EPTP_AD },
	{ PML_ADDR, SECONDARY_CTRLS, SECONDARY_PML, 0 },
	{ EPTP_LIST_ADDR, SECONDARY_CTRLS, SECONDARY_VMFUNC, 0 },
	{ VE_INFO_ADDR, SECONDARY_CTRLS, SECONDARY_VE, 0 },
	{ ENTRY_MSR_LOAD_ADDR, ENTRY_MSR_LOAD_COUNT, 1, 0 },
	{ VMCS_LINK_POINTER, VMCS_LINK_POINTER, 0, 0 },
};

static void point(u32 s, u64 place)
{
	u64 unused;

	if (!vmcs_try_get((enum vmcs_field)structures[s].field, &unused))
		return;
	if (structures[s].with == SECONDARY_CTRLS)
		secondary_on(structures[s].bits);
	else
		vmcs_on((enum vmcs_field)structures[s].with, structures[s].bits);
	if (structures[s].field == EPTP_LIST_ADDR)
		vmcs_set(VMFUNC_CTRLS, VMFUNC_EPTP_SWITCHING);
	vmcs_set((enum vmcs_field)structures[s].field, place | structures[s].low);
}

static void misplaced(void)
{
	for (u32 s = 0; s < ARRAY_SIZE(structures); s++)
		for (u32 n = 0; n < BAD_PLACES; n++) {
			plain(&ls[1], busy, busy_end);
			point(s, bad_place(n));
			run(&ls[1]);
		}
	expect(!damaged, "%u exits damaged L1", damaged);
	kept("misplaced", "structures of a VMCS outside L1's memory hurt nobody");
}

/* L2 is given the hypervisor's memory by EPT: before anybody writes there, it reads as ones. */
static void reads_as_ones(void)
{
	u64 eptp = ept_new();
	struct l2 *l = &ls[2];

	ept_identity(eptp);
	plain(l, reads, reads_end);
	for (u64 place = ours; place < ours_end; place += 0x3000)
		for (u32 large = 0; large < 2; large++) {
			ept_map(eptp, WINDOW_AT, large ? place & ~(LARGE - 1ull) : place, large ? EPT_2M : EPT_4K,
				EPT_RWX | EPT_WB);
			vmx_invept(2, 0);
			vmcs_set(EPTP, eptp);
			vmcs_set(GUEST_RIP, L2_CODE_AT);
			l->bx = WINDOW_AT + (large ? (u32)place & (LARGE - 1) : 0);
			run(l);
			expect(exit_reason() == EXIT_VMCALL && (u32)l->ax == ~0u, "L2 reads %x at %llx, exit %u", (u32)l->ax, place,
			       exit_reason());
			expect(*(volatile u32 *)at(place) == ~0u, "L1 reads %x at %llx", *(volatile u32 *)at(place), place);
		}
	kept("ones", "the hypervisor's memory reads as ones, to L1 and through EPT to L2");
}

static void writes_and_jumps(void)
{
	u64 eptp = ept_new();
	struct l2 *l = &ls[2];

	ept_identity(eptp);
	for (u64 place = ours; place < ours_end; place += 0x7f000) {
		plain(l, writes, writes_end);
		ept_map(eptp, WINDOW_AT, place, EPT_4K, EPT_RWX | EPT_WB);
		vmx_invept(2, 0);
		vmcs_set(EPTP, eptp);
		l->bx = WINDOW_AT;
		run(l);
		plain(l, reads, reads_end);
		vmcs_set(EPTP, eptp);
		vmcs_set(GUEST_RIP, WINDOW_AT);
		run(l);
		*(volatile u32 *)at(place + 8) = 0x5a5a5a5a;
	}
	kept("written", "L1 goes on after writes and jumps there, its own and L2's");
}

/* Tables that are their own tables: what they translate is themselves. */
static void loops(void)
{
	static const u32 bits[] = { EPT_RWX, EPT_RWX | EPT_A, EPT_RWX | EPT_WB, EPT_RWX | EPT_LARGE, EPT_R, EPT_R | EPT_X,
				    EPT_W };

	for (u32 i = 0; i < ARRAY_SIZE(bits); i++)
		for (u32 ad = 0; ad < 2; ad++) {
			u64 *root = page_take();

			for (u32 n = 0; n < 512; n++)
				root[n] = physical(root) | bits[i];
			plain(&ls[3], busy, busy_end);
			vmcs_set(EPTP, physical(root) | EPTP_DEFAULT | (ad ? EPTP_AD : 0));
			run(&ls[3]);
			run(&ls[3]);
		}
	kept("loops", "EPTs that lead to themselves hurt nobody");
}

/* L2 has a page table of its own EPT, and edits it. */
static void self_map(void)
{
	u64 eptp = ept_new(), *table, *pages[2] = { page_take(), page_take() };
	struct l2 *l = &ls[4];

	ept_identity(eptp);
	*pages[0] = 0xaaaa;
	*pages[1] = 0xbbbb;
	ept_map(eptp, WINDOW_AT, physical(pages[0]), EPT_4K, EPT_RWX | EPT_WB);
	table = at((uptr)ept_entry(eptp, WINDOW_AT, EPT_4K) & ~0xfffull);
	memset(table + 16, 0, 16 * sizeof(*table));
	ept_map(eptp, WINDOW_AT + 4096, physical(table), EPT_4K, EPT_RWX | EPT_WB);
	for (u32 n = 0; n < 16; n++) {
		plain(l, writes, writes_end);		/* an entry not used yet */
		vmcs_set(EPTP, eptp);
		l->bx = WINDOW_AT + 4096 + 8 * (16 + n);
		l->ax = (uptr)(physical(pages[n & 1]) | EPT_RWX | EPT_WB);
		run(l);
		plain(l, reads, reads_end);
		vmcs_set(EPTP, eptp);
		l->bx = WINDOW_AT + 4096 * (16 + n);
		run(l);
		expect((u32)l->ax == (n & 1 ? 0xbbbb : 0xaaaa), "L2 reads %x by entry %u, exit %u", (u32)l->ax, n, exit_reason());
	}
	kept("self_map", "what L2 enters into its own EPT's tables counts");
}

/* ---- garbage ---- */

/* What must hold so that L1 gets its CPU back, in a VMCS that may have any contents. */
static void restrain(bool all)
{
	static const u16 zeros[] = { EXIT_MSR_STORE_COUNT, EXIT_MSR_LOAD_COUNT, ENTRY_MSR_LOAD_COUNT };

	vmcs_set(PRIMARY_CTRLS, ((u32)vmcs_get(PRIMARY_CTRLS) | PRIMARY_SECONDARY | PRIMARY_ALL_IO) & ~PRIMARY_IO_BITMAPS);
	vmcs_on(SECONDARY_CTRLS, SECONDARY_EPT);
	vmcs_set(EPTP, safe_eptp);
	guard();
	for (u32 i = 0; i < ARRAY_SIZE(zeros); i++)
		vmcs_set((enum vmcs_field)zeros[i], 0);
	if ((u32)vmcs_get(GUEST_ACTIVITY_STATE) == ACTIVITY_WAIT_FOR_SIPI)
		vmcs_set(GUEST_ACTIVITY_STATE, 0);
	if (!all)
		return;
	l2_setup_host();
	vmcs_set(EXIT_CTRLS, ALLOWED0(TRUE_EXIT) | (L1_IS_64 ? EXIT_HOST_64 : 0));
}

/* As valid as a field by itself can be made, so that entries get past the controls. */
static void make_controls_valid(void)
{
	static const struct { u16 field, cap; } controls[] = {
		{ PIN_CTRLS, MSR_VMX_TRUE_PIN }, { PRIMARY_CTRLS, MSR_VMX_TRUE_PRIMARY }, { SECONDARY_CTRLS, MSR_VMX_SECONDARY },
		{ ENTRY_CTRLS, MSR_VMX_TRUE_ENTRY },
	};

	for (u32 i = 0; i < ARRAY_SIZE(controls); i++) {
		enum vmcs_field field = (enum vmcs_field)controls[i].field;
		u64 cap = caps[controls[i].cap - MSR_VMX_BASIC];

		vmcs_set(field, ((u32)vmcs_get(field) | (u32)cap) & (u32)(cap >> 32));
	}
}

static void garble(u64 *from, u8 *page, u32 bytes)
{
	while (bytes--)
		page[4 + random_of(from, 4092)] = (u8)random_of(from, 256);
}

static void garbage(void)
{
	struct l2 *l = &ls[5];

	for (u32 n = 0; n < 80; n++) {
		u32 bytes = n % 4 == 0 ? 8000 : 1 + random(64), when = random(3);

		plain(l, busy, busy_end);
		if (when == 0)
			vmx_clear(physical(l->vmcs));
		if (when == 1)
			vmx_ptrld(physical(ls[0].vmcs));
		garble(&state, l->vmcs, bytes);
		vmx_ptrld(physical(l->vmcs));
		if (chance(70))
			make_controls_valid();
		restrain(true);
		run(l);
		run(l);
		vmx_clear(physical(l->vmcs));
	}
	expect(!damaged, "%u exits damaged L1", damaged);
	kept("garbage", "whatever is in the page of a VMCS, clear, current or at hand");
}

/* ---- the other CPU ---- */

static u64 random_entry(u64 *from)
{
	u64 in_arena = physical(arena) + 4096 * random_of(from, ARENA_PAGES);
	u64 where = random_of(from, 4) ? in_arena : bad_place(random_of(from, BAD_PLACES));

	return where | random_of(from, 0x1000) | (random_of(from, 16) ? 0 : 1ull << (40 + random_of(from, 24)));
}

/* VMCSs, bitmaps, EPT tables: other contents, at any time. */
static void trample(u64 *from)
{
	u32 n = random_of(from, REGIONS);

	if (random_of(from, 32) == 0) {
		garble(from, ls[n].vmcs, 1);
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
	return chance(70) ? physical(arena) + 4096 * random(ARENA_PAGES) : bad_place(random(BAD_PLACES));
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
		return bad_place(random(BAD_PLACES));
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
	u64 places[] = { physical(arena), ours, 0xa0000, RAM_END, 0xe0000000, 1ull << 47, ~0ull - random(32) };
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

	ls[n].eptp = safe_eptp;
	l2_setup(&ls[n], mode, L2_WITH_EPT);
	l2_code(&ls[n], busy, busy_end);
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
	for (u32 i = 0; i < count; i++) {
		changes[i].field = random_field();
		changes[i].old = vmcs_get(changes[i].field);
		if (!IS_HOST(changes[i].field))
			vmx_write(changes[i].field, (uptr)random_value(changes[i].old));
	}
	if (chance(80))
		make_controls_valid();
	restrain(bad);
	if (chance(30))
		point(random(ARRAY_SIZE(structures)), random_page());
	ls[n].bx = ls[n].si = L2_DATA;
	if (chance(10))
		ls[n].launched = chance(50);
	run(&ls[n]);
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
		vmx_invept(random(4), chance(50) ? safe_eptp : random_entry(&state));
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
	entered = refused = 0;
	expect(ap_run(1, other_cpu) && !stop, "there is another CPU");
	for (u32 done_ = 0; done_ < order.count; done_ += 100) {
		u32 before = rounds;

		for (u32 i = 0; i < 100; i++)
			random_operation();
		expect(rounds - before >= PROGRESS, "the other CPU made %u rounds in 100 operations", rounds - before);
		if (done_ % 10000 < 100)
			say("%u operations, %u entries, %u refused, %u rounds\n", done_, entered, refused, rounds);
	}
	stop = true;
	expect(wait_until(&rounds, 0), "the other CPU comes to its end");
	expect(!damaged, "%u exits damaged L1", damaged);
	expect(entered > order.count / 40, "only %u entries", entered);
	say("%u operations, %u entries, %u refused\n", order.count, entered, refused);
	kept("random", "random operations, with another CPU that tramples on their structures");
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	if (on_us())
		find_hypervisor();
	if (!ours) {
		say("nothing to do without a hypervisor\n");
		return;
	}
	arena = pages_take(ARENA_PAGES);
	safe_eptp = safe_ept();
	vmx_enable();
	reads_as_ones();
	pointers();
	misplaced();
	writes_and_jumps();
	loops();
	self_map();
	garbage();
	at_random();
	vmx_disable();
}
