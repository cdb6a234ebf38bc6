/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SHA-256 (FIPS 180-4). No relocations: usable in the secure loader before any are applied.
 */
#ifndef XMHF_LIB_SHA256_H
#define XMHF_LIB_SHA256_H

#include "types.h"

#define SHA256_SIZE	32u	/* bytes of a digest */

struct sha256 {
	u32 state[8];
	u64 length;		/* bytes taken so far */
	u8 block[64];		/* the last length % 64 of them */
};

void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, const void *data, size_t length);
void sha256_final(struct sha256 *s, u8 digest[SHA256_SIZE]);

/* All three at once. */
void sha256(const void *data, size_t length, u8 digest[SHA256_SIZE]);

#endif
