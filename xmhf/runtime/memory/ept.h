/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPT01: L1's physical memory, identity mapped with the largest leaves that memory types and
 * protections allow. Pure logic: pages, flushes and memory types come by callbacks.
 *
 * Locking is the caller's: one lock around every function here, flush_discharge and ept_lookup
 * included. flush_now is called with that lock held, so it must count a CPU that is in root
 * mode (perhaps spinning on the lock) as flushed when that CPU flushes before its next entry.
 *
 * Who flushes: a change of rights, type or target in a leaf of the same size is one store, and
 * the flush it owes comes back to the caller. A leaf's size changes through not-present: clear,
 * flush_now, write. In that window, and after rights were only added (which owes no flush, SDM
 * 29.4.3.4), a CPU may report an EPT violation for an access that ept_lookup allows: the
 * violation itself dropped the stale translation, so the caller just resumes.
 */
#ifndef MEMORY_EPT_H
#define MEMORY_EPT_H

#include "memory/ept_entry.h"

struct ept_ops {
	void *(*page_alloc)(void *ctx);		/* a zeroed page at its own physical address, or NULL */
	void (*page_free)(void *ctx, void *page);
	void (*flush_now)(void *ctx);		/* returns when no CPU uses a translation of this EPT older than the call */
	/* As mtrr_type_of: @same_until is above @at, and may fall short of the next change. */
	enum memory_type (*type_of)(void *ctx, u64 at, u64 *same_until);
};

#define EPT_RESERVE	4u	/* pages kept so that a protection never half succeeds: 2 tables an edge */

struct ept {
	u64 *root;
	const struct ept_ops *ops;
	void *ctx;
	u64 caps;			/* IA32_VMX_EPT_VPID_CAP */
	u64 limit;			/* first address not translated: 2^min(MAXPHYADDR, 48) */
	bool stale;			/* a CPU may hold a translation that the tables no longer have */
	u32 tables;			/* table pages in the tree, the root included */
	u32 reserved;
	void *reserve[EPT_RESERVE];
};

/*
 * What a change owes. Discharge it (before the guest may rely on the change, and before the
 * lock is dropped if others must see it), or join it to another. @ept is NULL when nothing is owed.
 */
struct flush {
	struct ept *ept;		/* flush every context of this EPT pointer, on all CPUs */
	bool failed;			/* see the function that returned it */
};

struct ept_leaf {
	u32 level;			/* 1 to 3; of the missing entry, up to 4, when not mapped */
	bool mapped;			/* a leaf is there, perhaps without rights */
	bool special;			/* made by ept_redirect */
	gpa1_t from;			/* the first address that the entry spans */
	u64 size;			/* and how many bytes: 4 KiB, 2 MiB, 1 GiB, 512 GiB (not mapped) */
	hpa_t hpa;			/* where the address that was asked for leads */
	enum ept_rights rights;		/* all of them there means: a violation was stale, resume */
	enum memory_type type;
};

/*
 * An empty EPT. @caps is IA32_VMX_EPT_VPID_CAP, @maxphyaddr 32 to 52. False: no pages. Free it
 * with ept_destroy, when no CPU uses it.
 */
MUST_CHECK bool ept_init(struct ept *ept, const struct ept_ops *ops, void *ctx, u64 caps, u32 maxphyaddr);
void ept_destroy(struct ept *ept);

static inline hpa_t ept_root(const struct ept *ept) { return (hpa_t){ (u64)(uptr)ept->root }; }

/* With A/D exactly where the CPU has it. */
u64 ept_pointer(const struct ept *ept);

/*
 * Maps what isn't mapped yet from @from up to @to (4 KiB aligned) to itself, RWX, with type_of's
 * types. False: pages ran out; parts are missing, or mapped coarser as UC (slower, never wrong).
 */
MUST_CHECK bool ept_map_identity(struct ept *ept, gpa1_t from, gpa1_t to);

/*
 * For a violation on an address that isn't mapped: maps the largest possible identity leaf
 * around it. True: it is mapped now, resume. False: beyond the limit, or no page for a table.
 */
MUST_CHECK bool ept_fill(struct ept *ept, gpa1_t at);

/*
 * Sets the rights of @length bytes from @from (both 4 KiB aligned; what isn't mapped is filled
 * first). Special pages keep theirs. Rights that the CPU can't express lose, never gain: W
 * without R is dropped, X alone too where execute-only is missing. failed: the range is beyond
 * the limit or pages ran out, and no rights were changed.
 */
MUST_CHECK struct flush ept_protect(struct ept *ept, gpa1_t from, u64 length, enum ept_rights rights);

/* Back to RWX; merges leaves where all is uniform again. Owes no flush by itself. */
MUST_CHECK struct flush ept_unprotect(struct ept *ept, gpa1_t from, u64 length);

/*
 * Makes the page at @page a special one that leads to @to. failed: beyond the limit or no pages,
 * and nothing was changed.
 */
MUST_CHECK struct flush ept_redirect(struct ept *ept, gpa1_t page, hpa_t to, enum ept_rights rights,
				     enum memory_type type);

/*
 * After type_of's answers changed between @from and @to (4 KiB aligned; clipped to the limit):
 * gives all mapped, non-special memory there its type; rights stay. failed: pages ran out,
 * and some leaves became UC as a whole because they couldn't be split.
 */
MUST_CHECK struct flush ept_retype(struct ept *ept, gpa1_t from, gpa1_t to);

/* What translates @at. True when a leaf is there; see struct ept_leaf. */
bool ept_lookup(const struct ept *ept, gpa1_t at, struct ept_leaf *out);

/* Both debts as one; failed if either did. They are of the same EPT. */
MUST_CHECK struct flush flush_join(struct flush a, struct flush b);

/* Pays, by one flush_now, unless a later flush has paid already. Clears *@owed but for failed. */
void flush_discharge(struct flush *owed);

#endif
