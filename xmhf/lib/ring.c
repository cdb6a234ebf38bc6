/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log ring: offset modulo size is the place.
 */
#include "ring.h"

void ring_init(struct ring *ring, char *data, u32 size)
{
	ring->end = 0;
	ring->size = size;
	ring->data = data;
}

void ring_put(struct ring *ring, char c)
{
	ring->data[ring->end & (ring->size - 1)] = c;
	ring->end++;
}

u64 ring_start(const struct ring *ring)
{
	return ring->end > ring->size ? ring->end - ring->size : 0;
}

u32 ring_read(const struct ring *ring, u64 *at, char *to, u32 length, u64 *lost)
{
	u64 start = ring_start(ring);
	u64 from = MIN(MAX(*at, start), ring->end);
	u32 n = (u32)MIN(ring->end - from, length);

	*lost = *at < start ? start - *at : 0;
	for (u32 i = 0; i < n; i++)
		to[i] = ring->data[(from + i) & (ring->size - 1)];
	*at = from + n;
	return n;
}
