/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The steps of ept02_steps.h, chosen by the input: L1 edits its EPT12 and executes INVEPT, L2 runs on two CPUs, a hypapp
 * protects pages, table pages are few; the naive walk agrees all the time.
 * Links: xmhf/runtime/nested/ept02.c xmhf/runtime/nested/ept02_fault.c xmhf/runtime/nested/ept02_fill.c xmhf/runtime/nested/ept02_sync.c xmhf/runtime/nested/ept02_table.c xmhf/runtime/nested/ept12_walk.c xmhf/runtime/nested/memory_type.c xmhf/runtime/memory/ept.c xmhf/runtime/memory/ept_edit.c
 */
#include "fuzz.h"

#define CHECK(condition) MUST(condition)
#include "ept02_steps.h"

static struct input chance;

static u32 pick(u32 below) { return (u32)input_take(&chance, 1) % below; }

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const u64 caps[] = { CAPS, CAPS, CAPS & ~EPT_CAP_EXECUTE_ONLY, CAPS & ~(EPT_CAP_2M | EPT_CAP_1G) };

	chance = (struct input){ data, size };
	machine_start(caps[pick(4)], 24 + pick(2) * 40);
	steps((u32)MIN(chance.left / 8, 400));
	machine_stop();
	return 0;
}
