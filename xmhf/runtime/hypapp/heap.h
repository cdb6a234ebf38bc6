/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small pieces of memory: each page of the pool that is in use here holds pieces of one size, a power of two, behind
 * a header. What needs more than half a page gets a page. Returns pages that become empty.
 */
#ifndef HYPAPP_HEAP_H
#define HYPAPP_HEAP_H

#include "lib/types.h"

/* Zeroed, aligned to 16 bytes; NULL: more than a page, or there is none. */
void *heap_alloc(size_t size);
void heap_free(void *what);

#endif
