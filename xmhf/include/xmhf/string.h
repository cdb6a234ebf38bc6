/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory and string functions under their standard names (ISO C 7.24); the compiler
 * itself calls the first four. Host tests link libc's instead and don't compile string.c.
 */
#ifndef XMHF_STRING_H
#define XMHF_STRING_H

#include "types.h"

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);

/*
 * Copies @from up to its NUL, or as much as fits, and always ends @to with a NUL.
 * @size is all of @to in bytes, at least 1. Returns the characters copied.
 */
static inline size_t str_copy(char *to, size_t size, const char *from)
{
	size_t n = 0;

	while (n + 1 < size && from[n] != '\0') {
		to[n] = from[n];
		n++;
	}
	to[n] = '\0';
	return n;
}

#endif
