/* SPDX-License-Identifier: BSD-2-Clause */
/* What page tables cost on machines with so much RAM that the fixed part of our range can't hold them. */
#ifndef XMHF_LIB_TABLE_ROOM_H
#define XMHF_LIB_TABLE_ROOM_H

#include "lib/cpu_checks.h"

/*
 * Bytes, whole pages, for the tables by which EPT01 and a hypervisor of @bits map RAM from 4 GiB up to @top: little with
 * pages of 1 GiB, and 4 KiB a GiB without them.
 */
u64 table_room_bytes(const struct cpu_facts *facts, u64 top, u32 bits);

#endif
