/* SPDX-License-Identifier: BSD-2-Clause */
/* I/O ports that a hypapp watches, beside the core's own of io_policy_init. */
#ifndef GUEST_IO_H
#define GUEST_IO_H

#include "lib/types.h"

/* Accesses to @count ports from @first go to the hypapp, or don't any more. Other CPUs must be out of the guest (SDM 25.11.4). */
void io_give_to_hypapp(u16 first, u32 count, bool wanted);

#endif
