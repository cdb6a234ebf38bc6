/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPT02 under random edits of EPT12, accesses, INVEPTs, protections and lack of pages: answers are the naive walk's, no
 * leaf allows what EPT12 and EPT01 didn't, none leads to us, and INVEPT leaves nothing out of date.
 * Links: xmhf/runtime/nested/ept02.c xmhf/runtime/nested/ept02_fault.c xmhf/runtime/nested/ept02_fill.c xmhf/runtime/nested/ept02_sync.c xmhf/runtime/nested/ept02_table.c xmhf/runtime/nested/ept12_walk.c xmhf/runtime/nested/memory_type.c xmhf/runtime/memory/ept.c xmhf/runtime/memory/ept_edit.c
 */
#include "unit.h"

#define CHECK(condition) assert_true(condition)
#include "ept02_steps.h"

static u32 chance;

static u32 pick(u32 below) { return random_next(&chance) % below; }

static void random_steps(u64 caps, u32 seed, u32 pages, u32 count)
{
	chance = seed;
	machine_start(caps, pages);
	steps(count);
	machine_stop();
}

PROMISE(random_steps_keep_every_promise)
{
	for (u32 seed = 1; seed <= 40; seed++)
		random_steps(CAPS, seed, 256, 1500);
}

PROMISE(random_steps_keep_every_promise_with_hardly_any_pages)
{
	for (u32 seed = 100; seed <= 140; seed++)
		random_steps(CAPS, seed, 24, 1500);
}

PROMISE(random_steps_keep_every_promise_without_large_pages_and_execute_only)
{
	for (u32 seed = 200; seed <= 220; seed++)
		random_steps(CAPS & ~(EPT_CAP_EXECUTE_ONLY | EPT_CAP_1G), seed, 64, 1000);
}

RUN(
	T(random_steps_keep_every_promise),
	T(random_steps_keep_every_promise_with_hardly_any_pages),
	T(random_steps_keep_every_promise_without_large_pages_and_execute_only))
