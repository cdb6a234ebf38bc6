/* SPDX-License-Identifier: BSD-2-Clause */
/* Two memory types into one. */
#include "memory/ept_entry.h"
#include "nested/memory_type.h"

enum memory_type memory_type_merge(enum memory_type a, enum memory_type b)
{
	if (a == b || b == MEMTYPE_WB)
		return a;
	return a == MEMTYPE_WB ? b : MEMTYPE_UC;
}

u64 memory_type_merge_leaves(u64 leaf12, u64 leaf01)
{
	u64 type = memory_type_merge(ept_entry_type(leaf12), ept_entry_type(leaf01));

	return type << EPT_ENTRY_TYPE_SHIFT | ((leaf12 | leaf01) & EPT_ENTRY_IPAT);
}
