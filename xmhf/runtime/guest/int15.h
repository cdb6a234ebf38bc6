/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory map that the guest's BIOS calls tell. The hook is a page of real-mode code with the answers in
 * it: it serves E820h, E801h and 88h by itself and jumps to the old vector for all else, so no call exits.
 */
#ifndef GUEST_INT15_H
#define GUEST_INT15_H

#include "lib/e820.h"

/* Takes our range and the hook's page out of machine.guest_map, writes the page, hooks the vector. */
void int15_install(void);

/*
 * The page that the hook gets: the highest below all of 40:13, the EBDA and the low RAM's end.
 * @kib is the word at 40:13, @ebda_segment the word at 40:0E; 0 when there is no room.
 */
u32 int15_choose_page(const struct e820_map *map, u16 kib, u16 ebda_segment);

#endif
