/* SPDX-License-Identifier: BSD-2-Clause */
/* BIOS calls from protected mode. */
#include "guest.h"

extern void bios_thunk(void);
extern volatile u8 bios_vector;
extern struct bios_regs bios_regs;

struct saved {			/* how real mode leaves them on its stack */
	u32 edi, esi, ebp, esp, ebx, edx, ecx, eax;
	u16 es, ds;
	u32 flags;
};
_Static_assert(sizeof(struct saved) == sizeof(struct bios_regs), "one layout for both ways");

bool bios(u8 vector, struct bios_regs *regs)
{
	bios_regs = *regs;
	bios_vector = vector;
	bios_thunk();
	*regs = bios_regs;
	return !(regs->flags & FLAG_CF);
}
