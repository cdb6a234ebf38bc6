/* SPDX-License-Identifier: BSD-2-Clause */
/* How much of our range EPT02 gets: the loader decides, the runtime carves it out. */
#ifndef XMHF_LIB_EPT_POOL_H
#define XMHF_LIB_EPT_POOL_H

#include "lib/cmdline.h"

#define EPT_POOL_ROOTS_PER_CPU	4u	/* NESTED_CACHED: each VMCS12 that a CPU caches holds one */

/*
 * Bytes, whole pages: what ept_pool= asks for, or by RAM, as many as the entries that map all of it take; never less
 * than what lets every one of @cpus run.
 */
u64 ept_pool_bytes(const struct boot_options *options, u64 ram, u32 cpus);

#endif
