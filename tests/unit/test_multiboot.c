/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multiboot information: honest, and with each pointer, length and string made hostile.
 * Links: xmhf/lib/multiboot.c xmhf/lib/e820.c
 */
#include "unit.h"
#include "fake_memory.h"

#include "lib/multiboot.h"

#define BASE		0x10000u	/* the memory that exists */
#define SIZE		0x10000u
#define INFO		BASE
#define CMDLINE		(BASE + 0x200)
#define NAME		(BASE + 0x800)
#define MODULES		(BASE + 0x900)
#define STRINGS		(BASE + 0xa00)
#define MMAP		(BASE + 0x1000)
#define CONTENT		(BASE + 0x4000)

static struct boot_info out;

struct boot {
	struct fake_memory *memory;
	struct mb_info info;
};

static struct boot honest(const char *cmdline, const char *loader)
{
	static const struct mb_mmap map[] = {
		{ 20, 0, 0x9fc00, E820_RAM }, { 20, 0x9fc00, 0x400, E820_RESERVED },
		{ 20, 0x100000, 0x7f00000, E820_RAM },
	};
	static const struct mb_module modules[] = {
		{ CONTENT, CONTENT + 0x1000, STRINGS, 0 }, { CONTENT + 0x1000, CONTENT + 0x1200, STRINGS + 16, 0 },
	};
	struct boot b = { .memory = fake_new(BASE, SIZE) };

	b.info = (struct mb_info){
		.flags = MB_BOOT_DEVICE | MB_CMDLINE | MB_MODULES | MB_MMAP | MB_LOADER_NAME,
		.boot_device = 0x81ffffff, .cmdline = CMDLINE, .mods_count = 2, .mods_addr = MODULES,
		.mmap_length = sizeof(map), .mmap_addr = MMAP, .boot_loader_name = NAME,
	};
	fake_put(b.memory, CMDLINE, cmdline, strlen(cmdline) + 1);
	fake_put(b.memory, NAME, loader, strlen(loader) + 1);
	fake_put(b.memory, MODULES, modules, sizeof(modules));
	fake_put(b.memory, STRINGS, "runtime args", 13);
	fake_put(b.memory, STRINGS + 16, "", 1);
	fake_put(b.memory, MMAP, map, sizeof(map));
	return b;
}

static const char *parse(struct boot *b)
{
	const char *error;

	fake_put(b->memory, INFO, &b->info, sizeof(b->info));
	error = mb_parse(&b->memory->mem, INFO, &out);
	fake_free(b->memory);
	return error;
}

static void assert_options(const char *cmdline, const char *loader, const char *options)
{
	struct boot b = honest(cmdline, loader);

	assert_null(parse(&b));
	assert_string_equal(out.cmdline, options);
}

static bool is_occupied(u64 at)
{
	for (u32 i = 0; i < out.occupied_count; i++)
		if (at - out.occupied[i].base < out.occupied[i].length)
			return true;
	return false;
}

PROMISE(honest_information_is_copied_out)
{
	struct boot b = honest("serial=off", "GRUB 2.06-13");

	assert_null(parse(&b));
	assert_int_equal(out.map.count, 3);
	assert_int_equal(out.map.entry[2].length, 0x7f00000);
	assert_string_equal(out.cmdline, "serial=off");
	assert_string_equal(out.loader_name, "GRUB 2.06-13");
	assert_int_equal(out.has_boot_device, 1);
	assert_int_equal(out.boot_device, 0x81ffffff);
	assert_int_equal(out.module_count, 2);
	assert_int_equal(out.module[0].start, CONTENT);
	assert_int_equal(out.module[1].end, CONTENT + 0x1200);
	assert_string_equal(out.module[0].string, "runtime args");
	assert_string_equal(out.module[1].string, "");
}

PROMISE(all_that_was_read_is_occupied)
{
	static const u32 read[] = { INFO, INFO + 67, CMDLINE, CMDLINE + 10, NAME, MODULES, MODULES + 31, STRINGS,
		STRINGS + 12, MMAP, MMAP + 71, CONTENT, CONTENT + 0x11ff };
	static const u32 not_read[] = { INFO - 1, INFO + 68, CMDLINE + 11, STRINGS + 13, MMAP + 72, CONTENT - 1,
		CONTENT + 0x1200 };
	struct boot b = honest("serial=off", "GRUB 2.06-13");

	assert_null(parse(&b));
	for (u32 i = 0; i < ARRAY_SIZE(read); i++)
		assert_true(is_occupied(read[i]));
	for (u32 i = 0; i < ARRAY_SIZE(not_read); i++)
		assert_false(is_occupied(not_read[i]));
}

