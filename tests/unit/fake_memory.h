/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical memory for a parser under test: each piece that is mapped is a copy of exactly the
 * length asked for, so ASan sees the first byte read beyond it.
 */
#ifndef TESTS_FAKE_MEMORY_H
#define TESTS_FAKE_MEMORY_H

#include <stdlib.h>
#include <string.h>

#include "lib/physmem.h"

#define FAKE_PIECES	65536u

struct fake_memory {
	struct physmem mem;
	u8 *bytes;
	u64 base, size;		/* [base, base + size) exists */
	u32 pieces;
	void *piece[FAKE_PIECES];
};

static const void *fake_map(void *ctx, u64 at, u64 length)
{
	struct fake_memory *f = ctx;
	void *copy;

	if (length == 0 || at < f->base || at - f->base > f->size ||
	    length > f->size - (at - f->base) || f->pieces == FAKE_PIECES)
		return NULL;
	copy = malloc(length);
	memcpy(copy, f->bytes + (at - f->base), length);
	f->piece[f->pieces++] = copy;
	return copy;
}

/* Memory from @base on, zero. */
static inline struct fake_memory *fake_new(u64 base, u64 size)
{
	struct fake_memory *f = calloc(1, sizeof(*f));

	f->mem = (struct physmem){ fake_map, f };
	f->bytes = calloc(1, size);
	f->base = base;
	f->size = size;
	return f;
}

static inline void fake_free(struct fake_memory *f)
{
	for (u32 i = 0; i < f->pieces; i++)
		free(f->piece[i]);
	free(f->bytes);
	free(f);
}

static inline void fake_put(struct fake_memory *f, u64 at, const void *bytes, u64 length)
{
	memcpy(f->bytes + (at - f->base), bytes, length);
}

/* Changes byte @where of [at, at + length) so that all add up to 0. */
static inline void fake_seal(struct fake_memory *f, u64 at, u64 length, u64 where)
{
	u8 *p = f->bytes + (at - f->base);
	u8 sum = 0;

	for (u64 i = 0; i < length; i++)
		sum = (u8)(sum + p[i]);
	p[where] = (u8)(p[where] - sum);
}

#endif
