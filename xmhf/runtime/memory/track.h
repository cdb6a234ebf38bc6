/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which pages of L1's were written: each tracked page has an EPT01 leaf of its own, whose dirty bit tells; on a CPU
 * without it, W is held back and the violation tells. Writes of ours are told by track_wrote(). Those of devices, and
 * those of L2 unless EPT02 keeps it from writing there, go unseen.
 *
 * EPT01's lock is held around every function, but watch_changed() and watch_move() take it themselves.
 */
#ifndef MEMORY_TRACK_H
#define MEMORY_TRACK_H

#include "memory/ept.h"

struct track_page {
	gpa1_t at;
	u64 *leaf;			/* NULL: no leaf of its own could be had, so it always may have changed */
	u32 users;
	u32 writes;			/* goes up each time that somebody looks and finds it written */
	bool exposed;			/* L2 may write to it: track_expose() */
	bool listed;			/* for track_take(), */
	u32 listed_at;			/* and at which place of its list */
	struct track_page *next;	/* in its bucket; or free */
	struct track_page *next_due, **due_at;	/* listed pages that were written and not taken since; NULL: it isn't one */
};

/* @memory has room for @pages tracked pages, @watches of them for watches: track_bytes(). @caps is IA32_VMX_EPT_VPID_CAP. */
void track_init(void *memory, u32 pages, u32 watches, u64 caps);
size_t track_bytes(u32 pages);

/* Pages that track_take() gives. At most as many as there is room for. Returns EPT01's leaf for it; 0: not known. */
u64 track_add(gpa1_t page);
void track_remove(gpa1_t page);

/*
 * Gives up to @max of the added pages that were written since they were added or given here last, perhaps others too, and
 * how many. What is written to them after the return will be noticed. Fewer than @max: that was all.
 */
u32 track_take(gpa1_t *pages, u32 max);

/* Is there a watch of that page which can tell? L2's writes to it have to be told by track_expose(), before them. */
bool track_is_watched(gpa1_t page);

/* From now on its watches count as changed always. */
void track_expose(gpa1_t page);

/* We wrote to L1's page at @at. */
void track_wrote(gpa1_t at);

/* L1's write to @at violated EPT01. True: it was held back for us only, L1 may try again. */
bool track_violation(gpa1_t at);

/* One page that somebody keeps something made of. Starts as zeros: no page. */
struct watch {
	struct track_page *page;
	u32 seen;
};

/* From now on it watches the page at @to, which counts as changed; NULL: none. */
void watch_move(struct watch *w, const gpa1_t *to);

/* May it change at any time, L2 having access to it? */
static inline bool watch_is_blind(const struct watch *w) { return w->page && __atomic_load_n(&w->page->exposed, __ATOMIC_RELAXED); }

bool watch_look(struct watch *w);	/* slow half of watch_changed */
extern u64 track_mark;			/* the bit of a leaf that tells of a write */
extern u32 track_changes;		/* goes up with each page's @writes, and when a leaf isn't a page's any more */

/* May the page have changed since the last call? Read it after. */
static inline bool watch_changed(struct watch *w)
{
	const struct track_page *p = w->page;

	/* The leaf first: who clears its bit has counted the write before. */
	if (p && p->leaf && !(*(const volatile u64 *)p->leaf & track_mark) && *(const volatile u32 *)&p->writes == w->seen)
		return false;
	return watch_look(w);
}

#endif
