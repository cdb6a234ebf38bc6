/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the secure loader believes of the loader's hand-over.
 * Links: xmhf/lib/handoff.c
 */
#include "unit.h"

#include "lib/handoff.h"

#define BASE	0x10000000ull
#define SIZE	(10ull << 20)
#define AT	(BASE + SIZE - HANDOFF_ROOM)
#define IMAGE	0x2000u
#define RUNTIME	0x20000u
#define USED	(BASE + IMAGE + RUNTIME + SCRATCH_SIZE)

static struct handoff good(void)
{
	struct handoff h = { .magic = HANDOFF_MAGIC, .base = BASE, .size = SIZE, .module_count = 1, .map.count = 5 };

	h.module[0] = (struct mem_range){ AT - PAGE_SIZE, 100 };
	h.options.max_cpus = 1;
	return h;
}

/* A good one but for one field. */
#define REFUSED(field, value) do {						\
	struct handoff bad_ = good();						\
	bad_.field = (value);							\
	assert_non_null(handoff_problem(&bad_, AT, BASE, IMAGE, RUNTIME));	\
} while (0)

PROMISE(a_good_one_is_believed)
{
	struct handoff h = good();

	assert_null(handoff_problem(&h, AT, BASE, IMAGE, RUNTIME));
	h.module[0].length = PAGE_SIZE;
	assert_null(handoff_problem(&h, AT, BASE, IMAGE, RUNTIME));
	h.module[0].base = USED;
	assert_null(handoff_problem(&h, AT, BASE, IMAGE, RUNTIME));
}

PROMISE(the_range_is_where_the_code_runs_and_lies_below_4_gib)
{
	REFUSED(magic, 0);
	REFUSED(base, BASE + SIZE_2M);
	REFUSED(size, SIZE + PAGE_SIZE);
	REFUSED(size, ~0ull << 21);
	REFUSED(size, 0);
}

PROMISE(the_runtime_and_the_hand_over_lie_in_the_range)
{
	struct handoff h = good();

	assert_non_null(handoff_problem(&h, AT - PAGE_SIZE, BASE, IMAGE, RUNTIME));
	assert_non_null(handoff_problem(&h, AT, BASE, IMAGE, (u32)SIZE));
	assert_non_null(handoff_problem(&h, AT, BASE, IMAGE, ~0u));
	REFUSED(size, SIZE + SIZE_2M);
	REFUSED(size, SIZE - SIZE_2M);
}

PROMISE(no_list_leads_out_of_its_array)
{
	REFUSED(map.count, E820_MAX + 1);
	REFUSED(module_count, HANDOFF_MODULES + 1);
	REFUSED(options.max_cpus, 0);
	REFUSED(options.app[CMDLINE_APP_SIZE - 1], 'x');
}

PROMISE(modules_lie_behind_the_runtime_and_below_the_hand_over)
{
	REFUSED(module[0].base, BASE);
	REFUSED(module[0].base, USED - PAGE_SIZE);
	REFUSED(module[0].base, AT - PAGE_SIZE + 16);
	REFUSED(module[0].base, AT + PAGE_SIZE);
	REFUSED(module[0].length, PAGE_SIZE + 1);
	REFUSED(module[0].length, ~0ull);
}

PROMISE(the_pool_for_nested_tables_lies_between_the_runtime_and_the_modules)
{
	struct handoff h = good();

	h.options.ept_pool = h.module[0].base - USED;
	assert_null(handoff_problem(&h, AT, BASE, IMAGE, RUNTIME));
	h.options.ept_pool += PAGE_SIZE;
	assert_non_null(handoff_problem(&h, AT, BASE, IMAGE, RUNTIME));
	h.module_count = 0;
	assert_null(handoff_problem(&h, AT, BASE, IMAGE, RUNTIME));
	REFUSED(options.ept_pool, PAGE_SIZE - 1);
	REFUSED(options.ept_pool, round_down(~0ull, PAGE_SIZE));
}

RUN(T(a_good_one_is_believed),
    T(the_range_is_where_the_code_runs_and_lies_below_4_gib),
    T(the_runtime_and_the_hand_over_lie_in_the_range),
    T(no_list_leads_out_of_its_array),
    T(modules_lie_behind_the_runtime_and_below_the_hand_over),
    T(the_pool_for_nested_tables_lies_between_the_runtime_and_the_modules))
