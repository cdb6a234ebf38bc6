/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page walk. One loop serves all modes: `struct mode` has what differs between
 * them. Section numbers are the SDM's, volume 3.
 */
#include "walk.h"

enum {
	CR0_WP = BIT(16),
	CR0_PG = BIT(31),
	CR4_PSE = BIT(4),
	CR4_PAE = BIT(5),
	CR4_LA57 = BIT(12),
	CR4_SMEP = BIT(20),
	CR4_SMAP = BIT(21),
	CR4_PKE = BIT(22),
	CR4_PKS = BIT(24),
	EFER_LMA = BIT(10),
	EFER_NXE = BIT(11),
};

#define ENTRY_P		BIT64(0)
#define ENTRY_W		BIT64(1)
#define ENTRY_U		BIT64(2)
#define ENTRY_A		BIT64(5)
#define ENTRY_D		BIT64(6)
#define ENTRY_PS	BIT64(7)
#define ENTRY_XD	BIT64(63)

#define LEVELS_MAX	5u
#define ATTEMPTS	8u	/* walks in a row that lose the race to set A or D */

/* Bits @from to @to, none when @from is above @to. */
#define BITS(to, from)	((to) < (from) ? 0 : (~0ull >> (63 - (to))) & (~0ull << (from)))

struct mode {
	u32 levels;		/* of tables in memory: 2 to 5 */
	u32 entry_size;
	u32 index_bits;
	u32 large_levels;	/* bit n: an entry of level n may map a page by its PS bit */
	u64 root;		/* the first table's address */
	u64 frame;		/* address bits of an entry */
	u64 reserved;		/* in every entry */
};

struct trail {			/* the entries that were used, by level */
	u64 at[LEVELS_MAX + 1];
	u64 entry[LEVELS_MAX + 1];
};

struct walker {
	const struct walk_regs *regs;
	const struct walk_memory *memory;
	struct mode mode;
	u64 linear;
	struct walk_access access;
	struct walk_result *result;
	struct trail trail;
};

static bool long_mode(const struct walk_regs *regs)
{
	return (regs->efer & EFER_LMA) != 0;
}

/* XD bits mean something (5.1.1: NXE, with PAE or 4- and 5-level paging). */
static bool has_xd(const struct walk_regs *regs)
{
	return (regs->efer & EFER_NXE) != 0 && (regs->cr4 & CR4_PAE) != 0;
}

/* 5.3: two levels of 4-byte entries. */
static struct mode mode_32bit(const struct walk_regs *regs)
{
	return (struct mode){
		.levels = 2, .entry_size = 4, .index_bits = 10,
		.large_levels = regs->cr4 & CR4_PSE ? BIT(2) : 0,
		.root = regs->cr3 & BITS(31, 12),
		.frame = BITS(31, 12),
	};
}

/* 5.4: the PDPTE registers, then two levels. */
static struct mode mode_pae(const struct walk_regs *regs, u64 pdpte)
{
	u64 frame = BITS(regs->maxphyaddr - 1, 12);

	return (struct mode){
		.levels = 2, .entry_size = 8, .index_bits = 9,
		.large_levels = BIT(2),
		.root = pdpte & frame,
		.frame = frame,
		.reserved = BITS(62, regs->maxphyaddr) | (has_xd(regs) ? 0 : ENTRY_XD),
	};
}

/* 5.5: four or five levels. */
static struct mode mode_long(const struct walk_regs *regs)
{
	u64 frame = BITS(regs->maxphyaddr - 1, 12);

	return (struct mode){
		.levels = regs->cr4 & CR4_LA57 ? 5 : 4, .entry_size = 8, .index_bits = 9,
		.large_levels = BIT(2) | (regs->has_1g_pages ? BIT(3) : 0),
		.root = regs->cr3 & frame,
		.frame = frame,
		.reserved = BITS(51, regs->maxphyaddr) | (has_xd(regs) ? 0 : ENTRY_XD),
	};
}

static u32 level_shift(const struct mode *mode, u32 level)
{
	return 12 + mode->index_bits * (level - 1);
}

