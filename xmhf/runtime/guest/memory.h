/* SPDX-License-Identifier: BSD-2-Clause */
/* Reaching L1's memory: by physical address, and by linear address through L1's own paging. */
#ifndef GUEST_MEMORY_H
#define GUEST_MEMORY_H

#include "lib/walk.h"
#include "vmx/vcpu.h"

/*
 * @length bytes of L1-physical memory; they may cross pages. False, with nothing done, where the guest has no
 * memory of its own: our range and what we haven't mapped. Reads of our range never show it.
 */
MUST_CHECK bool guest_read_physical(gpa1_t at, void *to, size_t length);
MUST_CHECK bool guest_write_physical(gpa1_t at, const void *from, size_t length);

/* The four PDPTEs at @cr3. False if one is reserved or out of reach: #GP(0), SDM 5.4.1. */
MUST_CHECK bool guest_read_pdptes(u32 cr3, u64 pdpte[4]);

#endif
