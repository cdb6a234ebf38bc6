/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text screen: cells of character and colour, and the CRT controller's cursor.
 */
#include "vga.h"
#include "io.h"

#define SCREEN		0xb8000u
#define COLUMNS		80u
#define ROWS		25u
#define CELLS		(COLUMNS * ROWS)
#define BLANK		0x0720u		/* light grey on black, a space */
#define CRTC_INDEX	0x3d4
#define CRTC_DATA	0x3d5
#define CURSOR_HIGH	0x0e
#define CURSOR_LOW	0x0f

static u32 cursor;		/* cells from the top left */

static volatile u16 *screen(void)
{
	uptr at = SCREEN;

	__asm__("" : "+r"(at));	/* or gcc warns that no object is there */
	return (volatile u16 *)at;
}

static u32 crtc_read(u8 index)
{
	outb(CRTC_INDEX, index);
	return inb(CRTC_DATA);
}

static void crtc_write(u8 index, u32 value)
{
	outb(CRTC_INDEX, index);
	outb(CRTC_DATA, (u8)value);
}

void vga_init(void)
{
	cursor = crtc_read(CURSOR_HIGH) << 8 | crtc_read(CURSOR_LOW);
	if (cursor >= CELLS)
		cursor = 0;
}

static void scroll(void)
{
	volatile u16 *cell = screen();

	for (u32 i = 0; i < CELLS - COLUMNS; i++)
		cell[i] = cell[i + COLUMNS];
	for (u32 i = CELLS - COLUMNS; i < CELLS; i++)
		cell[i] = BLANK;
	cursor -= COLUMNS;
}

void vga_putc(char c)
{
	if (c == '\n') {
		cursor += COLUMNS - cursor % COLUMNS;
	} else if (c == '\r') {
		cursor -= cursor % COLUMNS;
	} else {
		screen()[cursor] = (u16)((BLANK & 0xff00) | (u8)c);
		cursor++;
	}
	if (cursor >= CELLS)
		scroll();
	crtc_write(CURSOR_HIGH, cursor >> 8);
	crtc_write(CURSOR_LOW, cursor);
}