PROMISE(the_file_name_is_dropped_where_the_loader_gives_one)
{
	assert_options("/init.bin a=1 b=2", "GRUB 0.97", "a=1 b=2");
	assert_options("init.bin a=1", "qemu", "a=1");
	assert_options("a=1 b=2", "GRUB 2.06", "a=1 b=2");
	assert_options("/boot/init.bin a=1", "GRUB 2.06", "a=1");
	assert_options("(hd0,1)/init.bin   a=1 ", "GRUB 2.06", "a=1 ");
	assert_options("/init.bin", "", "");
	assert_options("   /init.bin  ", "", "");
	assert_options("", "", "");
}

PROMISE(a_missing_loader_name_is_no_error)
{
	struct boot b = honest("init.bin a=1", "");

	b.info.flags &= ~(u32)MB_LOADER_NAME;
	assert_null(parse(&b));
	assert_string_equal(out.cmdline, "a=1");

	b = honest("init.bin a=1", "");
	b.info.boot_loader_name = 0xfffffff0;
	assert_null(parse(&b));
	assert_string_equal(out.loader_name, "");
}

PROMISE(absent_parts_are_empty)
{
	struct boot b = honest("init.bin a=1", "");

	b.info.flags = MB_MMAP;
	assert_null(parse(&b));
	assert_string_equal(out.cmdline, "");
	assert_int_equal(out.module_count, 0);
	assert_int_equal(out.has_boot_device, 0);
	assert_int_equal(out.occupied_count, 2);
}

PROMISE(each_pointer_out_of_reach_is_an_error)
{
	static const u32 beyond[] = { 0, 0xffff, BASE + SIZE, BASE + SIZE - 1, 0xffffffff, 0xfffffff0 };

	for (u32 i = 0; i < ARRAY_SIZE(beyond); i++) {
		struct boot b = honest("x", "");

		b.info.mmap_addr = beyond[i];
		assert_non_null(parse(&b));
		b = honest("x", "");
		b.info.mods_addr = beyond[i];
		assert_non_null(parse(&b));
		b = honest("x", "");
		fake_put(b.memory, BASE + SIZE - 1, "x", 1);
		b.info.cmdline = beyond[i];
		if (beyond[i] != 0)
			assert_non_null(parse(&b));
		else
			assert_null(parse(&b));		/* no command line */
	}
}

PROMISE(information_out_of_reach_is_an_error)
{
	struct fake_memory *f = fake_new(BASE, 67);

	assert_non_null(mb_parse(&f->mem, BASE, &out));
	assert_non_null(mb_parse(&f->mem, 0, &out));
	assert_non_null(mb_parse(&f->mem, 0xffffffff, &out));
	fake_free(f);
}

PROMISE(without_a_memory_map_there_is_an_error)
{
	struct boot b = honest("x", "");

	b.info.flags &= ~(u32)MB_MMAP;
	assert_non_null(parse(&b));
	b = honest("x", "");
	b.info.mmap_length = 0;
	assert_non_null(parse(&b));
}

PROMISE(entries_of_a_wrong_size_are_an_error)
{
	static const u32 sizes[] = { 0, 1, 19, 69, 0x7fffffff, 0xfffffffc, 0xffffffff };

	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct boot b = honest("x", "");

		fake_put(b.memory, MMAP, &sizes[i], 4);
		assert_non_null(parse(&b));
	}
	for (u32 cut = 1; cut < 24; cut++) {
		struct boot b = honest("x", "");

		b.info.mmap_length -= cut;
		assert_non_null(parse(&b));
	}
}

PROMISE(longer_entries_of_later_specifications_are_taken)
{
	struct boot b = honest("x", "");
	struct mb_mmap e = { 24, 0, 0x9fc00, E820_RAM };

	b.info.mmap_length = 56;
	fake_put(b.memory, MMAP, &e, sizeof(e));
	e.base = 0x100000;
	fake_put(b.memory, MMAP + 28, &e, sizeof(e));
	assert_null(parse(&b));
	assert_int_equal(out.map.count, 2);
}