static bool is_leaf(const struct mode *mode, u64 entry, u32 level)
{
	return level == 1 || ((entry & ENTRY_PS) != 0 && (mode->large_levels & BIT(level)) != 0);
}

/* The bits that must be 0 in this entry: tables 5-5 to 5-20. */
static u64 reserved_bits(const struct walker *w, u64 entry, u32 level)
{
	const struct mode *mode = &w->mode;
	u64 reserved = mode->reserved;

	if (level == 1)
		return reserved;
	if (mode->entry_size == 4) {	/* PSE-36: bits 20:13 are address bits 39:32 */
		if (is_leaf(mode, entry, level))
			reserved |= BITS(21u, MIN(w->regs->maxphyaddr, 40) - 19);
		return reserved;
	}
	if (is_leaf(mode, entry, level))
		return reserved | BITS(level_shift(mode, level) - 1, 13);
	return reserved | ENTRY_PS;
}

/* 5.7: what the error code says of the access itself. */
static u32 access_error(const struct walker *w)
{
	bool tells_fetch = has_xd(w->regs) || (w->regs->cr4 & CR4_SMEP) != 0;

	return (w->access.kind == WALK_WRITE ? PF_W : 0) | (w->access.user ? PF_U : 0) |
	       (w->access.kind == WALK_FETCH && tells_fetch ? PF_I : 0);
}

static enum walk_status fault(const struct walker *w, u32 error)
{
	w->result->error_code = error | access_error(w);
	return WALK_FAULT;
}

/* 5.6.1 without protection keys. */
static bool rights_allow(const struct walker *w)
{
	const struct walk_regs *regs = w->regs;
	const struct walk_result *page = w->result;
	bool ac = regs->rflags_ac && !w->access.implicit;

	if (w->access.user && !page->user_page)
		return false;
	if (w->access.kind == WALK_FETCH) {
		if (!w->access.user && page->user_page && (regs->cr4 & CR4_SMEP))
			return false;
		return page->executable;
	}
	if (!w->access.user && page->user_page && (regs->cr4 & CR4_SMAP) && !ac)
		return false;
	if (w->access.kind == WALK_READ || page->writable)
		return true;
	return !w->access.user && !(regs->cr0 & CR0_WP);
}

/* 5.6.2: keys bind data accesses, by 4- and 5-level paging only. */
static bool key_allows(const struct walker *w, u64 leaf)
{
	const struct walk_regs *regs = w->regs;
	u32 key = (u32)(leaf >> 59) & 15;
	u32 rights = (w->result->user_page ? regs->pkru : regs->pkrs) >> (2 * key);
	bool enabled = (regs->cr4 & (w->result->user_page ? CR4_PKE : CR4_PKS)) != 0;
	bool access_disabled = (rights & 1) != 0;
	bool write_disabled = (rights & 2) != 0;

	if (!enabled || !long_mode(regs) || w->access.kind == WALK_FETCH)
		return true;
	if (access_disabled)
		return false;
	return !(write_disabled && w->access.kind == WALK_WRITE &&
		 (w->access.user || (regs->cr0 & CR0_WP)));
}

/* From the root to the leaf, whose level is in the result; rights are gathered on the way. */
static enum walk_status descend(struct walker *w)
{
	const struct mode *mode = &w->mode;
	struct walk_result *r = w->result;
	u64 table = mode->root;

	for (u32 level = mode->levels;; level--) {
		u64 index = (w->linear >> level_shift(mode, level)) & (BIT64(mode->index_bits) - 1);
		u64 entry = 0;

		r->level = level;
		r->entry_at = table + index * mode->entry_size;
		if (!w->memory->read(w->memory->ctx, r->entry_at, &entry, mode->entry_size))
			return WALK_NO_MEMORY;
		if (!(entry & ENTRY_P))
			return fault(w, 0);
		if (entry & reserved_bits(w, entry, level))
			return fault(w, PF_P | PF_RSVD);
		r->writable &= (entry & ENTRY_W) != 0;
		r->user_page &= (entry & ENTRY_U) != 0;
		r->executable &= !(has_xd(w->regs) && (entry & ENTRY_XD));
		w->trail.at[level] = r->entry_at;
		w->trail.entry[level] = entry;
		if (is_leaf(mode, entry, level))
			return WALK_OK;
		table = entry & mode->frame;
	}
}

