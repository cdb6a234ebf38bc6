/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A log ring: the last @size characters written, at offsets that only grow, so that a reader
 * can come back for what is new and learns what it lost. The caller locks.
 */
#ifndef XMHF_LIB_RING_H
#define XMHF_LIB_RING_H

#include "types.h"

struct ring {
	u64 end;		/* offset after the last character ever written */
	u32 size;		/* of @data, a power of two */
	char *data;
};

/* @size is a power of two. */
void ring_init(struct ring *ring, char *data, u32 size);
void ring_put(struct ring *ring, char c);

/* The offset of the oldest character that is still there. */
u64 ring_start(const struct ring *ring);

/*
 * Copies up to @length characters from offset *@at on to @to, moves *@at after them, and returns
 * their number: 0 at the end. @lost receives how many between the old *@at and the first one
 * copied were overwritten. An *@at beyond the end is moved to the end.
 */
u32 ring_read(const struct ring *ring, u64 *at, char *to, u32 length, u64 *lost);

#endif
