/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypapps' heap on a pool that counts its pages.
 * Links: xmhf/runtime/hypapp/heap.c
 */
#include "unit.h"

#include "hypapp/heap.h"
#include "memory/pool.h"

#define PAGES_MAX	64
#define PIECES		300
#define ROUNDS		20000

static int pages_out, pages_allowed = PAGES_MAX;

void *pool_page(void)
{
	void *page;

	if (pages_out == pages_allowed)
		return NULL;
	page = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	memset(page, 0, PAGE_SIZE);
	pages_out++;
	return page;
}

void pool_free(void *page)
{
	pages_out--;
	free(page);
}

PROMISE(every_size_is_zeroed_aligned_and_writable)
{
	for (size_t size = 0; size <= PAGE_SIZE; size++) {
		u8 *a = heap_alloc(size), *b = heap_alloc(size);

		assert_non_null(a);
		assert_non_null(b);
		assert_int_equal((uptr)a % 16, 0);
		assert_true(a + size <= b || b + size <= a);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(a[i], 0);
		memset(a, 0xaa, size);
		memset(b, 0xbb, size);
		heap_free(a);
		heap_free(b);
	}
	assert_int_equal(pages_out, 0);
}

PROMISE(more_than_a_page_and_more_than_there_is_are_refused)
{
	assert_null(heap_alloc(PAGE_SIZE + 1));
	assert_null(heap_alloc(~(size_t)0));
	heap_free(NULL);
	pages_allowed = 0;
	assert_null(heap_alloc(16));
	assert_null(heap_alloc(PAGE_SIZE));
	pages_allowed = PAGES_MAX;
	assert_int_equal(pages_out, 0);
}

PROMISE(pieces_keep_their_bytes_and_all_pages_come_back)
{
	static struct { u8 *at; size_t size; u8 byte; } piece[PIECES];
	u32 seed = 1;

	for (u32 round = 0; round < ROUNDS; round++) {
		u32 i = random_next(&seed) % PIECES;

		if (piece[i].at) {
			for (size_t n = 0; n < piece[i].size; n++)
				assert_int_equal(piece[i].at[n], piece[i].byte);
			heap_free(piece[i].at);
			piece[i].at = NULL;
			continue;
		}
		piece[i].size = 1 + random_next(&seed) % (random_next(&seed) % 2 ? 64 : 1500);
		piece[i].byte = (u8)(random_next(&seed) | 1);
		piece[i].at = heap_alloc(piece[i].size);
		if (piece[i].at)
			memset(piece[i].at, piece[i].byte, piece[i].size);
	}
	for (u32 i = 0; i < PIECES; i++)
		heap_free(piece[i].at);
	assert_int_equal(pages_out, 0);
}

RUN(T(every_size_is_zeroed_aligned_and_writable), T(more_than_a_page_and_more_than_there_is_are_refused),
    T(pieces_keep_their_bytes_and_all_pages_come_back))
