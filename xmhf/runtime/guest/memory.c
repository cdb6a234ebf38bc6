/* SPDX-License-Identifier: BSD-2-Clause */
/* L1's memory, with our own range kept out of reach. */
#include "guest/memory.h"
#include "guest/state.h"
#include "lib/string.h"
#include "lib/words.h"
#include "machine/cpu_insn.h"
#include "machine/machine.h"
#include "machine/trap.h"
#include "memory/ept01.h"
#include "memory/track.h"
#include "nested/nested.h"

#define PDPT_ADDRESS	0xffffffe0u
#define MSR_PKRS	0x6e1
#define RFLAGS_AC	BIT(18)
#define AR_DEFAULT_32	BIT(14)

/* ---- physical ---- */

bool guest_has_physical(gpa1_t at, size_t length)
{
	u64 end = at.at + length;

	return end >= at.at && end <= machine.host_top &&
	       (end <= machine.handoff.base || at.at >= machine.handoff.base + machine.handoff.size);
}

/* What isn't mapped yet will be with all rights. */
static bool allowed(gpa1_t at, size_t length, u32 rights)
{
	u64 end = at.at + length;
	bool all = true;

	if (!ept01_restricted)
		return true;
	lock_take(&ept01_lock);
	while (all && at.at < end) {
		struct ept_leaf leaf;

		all = !ept_lookup(&ept01, at, &leaf) || (leaf.rights & rights) == rights;
		at.at = leaf.from.at + leaf.size;
	}
	lock_drop(&ept01_lock);
	return all;
}

bool guest_peek(gpa1_t at, void *to, size_t length)
{
	if (!guest_has_physical(at, length))
		return false;
	memcpy(to, (const void *)(uptr)at.at, length);
	return true;
}

bool guest_read_physical(gpa1_t at, void *to, size_t length)
{
	return machine_is_memory(at.at) && allowed(at, length, EPT_R) && guest_peek(at, to, length);
}

bool guest_write_physical(gpa1_t at, const void *from, size_t length)
{
	return machine_is_memory(at.at) && allowed(at, length, EPT_RW) && guest_poke(at, from, length);
}

bool guest_equals_physical(gpa1_t at, const void *what, size_t length)
{
	uptr words = length / sizeof(uptr);

	return machine_is_memory(at.at) && allowed(at, length, EPT_R) && guest_has_physical(at, length) &&
	       words_same((const void *)(uptr)at.at, what, words) == words;
}

bool guest_poke(gpa1_t at, const void *from, size_t length)
{
	if (!guest_has_physical(at, length))
		return false;
	memcpy((void *)(uptr)at.at, from, length);
	lock_take(&ept01_lock);
	for (u64 page = round_down(at.at, PAGE_SIZE); page < at.at + length; page += PAGE_SIZE)
		track_wrote((gpa1_t){ page });
	lock_drop(&ept01_lock);
	return true;
}

/* What the guest that runs, L1 or L2, calls physical becomes L1-physical; see nested_translate. */
static bool to_l1(u64 *at, u32 rights)
{
	struct vcpu *v = this_cpu();

	return !v->in_l2 || nested_translate(v, at, rights);
}

bool guest_read_pdptes(u32 cr3, u64 pdpte[4])
{
	u64 at = cr3 & PDPT_ADDRESS;

	if (!to_l1(&at, EPT_R) || !guest_read_physical((gpa1_t){ at }, pdpte, 4 * sizeof(pdpte[0])))
		return false;
	for (u32 i = 0; i < 4; i++)
		if (!walk_pdpte_valid(pdpte[i], machine.maxphyaddr))
			return false;
	return true;
}

/* ---- physical, as the guest: what EPT01 lets it ---- */

/* Where @at leads if EPT01 allows @rights there; physical 0 is a place too. Call with ept01_lock held, and use it under the lock. */
static bool find(u64 at, enum ept_rights rights, void **place)
{
	struct ept_leaf leaf;

	if (at >= machine.host_top)
		return false;
	if (machine_is_ours(at) && rights & EPT_W)
		ept01_throw_away((gpa1_t){ round_down(at, PAGE_SIZE) });
	if (!ept_lookup(&ept01, (gpa1_t){ at }, &leaf) &&
	    (!ept_fill(&ept01, (gpa1_t){ at }) || !ept_lookup(&ept01, (gpa1_t){ at }, &leaf)))
		return false;
	*place = (void *)(uptr)leaf.hpa.at;
	return (leaf.rights & rights) == rights && leaf.hpa.at < machine.host_top;
}

