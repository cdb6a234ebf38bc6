/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every unit test includes first: cmocka with the headers that it wants before it.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/types.h"

/* A test's name is what it promises. */
#define PROMISE(name)	static void name(void **state __attribute__((unused)))

/* main() runs the promises named. */
#define RUN(...) \
	int main(void) \
	{ \
		const struct CMUnitTest tests[] = { __VA_ARGS__ }; \
		return cmocka_run_group_tests(tests, NULL, NULL); \
	}
#define T(name)		cmocka_unit_test(name)

/* A small generator, so that random tests are the same each time. */
static inline u32 random_next(u32 *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

#endif
