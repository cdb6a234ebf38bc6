/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the boot loader tells us: the Multiboot information (Multiboot specification 0.6.96,
 * 3.3) copied out into one struct of our own, with every address and length mistrusted.
 */
#ifndef XMHF_LIB_MULTIBOOT_H
#define XMHF_LIB_MULTIBOOT_H

#include "e820.h"
#include "physmem.h"
#include "types.h"

#define MB_HEADER_MAGIC	0x1badb002u
#define MB_BOOT_MAGIC	0x2badb002u	/* EAX at our entry */

enum mb_flags {				/* struct mb_info.flags: which fields are valid */
	MB_MEMORY = BIT(0),
	MB_BOOT_DEVICE = BIT(1),
	MB_CMDLINE = BIT(2),
	MB_MODULES = BIT(3),
	MB_MMAP = BIT(6),
	MB_LOADER_NAME = BIT(9),
};

struct mb_info {
	u32 flags;
	u32 mem_lower, mem_upper;	/* KiB below 1 MiB, and from 1 MiB to the first hole */
	u32 boot_device;		/* BIOS drive in the top byte, then partitions */
	u32 cmdline;
	u32 mods_count, mods_addr;
	u32 syms[4];
	u32 mmap_length, mmap_addr;
	u32 drives_length, drives_addr;
	u32 config_table;
	u32 boot_loader_name;
} PACKED;
_Static_assert(sizeof(struct mb_info) == 68, "Multiboot 3.3");

struct mb_module {
	u32 start, end;			/* [start, end) */
	u32 string;
	u32 reserved;
} PACKED;
_Static_assert(sizeof(struct mb_module) == 16, "Multiboot 3.3");

struct mb_mmap {
	u32 size;			/* of what follows */
	u64 base;
	u64 length;
	u32 type;
} PACKED;
_Static_assert(sizeof(struct mb_mmap) == 24, "Multiboot 3.3");

#define BOOT_CMDLINE_SIZE	1024u	/* with the NUL */
#define BOOT_STRING_SIZE	248u
#define BOOT_NAME_SIZE		64u
#define BOOT_MODULES_MAX	16u
#define BOOT_OCCUPIED_MAX	(5 + 2 * BOOT_MODULES_MAX)

struct boot_module {
	u32 start, end;			/* physical, [start, end), start <= end */
	char string[BOOT_STRING_SIZE];
};

/* The same layout in 32- and 64-bit code. */
struct boot_info {
	struct e820_map map;		/* normalised */
	char cmdline[BOOT_CMDLINE_SIZE];	/* options only, without our file's name */
	char loader_name[BOOT_NAME_SIZE];	/* "GRUB 2.06-13" */
	u32 has_boot_device;
	u32 boot_device;		/* as struct mb_info's */
	u32 module_count;
	u32 occupied_count;
	struct boot_module module[BOOT_MODULES_MAX];
	/* What must not be overwritten yet: the information itself, strings, modules. */
	struct mem_range occupied[BOOT_OCCUPIED_MAX];
};
_Static_assert(sizeof(struct boot_info) ==
	       sizeof(struct e820_map) + BOOT_CMDLINE_SIZE + BOOT_NAME_SIZE + 16 +
	       BOOT_MODULES_MAX * (8 + BOOT_STRING_SIZE) + BOOT_OCCUPIED_MAX * 16,
	       "the same in 32 and 64 bits");

/*
 * Reads the information at physical @at into @out. Returns NULL, or one line that says what
 * is wrong (out of reach, no memory map, too many modules or entries, a module that ends
 * before it starts, a string without end); @out is then unspecified. Too long strings are
 * an error too: half an option is worse than none.
 * Takes about 6 KiB of stack.
 */
MUST_CHECK const char *mb_parse(const struct physmem *mem, u32 at, struct boot_info *out);

#endif
