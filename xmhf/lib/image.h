/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the three stages tell each other: the headers inside hypervisor-x86-*.bin, which is the secure
 * loader followed by the runtime, and the hand-over that the loader writes into the range it chose.
 *
 * The range, from its base: secure loader | runtime, its BSS | free | EPT02 | hypapp modules | hand-over (its end).
 */
#ifndef XMHF_LIB_IMAGE_H
#define XMHF_LIB_IMAGE_H

#define IMAGE_MAGIC	0x464d5853	/* "SXMF" */
#define RUNTIME_MAGIC	0x464d5852	/* "RXMF" */
#define HANDOFF_MAGIC	0x464d5848	/* "HXMF" */

/* Bytes behind the runtime that hold the secure loader's six tables and stack, until the runtime has its own. */
#define SCRATCH_SIZE	0xa000

#define RUNTIME_MEMORY_MAX	0x1000000	/* bytes that a runtime with its BSS may take */

/* Offsets that assembly needs. */
#define IMAGE_SIZE		12	/* struct image_header.size */
#define RUNTIME_MEMORY_SIZE	8	/* struct runtime_header.memory_size */

#ifndef __ASSEMBLY__

#include "lib/cmdline.h"
#include "lib/e820.h"
#include "lib/multiboot.h"
#include "lib/sha256.h"
#include "lib/types.h"

/* First bytes of the file. */
struct image_header {
	u32 magic;
	u32 bits;		/* 32 or 64 */
	u32 entry;		/* of the secure loader, from the file's start; 32-bit protected mode */
	u32 size;		/* of the secure loader: the runtime begins here */
};

/* First bytes of the runtime; offsets from its start. */
struct runtime_header {
	u32 magic;
	u32 file_size;		/* what the hash covers */
	u32 memory_size;	/* with BSS */
	u32 relocations, relocations_end;
	u32 entry;		/* void entry(struct handoff *), native mode, paging on for amd64 */
};
_Static_assert(offsetof(struct image_header, size) == IMAGE_SIZE, "for assembly");
_Static_assert(offsetof(struct runtime_header, memory_size) == RUNTIME_MEMORY_SIZE, "for assembly");

#define HANDOFF_MODULES	(BOOT_MODULES_MAX - 2)

/* The same layout in 32- and 64-bit code. */
struct handoff {
	u32 magic;
	u32 cpus_expected;	/* by MADT or MP table */
	u64 base, size;		/* our range: both multiples of 2 MiB */
	u64 rsdp;		/* 0: none */
	u32 boot_drive;
	u32 module_count;	/* of hypapp modules */
	struct mem_range module[HANDOFF_MODULES];
	struct e820_map map;	/* as the machine has it, our range not yet taken out */
	struct boot_options options;
	u8 boot_sector[512];
};
_Static_assert(sizeof(struct handoff) % 8 == 0, "the same in 32 and 64 bits");
#define HANDOFF_ROOM	round_up(sizeof(struct handoff), PAGE_SIZE)

#endif
#endif
