/* SPDX-License-Identifier: BSD-2-Clause */
/* The loader's rooms: main.c the flow, cpu_facts.c and checks.c the CPU, place.c the memory. */
#ifndef LOADER_LOADER_H
#define LOADER_LOADER_H

#define LOADER_STACK	0x8000		/* bytes: parsers below take up to 6 KiB each */

#ifndef __ASSEMBLY__

#include "lib/image.h"

NORETURN void loader_main(u32 magic, u32 info);
NORETURN void enter_secure_loader(u32 entry, struct handoff *h);

/* The CPUs that MADT or MP table name, at least 1; counts a disabled one too, it may be woken. */
u32 count_cpus(u64 rsdp);
u64 find_rsdp(void);

/*
 * Where our range goes: @size bytes of free RAM that touch nothing of @boot, this loader included.
 * Dies with a message when there is no such place, or @base (not SL_BASE_AUTO) isn't one.
 */
u64 place_range(const struct boot_info *boot, u64 base, u64 size);

extern const u8 image_hash[SHA256_SIZE];	/* of hypervisor-x86-*.bin, made by the build */
extern const u8 loader_start[], loader_end[];

#endif
#endif
