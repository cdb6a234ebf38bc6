/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BIOS data area and the search on 16-byte boundaries.
 */
#include "bios.h"
#include "string.h"

#define BDA_EBDA	0x40e	/* segment of the EBDA */
#define BDA_MEMORY	0x413	/* KiB of conventional memory */

static u32 read_word(const struct physmem *mem, u64 at)
{
	const u8 *p = physmem_map(mem, at, 2);

	return p != NULL ? (u32)(p[0] | p[1] << 8) : 0;
}

u64 bios_ebda(const struct physmem *mem)
{
	u64 at = (u64)read_word(mem, BDA_EBDA) << 4;

	return at >= 0x400 && at < 0xa0000 ? at : 0;
}

u64 bios_base_memory(const struct physmem *mem)
{
	u64 end = (u64)read_word(mem, BDA_MEMORY) << 10;

	return end <= 0xa0000 ? end : 0;
}

bool bios_sum_ok(const void *bytes, u32 length)
{
	const u8 *p = bytes;
	u8 sum = 0;

	for (u32 i = 0; i < length; i++)
		sum = (u8)(sum + p[i]);
	return sum == 0;
}

u64 bios_scan(const struct physmem *mem, u64 from, u64 length, const char *signature, u32 size)
{
	size_t n = strlen(signature);

	for (u64 at = from; at + size <= from + length; at += 16) {
		const u8 *p = physmem_map(mem, at, size);

		if (p != NULL && memcmp(p, signature, n) == 0 && bios_sum_ok(p, size))
			return at;
	}
	return 0;
}
