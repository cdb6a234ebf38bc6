/* SPDX-License-Identifier: BSD-2-Clause */
/* Tracked pages: a table by page number, the leaves that tell, and who has to be told. */
#include "lib/string.h"
#include "machine/lock.h"
#include "machine/log.h"
#include "memory/ept01.h"
#include "memory/ept_edit.h"
#include "memory/pool.h"
#include "memory/track.h"

#define POOL_LOW	(1ull << 20)	/* bytes free: then leaves are merged as soon as nobody tracks them, */
#define POOL_EMPTY	(512ull << 10)	/* and then no more are split */

u64 track_mark;
u32 track_changes;

#define LOOKS_AT_ONCE	8u

static struct track_page *pages, *free_pages, *due;
static struct track_page **buckets;
static const u32 never, always = ~0u;
static const u32 **looks;		/* for each listed page the low half of its leaf, where the marks are; then never */
static struct track_page **listed;
static u32 listed_count;
static u32 bucket_mask, used, watches_left;	/* @used: entries of @pages that ever were */

static u32 buckets_for(u32 n)
{
	u32 buckets_ = 2;

	while (buckets_ < n)
		buckets_ *= 2;
	return buckets_;
}

size_t track_bytes(u32 n)
{
	return n * sizeof(struct track_page) + buckets_for(n) * sizeof(struct track_page *) +
	       2 * (n + LOOKS_AT_ONCE) * sizeof(void *);
}

void track_init(void *memory, u32 n, u32 watches, u64 caps)
{
	track_mark = caps & EPT_CAP_ACCESSED_DIRTY ? EPT_ENTRY_DIRTY : EPT_W;
	pages = memory;
	buckets = (struct track_page **)(void *)(pages + n);
	bucket_mask = buckets_for(n) - 1;
	listed = buckets + buckets_for(n);
	looks = (const u32 **)(void *)(listed + n + LOOKS_AT_ONCE);
	for (u32 i = 0; i < n + LOOKS_AT_ONCE; i++)
		looks[i] = &never;
	listed_count = 0;
	watches_left = watches;
	memset(pages, 0, n * sizeof(*pages));
	used = 0;
	free_pages = due = NULL;
}

/* ---- the table, and the list of those that are due ---- */

static struct track_page **bucket(gpa1_t at)
{
	return &buckets[((u32)(at.at >> PAGE_SHIFT) * 0x9e3779b1u >> 8) & bucket_mask];	/* 2^32 / the golden ratio */
}

static struct track_page *find(gpa1_t at)
{
	struct track_page *p = buckets ? *bucket(at) : NULL;

	while (p && p->at.at != at.at)
		p = p->next;
	return p;
}

static struct track_page *begin(gpa1_t at)
{
	struct track_page *p = find(at), **head = bucket(at);

	if (!p) {
		p = free_pages ? free_pages : &pages[used++];
		if (free_pages)
			free_pages = p->next;
		p->at = at;
		p->exposed = false;
		p->next = *head;
		if (pool_bytes_free() >= POOL_EMPTY)
			p->leaf = ept_track(&ept01, at);
		*head = p;
	}
	p->users++;
	return p;
}

static void unlink_due(struct track_page *p)
{
	*p->due_at = p->next_due;
	if (p->next_due)
		p->next_due->due_at = p->due_at;
	p->due_at = NULL;
}

static void end(struct track_page *p)
{
	struct track_page **at = bucket(p->at);

	if (--p->users > 0)
		return;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	if (p->leaf)
		ept_untrack(&ept01, p->at, p->leaf, pool_bytes_free() < POOL_LOW);
	p->leaf = NULL;
	p->next = free_pages;
	free_pages = p;
}

/* ---- who wrote ---- */

static void written(struct track_page *p)
{
	__atomic_store_n(&p->writes, p->writes + 1, __ATOMIC_RELEASE);
	__atomic_store_n(&track_changes, track_changes + 1, __ATOMIC_RELEASE);
	if (!p->listed || p->due_at)
		return;
	p->next_due = due;
	p->due_at = &due;
	if (due)
		due->due_at = &p->next_due;
	due = p;
}

/* Takes the mark away; what CPUs hold of it is the caller's to flush. */
static bool look(struct track_page *p)
{
	u32 *low = (u32 *)(void *)p->leaf;	/* the marks' half; the CPU's locked updates and ours take turns */

	if (!p->leaf)
		written(p);
	if (!p->leaf || !(ept_entry_get(p->leaf) & track_mark))
		return false;
	written(p);
	if (track_mark == EPT_W)
		(void)ept_entry_swap(p->leaf, (ept_entry_get(p->leaf) & ~track_mark) | EPT_ENTRY_HELD);
	else
		(void)__atomic_fetch_and(low, ~(u32)track_mark, __ATOMIC_SEQ_CST);
	return true;
}

