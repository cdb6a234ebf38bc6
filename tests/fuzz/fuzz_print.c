/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any format with arguments that suit every directive (pointers to a string) is printed within
 * its buffer.
 * Links: xmhf/lib/print.c
 */
#include "fuzz.h"

#include "lib/print.h"

#define ARGUMENTS	16u
#define FOUR		text, text, text, text

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const char text[] = "some text";
	char *format = malloc(size + 1);
	size_t room = size % 64;
	char *out = malloc(room + 1);
	size_t needs = 0, length;

	memcpy(format, data, size);
	format[size] = '\0';
	for (size_t i = 0; i < size; i++)
		if (format[i] == '%' || format[i] == '*')
			needs++;
	if (needs <= ARGUMENTS) {
#pragma clang diagnostic ignored "-Wformat-nonliteral"
#pragma clang diagnostic ignored "-Wformat-security"
		length = fmt_snprint(out, room, format, FOUR, FOUR, FOUR, FOUR);
		if (room != 0)
			MUST(strnlen(out, room) == MIN(length, room - 1) || memchr(format, 'c', size) != NULL);
	}
	free(out);
	free(format);
	return 0;
}
