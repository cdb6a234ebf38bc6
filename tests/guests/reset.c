/* SPDX-License-Identifier: BSD-2-Clause */
/* Every way a guest resets the machine boots it again. A CMOS byte, which a reset keeps, counts the boots. */
#include "guest.h"

#define CMOS_INDEX	0x70
#define CMOS_DATA	0x71
#define CMOS_COUNT	0x7c		/* two bytes that nobody else uses */
#define CMOS_MARK	0x7d
#define MARK		0xa7
#define RESET_PORT	0xcf9
#define KBC		0x64
#define PORT_92		0x92

static u8 cmos_read(u8 at)
{
	outb(CMOS_INDEX, at);
	return inb(CMOS_DATA);
}

static void cmos_write(u8 at, u8 value)
{
	outb(CMOS_INDEX, at);
	outb(CMOS_DATA, value);
}

static void by_cf9(void)
{
	outb(RESET_PORT, 2);
	outb(RESET_PORT, 6);
}

static void by_keyboard(void)
{
	while (inb(KBC) & 2)
		;
	outb(KBC, 0xfe);
}

static void by_port_92(void) { outb(PORT_92, inb(PORT_92) | 1); }

static void by_triple_fault(void)
{
	struct descriptor_pointer none = { 0, 0 };

	__asm__ volatile("lidt %0; int3" : : "m"(none));
}

static void by_triple_fault_paged(void)
{
	paging_pae();
	by_triple_fault();
}

static const struct { void (*how)(void); const char *name, *sentence; } ways[] = {
	{ by_cf9, "cf9", "port CF9h resets the machine" },
	{ by_keyboard, "keyboard", "the keyboard controller resets the machine" },
	{ by_port_92, "port_92", "port 92h resets the machine" },
	{ by_triple_fault, "triple_fault", "a triple fault resets the machine" },
	{ by_triple_fault_paged, "triple_fault_paged", "a triple fault under paging resets the machine" },
};

void guest_main(void)
{
	u32 boots = cmos_read(CMOS_MARK) == MARK ? cmos_read(CMOS_COUNT) : 0;

	if (boots)
		promise(true, ways[boots - 1].name, ways[boots - 1].sentence);
	if (boots == ARRAY_SIZE(ways))
		return;
	cmos_write(CMOS_MARK, MARK);
	cmos_write(CMOS_COUNT, (u8)(boots + 1));
	ways[boots].how();
	spin(1000000);
	promise(false, ways[boots].name, ways[boots].sentence);
}
