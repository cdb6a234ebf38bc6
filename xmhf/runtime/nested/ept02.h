/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPT02: what L2 runs on, the shadow of L1's EPT12 seen through EPT01. Filled on violation, kept over INVEPT;
 * each table shadows one of EPT12's, or maps one large page of EPT12's in the pieces that EPT01 has. Pure logic:
 * L1's memory, EPT01 and flushes come by callbacks, table pages from one block of memory given at the start.
 *
 * Locking is the caller's: the lock of EPT01, around every function here.
 *
 * Who flushes: a CPU runs L2 on a root with the translations that it had when the root's generation was what the
 * CPU noted at its last flush of that root. Before an entry it compares; if the generation moved it executes INVEPT
 * for ept02_pointer(), then notes the new one. So L1's INVEPT is ept02_sync() and that compare, on this CPU; the
 * others compare when they enter or execute their own. Only what protects us or a hypapp is flushed at once,
 * on all CPUs: ept02_drop() says so.
 */
#ifndef NESTED_EPT02_H
#define NESTED_EPT02_H

#include "memory/ept.h"
#include "nested/ept12_walk.h"

struct ept02_ops {
	/*
	 * ept_lookup of EPT01, after an ept_fill where nothing was mapped. False: there can't be anything. A tracked
	 * page has a 4 KiB leaf of its own, with the rights it had before.
	 */
	bool (*lookup)(void *ctx, gpa1_t at, struct ept_leaf *leaf);
	/*
	 * L1's page at @page, to be read, and if @writable to be marked as L1 could, as long as ept02_drop isn't told of it.
	 * NULL: no memory of L1's, it reads as ones. @leaf01 is what the tracker has just said; 0: nothing.
	 */
	u64 *(*page)(void *ctx, gpa1_t page, u64 leaf01, bool *writable);
	/* As in struct ept12_memory. It need not be noticed by the tracker: what A and D allow is only taken after. */
	bool (*cmpxchg)(void *ctx, gpa1_t at, u64 old, u64 new);
	/* Returns when no CPU uses a translation of any EPT02, or walks a table of one, older than the call. */
	void (*flush_now)(void *ctx);
};

/* Knows which of L1's pages changed: the pages that hold tables of EPT12. */
struct ept02_tracker {
	/* Writes after this call are noticed, by L1's CPUs and by us, not by L2. Returns EPT01's leaf for it; 0: not known. */
	u64 (*track)(void *ctx, gpa1_t page);
	void (*untrack)(void *ctx, gpa1_t page);
	/*
	 * Gives up to @max tracked pages that changed since they were tracked or given here, and how many. Whatever
	 * is written to them after the return is noticed again. More than changed may be given. Fewer than @max: that was all.
	 */
	u32 (*take_changed)(void *ctx, gpa1_t *pages, u32 max);
	bool (*is_watched)(void *ctx, gpa1_t page);	/* does somebody else want to know of writes to it? */
	void (*expose)(void *ctx, gpa1_t page);		/* that one can't know any more: L2 may write there */
};

struct ept02_table;

/* Where EPT01 leads, for as far as one leaf of it goes. */
struct ept02_range {
	u64 from, size;			/* L1-physical; size 0: none is known */
	u64 add;			/* to an address in EPT12: the one in EPT02 */
	const u8 *low;			/* bits 5:0 of a leaf in EPT12 to those of the one in EPT02; 0: none */
	u32 level;
	bool special;			/* redirected */
	bool watched;			/* a tracked page: no W, unless L2 insists */
};

