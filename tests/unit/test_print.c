/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formatted text, libc's snprintf being the oracle where both know the directive.
 * Links: xmhf/lib/print.c
 */
#include "unit.h"

#include "lib/div.h"
#include "lib/print.h"

#define SAME(...) do { \
	char ours[128], theirs[128]; \
	assert_int_equal(fmt_snprint(ours, sizeof(ours), __VA_ARGS__), \
			 snprintf(theirs, sizeof(theirs), __VA_ARGS__)); \
	assert_string_equal(ours, theirs); \
} while (0)

PROMISE(numbers_print_as_in_libc)
{
	static const long long values[] = { 0, 1, -1, 9, 10, 42, -42, 0x7fffffff, -0x7fffffff - 1LL,
		0xffffffffLL, 0x100000000LL, 0x7fffffffffffffffLL, -0x7fffffffffffffffLL - 1 };

	for (u32 i = 0; i < ARRAY_SIZE(values); i++) {
		long long v = values[i];

		SAME("%d %i %u %x %X", (int)v, (int)v, (unsigned)v, (unsigned)v, (unsigned)v);
		SAME("%ld %lu %lx %lX", (long)v, (unsigned long)v, (unsigned long)v, (unsigned long)v);
		SAME("%lld %llu %llx %llX", v, (unsigned long long)v, (unsigned long long)v, (unsigned long long)v);
		SAME("%zu %zx", (size_t)v, (size_t)v);
		SAME("[%8d] [%-8d] [%08d] [%-8x] [%016llx]", (int)v, (int)v, (int)v, (unsigned)v, (unsigned long long)v);
		SAME("[%1d] [%*d] [%3u]", (int)v, 7, (int)v, (unsigned)v);
	}
}

PROMISE(strings_and_characters_print_as_in_libc)
{
	SAME("%s|%5s|%-5s|%2s", "abc", "abc", "abc", "abc");
	SAME("%.2s|%.0s|%5.1s|%-5.9s|%.*s", "abc", "abc", "abc", "abc", 2, "abc");
	SAME("%c%3c%-3c|%%|", 'x', 'y', 'z');
	SAME("no directive");
	SAME("%s", "");
}

PROMISE(precision_bounds_a_string_without_an_end)
{
	char *three = malloc(3);
	char buf[8];

	memcpy(three, "abc", 3);
	assert_int_equal(fmt_snprint(buf, sizeof(buf), "%.3s", three), 3);
	assert_string_equal(buf, "abc");
	free(three);
}

PROMISE(a_pointer_prints_all_digits)
{
	char buf[32];

	fmt_snprint(buf, sizeof(buf), "%p", (void *)0x1234);
	assert_string_equal(buf, "0x0000000000001234");
}

PROMISE(a_null_string_prints_as_null)
{
	const char *volatile nothing = NULL;
	char buf[32];

	fmt_snprint(buf, sizeof(buf), "[%8s]", nothing);
	assert_string_equal(buf, "[  (null)]");
}

PROMISE(text_is_cut_at_the_buffer_and_the_length_told)
{
	char buf[4] = "zzz";

	assert_int_equal(fmt_snprint(buf, sizeof(buf), "%d", 123456), 6);
	assert_string_equal(buf, "123");
	assert_int_equal(fmt_snprint(buf, 1, "abc"), 3);
	assert_string_equal(buf, "");
	assert_int_equal(fmt_snprint(NULL, 0, "abc"), 3);
}

#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
PROMISE(what_is_no_directive_is_printed_as_it_stands)
{
	char buf[64];

	fmt_snprint(buf, sizeof(buf), "%q %5k %");
	assert_string_equal(buf, "%q %5k %");
	fmt_snprint(buf, sizeof(buf), "%-08l");
	assert_string_equal(buf, "%-08l");
}

PROMISE(a_huge_width_is_bounded)
{
	assert_int_equal(fmt_snprint(NULL, 0, "%9999d", 1), 1024);
	assert_int_equal(fmt_snprint(NULL, 0, "%*d", 0x7fffffff, 1), 1024);
	assert_int_equal(fmt_snprint(NULL, 0, "%*d", -5, 1), 1);
}

PROMISE(division_agrees_with_the_compiler)
{
	u32 seed = 1;

	for (u32 i = 0; i < 100000; i++) {
		u64 n = ((u64)random_next(&seed) << 40) ^ ((u64)random_next(&seed) << 20) ^ random_next(&seed);
		u32 d = (random_next(&seed) << 12 | random_next(&seed)) >> (i % 32);
		u32 r;

		if (d == 0)
			d = 1;
		n >>= i % 64;
		assert_true(u64_divide(n, d, &r) == n / d);
		assert_true(r == n % d);
	}
}

RUN(T(numbers_print_as_in_libc), T(strings_and_characters_print_as_in_libc),
    T(precision_bounds_a_string_without_an_end), T(a_pointer_prints_all_digits),
    T(a_null_string_prints_as_null), T(text_is_cut_at_the_buffer_and_the_length_told),
    T(what_is_no_directive_is_printed_as_it_stands), T(a_huge_width_is_bounded),
    T(division_agrees_with_the_compiler))
