/* SPDX-License-Identifier: BSD-2-Clause */
/* See peek.h: the walk of SDM 5.4 and 5.5 for reads by a supervisor, with no side effects. */
#include "lib/string.h"
#include "machine/cpu_insn.h"
#include "machine/machine.h"
#include "memory/ept01.h"
#include "nested/ept02_table.h"
#include "nested/peek.h"
#include "nested/state.h"

#define PTE_P		BIT64(0)
#define PTE_U		BIT64(2)
#define PTE_A		BIT64(5)
#define PTE_PS		BIT64(7)
#define PTE_XD		BIT64(63)
#define PTE_ADDRESS	0x000ffffffffff000ull
#define CR3_PAE_TABLE	0xffffffe0u

static u64 *plain_from(struct peek *p, u64 at, u64 **size)
{
	u32 i = (u32)(at >> 12 ^ at >> 21) % PEEK_RANGES;

	*size = &p->plain[i].size;
	return &p->plain[i].from;
}

static NOINLINE bool look_up(u64 *from, u64 *size, u64 at)
{
	struct ept_leaf leaf;

	*size = 0;
	if (!ept_lookup(&ept01, (gpa1_t){ at }, &leaf) || leaf.special || !(leaf.rights & EPT_R) || leaf.hpa.at != at ||
	    leaf.from.at + leaf.size > machine.host_top)
		return false;
	*from = leaf.from.at;
	*size = leaf.size;
	return true;
}

static bool is_plain(struct peek *p, u64 at)
{
	u64 *size, *from = plain_from(p, at, &size);

	return at - *from < *size || look_up(from, size, at);
}

/* From the table at @table down to the page, which is ordinary memory too; @level: 4 or 2. */
static bool walk_down(struct peek *p, struct peek_walk *w, u64 table, u32 level, uptr linear, u64 reserved, u64 *user)
{
	for (;; level--) {
		u64 place = table + ((u64)linear >> 9 * level & 0xff8), entry, span = ept_span(level);

		if (!is_plain(p, place))
			return false;
		entry = ept12_entry_get((const u64 *)(uptr)place);
		w->place[w->levels] = (const u64 *)(uptr)place;
		w->entry[w->levels++] = entry;
		if ((entry & (PTE_P | PTE_A)) != (PTE_P | PTE_A) || entry & reserved)
			return false;
		*user &= entry;
		table = entry & PTE_ADDRESS;
		if (level == 1 || (level == 2 && entry & PTE_PS)) {
			if (level == 2 && table & (span - 1) & ~(u64)PAGE_SIZE)		/* bit 12 is PAT */
				return false;
			w->at = (uptr)((table & ~(span - 1)) | (linear & (span - 1) & ~(u64)PAGE_MASK));
			return is_plain(p, w->at);
		}
		if (entry & PTE_PS)
			return false;
	}
}

static NOINLINE bool walk_anew(struct peek *p, struct peek_walk *w)
{
	u64 reserved = (w->efer & EFER_NXE ? 0 : PTE_XD) | (PTE_ADDRESS & ~(BIT64(machine.maxphyaddr) - 1)), user = PTE_U;
	bool found = false;

	w->levels = 0;
	if (w->cr4 & (CR4_LA57 | CR4_PKS))
		return false;
	if (w->efer & EFER_LMA)
		found = walk_down(p, w, w->root & PTE_ADDRESS, 4, w->page, reserved, &user);
	else if (w->cr4 & CR4_PAE && w->root & PTE_P)
		found = walk_down(p, w, w->root & PTE_ADDRESS, 2, (u32)w->page, reserved | 0x7ff0000000000000ull, &user);
	if (!found || (user && w->cr4 & (CR4_SMAP | CR4_PKE)))
		w->levels = 0;
	return w->levels > 0;
}

static NOINLINE const struct peek_walk *anew(struct peek *p, struct peek_walk *w, const struct peek_walk *key)
{
	u32 generation = nested_pages_generation();

	if (p->generation != generation) {
		memset(p, 0, sizeof(*p));
		p->generation = generation;
	}
	w->page = key->page;
	w->root = key->root;
	w->cr4 = key->cr4;
	w->efer = key->efer;
	return walk_anew(p, w) ? w : NULL;
}

static inline bool entries_are(const struct peek_walk *w)
{
	for (u32 i = 0; i < w->levels; i++)
		if (ept12_entry_get(w->place[i]) != w->entry[i])
			return false;
	return w->levels > 0;
}

/* Where the page of @linear is. NULL: nothing is known. */
static inline const struct peek_walk *translate(struct peek *p, uptr linear)
{
	struct peek_walk *w = &p->walks[(linear >> 12) % PEEK_WALKS], key;

	key.page = linear & ~(uptr)PAGE_MASK;
	key.cr4 = vmcs_read_natural(GUEST_CR4);
	key.efer = (u32)vmcs_read_natural(GUEST_EFER);
	key.root = vmcs_read(key.efer & EFER_LMA ? GUEST_CR3 : (enum vmcs_field)(GUEST_PDPTE0 + 2 * (u32)((u32)linear >> 30)));
	if (w->page == key.page && w->root == key.root && w->cr4 == key.cr4 && w->efer == key.efer &&
	    p->generation == nested_pages_moves && entries_are(w))
		return w;
	return anew(p, w, &key);
}

/* @bytes is 4, 8 or 16. */
static inline void copy(void *to, const void *from, u32 bytes)
{
	if (bytes == sizeof(u32)) {
		*(u32 *)to = *(const u32 *)from;
		return;
	}
	*(u64 *)to = *(const u64 *)from;
	if (bytes > sizeof(u64))
		((u64 *)to)[1] = ((const u64 *)from)[1];
}

bool peek(struct peek *p, uptr linear, void *to, u32 bytes)
{
	u32 offset = (u32)linear & PAGE_MASK;
	const struct peek_walk *w;

	if (offset + bytes > PAGE_SIZE)
		return false;
	lock_take(&ept01_lock);
	w = translate(p, linear);
	if (w)
		copy(to, (const u8 *)w->at + offset, bytes);
	lock_drop(&ept01_lock);
	return w != NULL;
}
