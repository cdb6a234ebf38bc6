/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formatted text, the useful part of printf:
 *   %[-][0][width|*][.precision|.*][l|ll|z](d i u x X p s c %)
 * The precision counts for %s only. Anything else is printed as it stands in @fmt.
 */
#ifndef XMHF_LIB_PRINT_H
#define XMHF_LIB_PRINT_H

#include "types.h"

typedef void (*fmt_put)(void *ctx, char c);

/* Hands each character to @put. %p prints 0x and all digits; a NULL %s prints "(null)". */
void fmt_vprint(fmt_put put, void *ctx, const char *fmt, va_list args) PRINTF(3, 0);
void fmt_print(fmt_put put, void *ctx, const char *fmt, ...) PRINTF(3, 4);

/*
 * Prints into @buf of @size bytes, which always ends with a NUL unless @size is 0.
 * Returns the length of the whole text: it was cut if that is @size or more.
 */
size_t fmt_vsnprint(char *buf, size_t size, const char *fmt, va_list args) PRINTF(3, 0);
size_t fmt_snprint(char *buf, size_t size, const char *fmt, ...) PRINTF(3, 4);

#endif
