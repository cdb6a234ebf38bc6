/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers and page tables from the input: every walk ends, its result keeps the page offset and
 * the address width, and nothing but A and D bits is ever set.
 * Links: xmhf/lib/walk.c
 */
#include "fuzz.h"

#include "lib/walk.h"

struct guest {
	u8 *bytes;		/* guest memory repeats them, so that every table address hits */
	u64 size;		/* a multiple of 8 */
	u32 reads;
	bool refuse;		/* now and then */
};

static bool guest_read(void *ctx, u64 at, void *entry, u32 size)
{
	struct guest *g = ctx;

	MUST(size == 4 || size == 8);
	MUST(at % size == 0 && at < 1ull << 52);
	if (g->size == 0 || (g->refuse && at % 7 == 0))
		return false;
	g->reads++;
	memcpy(entry, g->bytes + at % g->size, size);
	return true;
}

static bool guest_cmpxchg(void *ctx, u64 at, u64 old, u64 new, u32 size)
{
	struct guest *g = ctx;
	u64 now = 0;

	MUST((old | 0x60) == (new | 0x60) && (old & ~new) == 0 && old != new);
	memcpy(&now, g->bytes + at % g->size, size);
	if (now != old)
		return false;	/* the same bytes are another entry of this walk */
	memcpy(g->bytes + at % g->size, &new, size);
	return true;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	u64 flags = input_take(&in, 1);
	struct walk_regs regs = {
		.cr0 = input_take(&in, 4) | (flags & 1 ? 0 : 0x80000001),
		.cr3 = input_take(&in, 8),
		.cr4 = input_take(&in, 4),
		.efer = input_take(&in, 2),
		.pkru = (u32)input_take(&in, 4), .pkrs = (u32)input_take(&in, 4),
		.maxphyaddr = 32 + (u32)input_take(&in, 1) % 21,
		.rflags_ac = flags & 2, .has_1g_pages = flags & 4,
	};
	struct walk_access access = { (u32)input_take(&in, 1) % 3, flags & 8, false };
	struct guest g = { .refuse = flags & 16 };
	struct walk_memory memory = { guest_read, flags & 32 ? NULL : guest_cmpxchg, &g };
	struct walk_result first, second;
	enum walk_status status;
	u64 linear = input_take(&in, 8);

	if (flags & 64)
		linear = (u64)((s64)(linear << 16) >> 16);
	for (u32 i = 0; i < 4; i++)
		regs.pdpte[i] = input_take(&in, 8);
	if (regs.efer & 0x400)
		regs.cr4 |= 0x20;	/* IA-32e mode has PAE */
	access.implicit = !access.user && (flags & 128);
	g.size = in.left & ~7ull;
	g.bytes = malloc(g.size + 1);
	memcpy(g.bytes, in.at, g.size);

	status = walk(&regs, &memory, linear, access, &first);
	MUST(g.reads <= 8 * 5);
	if (status == WALK_OK) {
		bool wide = (regs.cr4 & 0x20) || !(regs.cr0 & 0x80000000);

		MUST(first.gpa >> (wide ? regs.maxphyaddr : MIN(regs.maxphyaddr, 40)) == 0);
		MUST((first.gpa & (first.page_size - 1)) == (linear & (first.page_size - 1) & (regs.cr0 & 0x80000000 ? ~0ull : 0xffffffff)));
		MUST(access.kind != WALK_FETCH || first.executable);
		MUST(!access.user || first.user_page);
		MUST(!access.user || access.kind != WALK_WRITE || first.writable);
	} else if (status == WALK_FAULT) {
		MUST((first.error_code & ~0x3fu) == 0);
		MUST(!(first.error_code & PF_RSVD) || (first.error_code & PF_P));
		MUST(!(first.error_code & PF_W) == (access.kind != WALK_WRITE));
		MUST(!(first.error_code & PF_U) == !access.user);
	}
	if (memory.cmpxchg == NULL) {
		MUST(walk(&regs, &memory, linear, access, &second) == status);
		MUST(second.gpa == first.gpa && second.error_code == first.error_code);
	}
	free(g.bytes);
	return 0;
}
