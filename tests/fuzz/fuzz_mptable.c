/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MP tables whose entries come from the input, with right checksums; and the input alone.
 * Links: xmhf/lib/mptable.c xmhf/lib/bios.c
 */
#include "fuzz.h"
#include "fake_memory.h"

#include "lib/mptable.h"

#define FLOATING	0xf0000u
#define CONFIG		0xf0020u
#define ROOM		0x2000u

static struct fake_memory f;
static u8 bytes[ROOM];		/* from FLOATING on */

static void count_cpu(void *ctx, const struct mp_cpu *cpu)
{
	(void)cpu;
	++*(u32 *)ctx;
}

static void use(void)
{
	u32 count = 0;
	u64 lapic;
	u64 at = mp_find(&f.mem);

	mp_walk(&f.mem, at != 0 ? at : FLOATING, &lapic, count_cpu, &count);
	MUST(count <= 65536 / 20);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	u32 length;

	f.mem = (struct physmem){ fake_map, &f };
	f.base = FLOATING;
	f.bytes = bytes;
	f.size = ROOM;
	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, "_MP_", 4);
	memcpy(bytes + 4, &(u32){ CONFIG }, 4);
	bytes[11] = input_take(&in, 1) > 240;
	fake_seal(&f, FLOATING, 16, 10);
	length = 44 + (u32)input_take(&in, 2) % (ROOM - 0x20 - 44);
	length = (u32)MIN(length, 44 + in.left);
	memcpy(bytes + 0x20, "PCMP", 4);
	memcpy(bytes + 0x24, &(u16){ (u16)length }, 2);
	memcpy(bytes + 0x20 + 34, &(u16){ (u16)input_take(&in, 2) }, 2);
	memcpy(bytes + 0x20 + 44, in.at, MIN(in.left, length - 44));
	fake_seal(&f, CONFIG, length, 7);
	use();

	f.bytes = (u8 *)(uptr)data;
	f.size = size;
	use();
	for (u32 i = 0; i < f.pieces; i++)
		free(f.piece[i]);
	f.pieces = 0;
	return 0;
}
