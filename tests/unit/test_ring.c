/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log ring: nothing is read twice or silently lost.
 * Links: xmhf/lib/ring.c
 */
#include "unit.h"

#include "lib/ring.h"

#define SIZE	8u

static struct ring ring;
static char data[SIZE];

static void fill(const char *text)
{
	while (*text != '\0')
		ring_put(&ring, *text++);
}

static void assert_read(u64 *at, u32 length, const char *text, u64 lost_expected)
{
	char buf[64] = { 0 };
	u64 lost;

	assert_int_equal(ring_read(&ring, at, buf, length, &lost), strlen(text));
	assert_string_equal(buf, text);
	assert_int_equal(lost, lost_expected);
}

PROMISE(what_was_written_is_read_in_order_and_once)
{
	u64 at = 0;

	ring_init(&ring, data, SIZE);
	assert_read(&at, 64, "", 0);
	fill("abc");
	assert_read(&at, 2, "ab", 0);
	assert_read(&at, 64, "c", 0);
	assert_read(&at, 64, "", 0);
	fill("defghij");
	assert_read(&at, 64, "defghij", 0);
	assert_int_equal(at, 10);
}

PROMISE(an_exactly_full_ring_loses_nothing)
{
	u64 at = 0;

	ring_init(&ring, data, SIZE);
	fill("12345678");
	assert_int_equal(ring_start(&ring), 0);
	assert_read(&at, 64, "12345678", 0);
}

PROMISE(overwritten_characters_are_counted)
{
	u64 at = 0;

	ring_init(&ring, data, SIZE);
	fill("123456789abc");
	assert_int_equal(ring_start(&ring), 4);
	assert_read(&at, 3, "567", 4);
	assert_read(&at, 64, "89abc", 0);
}

PROMISE(an_offset_beyond_the_end_is_moved_to_the_end)
{
	u64 at = ~0ull;

	ring_init(&ring, data, SIZE);
	fill("abc");
	assert_read(&at, 64, "", 0);
	assert_int_equal(at, 3);
}

PROMISE(offsets_go_on_beyond_4_gib)
{
	u64 at = 0xffffffffull;

	ring_init(&ring, data, SIZE);
	ring.end = 0xfffffffeull;
	fill("abcd");
	assert_int_equal(ring.end, 0x100000002ull);
	assert_read(&at, 64, "bcd", 0);
}

RUN(T(what_was_written_is_read_in_order_and_once), T(an_exactly_full_ring_loses_nothing),
    T(overwritten_characters_are_counted), T(an_offset_beyond_the_end_is_moved_to_the_end),
    T(offsets_go_on_beyond_4_gib))
