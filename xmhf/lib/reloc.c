/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RELATIVE relocations. Places are read and written by memcpy: they need no alignment.
 */
#include "reloc.h"
#include "string.h"

static bool inside(u64 offset, u64 size, u64 image_size)
{
	return image_size >= size && offset <= image_size - size;
}

enum reloc_result reloc_apply64(void *image, u64 image_size, u64 base,
				const struct elf64_rela *table, size_t table_size)
{
	if (table_size % sizeof(*table) != 0)
		return RELOC_BAD_SIZE;
	for (size_t i = 0; i < table_size / sizeof(*table); i++) {
		struct elf64_rela r;
		u64 value;

		memcpy(&r, &table[i], sizeof(r));
		if (r.info != R_X86_64_RELATIVE)
			return RELOC_BAD_TYPE;
		if (!inside(r.offset, sizeof(value), image_size))
			return RELOC_OUTSIDE;
		value = base + (u64)r.addend;
		memcpy((u8 *)image + (size_t)r.offset, &value, sizeof(value));
	}
	return RELOC_OK;
}

enum reloc_result reloc_apply32(void *image, u32 image_size, u32 base,
				const struct elf32_rel *table, size_t table_size)
{
	if (table_size % sizeof(*table) != 0)
		return RELOC_BAD_SIZE;
	for (size_t i = 0; i < table_size / sizeof(*table); i++) {
		struct elf32_rel r;
		u32 value;

		memcpy(&r, &table[i], sizeof(r));
		if (r.info != R_386_RELATIVE)
			return RELOC_BAD_TYPE;
		if (!inside(r.offset, sizeof(value), image_size))
			return RELOC_OUTSIDE;
		memcpy(&value, (u8 *)image + r.offset, sizeof(value));
		value += base;
		memcpy((u8 *)image + r.offset, &value, sizeof(value));
	}
	return RELOC_OK;
}
