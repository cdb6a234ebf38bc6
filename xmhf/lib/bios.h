/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the ACPI and MP tables share: where a BIOS leaves structures, and their checksum.
 */
#ifndef XMHF_LIB_BIOS_H
#define XMHF_LIB_BIOS_H

#include "physmem.h"
#include "types.h"

/* The extended BIOS data area's physical address by the word at 40:0E; 0: there is none. */
u64 bios_ebda(const struct physmem *mem);

/* The end of conventional memory by the word at 40:13, in bytes; 0 when it isn't believable. */
u64 bios_base_memory(const struct physmem *mem);

/*
 * The first multiple of 16 in [from, from + length) with a structure of @size bytes that begins
 * with @signature and adds up to 0; 0: none.
 */
u64 bios_scan(const struct physmem *mem, u64 from, u64 length, const char *signature, u32 size);

/* Do the bytes add up to 0? */
bool bios_sum_ok(const void *bytes, u32 length);

#endif