struct ept02 {
	const struct ept02_ops *ops;
	const struct ept02_tracker *tracker;
	void *ctx;			/* of both */
	const struct ept12_rules *rules;
	struct ept12_memory memory12;
	u64 caps;			/* IA32_VMX_EPT_VPID_CAP of the CPU */
	u64 generation, flushed;	/* now, and at the last flush_now */
	u64 round;			/* of ept02_sync */
	struct ept02_range range;	/* the last one used */
	struct ept02_table *tables;
	u32 count;			/* of tables, in the whole pool */
	struct ept02_table **buckets;	/* tables by the address of what they shadow */
	u32 bucket_shift;
	struct ept02_table *ring;	/* of use: ->next the latest, ->prev the oldest, for those that have none below; tables[count] */
	struct ept02_table *recent;	/* the one used last */
	gpa2_t recent_at;		/* for which address of L2's */
	struct ept02_table *free, *limbo;	/* zeroed ones; those that a CPU may still walk */
	u32 exposed;			/* tables of which L2 can write what they shadow: never known to be unchanged */
	u32 *writable;			/* a bit a page of L1's (modulo their number): a leaf with W may lead there */
	u32 writable_mask;		/* of page numbers, */
	u64 writable_to;		/* and all addresses of such pages, ORed: have two of them one bit? */
	u8 low[64][64];			/* by bits 5:0 of EPT01's leaf, then as in struct ept02_range */
};

#define EPT02_TABLES_MIN	16u	/* and one for each CPU */

/*
 * @memory, page aligned, zeroed and one to one, is the pool with its administration. @rules are of what L1 is offered, @caps is what the CPU
 * has. False: too small.
 */
MUST_CHECK bool ept02_init(struct ept02 *e, const struct ept02_ops *ops, const struct ept02_tracker *tracker, void *ctx,
			   const struct ept12_rules *rules, u64 caps, void *memory, size_t bytes);

/*
 * The shadow of the EPT12 with this (valid) pointer, kept until put as often. NULL: no pages. A root that was put
 * may be recycled: get it again before its pointer is used.
 */
struct ept02_table *ept02_get(struct ept02 *e, u64 eptp12);
void ept02_put(struct ept02_table *root);

/* Is it what ept02_get gives for @eptp12? */
bool ept02_is_of(const struct ept02_table *root, u64 eptp12);

/* The pointer for VMCS02. A/D as in EPT12. */
u64 ept02_pointer(const struct ept02_table *root);

/* Above 0, never the same for two roots that had one page. */
u64 ept02_generation(const struct ept02_table *root);

/* A CPU's faults as they come: on a sequence more neighbours are filled each time. Starts as zeros. */
struct ept02_stream {
	u64 next;
	u32 window;
};

struct ept02_fault {
	gpa2_t at;
	enum ept_rights want;		/* bits 2:0 of the qualification */
	const struct ept12_log *log;	/* L1's page-modification log; NULL: off */
	struct ept02_stream *stream;	/* of this CPU */
	bool ahead;			/* before L2 tries: only what leaves no trace in EPT12 */
	struct ept12_translation ept12;	/* what L1 is told; with EPT02_PROTECTED only ept12.at */
};

enum ept02_answer {
	EPT02_RESUME,			/* filled, or somebody did it before */
	EPT02_VIOLATION,		/* L1's to see: ept12.rights for its qualification */
	EPT02_MISCONFIGURED,		/* likewise */
	EPT02_LOG_FULL,			/* likewise */
	EPT02_PROTECTED,		/* EPT12 allows it, EPT01 doesn't at ept12.at: as a violation by L1 */
	EPT02_NO_PAGES,
};

/* An EPT violation of L2. */
MUST_CHECK enum ept02_answer ept02_fault(struct ept02 *e, struct ept02_table *root, struct ept02_fault *fault);

/* After it every translation is what EPT12 says, or missing: for INVEPT of either kind. */
void ept02_sync(struct ept02 *e);

/* L2 may not write to @page unnoticed from now on, which is_watched() by now. */
void ept02_keep_off(struct ept02 *e, gpa1_t page);

/* What a change of EPT01 owes: flush_now. Discharge it before somebody relies on the change, and before the lock is dropped. */
struct ept02_flush { struct ept02 *ept02; };

/*
 * Drops every translation that leads to, and every table that was read from, @length bytes at @from: to be called
 * after all changes of EPT01 but those that only add rights or map what was missing.
 */
MUST_CHECK struct ept02_flush ept02_drop(struct ept02 *e, gpa1_t from, u64 length);
void ept02_flush_discharge(struct ept02_flush *owed);

#endif