void track_wrote(gpa1_t at)
{
	struct track_page *p = find((gpa1_t){ round_down(at.at, PAGE_SIZE) });

	if (p)
		written(p);
}

bool track_violation(gpa1_t at)
{
	struct track_page *p = find((gpa1_t){ round_down(at.at, PAGE_SIZE) });
	u64 leaf = p && p->leaf ? ept_entry_get(p->leaf) : 0;

	if (leaf & EPT_ENTRY_HELD)
		(void)ept_entry_swap(p->leaf, (leaf & ~EPT_ENTRY_HELD) | EPT_W);
	return (leaf & EPT_ENTRY_HELD) != 0;
}

/* ---- the list of those to look at ---- */

static void list_leaf(const struct track_page *p)
{
	looks[p->listed_at] = p->leaf ? (const u32 *)(const void *)p->leaf : &always;
}

static void list_add(struct track_page *p)
{
	p->listed = true;
	p->listed_at = listed_count++;
	listed[p->listed_at] = p;
	list_leaf(p);
}

static void list_remove(struct track_page *p)
{
	struct track_page *last = listed[--listed_count];

	p->listed = false;
	last->listed_at = p->listed_at;
	listed[last->listed_at] = last;
	list_leaf(last);
	looks[listed_count] = &never;
}

/* This is what L1's INVEPT costs for each table of EPT12. The barrier has them read now; an atomic load each takes half as much again. */
static bool any_marked(const u32 *const *at)
{
	__asm__ volatile("" : : : "memory");
	return (*at[0] | *at[1] | *at[2] | *at[3] | *at[4] | *at[5] | *at[6] | *at[7]) & (u32)track_mark;
}

static bool look_at_listed(void)
{
	bool marked = false;

	for (u32 i = 0; i < listed_count; i += LOOKS_AT_ONCE) {
		if (!any_marked(looks + i))
			continue;
		for (u32 n = i; n < MIN(i + LOOKS_AT_ONCE, listed_count); n++)
			marked |= look(listed[n]);
	}
	return marked;
}

/* ---- watches that L2 could get round ---- */

/* Is it more than a listed page? */
static bool has_watch(const struct track_page *p)
{
	return p && p->leaf && p->users > p->listed;
}

bool track_is_watched(gpa1_t page)
{
	return has_watch(find(page));
}

void track_expose(gpa1_t page)
{
	struct track_page *p = find(page);

	if (!has_watch(p))
		return;
	ept_untrack(&ept01, p->at, p->leaf, false);
	p->leaf = NULL;
	p->exposed = true;
	if (p->listed)
		list_leaf(p);
	written(p);
}

/* ---- many pages ---- */

u64 track_add(gpa1_t page)
{
	struct track_page *p = begin(page);

	list_add(p);
	return p->leaf ? ept_entry_get(p->leaf) : 0;
}

void track_remove(gpa1_t page)
{
	struct track_page *p = find(page);

	list_remove(p);
	if (p->due_at)
		unlink_due(p);
	end(p);
}

u32 track_take(gpa1_t *to, u32 max)
{
	static bool goes_on;		/* the last call gave as many as fitted */
	bool marked = false;
	u32 given = 0;

	if (!goes_on)
		marked = look_at_listed();
	if (marked)
		ept_flush_now(&ept01);
	for (; due && given < max; given++) {
		to[given] = due->at;
		unlink_due(due);
	}
	goes_on = given == max;
	return given;
}

/* ---- one page ---- */

void watch_move(struct watch *w, const gpa1_t *to)
{
	lock_take(&ept01_lock);
	if (w->page) {
		end(w->page);
		watches_left++;
	}
	w->page = NULL;
	if (to && watches_left > 0) {
		w->page = begin((gpa1_t){ round_down(to->at, PAGE_SIZE) });
		w->seen = w->page->writes - 1;
		watches_left--;
	}
	lock_drop(&ept01_lock);
}

bool watch_look(struct watch *w)
{
	struct track_page *p = w->page;

	if (!p)
		return true;
	lock_take(&ept01_lock);
	if (look(p))
		ept_flush_now(&ept01);
	w->seen = p->writes;
	lock_drop(&ept01_lock);
	return true;
}
