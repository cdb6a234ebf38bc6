/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every fuzzer includes: libFuzzer's entry, the input as a stream of numbers, and what
 * must hold.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/types.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

struct input {
	const u8 *at;
	size_t left;
};

/* The next @n bytes as a number; what is missing at the end counts as 0. */
static inline u64 input_take(struct input *in, size_t n)
{
	u64 value = 0;

	n = MIN(n, in->left);
	memcpy(&value, in->at, n);
	in->at += n;
	in->left -= n;
	return value;
}

#define MUST(condition) do { \
	if (!(condition)) { \
		fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #condition); \
		abort(); \
	} \
} while (0)

#endif
