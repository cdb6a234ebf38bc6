/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any relocation table changes its image and nothing beside it; the table may lie in the image.
 * Links: xmhf/lib/reloc.c
 */
#include "fuzz.h"

#include "lib/reloc.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	u64 base = input_take(&in, 8);
	u32 table_at = (u32)input_take(&in, 2) & ~7u;
	size_t image_size = in.left;
	u8 *image = malloc(image_size + 1);

	if (table_at > image_size)
		table_at = 0;
	for (u32 bits = 32; bits <= 64; bits += 32) {
		void *table = image + table_at;
		size_t table_size = image_size - table_at;

		memcpy(image, in.at, image_size);
		if (bits == 64)
			(void)!reloc_apply64(image, image_size, base, table, table_size - table_size % 24);
		else
			(void)!reloc_apply32(image, (u32)image_size, (u32)base, table, table_size - table_size % 8);
	}
	free(image);
	return 0;
}
