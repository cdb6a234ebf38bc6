/* SPDX-License-Identifier: BSD-2-Clause */
/* The heap. A page-aligned piece is a whole page, since every other page begins with its header. */
#include "hypapp/heap.h"
#include "lib/string.h"
#include "machine/lock.h"
#include "memory/pool.h"

#define SMALLEST_SHIFT	4u
#define CLASSES		7u		/* 16 to 1024 bytes */
#define HEADER		32u		/* bytes at a page's start; larger pieces begin at their own alignment */

struct slab {
	struct slab *next, *previous;	/* of the same class, with a free piece */
	void *free;			/* first free piece; each points to the next */
	u16 class, used, pieces;
};
_Static_assert(sizeof(struct slab) <= HEADER, "the header");
_Static_assert(sizeof(void *) <= 1u << SMALLEST_SHIFT, "a free piece holds a pointer");

static struct lock lock;
static struct slab *open_slabs[CLASSES];

static u32 class_of(size_t size)
{
	u32 class = 0;

	while (size > (size_t)1 << (SMALLEST_SHIFT + class))
		class++;
	return class;
}

static size_t size_of(u32 class) { return (size_t)1 << (SMALLEST_SHIFT + class); }

static void open_slab(struct slab *slab)
{
	slab->previous = NULL;
	slab->next = open_slabs[slab->class];
	if (slab->next)
		slab->next->previous = slab;
	open_slabs[slab->class] = slab;
}

static void close_slab(struct slab *slab)
{
	if (slab->previous)
		slab->previous->next = slab->next;
	else
		open_slabs[slab->class] = slab->next;
	if (slab->next)
		slab->next->previous = slab->previous;
}

static struct slab *new_slab(u32 class)
{
	struct slab *slab = pool_page();

	if (!slab)
		return NULL;
	slab->class = (u16)class;
	for (size_t at = PAGE_SIZE - size_of(class); at >= HEADER; at -= size_of(class)) {
		void **piece = (void **)(void *)((u8 *)slab + at);

		*piece = slab->free;
		slab->free = piece;
		slab->pieces++;
	}
	open_slab(slab);
	return slab;
}

static void *take_piece(u32 class)
{
	struct slab *slab = open_slabs[class] ? open_slabs[class] : new_slab(class);
	void **piece;

	if (!slab)
		return NULL;
	piece = slab->free;
	slab->free = *piece;
	if (++slab->used == slab->pieces)
		close_slab(slab);
	return piece;
}

void *heap_alloc(size_t size)
{
	u32 class = class_of(MIN(MAX(size, 1), PAGE_SIZE));
	void *piece;

	if (size > PAGE_SIZE)
		return NULL;
	if (class >= CLASSES)
		return pool_page();
	lock_take(&lock);
	piece = take_piece(class);
	lock_drop(&lock);
	return piece ? memset(piece, 0, size_of(class)) : NULL;
}

void heap_free(void *what)
{
	struct slab *slab = (struct slab *)((uptr)what & ~(uptr)PAGE_MASK);
	bool empty;

	if (!what)
		return;
	if ((void *)slab == what) {
		pool_free(what);
		return;
	}
	lock_take(&lock);
	if (slab->used == slab->pieces)
		open_slab(slab);
	*(void **)what = slab->free;
	slab->free = what;
	empty = --slab->used == 0;
	if (empty)
		close_slab(slab);
	lock_drop(&lock);
	if (empty)
		pool_free(slab);
}
