/* SPDX-License-Identifier: BSD-2-Clause */
/* See msr_bitmap.h. */
#include "nested/msr_bitmap.h"

void bitmap_merge(u8 to[PAGE_SIZE], const u8 a[PAGE_SIZE], const u8 b[PAGE_SIZE])
{
	for (u32 i = 0; i < PAGE_SIZE; i += sizeof(uptr))
		*(uptr *)(to + i) = *(const uptr *)(a + i) | *(const uptr *)(b + i);
}
