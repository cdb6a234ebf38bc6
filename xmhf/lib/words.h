/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory by words, as one string instruction. */
#ifndef LIB_WORDS_H
#define LIB_WORDS_H

#include "lib/types.h"

#ifdef __x86_64__
#define REPE_CMPS	"repe cmpsq"
#else
#define REPE_CMPS	"repe cmpsl"
#endif

/* How many words of the CPU's are the same in a row, of @count > 0. Both may change meanwhile. */
static ALWAYS_INLINE uptr words_same(const void *a, const void *b, uptr count)
{
	uptr left = count;
	bool same;

	__asm__ volatile(REPE_CMPS : "+S"(a), "+D"(b), "+c"(left), "=@ccz"(same) : : "memory");
	return count - left - !same;
}

/* Sets all bits of @count words of 32 bits. */
static ALWAYS_INLINE void words_set(u32 *to, uptr count)
{
	__asm__ volatile("rep stosl" : "+D"(to), "+c"(count) : "a"(~0u) : "memory");
}

#endif