/* Operands go by doublewords if they can: a device's registers may take no bytes. */
static void copy(void *to, const void *from, size_t length)
{
	volatile u32 *d = to;
	const volatile u32 *s = from;

	if (length > 16 || ((uptr)to | (uptr)from | length) & 3) {
		memcpy(to, from, length);
		return;
	}
	for (size_t i = 0; i < length / 4; i++)
		d[i] = s[i];
}

/* A piece that doesn't cross a page; @at is L1-physical. Above all memory reads are ones and writes are lost. */
static bool touch(u64 at, enum walk_kind kind, void *data, size_t length)
{
	void *place;
	bool found;

	if (at >= machine.host_top) {
		if (data && kind != WALK_WRITE)
			memset(data, 0xff, length);
		return true;
	}
	lock_take(&ept01_lock);
	found = find(at, kind == WALK_WRITE ? EPT_RW : EPT_R, &place);
	if (found && data && kind == WALK_WRITE) {
		copy(place, data, length);
		track_wrote((gpa1_t){ at });
	} else if (found && data) {
		copy(data, place, length);
	}
	lock_drop(&ept01_lock);
	return found;
}

/* A paging-structure entry. */
static bool read_entry(void *unused, u64 at, void *entry, u32 size)
{
	(void)unused;
	return to_l1(&at, 0) && touch(at, WALK_READ, entry, size);
}

/* The same, and EPT12's flags don't change. */
static bool peek_entry(void *unused, u64 at, void *entry, u32 size)
{
	struct vcpu *v = this_cpu();
	struct nested_place place = { { at }, 0, EPT_R };

	(void)unused;
	if (v->in_l2 && (!nested_look(v, (gpa2_t){ at }, &place) || !(place.rights & EPT_R)))
		return false;
	return touch(place.at.at, WALK_READ, entry, size);
}

