/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hand-over of a loader that means no good: a right one with bytes of the input laid over it.
 * Links: xmhf/lib/handoff.c
 */
#include "fuzz.h"

#include "lib/handoff.h"

#define BASE	0x10000000ull
#define SIZE	(10ull << 20)
#define IMAGE	0x2000u
#define RUNTIME	0x20000u
#define USED	(BASE + IMAGE + RUNTIME + SCRATCH_SIZE)

static struct handoff h;

static void believed(u64 at)
{
	u64 end = at;

	MUST(h.base == BASE && h.size <= SIZE_4G - BASE && at + HANDOFF_ROOM == BASE + h.size && USED <= at);
	MUST(h.map.count <= E820_MAX && h.module_count <= HANDOFF_MODULES);
	for (u32 i = 0; i < h.module_count; i++) {
		MUST(h.module[i].base >= USED && h.module[i].base + h.module[i].length <= at);
		MUST(h.module[i].base + h.module[i].length >= h.module[i].base);
		end = MIN(end, h.module[i].base);
	}
	MUST(h.options.ept_pool <= end - USED);
	MUST(memchr(h.options.app, 0, sizeof(h.options.app)));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	u64 at;

	h = (struct handoff){ .magic = HANDOFF_MAGIC, .base = BASE, .size = SIZE, .map.count = 5, .options.max_cpus = 1 };
	for (u32 i = 0; i < HANDOFF_MODULES; i++)
		h.module[i] = (struct mem_range){ BASE + SIZE - HANDOFF_ROOM - PAGE_SIZE * (i + 1), PAGE_SIZE };
	h.module_count = (u32)input_take(&in, 1) % (HANDOFF_MODULES + 2);
	h.size += input_take(&in, 1) * SIZE_2M;
	h.options.ept_pool = input_take(&in, 2) << PAGE_SHIFT;
	at = BASE + h.size - HANDOFF_ROOM;
	while (in.left) {
		size_t offset = input_take(&in, 2) % sizeof(h), n = input_take(&in, 1) % 16;

		n = MIN(n, MIN(sizeof(h) - offset, in.left));
		memcpy((u8 *)&h + offset, in.at, n);
		in.at += n;
		in.left -= n;
	}
	if (!handoff_problem(&h, at, BASE, IMAGE, RUNTIME))
		believed(at);
	return 0;
}
