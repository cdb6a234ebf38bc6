/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The input is all of physical memory, from address 0: any information is parsed or refused, and
 * what was parsed lies in that memory.
 * Links: xmhf/lib/multiboot.c xmhf/lib/e820.c
 */
#include "fuzz.h"
#include "fake_memory.h"

#include "lib/multiboot.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct fake_memory f;
	static struct boot_info out;

	f.mem = (struct physmem){ fake_map, &f };
	f.bytes = (u8 *)(uptr)data;
	f.size = size;
	f.pieces = 0;
	if (mb_parse(&f.mem, 0, &out) == NULL) {
		MUST(out.map.count <= E820_MAX && out.module_count <= BOOT_MODULES_MAX);
		MUST(out.occupied_count <= BOOT_OCCUPIED_MAX);
		MUST(memchr(out.cmdline, 0, sizeof(out.cmdline)) != NULL);
		MUST(memchr(out.loader_name, 0, sizeof(out.loader_name)) != NULL);
		for (u32 i = 0; i < out.module_count; i++) {
			MUST(out.module[i].start <= out.module[i].end);
			MUST(out.module[i].start == out.module[i].end || out.module[i].end <= size);
			MUST(memchr(out.module[i].string, 0, BOOT_STRING_SIZE) != NULL);
		}
		for (u32 i = 0; i < out.occupied_count; i++)
			MUST(out.occupied[i].base + out.occupied[i].length <= size);
	}
	for (u32 i = 0; i < f.pieces; i++)
		free(f.piece[i]);
	return 0;
}
