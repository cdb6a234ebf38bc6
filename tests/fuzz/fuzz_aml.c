/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes are searched for sleep states; what is found is in range.
 * Links: xmhf/lib/aml.c
 */
#include "fuzz.h"

#include "lib/aml.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const u8 name[] = { 0x08, '_', 'S', '5', '_', 0x12 };
	u8 *aml = malloc(size + sizeof(name));
	u8 a, b;

	for (u32 state = 0; state < 6; state++)
		if (aml_find_sleep(data, (u32)size, state, &a, &b))
			MUST(a <= 7 && b <= 7);
	memcpy(aml, name, sizeof(name));
	memcpy(aml + sizeof(name), data, size);
	if (aml_find_sleep(aml, (u32)(size + sizeof(name)), 5, &a, &b))
		MUST(a <= 7 && b <= 7);
	free(aml);
	return 0;
}
