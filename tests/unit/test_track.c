/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tracked pages: whoever keeps something made of a page of L1's hears of every write to it, by either back end.
 * Links: xmhf/runtime/memory/track.c xmhf/runtime/memory/ept.c xmhf/runtime/memory/ept_edit.c
 */
#include "unit.h"

#include "memory/ept01.h"
#include "memory/pool.h"
#include "memory/track.h"

#define CAPS	(EPT_CAP_4_LEVELS | EPT_CAP_POINTER_WB | EPT_CAP_2M | EPT_CAP_INVEPT | EPT_CAP_INVEPT_SINGLE)
#define PAGES	40u
#define WATCHES	4u
#define AT(n)	((gpa1_t){ 0x10000000 + (u64)(n) * PAGE_SIZE })

struct ept ept01;
struct lock ept01_lock;

static u64 bytes_free;
static u32 flushes, tables_left;
static u64 dtlb;		/* a bit a page: a CPU holds a translation with D set (or W): its writes leave no mark */
static void *memory;

u64 pool_bytes_free(void) { return bytes_free; }

static void *page_alloc(void *ctx)
{
	if (!tables_left)
		return NULL;
	tables_left--;
	return memset(aligned_alloc(PAGE_SIZE, PAGE_SIZE), 0, PAGE_SIZE);
}

static void page_free(void *ctx, void *page) { free(page); }

static void flush(void *ctx)
{
	flushes++;
	dtlb = 0;
}

static enum memory_type type_of(void *ctx, u64 at, u64 *same_until)
{
	*same_until = ~0ull;
	return MEMTYPE_WB;
}

static const struct ept_ops ops = { page_alloc, page_free, flush, type_of };

static void start(u64 marks)
{
	tables_left = 1000;
	bytes_free = 1ull << 30;
	assert_true(ept_init(&ept01, &ops, NULL, CAPS | marks, 32));
	assert_true(ept_map_identity(&ept01, (gpa1_t){ 0 }, (gpa1_t){ SIZE_4G }));
	memory = calloc(1, track_bytes(PAGES));
	track_init(memory, PAGES, WATCHES, CAPS | marks);
	flushes = 0;
	dtlb = 0;
}

static void stop(void)
{
	ept_destroy(&ept01);
	free(memory);
}

/* The leaf that a CPU finds. */
static u64 *leaf(gpa1_t at)
{
	u64 *table = ept01.root;

	for (u32 level = EPT_LEVELS;; level--) {
		u64 *entry = &table[ept_index(at.at, level)];

		if (*entry & EPT_ENTRY_LEAF)
			return entry;
		assert_true(level > 1 && ept_entry_present(*entry));
		table = ept_entry_table(*entry);
	}
}

/* L1 writes to page @n, as a CPU does it; true: without a violation. */
static bool l1_writes(u32 n)
{
	if (dtlb >> n & 1)
		return true;
	if (!(*leaf(AT(n)) & EPT_W))
		return false;
	if (ept01.caps & EPT_CAP_ACCESSED_DIRTY)
		*leaf(AT(n)) |= EPT_ENTRY_DIRTY;
	dtlb |= 1ull << n;
	return true;
}

/* And what our handler does then. */
static void l1_writes_on(u32 n)
{
	if (l1_writes(n))
		return;
	assert_true(track_violation(AT(n)));
	assert_true(l1_writes(n));
}

static u64 size_of(u32 n)
{
	struct ept_leaf l;

	assert_true(ept_lookup(&ept01, AT(n), &l));
	return l.size;
}

/* The pages that are given now, a bit each. */
static u64 taken(void)
{
	gpa1_t pages[3];
	u64 set = 0;
	u32 given;

	do {
		given = track_take(pages, ARRAY_SIZE(pages));
		for (u32 i = 0; i < given; i++)
			if (pages[i].at < SIZE_4G)
				set |= 1ull << ((pages[i].at - AT(0).at) >> PAGE_SHIFT);
	} while (given == ARRAY_SIZE(pages));
	return set;
}

static const u64 back_ends[] = { EPT_CAP_ACCESSED_DIRTY, 0 };
#define BOTH for (u32 b = 0; b < ARRAY_SIZE(back_ends); b++)

PROMISE(a_tracked_page_has_a_leaf_of_its_own_that_stays)
{
	BOTH {
		u64 *own;

		start(back_ends[b]);
		track_add(AT(5));
		own = leaf(AT(5));
		assert_int_equal(size_of(5), PAGE_SIZE);
		struct flush owed = ept_protect(&ept01, AT(0), SIZE_2M, EPT_R);
		flush_discharge(&owed);
		owed = ept_unprotect(&ept01, AT(0), SIZE_2M);
		flush_discharge(&owed);
		owed = ept_retype(&ept01, (gpa1_t){ 0 }, (gpa1_t){ SIZE_4G });
		flush_discharge(&owed);
		assert_ptr_equal(leaf(AT(5)), own);
		stop();
	}
}

