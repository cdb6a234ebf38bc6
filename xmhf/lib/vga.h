/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 80 x 25 text screen at physical 0xB8000, which must be mapped at that address.
 */
#ifndef XMHF_LIB_VGA_H
#define XMHF_LIB_VGA_H

#include "types.h"

/* Continues below what the screen shows: nothing is cleared. */
void vga_init(void);

/* Writes @c at the cursor; '\n' starts a line, the screen scrolls. */
void vga_putc(char c);

#endif