PROMISE(more_entries_than_we_hold_are_an_error)
{
	for (u32 n = E820_MAX; n <= E820_MAX + 1; n++) {
		struct boot b = honest("x", "");

		for (u32 i = 0; i < n; i++) {
			struct mb_mmap e = { 20, i * 0x2000, 0x1000, E820_RAM };

			fake_put(b.memory, MMAP + i * 24, &e, sizeof(e));
		}
		b.info.mmap_length = n * 24;
		if (n == E820_MAX)
			assert_null(parse(&b));
		else
			assert_non_null(parse(&b));
	}
}

PROMISE(a_huge_memory_map_is_refused)
{
	struct boot b = honest("x", "");

	b.info.mmap_length = 0xffffffff;
	assert_non_null(parse(&b));
}

PROMISE(too_many_modules_are_an_error)
{
	static const u32 counts[] = { BOOT_MODULES_MAX + 1, 0x10000000, 0xffffffff };
	struct boot b;

	for (u32 i = 0; i < ARRAY_SIZE(counts); i++) {
		b = honest("x", "");
		b.info.mods_count = counts[i];
		assert_non_null(parse(&b));
	}
	b = honest("x", "");
	b.info.mods_count = BOOT_MODULES_MAX;
	for (u32 i = 0; i < BOOT_MODULES_MAX; i++) {
		struct mb_module m = { CONTENT, CONTENT + 1, STRINGS, 0 };

		fake_put(b.memory, STRINGS - 0x100 + i * 16, &m, sizeof(m));
	}
	b.info.mods_addr = STRINGS - 0x100;
	assert_null(parse(&b));
	assert_int_equal(out.module_count, BOOT_MODULES_MAX);
	assert_int_equal(out.occupied_count, BOOT_OCCUPIED_MAX);
}

PROMISE(modules_that_lie_about_their_place_are_an_error)
{
	static const struct mb_module bad[] = {
		{ CONTENT + 1, CONTENT, STRINGS, 0 }, { CONTENT, 0xffffffff, STRINGS, 0 },
		{ 0, 0xffffffff, STRINGS, 0 }, { BASE + SIZE, BASE + SIZE + 1, STRINGS, 0 },
		{ CONTENT, CONTENT + 1, 0xffffffff, 0 }, { CONTENT, CONTENT + 1, BASE - 1, 0 },
	};
	struct mb_module empty = { CONTENT, CONTENT, 0, 0 };
	struct boot b;

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		b = honest("x", "");
		fake_put(b.memory, MODULES, &bad[i], sizeof(bad[i]));
		assert_non_null(parse(&b));
	}
	b = honest("x", "");
	fake_put(b.memory, MODULES, &empty, sizeof(empty));
	assert_null(parse(&b));
	assert_string_equal(out.module[0].string, "");
}

PROMISE(strings_fit_with_their_end_or_are_an_error)
{
	for (u32 length = BOOT_CMDLINE_SIZE - 2; length <= BOOT_CMDLINE_SIZE + 1; length++) {
		struct boot b = honest("", "GRUB 2");
		char text[BOOT_CMDLINE_SIZE + 2];

		memset(text, 'x', sizeof(text));
		text[length] = '\0';
		fake_put(b.memory, CMDLINE, text, length + 1);
		fake_put(b.memory, NAME, "GRUB 2", 7);
		b.info.cmdline = CMDLINE;
		if (length < BOOT_CMDLINE_SIZE) {
			assert_null(parse(&b));
			assert_int_equal(strlen(out.cmdline), length);
		} else {
			assert_non_null(parse(&b));
		}
	}
}

RUN(T(honest_information_is_copied_out), T(all_that_was_read_is_occupied),
    T(the_file_name_is_dropped_where_the_loader_gives_one), T(a_missing_loader_name_is_no_error),
    T(absent_parts_are_empty), T(each_pointer_out_of_reach_is_an_error),
    T(information_out_of_reach_is_an_error), T(without_a_memory_map_there_is_an_error),
    T(entries_of_a_wrong_size_are_an_error), T(longer_entries_of_later_specifications_are_taken),
    T(more_entries_than_we_hold_are_an_error), T(a_huge_memory_map_is_refused),
    T(too_many_modules_are_an_error), T(modules_that_lie_about_their_place_are_an_error),
    T(strings_fit_with_their_end_or_are_an_error))