/* A and D; in tables that EPT01 keeps from being written they stay as they are. */
static bool mark_entry(void *unused, u64 at, u64 old, u64 new, u32 size)
{
	bool found, same = true;
	void *entry;

	(void)unused;
	if (!to_l1(&at, EPT_RW))
		return true;
	lock_take(&ept01_lock);
	found = find(at, EPT_RW, &entry);
	if (found && size == sizeof(u32)) {
		u32 old32 = (u32)old;

		same = __atomic_compare_exchange_n((u32 *)entry, &old32, (u32)new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	} else if (found) {
		same = __sync_bool_compare_and_swap((u64 *)entry, old, new);
	}
	if (found)
		track_wrote((gpa1_t){ at });
	lock_drop(&ept01_lock);
	return same;
}

static const struct walk_memory tables = { read_entry, mark_entry, NULL };
static const struct walk_memory tables_unmarked = { peek_entry, NULL, NULL };

/* ---- linear ---- */

static u32 read_pkru(void)
{
	uptr cr4 = read_cr4();
	u32 pkru;

	write_cr4(cr4 | CR4_PKE);
	__asm__ volatile("rdpkru" : "=a"(pkru) : "c"(0) : "edx");
	write_cr4(cr4);
	return pkru;
}

struct walk_regs guest_paging(void)
{
	struct walk_regs regs = {
		.cr3 = vmcs_read(GUEST_CR3), .efer = vmcs_read(GUEST_EFER),
		.maxphyaddr = machine.maxphyaddr,
		.rflags_ac = vmcs_read(GUEST_RFLAGS) & RFLAGS_AC,
		.has_1g_pages = machine.has_1g_pages,
	};
	bool in_l2 = this_cpu()->in_l2;		/* VMCS02's masks are L1's: what L2 sees isn't what counts */
	u64 pkrs;

	regs.cr0 = in_l2 ? (uptr)vmcs_read(GUEST_CR0) : state_cr0();
	regs.cr4 = in_l2 ? (uptr)vmcs_read(GUEST_CR4) : state_cr4();
	for (u32 i = 0; i < ARRAY_SIZE(regs.pdpte); i++)
		regs.pdpte[i] = vmcs_read((enum vmcs_field)(GUEST_PDPTE0 + 2 * i));
	if (regs.cr4 & CR4_PKE)
		regs.pkru = read_pkru();
	if (regs.cr4 & CR4_PKS && rdmsr_safe(MSR_PKRS, &pkrs))
		regs.pkrs = (u32)pkrs;
	return regs;
}

struct walk_access guest_access_now(enum walk_kind kind)
{
	return (struct walk_access){ .kind = kind, .user = guest_cpl() == 3 };
}

static enum guest_access translate(const struct walk_regs *paging, const struct walk_memory *memory,
				   struct walk_access access, u64 linear, struct walk_result *to, struct guest_fault *fault)
{
	switch (walk(paging, memory, linear, access, to)) {
	case WALK_OK:
		return GUEST_DONE;
	case WALK_FAULT:
		*fault = (struct guest_fault){ linear, to->error_code };
		return GUEST_PAGE_FAULT;
	case WALK_NOT_CANONICAL:
		return GUEST_NOT_CANONICAL;
	case WALK_NO_MEMORY:
		break;
	}
	return GUEST_FORBIDDEN;
}

/* Goes over the pages of a range; with @data it copies, without it only tries. */
static enum guest_access each_page(const struct walk_regs *paging, struct walk_access access, u64 linear, u8 *data,
				   size_t length, struct guest_fault *fault)
{
	static const u32 rights[] = { [WALK_READ] = EPT_R, [WALK_WRITE] = EPT_W, [WALK_FETCH] = EPT_X };
	enum guest_access status = GUEST_DONE;

	while (length && status == GUEST_DONE) {
		size_t piece = MIN(length, PAGE_SIZE - (size_t)(linear & PAGE_MASK));
		struct walk_result page;

		if (!(paging->efer & EFER_LMA))
			linear = (u32)linear;
		status = translate(paging, &tables, access, linear, &page, fault);
		if (status == GUEST_DONE && (!to_l1(&page.gpa, rights[access.kind]) ||
					     !touch(page.gpa, access.kind, data, piece)))
			status = GUEST_FORBIDDEN;
		if (status == GUEST_FORBIDDEN)
			fault->linear = linear;
		if (data)
			data += piece;
		linear += piece;
		length -= piece;
	}
	return status;
}

enum guest_access guest_access_linear(const struct walk_regs *paging, struct walk_access access, u64 linear,
				      void *data, size_t length, struct guest_fault *fault)
{
	bool one_page = (linear & PAGE_MASK) + length <= PAGE_SIZE;
	enum guest_access status = GUEST_DONE;

	if (!data || !one_page)
		status = each_page(paging, access, linear, NULL, length, fault);
	if (data && status == GUEST_DONE)
		status = each_page(paging, access, linear, data, length, fault);
	return status;
}

enum guest_access guest_read_linear(u64 linear, void *to, size_t length, struct guest_fault *fault)
{
	struct walk_regs paging = guest_paging();

	return guest_access_linear(&paging, guest_access_now(WALK_READ), linear, to, length, fault);
}

enum guest_access guest_write_linear(u64 linear, const void *from, size_t length, struct guest_fault *fault)
{
	struct walk_regs paging = guest_paging();

	return guest_access_linear(&paging, guest_access_now(WALK_WRITE), linear, (void *)(uptr)from, length, fault);
}

enum guest_access guest_translate(u64 linear, struct walk_result *to, struct guest_fault *fault)
{
	struct walk_regs paging = guest_paging();

	paging.cr4 &= ~(u64)(CR4_SMAP | CR4_PKE | CR4_PKS);
	return translate(&paging, &tables_unmarked, (struct walk_access){ .kind = WALK_READ }, linear, to, fault);
}

enum verdict guest_inject_fault(struct vcpu *v, enum guest_access access, const struct guest_fault *fault)
{
	if (access != GUEST_PAGE_FAULT)
		return inject(v, GP_FAULT, 0);
	v->event_linear = fault->linear;
	return inject(v, PF_FAULT, (int)fault->error_code);
}

enum verdict guest_operand_fault(struct vcpu *v, enum guest_access access, const struct guest_fault *fault)
{
	enum verdict refused = access == GUEST_FORBIDDEN ? nested_refusal(v, fault->linear) : RESUME;

	return refused != RESUME ? refused : guest_inject_fault(v, access, fault);
}

u32 guest_code_bits(void)
{
	u32 rights = vmcs_read32(GUEST_CS_AR);

	if (rights & AR_LONG && vmcs_read(GUEST_EFER) & EFER_LMA)
		return 64;
	return rights & AR_DEFAULT_32 ? 32 : 16;
}
