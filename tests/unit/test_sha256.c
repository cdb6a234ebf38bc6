/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SHA-256 against the examples of FIPS 180-4, and against itself in pieces.
 * Links: xmhf/lib/sha256.c
 */
#include "unit.h"

#include "lib/sha256.h"

static void assert_digest(const void *data, size_t length, const char *hex)
{
	u8 digest[SHA256_SIZE];
	char text[2 * SHA256_SIZE + 1];

	sha256(data, length, digest);
	for (u32 i = 0; i < SHA256_SIZE; i++)
		sprintf(text + 2 * i, "%02x", digest[i]);
	assert_string_equal(text, hex);
}

PROMISE(the_examples_of_the_standard_hold)
{
	char *million = malloc(1000000);

	assert_digest("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_digest("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
		      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	memset(million, 'a', 1000000);
	assert_digest(million, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(million);
}

PROMISE(pieces_of_any_size_give_the_same_digest)
{
	u8 data[300], whole[SHA256_SIZE], pieces[SHA256_SIZE];

	for (u32 i = 0; i < sizeof(data); i++)
		data[i] = (u8)(i * 7);
	for (u32 length = 0; length <= sizeof(data); length += 3) {
		sha256(data, length, whole);
		for (u32 step = 1; step < 140; step += 9) {
			struct sha256 s;

			sha256_init(&s);
			for (u32 at = 0; at < length; at += step)
				sha256_update(&s, data + at, MIN(step, length - at));
			sha256_final(&s, pieces);
			assert_memory_equal(whole, pieces, SHA256_SIZE);
		}
	}
}

RUN(T(the_examples_of_the_standard_hold), T(pieces_of_any_size_give_the_same_digest))
