/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SHA-256 (FIPS 180-4): names of functions and variables are the standard's.
 */
#include "sha256.h"
#include "string.h"

/* 4.2.2: fractional parts of the cube roots of the first 64 primes. */
static const u32 k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* 5.3.3: fractional parts of the square roots of the first 8 primes. */
static const u32 initial[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

/* 4.1.2 */
static u32 rotr(u32 x, u32 n) { return x >> n | x << (32 - n); }
static u32 ch(u32 x, u32 y, u32 z) { return (x & y) ^ (~x & z); }
static u32 maj(u32 x, u32 y, u32 z) { return (x & y) ^ (x & z) ^ (y & z); }
static u32 big_sigma0(u32 x) { return rotr(x, 2) ^ rotr(x, 13) ^ rotr(x, 22); }
static u32 big_sigma1(u32 x) { return rotr(x, 6) ^ rotr(x, 11) ^ rotr(x, 25); }
static u32 sigma0(u32 x) { return rotr(x, 7) ^ rotr(x, 18) ^ x >> 3; }
static u32 sigma1(u32 x) { return rotr(x, 17) ^ rotr(x, 19) ^ x >> 10; }

static u32 big_endian(const u8 *p)
{
	return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
}

/* 6.2.2: @v holds the working variables a to h. */
static void compress(u32 state[8], const u8 *block)
{
	u32 w[64];
	u32 v[8];

	for (u32 t = 0; t < 16; t++)
		w[t] = big_endian(block + 4 * t);
	for (u32 t = 16; t < 64; t++)
		w[t] = sigma1(w[t - 2]) + w[t - 7] + sigma0(w[t - 15]) + w[t - 16];

	memcpy(v, state, sizeof(v));
	for (u32 t = 0; t < 64; t++) {
		u32 t1 = v[7] + big_sigma1(v[4]) + ch(v[4], v[5], v[6]) + k[t] + w[t];
		u32 t2 = big_sigma0(v[0]) + maj(v[0], v[1], v[2]);

		for (u32 i = 7; i > 0; i--)
			v[i] = v[i - 1];
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (u32 i = 0; i < 8; i++)
		state[i] += v[i];
}

void sha256_init(struct sha256 *s)
{
	memcpy(s->state, initial, sizeof(initial));
	s->length = 0;
}

void sha256_update(struct sha256 *s, const void *data, size_t length)
{
	const u8 *from = data;
	u32 used = (u32)s->length % 64;

	s->length += length;
	if (used != 0) {
		size_t n = MIN(length, 64 - used);

		memcpy(s->block + used, from, n);
		from += n;
		length -= n;
		if (used + n < 64)
			return;
		compress(s->state, s->block);
	}
	for (; length >= 64; from += 64, length -= 64)
		compress(s->state, from);
	if (length != 0)
		memcpy(s->block, from, length);
}

/* 5.1.1: a one bit, zeros, and the length in bits fill the last block. */
void sha256_final(struct sha256 *s, u8 digest[SHA256_SIZE])
{
	u32 used = (u32)s->length % 64;
	u64 bits = s->length * 8;

	s->block[used++] = 0x80;
	if (used > 56) {
		memset(s->block + used, 0, 64 - used);
		compress(s->state, s->block);
		used = 0;
	}
	memset(s->block + used, 0, 56 - used);
	for (u32 i = 0; i < 8; i++)
		s->block[56 + i] = (u8)(bits >> (56 - 8 * i));
	compress(s->state, s->block);

	for (u32 i = 0; i < SHA256_SIZE; i++)
		digest[i] = (u8)(s->state[i / 4] >> (24 - 8 * (i % 4)));
}

void sha256(const void *data, size_t length, u8 digest[SHA256_SIZE])
{
	struct sha256 s;

	sha256_init(&s);
	sha256_update(&s, data, length);
	sha256_final(&s, digest);
}
