/* SPDX-License-Identifier: BSD-2-Clause */
/* One rule a line. */
#include "lib/handoff.h"

/* Whole pages between the runtime and the hand-over. */
static bool module_fits(const struct mem_range *m, u64 from, u64 to)
{
	return !(m->base & PAGE_MASK) && m->base >= from && m->base <= to && m->length <= to - m->base;
}

/* Whole pages below the modules. */
static bool pool_fits(const struct handoff *h, u64 from, u64 to)
{
	for (u32 i = 0; i < h->module_count; i++)
		to = MIN(to, h->module[i].base);
	return !(h->options.ept_pool & PAGE_MASK) && h->options.ept_pool <= to - from;
}

const char *handoff_problem(const struct handoff *h, u64 at, u64 base, u32 image_size, u32 memory_size)
{
	u64 used = base + image_size + round_up((u64)memory_size, PAGE_SIZE) + SCRATCH_SIZE;

	if (h->magic != HANDOFF_MAGIC)
		return "it has no signature";
	if (h->base != base || (h->base | h->size) & (SIZE_2M - 1) || h->size > SIZE_4G - base)
		return "its range isn't ours";
	if (h->size < HANDOFF_ROOM || at != base + h->size - HANDOFF_ROOM || used > at)
		return "its range is too small";
	if (h->map.count > E820_MAX || h->module_count > HANDOFF_MODULES)
		return "a list is too long";
	for (u32 i = 0; i < h->module_count; i++)
		if (!module_fits(&h->module[i], used, at))
			return "a module is out of place";
	if (!pool_fits(h, used, at))
		return "the memory for nested page tables doesn't fit";
	if (h->options.max_cpus == 0 || h->options.app[CMDLINE_APP_SIZE - 1])
		return "its options weren't parsed";
	return NULL;
}
