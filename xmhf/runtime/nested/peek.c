/* SPDX-License-Identifier: BSD-2-Clause */
/* See peek.h: the walk of SDM 5.4 and 5.5 for reads by a supervisor, with no side effects. */
#include "lib/string.h"
#include "machine/cpu_insn.h"
#include "machine/machine.h"
#include "memory/ept01.h"
#include "nested/ept02_table.h"
#include "nested/peek.h"
#include "nested/state.h"

#define PTE_P		BIT64(0)
#define PTE_U		BIT64(2)
#define PTE_A		BIT64(5)
#define PTE_PS		BIT64(7)
#define PTE_XD		BIT64(63)
#define PTE_ADDRESS	0x000ffffffffff000ull
#define CR3_PAE_TABLE	0xffffffe0u

static u64 *plain_from(struct peek *p, u64 at, u64 **size)
{
	u32 i = (u32)(at >> 12 ^ at >> 21) % PEEK_RANGES;

	*size = &p->plain[i].size;
	return &p->plain[i].from;
}

static __attribute__((noinline)) bool look_up(u64 *from, u64 *size, u64 at)
{
	struct ept_leaf leaf;

	*size = 0;
	if (!ept_lookup(&ept01, (gpa1_t){ at }, &leaf) || leaf.special || !(leaf.rights & EPT_R) || leaf.hpa.at != at ||
	    leaf.from.at + leaf.size > machine.host_top)
		return false;
	*from = leaf.from.at;
	*size = leaf.size;
	return true;
}

static bool is_plain(struct peek *p, u64 at)
{
	u64 *size, *from = plain_from(p, at, &size);

	return at - *from < *size || look_up(from, size, at);
}

/* From the table at @table down to the byte; @level: 4 or 2. */
static bool walk_down(struct peek *p, u64 table, u32 level, u64 linear, u64 reserved, u64 *at, u64 *user)
{
	for (;; level--) {
		u64 place = table + (linear >> 9 * level & 0xff8), entry, span = ept_span(level);

		if (!is_plain(p, place))
			return false;
		entry = ept12_entry_get((const u64 *)(uptr)place);
		if ((entry & (PTE_P | PTE_A)) != (PTE_P | PTE_A) || entry & reserved)
			return false;
		*user &= entry;
		if (level == 1 || (level == 2 && entry & PTE_PS)) {
			table = entry & PTE_ADDRESS;
			if (level == 2 && table & (span - 1) & ~(u64)PAGE_SIZE)		/* bit 12 is PAT */
				return false;
			*at = (table & ~(span - 1)) | (linear & (span - 1));
			return true;
		}
		if (entry & PTE_PS)
			return false;
		table = entry & PTE_ADDRESS;
	}
}

static bool translate(struct peek *p, u64 linear, u64 *at)
{
	u64 efer = vmcs_read(GUEST_EFER), cr4 = vmcs_read(GUEST_CR4), user = PTE_U;
	u64 reserved = (efer & EFER_NXE ? 0 : PTE_XD) | (PTE_ADDRESS & ~(BIT64(machine.maxphyaddr) - 1));
	bool found;

	if (cr4 & (CR4_LA57 | CR4_PKS))
		return false;
	if (efer & EFER_LMA) {
		found = walk_down(p, vmcs_read(GUEST_CR3) & PTE_ADDRESS, 4, linear, reserved, at, &user);
	} else {
		u64 pdpte = vmcs_read((enum vmcs_field)(GUEST_PDPTE0 + 2 * ((u32)linear >> 30)));

		if (!(cr4 & CR4_PAE) || !(pdpte & PTE_P))
			return false;
		found = walk_down(p, pdpte & PTE_ADDRESS, 2, (u32)linear, reserved | 0x7ff0000000000000ull, at, &user);
	}
	return found && !(user && cr4 & (CR4_SMAP | CR4_PKE));
}

bool peek(struct peek *p, u64 linear, void *to, u32 bytes)
{
	bool found;
	u64 at;

	if ((linear & PAGE_MASK) + bytes > PAGE_SIZE)
		return false;
	lock_take(&ept01_lock);
	if (p->generation != nested_pages_generation()) {
		p->generation = nested_pages_generation();
		memset(p->plain, 0, sizeof(p->plain));
	}
	found = translate(p, linear, &at) && is_plain(p, at);
	if (found && bytes == sizeof(u64))
		*(u64 *)to = *(const u64 *)(uptr)at;
	else if (found)
		memcpy(to, (const void *)(uptr)at, bytes);
	lock_drop(&ept01_lock);
	return found;
}
