/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical memory is the information, then a list of modules and a memory map, then the rest of the
 * input: any information is parsed or refused, and what was parsed lies in that memory.
 * Links: xmhf/lib/multiboot.c xmhf/lib/e820.c
 */
#include "fuzz.h"
#include "fake_memory.h"

#include "lib/multiboot.h"

#define MODULES	0x100u
#define MMAP	0x400u
#define REST	0x1800u
#define SIZE	0x2000u

/* An address in the memory or near its end, seldom any other. */
static u32 take_address(struct input *in)
{
	u32 at = (u32)input_take(in, 2);

	return at < 0xff00 ? at % (SIZE + 16) : (u32)input_take(in, 4);
}

static void build(u8 *bytes, struct input *in)
{
	u32 choice = (u32)input_take(in, 2);
	struct mb_info info = {
		.flags = choice & 3 ? ~0u : (u32)input_take(in, 2),
		.cmdline = take_address(in), .boot_loader_name = take_address(in),
		.mods_count = (u32)input_take(in, 1) % 20, .mmap_length = 24 * ((u32)input_take(in, 1) % 160),
		.mods_addr = choice & 12 ? MODULES : take_address(in),
		.mmap_addr = choice & 48 ? MMAP : take_address(in),
	};

	if ((choice & 0x3c0) == 0)
		info.mods_count = (u32)input_take(in, 4);
	if ((choice & 0x3c00) == 0)
		info.mmap_length = (u32)input_take(in, 4);
	memset(bytes, 0, SIZE);
	memcpy(bytes, &info, sizeof(info));
	for (u32 at = MODULES; at < MMAP; at += (u32)sizeof(struct mb_module)) {
		u32 start = take_address(in);
		struct mb_module m = { start, start + (u32)input_take(in, 1), take_address(in), 0 };

		memcpy(bytes + at, &m, sizeof(m));
	}
	for (u32 at = MMAP; at + sizeof(struct mb_mmap) <= REST; at += (u32)sizeof(struct mb_mmap)) {
		u64 raw = input_take(in, 4);
		struct mb_mmap e = { 20, (raw & 0xff) << 20, (raw >> 8 & 0xff) << 18, 1 + (raw >> 16 & 3) };

		if (raw >> 24 == 0xff)
			e.size = (u32)input_take(in, 4);
		memcpy(bytes + at, &e, sizeof(e));
	}
	memcpy(bytes + REST, in->at, MIN(in->left, SIZE - REST));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t input_size)
{
	static struct fake_memory f;
	static struct boot_info out;
	static u8 bytes[SIZE];
	struct input in = { data, input_size };
	u64 size = SIZE;

	build(bytes, &in);
	f.mem = (struct physmem){ fake_map, &f };
	f.bytes = bytes;
	f.size = SIZE;
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
