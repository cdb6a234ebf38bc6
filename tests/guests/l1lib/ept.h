/* SPDX-License-Identifier: BSD-2-Clause */
/* EPT12: L1's tables for L2. Pages come from page_take(). Flushing is the caller's (vmx_invept). */
#ifndef L1_EPT_H
#define L1_EPT_H

#include "vmx.h"

#define EPT_R		BIT(0)
#define EPT_W		BIT(1)
#define EPT_X		BIT(2)
#define EPT_RWX		7u
#define EPT_UC		(0u << 3)
#define EPT_WC		(1u << 3)
#define EPT_WT		(4u << 3)
#define EPT_WP		(5u << 3)
#define EPT_WB		(6u << 3)
#define EPT_IPAT	BIT(6)
#define EPT_LARGE	BIT(7)
#define EPT_A		BIT(8)
#define EPT_D		BIT(9)
#define EPT_ADDRESS	0xffffffffff000ull
#define EPTP_AD		BIT(6)
#define EPTP_DEFAULT	0x1eu			/* write-back, four levels */

enum ept_level { EPT_4K = 1, EPT_2M, EPT_1G, EPT_512G };	/* of an entry: what it maps */

u64 ept_new(void);				/* an EPTP with an empty root */
void ept_recycle(void);				/* the tables made since the last call are free for new ones: INVEPT then */
void ept_identity(u64 eptp);			/* 4 GiB one to one, 2 MiB pages, RWX, write-back */

/*
 * The entry for @gpa at this level, for the caller to write. Tables above are made; a large page in the way is split
 * into equal smaller ones.
 */
volatile u64 *ept_entry(u64 eptp, u64 gpa, enum ept_level level);
void ept_map(u64 eptp, u64 gpa, u64 hpa, enum ept_level level, u64 bits);	/* EPT_LARGE is added where it belongs */
static inline u64 ept_page(enum ept_level level) { return 4096ull << (9 * (level - 1)); }	/* its size */

#endif