/* 5.8: A in every entry that was used, D in the leaf of a write. False: the walk is out of date. */
static bool mark(const struct walker *w)
{
	u32 leaf = w->result->level;

	if (w->memory->cmpxchg == NULL)
		return true;
	for (u32 level = w->mode.levels; level >= leaf; level--) {
		u64 old = w->trail.entry[level];
		u64 new = old | ENTRY_A;

		if (level == leaf && w->access.kind == WALK_WRITE)
			new |= ENTRY_D;
		if (new != old && !w->memory->cmpxchg(w->memory->ctx, w->trail.at[level], old, new,
						      w->mode.entry_size))
			return false;
	}
	return true;
}

static u64 page_address(const struct walker *w, u64 leaf, u64 size)
{
	u64 base = leaf & w->mode.frame & ~(size - 1);

	if (w->mode.entry_size == 4 && w->result->level == 2)
		base |= (leaf & BITS(20, 13)) << 19;	/* PSE-36 */
	return base | (w->linear & (size - 1));
}

/* One walk. @again: A or D couldn't be set, tables may have changed. */
static enum walk_status attempt(struct walker *w, bool *again)
{
	struct walk_result *r = w->result;
	enum walk_status status;
	u64 leaf;
	u32 error;

	*again = false;
	*r = (struct walk_result){ .writable = true, .user_page = true, .executable = true };
	status = descend(w);
	if (status != WALK_OK)
		return status;

	leaf = w->trail.entry[r->level];
	error = key_allows(w, leaf) ? 0 : PF_PK;
	if (error != 0 || !rights_allow(w))
		return fault(w, PF_P | error);
	if (!mark(w)) {
		*again = true;
		return WALK_NO_MEMORY;
	}
	r->page_size = BIT64(level_shift(&w->mode, r->level));
	r->gpa = page_address(w, leaf, r->page_size);
	return WALK_OK;
}

/* Finds the mode; false with a status when the walk ends before any table in memory. */
static bool begin(struct walker *w, enum walk_status *status)
{
	const struct walk_regs *regs = w->regs;
	u64 pdpte;

	*status = WALK_OK;
	*w->result = (struct walk_result){ .writable = true, .user_page = true, .executable = true };
	if (!(regs->cr0 & CR0_PG)) {
		w->result->gpa = w->linear & 0xffffffff;
		w->result->page_size = PAGE_SIZE;
		return false;
	}
	if (long_mode(regs)) {
		w->mode = mode_long(regs);
		if (walk_canonical(w->linear, regs->cr4))
			return true;
		*status = WALK_NOT_CANONICAL;
		return false;
	}
	w->linear &= 0xffffffff;
	if (!(regs->cr4 & CR4_PAE)) {
		w->mode = mode_32bit(regs);
		return true;
	}
	pdpte = regs->pdpte[w->linear >> 30];
	w->mode = mode_pae(regs, pdpte);
	w->result->level = 3;
	if (pdpte & ENTRY_P)
		return true;
	*status = fault(w, 0);
	return false;
}

enum walk_status walk(const struct walk_regs *regs, const struct walk_memory *memory,
		      u64 linear, struct walk_access access, struct walk_result *result)
{
	struct walker w = { .regs = regs, .memory = memory, .linear = linear, .access = access,
			    .result = result };
	enum walk_status status;
	bool again = true;

	if (!begin(&w, &status))
		return status;
	for (u32 n = 0; n < ATTEMPTS && again; n++)
		status = attempt(&w, &again);
	return status;
}

bool walk_pdpte_valid(u64 pdpte, u32 maxphyaddr)
{
	u64 reserved = BITS(2, 1) | BITS(8, 5) | BITS(63, maxphyaddr);

	return !(pdpte & ENTRY_P) || !(pdpte & reserved);
}

bool walk_canonical(u64 linear, u64 cr4)
{
	u32 shift = cr4 & CR4_LA57 ? 64 - 57 : 64 - 48;

	return (u64)((s64)(linear << shift) >> shift) == linear;
}
