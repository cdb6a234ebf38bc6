/* SPDX-License-Identifier: BSD-2-Clause */
/* The page pool: a range that is eaten from its start, and a list of what came back. */
#include "lib/string.h"
#include "machine/lock.h"
#include "memory/pool.h"

struct free_page { struct free_page *next; };

static struct lock lock;
static struct free_page *list;
static u64 fresh, fresh_end;
static u64 bytes_free;

void pool_add(u64 from, u64 to)
{
	fresh = from;
	fresh_end = to;
	bytes_free = to - from;
}

static void put(struct free_page *page)
{
	page->next = list;
	list = page;
}

void *pool_page(void)
{
	void *page = NULL;

	lock_take(&lock);
	if (list) {
		page = list;
		list = list->next;
	} else if (fresh < fresh_end) {
		page = (void *)(uptr)fresh;
		fresh += PAGE_SIZE;
	}
	if (page)
		bytes_free -= PAGE_SIZE;
	lock_drop(&lock);
	if (page)
		memset(page, 0, PAGE_SIZE);
	return page;
}

void pool_free(void *page)
{
	lock_take(&lock);
	put(page);
	bytes_free += PAGE_SIZE;
	lock_drop(&lock);
}

void *pool_block(u32 pages)
{
	u64 size = (u64)pages << PAGE_SHIFT;
	void *block = NULL;

	lock_take(&lock);
	u64 at = round_up(fresh, size);
	if (at + size <= fresh_end) {
		for (; fresh < at; fresh += PAGE_SIZE)
			put((struct free_page *)(uptr)fresh);
		fresh = at + size;
		bytes_free -= size;
		block = (void *)(uptr)at;
	}
	lock_drop(&lock);
	if (block)
		memset(block, 0, (size_t)size);
	return block;
}

u64 pool_bytes_free(void)
{
	return bytes_free;
}
