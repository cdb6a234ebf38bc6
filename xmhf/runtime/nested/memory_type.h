/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory type of an EPT02 leaf, from EPT12's and EPT01's: stricter than a bare CPU, whose EPT ignores MTRRs. */
#ifndef NESTED_MEMORY_TYPE_H
#define NESTED_MEMORY_TYPE_H

#include "lib/mtrr.h"

/* Equal stays, WB yields to the other, every other pair is UC. Both are valid types. */
enum memory_type memory_type_merge(enum memory_type a, enum memory_type b);

/* The bits of type and IPAT in EPT02 for leaves of EPT12 and EPT01, neither misconfigured. */
u64 memory_type_merge_leaves(u64 leaf12, u64 leaf01);

#endif
