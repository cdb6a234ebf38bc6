/* SPDX-License-Identifier: BSD-2-Clause */
/* Random numbers that are a matter of their seed alone: splitmix64. */
#ifndef L1_RANDOM_H
#define L1_RANDOM_H

#include "vmx.h"

static inline u32 random_of(u64 *state, u32 below)
{
	u64 z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return (u32)(((z ^ z >> 31) >> 32) * below >> 32);
}

static inline u64 random64_of(u64 *state)
{
	u64 high = random_of(state, ~0u);

	return high << 32 | random_of(state, ~0u);
}

#endif
