/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a parser of firmware tables reaches physical memory: through one function,
 * so that a host test or a fuzzer can put a buffer there.
 */
#ifndef XMHF_LIB_PHYSMEM_H
#define XMHF_LIB_PHYSMEM_H

#include "types.h"

struct physmem {
	/*
	 * Gives @length bytes (at least 1) at physical address @at, or NULL when any of them
	 * can't be reached (and @at + @length may wrap). The pointer may be unaligned, and
	 * stays valid while the parser's results are in use.
	 */
	const void *(*map)(void *ctx, u64 at, u64 length);
	void *ctx;
};

static inline const void *physmem_map(const struct physmem *mem, u64 at, u64 length)
{
	return mem->map(mem->ctx, at, length);
}

#endif
