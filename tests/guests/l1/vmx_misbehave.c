/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An L1 that misbehaves, one thing after the other: structures in the hypervisor's memory, in devices and where there is
 * nothing, garbage in VMCSs, EPTs that lead to themselves. What it promises is about the hypervisor: that it goes on, and
 * shows and takes nothing of its own. vmx_random_ops.c does all that at random.
 */
#include "ept.h"
#include "rogue.h"

#define LARGE		0x200000u
#define WINDOW_AT	0x8000000u	/* of L2's: where an experiment's page is */
#define REGIONS		6

static struct l2 ls[REGIONS];
static u64 state = 1;

static u32 random(u32 below) { return random_of(&state, below); }
static bool chance(u32 percent) { return random(100) < percent; }

L2_CODE(reads, 32, "mov (%ebx), %eax; vmcall; hlt");
L2_CODE(writes, 32, "mov %eax, (%ebx); vmcall; hlt");

static void pointers(void)
{
	struct l2 *l = &ls[0];

	rogue_setup(l, reads, reads_end);
	for (u32 n = 0; n < ROGUE_PLACES; n++) {
		u64 place = rogue_place(n);
		struct vmx_result r = vmx_ptrld(place);

		if (place >= rogue_ours && place < rogue_ours_end)
			expect(r.kind == VMX_VALID && r.number == 11, "VMPTRLD of %llx: %u %u", place, r.kind, r.number);
		vmx_clear(place);
		vmx_ptrld(physical(l->vmcs));
		rogue_run(l);
		vmx_off();
		r = vmx_on(place);
		expect(r.kind == VMX_INVALID, "VMXON of %llx: %u", place, r.kind);
		vmx_enable();
		rogue_setup(l, reads, reads_end);
	}
	kept("pointers", "VMXON, VMCLEAR and VMPTRLD of memory that isn't L1's do nothing");
}

static void misplaced(void)
{
	for (u32 s = 0; s < ROGUE_STRUCTURES; s++)
		for (u32 n = 0; n < ROGUE_PLACES; n++) {
			rogue_setup(&ls[1], rogue_busy, rogue_busy_end);
			rogue_point(s, rogue_place(n));
			rogue_run(&ls[1]);
		}
	expect(!rogue_damaged, "%u exits damaged L1", rogue_damaged);
	kept("misplaced", "structures of a VMCS outside L1's memory hurt nobody");
}

/* L2 is given the hypervisor's memory by EPT: before anybody writes there, it reads as ones. */
static void reads_as_ones(void)
{
	u64 eptp = ept_new();
	struct l2 *l = &ls[2];

	ept_identity(eptp);
	rogue_setup(l, reads, reads_end);
	for (u64 place = rogue_ours; place < rogue_ours_end; place += 0x3000)
		for (u32 large = 0; large < 2; large++) {
			ept_map(eptp, WINDOW_AT, large ? place & ~(LARGE - 1ull) : place, large ? EPT_2M : EPT_4K,
				EPT_RWX | EPT_WB);
			vmx_invept(2, 0);
			vmcs_set(EPTP, eptp);
			vmcs_set(GUEST_RIP, L2_CODE_AT);
			l->bx = WINDOW_AT + (large ? (u32)place & (LARGE - 1) : 0);
			rogue_run(l);
			expect(exit_reason() == EXIT_VMCALL && (u32)l->ax == ~0u, "L2 reads %x at %llx, exit %u", (u32)l->ax, place,
			       exit_reason());
			expect(*(volatile u32 *)rogue_at(place) == ~0u, "L1 reads %x at %llx", *(volatile u32 *)rogue_at(place), place);
		}
	kept("ones", "the hypervisor's memory reads as ones, to L1 and through EPT to L2");
}

static void writes_and_jumps(void)
{
	u64 eptp = ept_new();
	struct l2 *l = &ls[2];

	ept_identity(eptp);
	for (u64 place = rogue_ours; place < rogue_ours_end; place += 0x7f000) {
		rogue_setup(l, writes, writes_end);
		ept_map(eptp, WINDOW_AT, place, EPT_4K, EPT_RWX | EPT_WB);
		vmx_invept(2, 0);
		vmcs_set(EPTP, eptp);
		l->bx = WINDOW_AT;
		rogue_run(l);
		rogue_setup(l, reads, reads_end);
		vmcs_set(EPTP, eptp);
		vmcs_set(GUEST_RIP, WINDOW_AT);
		rogue_run(l);
		*(volatile u32 *)rogue_at(place + 8) = 0x5a5a5a5a;
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
			rogue_setup(&ls[3], rogue_busy, rogue_busy_end);
			vmcs_set(EPTP, physical(root) | EPTP_DEFAULT | (ad ? EPTP_AD : 0));
			rogue_run(&ls[3]);
			rogue_run(&ls[3]);
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
	table = rogue_at((uptr)ept_entry(eptp, WINDOW_AT, EPT_4K) & ~0xfffull);
	memset(table + 16, 0, 16 * sizeof(*table));
	ept_map(eptp, WINDOW_AT + 4096, physical(table), EPT_4K, EPT_RWX | EPT_WB);
	for (u32 n = 0; n < 16; n++) {
		rogue_setup(l, writes, writes_end);		/* an entry not used yet */
		vmcs_set(EPTP, eptp);
		l->bx = WINDOW_AT + 4096 + 8 * (16 + n);
		l->ax = (uptr)(physical(pages[n & 1]) | EPT_RWX | EPT_WB);
		rogue_run(l);
		rogue_setup(l, reads, reads_end);
		vmcs_set(EPTP, eptp);
		l->bx = WINDOW_AT + 4096 * (16 + n);
		rogue_run(l);
		expect((u32)l->ax == (n & 1 ? 0xbbbb : 0xaaaa), "L2 reads %x by entry %u, exit %u", (u32)l->ax, n, exit_reason());
	}
	kept("self_map", "what L2 enters into its own EPT's tables counts");
}

static void garbage(void)
{
	struct l2 *l = &ls[5];

	for (u32 n = 0; n < 80; n++) {
		u32 bytes = n % 4 == 0 ? 8000 : 1 + random(64), when = random(3);

		rogue_setup(l, rogue_busy, rogue_busy_end);
		if (when == 0)
			vmx_clear(physical(l->vmcs));
		if (when == 1)
			vmx_ptrld(physical(ls[0].vmcs));
		rogue_garble(&state, l->vmcs, bytes);
		vmx_ptrld(physical(l->vmcs));
		if (chance(70))
			rogue_make_controls_valid();
		rogue_mend_host();
		rogue_restrain();
		rogue_run(l);
		rogue_run(l);
		vmx_clear(physical(l->vmcs));
	}
	expect(!rogue_damaged, "%u exits damaged L1", rogue_damaged);
	kept("garbage", "whatever is in the page of a VMCS, clear, current or at hand");
}

void guest_main(void)
{
	if (!rogue_begin())
		return;
	reads_as_ones();
	pointers();
	misplaced();
	writes_and_jumps();
	loops();
	self_map();
	garbage();
	vmx_disable();
}
