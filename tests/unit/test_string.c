/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * string.c under other names beside libc's, which is the oracle.
 * Links:
 */
#include "unit.h"

#define memcpy our_memcpy
#define memmove our_memmove
#define memset our_memset
#define memcmp our_memcmp
#define strlen our_strlen
#define strcmp our_strcmp
#define strncmp our_strncmp
#define strchr our_strchr
#include "../../xmhf/lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strcmp
#undef strncmp
#undef strchr

static int sign(int x) { return (x > 0) - (x < 0); }

PROMISE(memmove_is_right_for_every_overlap)
{
	for (u32 from = 0; from < 16; from++) {
		for (u32 to = 0; to < 16; to++) {
			for (u32 n = 0; n <= 16; n++) {
				char ours[32] = "0123456789abcdefghijklmnopqrstu";
				char theirs[32] = "0123456789abcdefghijklmnopqrstu";

				assert_ptr_equal(our_memmove(ours + to, ours + from, n), ours + to);
				memmove(theirs + to, theirs + from, n);
				assert_memory_equal(ours, theirs, sizeof(ours));
			}
		}
	}
}

PROMISE(memcpy_and_memset_touch_their_bytes_alone)
{
	u8 buf[8] = { 0 };
	static const u8 expect[8] = { 0, 'a', 'b', 'c', 0, 0xfe, 0xfe, 0 };

	assert_ptr_equal(our_memcpy(buf + 1, "abcd", 3), buf + 1);
	assert_ptr_equal(our_memset(buf + 5, 0x1fe, 2), buf + 5);
	assert_memory_equal(buf, expect, 8);
	our_memcpy(buf, "xyz", 0);
	our_memset(buf, 1, 0);
	assert_memory_equal(buf, expect, 8);
}

PROMISE(comparisons_agree_with_libc_in_sign)
{
	static const char *const words[] = { "", "a", "ab", "abc", "b", "\x80", "a\xff", "abd" };

	for (u32 i = 0; i < ARRAY_SIZE(words); i++) {
		assert_int_equal(our_strlen(words[i]), strlen(words[i]));
		for (u32 j = 0; j < ARRAY_SIZE(words); j++) {
			assert_int_equal(sign(our_strcmp(words[i], words[j])), sign(strcmp(words[i], words[j])));
			for (u32 n = 0; n < 5; n++)
				assert_int_equal(sign(our_strncmp(words[i], words[j], n)),
						 sign(strncmp(words[i], words[j], n)));
		}
	}
	assert_true(our_memcmp("a\0b", "a\0c", 3) < 0);
	assert_true(our_memcmp("a\xff", "a\x01", 2) > 0);
	assert_int_equal(our_memcmp("a", "b", 0), 0);
}

PROMISE(strchr_finds_the_first_and_the_end)
{
	const char *s = "abcb";

	assert_ptr_equal(our_strchr(s, 'b'), s + 1);
	assert_ptr_equal(our_strchr(s, '\0'), s + 4);
	assert_null(our_strchr(s, 'x'));
}

PROMISE(a_bounded_copy_always_ends)
{
	char buf[4] = "zzz";

	assert_int_equal(str_copy(buf, 4, "abcdef"), 3);
	assert_string_equal(buf, "abc");
	assert_int_equal(str_copy(buf, 4, "x"), 1);
	assert_string_equal(buf, "x");
	assert_int_equal(str_copy(buf, 1, "x"), 0);
	assert_string_equal(buf, "");
}

RUN(T(memmove_is_right_for_every_overlap), T(memcpy_and_memset_touch_their_bytes_alone),
    T(comparisons_agree_with_libc_in_sign), T(strchr_finds_the_first_and_the_end),
    T(a_bounded_copy_always_ends))
