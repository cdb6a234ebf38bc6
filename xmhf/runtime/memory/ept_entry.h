/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One EPT entry: its bits (SDM vol. 3, 29.3.2), how it is written, and the EPT pointer.
 * Shared by EPT01 (ept.c) and the shadows for L2.
 */
#ifndef MEMORY_EPT_ENTRY_H
#define MEMORY_EPT_ENTRY_H

#include "lib/ept_caps.h"
#include "lib/mtrr.h"
#include "lib/types.h"

#define EPT_LEVELS	4u		/* level 4 is the root, a leaf is at 3 (1 GiB), 2 (2 MiB) or 1 */
#define EPT_ENTRIES	512u
#define EPT_GPA_BITS	48u		/* what 4 levels translate; above is an EPT violation */

enum ept_rights {
	EPT_NONE = 0,
	EPT_R = 1,
	EPT_W = 2,			/* without EPT_R: misconfiguration */
	EPT_X = 4,			/* without EPT_R: needs EPT_CAP_EXECUTE_ONLY */
	EPT_RX = EPT_R | EPT_X,
	EPT_RW = EPT_R | EPT_W,
	EPT_RWX = EPT_R | EPT_W | EPT_X,
};

/* SDM tables 29-1 to 29-7. */
#define EPT_ENTRY_RIGHTS	7ull
#define EPT_ENTRY_TYPE_SHIFT	3	/* leaf only, bits 5:3 */
#define EPT_ENTRY_TYPE		(7ull << EPT_ENTRY_TYPE_SHIFT)
#define EPT_ENTRY_IPAT		BIT64(6)	/* leaf only: the guest's PAT is ignored */
#define EPT_ENTRY_LARGE		BIT64(7)	/* a leaf at level 3 or 2 */
#define EPT_ENTRY_ACCESSED	BIT64(8)
#define EPT_ENTRY_DIRTY		BIT64(9)	/* leaf only */
#define EPT_ENTRY_MARKS		(EPT_ENTRY_ACCESSED | EPT_ENTRY_DIRTY)
#define EPT_ENTRY_ADDRESS	0x000ffffffffff000ull

/* Bits 56:52 are ignored by the CPU. A leaf without any rights is still a leaf: EPT_ENTRY_LEAF says so. */
#define EPT_ENTRY_LEAF		BIT64(52)
#define EPT_ENTRY_SPECIAL	BIT64(53)	/* redirected: protections and types leave it alone */
#define EPT_ENTRY_TRACKED	BIT64(54)	/* a page's own leaf, which stays: who writes there shows in it */
#define EPT_ENTRY_HELD		BIT64(55)	/* tracked, and W is held back until somebody wants to write */

/* The EPT pointer, SDM 25.6.11 (table 25-9): type of the tables, levels less one, A/D. */
#define EPTP_WALK_SHIFT		3
#define EPTP_ACCESSED_DIRTY	BIT64(6)

_Static_assert((EPT_ENTRY_ADDRESS & (EPT_ENTRY_LEAF | EPT_ENTRY_SPECIAL | EPT_ENTRY_TRACKED | EPT_ENTRY_HELD | PAGE_MASK)) == 0,
	       "our bits lie in an entry's address");
_Static_assert((EPT_ENTRY_RIGHTS | EPT_ENTRY_TYPE | EPT_ENTRY_IPAT | EPT_ENTRY_LARGE | EPT_ENTRY_MARKS) == 0x3ff,
	       "bits 9:0 of an entry are all named");
_Static_assert(MEMTYPE_WB << EPT_ENTRY_TYPE_SHIFT <= EPT_ENTRY_TYPE, "a memory type fits its field");

/* Bytes that an entry at @level (1 to 4) spans, and as a power of two. */
static inline u32 ept_shift(u32 level) { return PAGE_SHIFT + 9 * (level - 1); }
static inline u64 ept_span(u32 level) { return 1ull << ept_shift(level); }

/* Which entry of its table at @level translates @at. */
static inline u32 ept_index(u64 at, u32 level)
{
	return (u32)(at >> ept_shift(level)) & (EPT_ENTRIES - 1);
}

static inline enum memory_type ept_entry_type(u64 entry)
{
	return (enum memory_type)((entry & EPT_ENTRY_TYPE) >> EPT_ENTRY_TYPE_SHIFT);
}

/* Does the CPU find a translation or a table here? (SDM 29.3.2: else bits 63:3 are ignored, nothing is cached.) */
static inline bool ept_entry_present(u64 entry) { return (entry & EPT_ENTRY_RIGHTS) != 0; }

/* What a leaf of EPT01 allows, be it held back at the moment. */
static inline enum ept_rights ept_entry_rights(u64 leaf)
{
	return (enum ept_rights)((leaf & EPT_ENTRY_RIGHTS) | (leaf & EPT_ENTRY_HELD ? EPT_W : 0));
}

/*
 * The tables are identity mapped, in the runtime as in the host tests: an entry's address field
 * is the pointer to the next table.
 */
static inline u64 *ept_entry_table(u64 entry) { return (u64 *)(uptr)(entry & EPT_ENTRY_ADDRESS); }

/* An entry that leads on to @table. Rights are the leaf's to restrict. */
static inline u64 ept_entry_to(const u64 *table)
{
	return (u64)(uptr)table | EPT_ENTRY_ACCESSED | EPT_RWX;
}

/*
 * Replaces an entry that CPUs may be walking, in one 64-bit access, after all earlier stores.
 * Returns the entry as it was at that instant, with the marks the CPUs had made in it. A 32-bit
 * build has no 64-bit store without the FPU, and two halves would show a CPU the new address
 * with the old rights; hence CMPXCHG8B.
 */
static inline u64 ept_entry_swap(u64 *entry, u64 value)
{
#ifdef __i386__
	u64 old = *entry;	/* may be torn; the loop then reads it right */

	__asm__ volatile("1:	lock cmpxchg8b %[entry]\n"
			 "	jne 1b"
			 : "+A"(old), [entry] "+m"(*entry)
			 : "b"((u32)value), "c"((u32)(value >> 32))
			 : "cc", "memory");
	return old;
#else
	return __atomic_exchange_n(entry, value, __ATOMIC_SEQ_CST);
#endif
}

/* Reads an entry that CPUs may be marking. Only bits 9:8 change under us, so halves are good enough. */
static inline u64 ept_entry_get(const u64 *entry) { return *(const volatile u64 *)entry; }

/*
 * The EPT pointer for @root: write-back tables, 4 levels. @accessed_dirty needs
 * EPT_CAP_ACCESSED_DIRTY; the others are checked in lib/cpu_checks.c.
 */
static inline u64 eptp_make(hpa_t root, bool accessed_dirty)
{
	return root.at | MEMTYPE_WB | (u64)(EPT_LEVELS - 1) << EPTP_WALK_SHIFT |
	       (accessed_dirty ? EPTP_ACCESSED_DIRTY : 0);
}

#endif
