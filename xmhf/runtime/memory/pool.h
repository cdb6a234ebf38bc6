/* SPDX-License-Identifier: BSD-2-Clause */
/* The page pool: all of our range that nothing else uses. */
#ifndef MEMORY_POOL_H
#define MEMORY_POOL_H

#include "lib/types.h"

/* Gives [from, to), page-aligned, to the pool. */
void pool_add(u64 from, u64 to);

/* A zeroed page, its address physical and linear alike; NULL when there is none. */
void *pool_page(void);
void pool_free(void *page);

/* @pages contiguous zeroed pages aligned to their size (a power of two); for boot, when the pool is whole. */
void *pool_block(u32 pages);

u64 pool_bytes_free(void);

#endif
