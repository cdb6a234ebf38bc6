/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any information field, registers and segment: the address is canonical or within 4 GiB, no register beyond
 * the array is read, and only the stack's faults are #SS.
 * Links: xmhf/runtime/nested/operand.c xmhf/lib/walk.c
 */
#include "fuzz.h"

#include "lib/walk.h"
#include "nested/operand.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	struct operand o = operand_decode((u32)input_take(&in, 4));
	uptr *gpr = malloc(16 * sizeof(*gpr));
	struct operand_cpu cpu = {
		.mode = (enum operand_mode)(input_take(&in, 1) % 3), .cr4 = input_take(&in, 2), .base = input_take(&in, 8),
		.limit = (u32)input_take(&in, 4), .rights = (u32)input_take(&in, 3), .gpr = gpr,
	};
	struct operand_access access = { input_take(&in, 8), 1 + (u32)input_take(&in, 1) % 16, input_take(&in, 1) & 1 };
	u64 linear = 0;

	for (u32 i = 0; i < 16; i++)
		gpr[i] = (uptr)input_take(&in, 8);
	switch (operand_address(&o, &cpu, access, &linear)) {
	case OPERAND_OK:
		MUST(cpu.mode == OPERAND_64BIT ? walk_canonical(linear, cpu.cr4) : linear >> 32 == 0);
		break;
	case OPERAND_STACK_FAULT:
		MUST(o.segment == OPERAND_SS);
		break;
	case OPERAND_PROTECTION_FAULT:
		MUST(o.segment != OPERAND_SS);
		break;
	}
	free(gpr);
	return 0;
}
