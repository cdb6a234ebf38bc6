/* SPDX-License-Identifier: BSD-2-Clause */
/* From the boot sector to guest_main(), and what C wants to exist. */
#include "guest.h"

#define LEAF_XMHF	0x46484d58u	/* "XMHF" */
#define LEAF_LAST_EXT	0x80000000u
#define LEAF_EXT1	0x80000001u
#define EDX_LM		BIT(29)

void guest_start(void);

void guest_start(void)
{
	say_init();
	tables_init();
	paging_init();
	WRITE_CR(0, READ_CR(0) & ~(CR0_CD | CR0_NW));	/* a BIOS may leave them on */
	guest_main();
	done();
}

bool on_us(void)
{
	return cpuid(LEAF_XMHF, 0).ebx == LEAF_XMHF;
}

bool has_long_mode(void)
{
	return cpuid(LEAF_LAST_EXT, 0).eax >= LEAF_EXT1 && cpuid(LEAF_EXT1, 0).edx & EDX_LM;
}

void *memcpy(void *to, const void *from, size_t length)
{
	void *start = to;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(length) : : "memory");
	return start;
}

void *memset(void *to, int value, size_t length)
{
	void *start = to;
	size_t words = length / 4;		/* each is an instruction to the emulator */

	length %= 4;
	__asm__ volatile("rep stosl" : "+D"(to), "+c"(words) : "a"((value & 0xff) * 0x01010101u) : "memory");
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(length) : "a"(value) : "memory");
	return start;
}

int memcmp(const void *a, const void *b, size_t length)
{
	const u8 *x = a, *y = b;

	for (; length; length--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}