PROMISE(nobody_tracks_it_and_it_can_be_written_again_and_merged_when_pages_are_short)
{
	BOTH {
		start(back_ends[b]);
		track_add(AT(5));
		(void)taken();
		(void)taken();
		track_remove(AT(5));
		assert_true(l1_writes(5));
		assert_int_equal(size_of(5), PAGE_SIZE);
		track_add(AT(5));
		bytes_free = 900 << 10;
		track_remove(AT(5));
		assert_int_equal(size_of(5), SIZE_2M);
		assert_true(l1_writes(5));
		stop();
	}
}

PROMISE(each_write_is_given_once_however_often_a_cpu_repeats_it)
{
	BOTH {
		start(back_ends[b]);
		for (u32 n = 0; n < 10; n++)
			track_add(AT(n));
		assert_int_equal(taken(), 0x3ff);	/* nobody knows what was before */
		assert_int_equal(taken(), 0);
		for (u32 round = 0; round < 5; round++) {
			l1_writes_on(3);
			l1_writes_on(7);
			l1_writes_on(7);
			assert_int_equal(taken(), BIT(3) | BIT(7));
			assert_int_equal(taken(), 0);
		}
		stop();
	}
}

PROMISE(a_look_flushes_once_and_only_if_something_was_written)
{
	BOTH {
		start(back_ends[b]);
		for (u32 n = 0; n < 20; n++)
			track_add(AT(n));
		flushes = 0;
		(void)taken();
		assert_int_equal(flushes, 1);
		(void)taken();
		assert_int_equal(flushes, 1);
		l1_writes_on(1);
		l1_writes_on(2);
		(void)taken();
		assert_int_equal(flushes, 2);
		stop();
	}
}

PROMISE(our_own_writes_count)
{
	BOTH {
		start(back_ends[b]);
		track_add(AT(4));
		(void)taken();
		track_wrote((gpa1_t){ AT(4).at + 4095 });
		track_wrote(AT(5));
		assert_int_equal(taken(), BIT(4));
		assert_int_equal(taken(), 0);
		stop();
	}
}

PROMISE(a_page_that_can_have_no_leaf_of_its_own_is_given_always)
{
	BOTH {
		start(back_ends[b]);
		tables_left = 0;
		track_add(AT(1));
		assert_int_equal(size_of(1), SIZE_2M);
		tables_left = 100;
		bytes_free = 0;			/* what is left isn't for us */
		track_add(AT(2));
		assert_int_equal(size_of(2), SIZE_2M);
		track_add((gpa1_t){ AT(3).at + SIZE_4G });	/* where EPT01 ends */
		for (u32 i = 0; i < 3; i++)
			assert_int_equal(taken() & 6, 6);
		track_remove(AT(1));
		track_remove(AT(2));
		track_remove((gpa1_t){ AT(3).at + SIZE_4G });
		assert_int_equal(taken(), 0);
		stop();
	}
}

PROMISE(a_page_that_is_not_tracked_any_more_is_not_given)
{
	BOTH {
		start(back_ends[b]);
		for (u32 n = 0; n < 3; n++)
			track_add(AT(n));
		for (u32 n = 0; n < 3; n++)
			track_wrote(AT(n));
		track_remove(AT(1));
		assert_int_equal(taken(), BIT(0) | BIT(2));
		track_add(AT(1));
		assert_int_equal(taken(), BIT(1));
		stop();
	}
}

PROMISE(a_watch_says_changed_first_then_only_after_writes)
{
	BOTH {
		struct watch w = { NULL, 0 };

		start(back_ends[b]);
		assert_true(watch_changed(&w));
		assert_true(watch_changed(&w));
		watch_move(&w, &AT(6));
		assert_true(watch_changed(&w));
		for (u32 i = 0; i < 3; i++) {
			assert_false(watch_changed(&w));
			l1_writes_on(6);
			assert_true(watch_changed(&w));
			assert_false(watch_changed(&w));
			track_wrote(AT(6));
			assert_true(watch_changed(&w));
		}
		watch_move(&w, &AT(7));
		assert_true(watch_changed(&w));
		watch_move(&w, NULL);
		assert_true(watch_changed(&w));
		stop();
	}
}

PROMISE(a_watch_that_cannot_know_says_changed_always)
{
	BOTH {
		struct watch w = { NULL, 0 };

		start(back_ends[b]);
		track_add(AT(5));
		assert_false(track_is_watched(AT(5)) || track_is_watched(AT(6)));
		watch_move(&w, &AT(6));
		assert_true(track_is_watched(AT(6)) && watch_changed(&w) && !watch_changed(&w));
		track_expose(AT(5));		/* listed: not a watch's business */
		track_expose(AT(6));
		assert_false(track_is_watched(AT(6)));
		for (u32 i = 0; i < 3; i++)
			assert_true(watch_changed(&w));
		assert_true(l1_writes(6));
		watch_move(&w, NULL);
		watch_move(&w, &AT(6));
		assert_true(watch_changed(&w) && !watch_changed(&w));
		l1_writes_on(6);
		assert_true(watch_changed(&w));
		stop();
	}
}

