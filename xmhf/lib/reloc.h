/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Applies the RELATIVE relocations of a static PIE that was linked at 0 (ELF specification,
 * x86 and x86-64 psABI). Needs no relocations itself.
 */
#ifndef XMHF_LIB_RELOC_H
#define XMHF_LIB_RELOC_H

#include "types.h"

struct elf64_rela {
	u64 offset;
	u64 info;		/* symbol << 32 | type */
	s64 addend;
};
_Static_assert(sizeof(struct elf64_rela) == 24, "Elf64_Rela");

struct elf32_rel {
	u32 offset;
	u32 info;		/* symbol << 8 | type */
};
_Static_assert(sizeof(struct elf32_rel) == 8, "Elf32_Rel");

#define R_386_RELATIVE		8u
#define R_X86_64_RELATIVE	8u

enum reloc_result {
	RELOC_OK,
	RELOC_BAD_SIZE,		/* the table isn't a whole number of entries */
	RELOC_BAD_TYPE,		/* an entry that isn't RELATIVE, or names a symbol */
	RELOC_OUTSIDE,		/* a place outside the image */
};

/*
 * Relocates the @image_size bytes at @image to run at address @base. The table has @table_size
 * bytes, and may lie within the image. Stops at the first bad entry.
 */
MUST_CHECK enum reloc_result reloc_apply64(void *image, u64 image_size, u64 base,
					   const struct elf64_rela *table, size_t table_size);
MUST_CHECK enum reloc_result reloc_apply32(void *image, u32 image_size, u32 base,
					   const struct elf32_rel *table, size_t table_size);

#endif
