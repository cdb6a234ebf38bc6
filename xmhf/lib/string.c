/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory and string functions for code without libc. The string instructions are short,
 * quick enough, and can't be compiled into calls of the very function they implement.
 */
#include "string.h"

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	void *d = to;
	size_t words = n / 4, bytes = n % 4;

	__asm__ volatile("rep movsl\n\tmov %3, %2\n\trep movsb" : "+D"(d), "+S"(from), "+c"(words) : "r"(bytes) : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	u8 *d = (u8 *)to + n - 1;
	const u8 *s = (const u8 *)from + n - 1;

	if ((uptr)to - (uptr)from >= n)		/* @to isn't inside [from, from + n) */
		return memcpy(to, from, n);
	__asm__ volatile("std; rep movsb; cld" : "+D"(d), "+S"(s), "+c"(n) : : "memory", "cc");
	return to;
}

void *memset(void *to, int byte, size_t n)
{
	void *d = to;
	size_t words = n / 4, bytes = n % 4;

	__asm__ volatile("rep stosl\n\tmov %2, %1\n\trep stosb" : "+D"(d), "+c"(words) : "r"(bytes), "a"((u8)byte * 0x01010101u) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *p = a;
	const u8 *q = b;

	for (; n != 0; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n] != '\0') {
		__asm__("" : "+r"(n));	/* or gcc makes this loop a call of strlen */
		n++;
	}
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n != 0; n--, a++, b++)
		if (*a != *b || *a == '\0')
			return (u8)*a - (u8)*b;
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)(uptr)s;
		if (*s == '\0')
			return NULL;
	}
}
