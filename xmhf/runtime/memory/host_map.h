/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our own page tables: physical memory one to one; code read-only and executable, everything else
 * writable and never executable.
 */
#ifndef MEMORY_HOST_MAP_H
#define MEMORY_HOST_MAP_H

#include "lib/types.h"

/* Builds them for [0, machine.host_top). */
void host_map_build(void);

/* Lets root mode execute the page at @page (below 2 MiB) while the APs start there; this CPU's TLB is flushed. */
void host_map_executable(u32 page, bool executable);

/* Sets EFER.NXE, CR4, CR3 and CR0 of this CPU to what root mode runs with. */
void host_map_load(void);

/* For the APs' start code. */
u32 host_map_cr3(void);
u32 host_map_cr4(void);

#endif