PROMISE(who_looks_first_takes_nothing_away_from_others)
{
	BOTH {
		struct watch w[2] = { { NULL, 0 }, { NULL, 0 } };

		start(back_ends[b]);
		track_add(AT(6));
		watch_move(&w[0], &AT(6));
		watch_move(&w[1], &AT(6));
		for (u32 first = 0; first < 3; first++) {
			(void)taken();
			(void)watch_changed(&w[0]);
			(void)watch_changed(&w[1]);
			assert_false(watch_changed(&w[0]) || watch_changed(&w[1]) || taken());
			l1_writes_on(6);
			for (u32 i = 0; i < 3; i++)
				if ((first + i) % 3 < 2)
					assert_true(watch_changed(&w[(first + i) % 3]));
				else
					assert_int_equal(taken(), BIT(6));
		}
		track_remove(AT(6));
		assert_false(watch_changed(&w[0]));
		l1_writes_on(6);
		assert_true(watch_changed(&w[0]));
		watch_move(&w[0], NULL);
		watch_move(&w[1], NULL);
		assert_true(l1_writes(6));
		stop();
	}
}

PROMISE(watches_never_take_the_room_of_what_must_be_tracked)
{
	struct watch w[WATCHES + 2] = { { NULL, 0 } };

	start(EPT_CAP_ACCESSED_DIRTY);
	for (u32 i = 0; i < ARRAY_SIZE(w); i++)
		watch_move(&w[i], &AT(i));
	assert_null(w[WATCHES].page);
	assert_true(watch_changed(&w[WATCHES]) && watch_changed(&w[WATCHES]));
	for (u32 n = WATCHES; n < PAGES; n++)
		track_add(AT(n));
	watch_move(&w[0], NULL);
	watch_move(&w[WATCHES], &AT(WATCHES));
	assert_non_null(w[WATCHES].page);
	stop();
}

PROMISE(what_a_hypapp_protects_stays_protected)
{
	BOTH {
		struct flush owed;
		struct ept_leaf l;

		start(back_ends[b]);
		track_add(AT(6));
		(void)taken();
		assert_true(ept_lookup(&ept01, AT(6), &l));
		assert_int_equal(l.rights, EPT_RWX);
		owed = ept_protect(&ept01, AT(6), PAGE_SIZE, EPT_R);
		flush_discharge(&owed);
		assert_false(l1_writes(6));
		assert_false(track_violation(AT(6)));
		(void)taken();
		assert_false(track_violation(AT(6)));
		assert_true(ept_lookup(&ept01, AT(6), &l));
		assert_int_equal(l.rights, EPT_R);
		track_remove(AT(6));
		assert_false(l1_writes(6));
		owed = ept_unprotect(&ept01, AT(6), PAGE_SIZE);
		flush_discharge(&owed);
		assert_true(l1_writes(6));
		stop();
	}
}

PROMISE(random_writes_and_looks_lose_nothing)
{
	BOTH {
		u64 added = 0, written = 0, watched_writes = 0;
		struct watch w = { NULL, 0 };
		u32 seed = 4;

		start(back_ends[b]);
		watch_move(&w, &AT(9));
		for (u32 i = 0; i < 20000; i++) {
			u32 n = random_next(&seed) % 30;
			u64 got;

			switch (random_next(&seed) % 8) {
			case 0:
				if (!(added >> n & 1))
					track_add(AT(n));
				else
					track_remove(AT(n));
				written &= ~(1ull << n);
				added ^= 1ull << n;
				break;
			case 1:
				got = taken();
				assert_int_equal(written & ~got, 0);
				assert_int_equal(got & ~added, 0);
				written = 0;
				break;
			case 2:
				if (watched_writes)
					assert_true(watch_changed(&w));
				else
					(void)watch_changed(&w);
				watched_writes = 0;
				break;
			default:
				if (random_next(&seed) % 4)
					l1_writes_on(n);
				else
					track_wrote(AT(n));
				written |= added & 1ull << n;
				watched_writes |= n == 9;
			}
		}
		stop();
	}
}

RUN(T(a_tracked_page_has_a_leaf_of_its_own_that_stays),
    T(nobody_tracks_it_and_it_can_be_written_again_and_merged_when_pages_are_short),
    T(each_write_is_given_once_however_often_a_cpu_repeats_it),
    T(a_look_flushes_once_and_only_if_something_was_written),
    T(our_own_writes_count),
    T(a_page_that_can_have_no_leaf_of_its_own_is_given_always),
    T(a_page_that_is_not_tracked_any_more_is_not_given),
    T(a_watch_says_changed_first_then_only_after_writes),
    T(a_watch_that_cannot_know_says_changed_always),
    T(who_looks_first_takes_nothing_away_from_others),
    T(watches_never_take_the_room_of_what_must_be_tracked),
    T(what_a_hypapp_protects_stays_protected),
    T(random_writes_and_looks_lose_nothing))
