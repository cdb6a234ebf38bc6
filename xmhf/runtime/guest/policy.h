/* SPDX-License-Identifier: BSD-2-Clause */
/* Which MSRs and I/O ports of the guest's we look at; what isn't named here goes to the hardware. */
#ifndef GUEST_POLICY_H
#define GUEST_POLICY_H

#include "lib/types.h"

extern u8 policy_msr_bitmap[PAGE_SIZE];		/* SDM 25.6.9 */
extern u8 policy_io_bitmap[2 * PAGE_SIZE];	/* SDM 25.6.4 */

/* Fills both from the tables of msr.c and io.c. */
void policy_init(void);

/* In policy_msr_bitmap, or another like it; a right that isn't named stays as it is. */
void policy_intercept_msr(u8 bitmap[PAGE_SIZE], u32 msr, bool read, bool write);

/* @wanted: exit on @count ports from @first; else don't. */
void policy_intercept_ports(u16 first, u32 count, bool wanted);

/* cpuid.c, msr.c, io.c */
void cpuid_policy_init(void);
void msr_policy_init(void);
void io_policy_init(void);

#endif
