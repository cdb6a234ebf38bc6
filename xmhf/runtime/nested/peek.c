/* SPDX-License-Identifier: BSD-2-Clause */
/* See peek.h: the walk of SDM 5.4 and 5.5 for reads by a supervisor, with no side effects. */
#include "lib/string.h"
#include "machine/machine.h"
#include "nested/ept02_table.h"
#include "nested/instructions.h"

#define LINEAR_HALF	(1ull << 47)	/* of the addresses that are canonical with four levels of tables */
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

static NOINLINE bool look_up(u64 *from, u64 *size, u64 at)
{
	struct ept_leaf leaf;

	*size = 0;
	if (!ept_lookup(&ept01, (gpa1_t){ at }, &leaf) || leaf.special || !(leaf.rights & EPT_R) || leaf.hpa.at != at ||
	    leaf.from.at + leaf.size > machine.host_top || !machine_is_memory(leaf.from.at) ||
	    !machine_is_memory(leaf.from.at + leaf.size - 1))
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

static const u64 stays;

/* From the table at @table down to the page, which is ordinary memory too; @level: 4 or 2. */
static bool walk_down(struct peek *p, struct peek_walk *w, u64 table, u32 level, uptr linear, u64 reserved, u64 *user)
{
	for (u32 i = 0; i < PEEK_LEVELS; level--, i++) {
		u64 place = table + ((u64)linear >> 9 * level & 0xff8), entry, span = ept_span(level);

		if (!is_plain(p, place))
			return false;
		entry = ept12_entry_get((const u64 *)(uptr)place);
		w->place[i] = (const u64 *)(uptr)place;
		w->entry[i] = entry;
		if ((entry & (PTE_P | PTE_A)) != (PTE_P | PTE_A) || entry & reserved)
			return false;
		*user &= entry;
		table = entry & PTE_ADDRESS;
		if (level == 1 || (level == 2 && entry & PTE_PS)) {
			if (level == 2 && table & (span - 1) & ~(u64)PAGE_SIZE)		/* bit 12 is PAT */
				return false;
			table = (table & ~(span - 1)) | (linear & (span - 1) & ~(u64)PAGE_MASK);
			w->at = (uptr)table;
			return is_plain(p, table);
		}
		if (entry & PTE_PS)
			return false;
	}
	return false;
}

static bool walk_anew(struct peek *p, struct peek_walk *w, uptr linear)
{
	u64 reserved = (w->efer & EFER_NXE ? 0 : PTE_XD) | (PTE_ADDRESS & ~(BIT64(machine.maxphyaddr) - 1)), user = PTE_U;
	bool found = false;

	for (u32 i = 0; i < PEEK_LEVELS; i++) {
		w->place[i] = &stays;
		w->entry[i] = stays;
	}
	if (w->cr4 & (CR4_LA57 | CR4_PKS))
		return false;
	if (w->efer & EFER_LMA)
		found = walk_down(p, w, w->root & PTE_ADDRESS, 4, linear, reserved, &user);
	else if (w->cr4 & CR4_PAE && w->root & PTE_P)
		found = walk_down(p, w, w->root & PTE_ADDRESS, 2, (u32)linear, reserved | 0x7ff0000000000000ull, &user);
	return found && !(user && w->cr4 & (CR4_SMAP | CR4_PKE));
}

static void forget(struct peek *p, u32 generation)
{
	memset(p, 0, sizeof(*p));
	for (u32 i = 0; i < PEEK_WALKS; i++)
		p->walks[i].page = PEEK_NO_PAGE;
	p->generation = generation;
}

static u64 root_of(u32 efer, uptr linear)
{
	return vmcs_read(efer & EFER_LMA ? GUEST_CR3 : (enum vmcs_field)(GUEST_PDPTE0 + 2 * ((u32)linear >> 30)));
}

/* Makes the walk to @linear. */
static NOINLINE bool anew(struct peek *p, struct peek_walk *w, uptr linear)
{
	u32 generation = nested_pages_generation();

	if (p->generation != generation)
		forget(p, generation);
	w->cr4 = vmcs_read_natural(GUEST_CR4);
	w->efer = vmcs_read32(GUEST_EFER);
	w->root = root_of(w->efer, linear);
	w->page = walk_anew(p, w, linear) ? linear & ~(uptr)PAGE_MASK : PEEK_NO_PAGE;
	return w->page != PEEK_NO_PAGE;
}

static inline bool stands(const struct peek *p, const struct peek_walk *w, uptr linear)
{
	u32 efer = vmcs_read32(GUEST_EFER);	/* its low half, where all bits are that there are */

	if (w->page != (linear & ~(uptr)PAGE_MASK) || w->root != root_of(efer, linear) ||
	    w->cr4 != vmcs_read_natural(GUEST_CR4) || w->efer != efer || p->generation != nested_pages_moves)
		return false;
#pragma GCC unroll 4
	for (u32 i = 0; i < PEEK_LEVELS; i++)
		if (ept12_entry_get(w->place[i]) != w->entry[i])
			return false;
	return true;
}

static inline void copy(void *to, const void *from, u32 bytes)
{
	if (bytes == sizeof(u32)) {
		*(u32 *)to = *(const u32 *)from;
		return;
	}
	*(u64 *)to = *(const u64 *)from;
	if (bytes > sizeof(u64))
		((u64 *)to)[1] = ((const u64 *)from)[1];
}

static ALWAYS_INLINE bool read(struct peek *p, uptr linear, void *to, u32 bytes)
{
	struct peek_walk *w = &p->walks[(linear >> PAGE_SHIFT) % PEEK_WALKS];
	u32 offset = (u32)linear & PAGE_MASK;
	bool known;

	if (offset + bytes > PAGE_SIZE)
		return false;
	__asm__("" : "+r"(w));		/* the compiler is not to compute it again at each use */
	lock_take(&ept01_lock);
	known = stands(p, w, linear) || anew(p, w, linear);
	if (known)
		copy(to, (const void *)(w->at + offset), bytes);
	lock_drop(&ept01_lock);
	return known;
}

bool peek(struct peek *p, uptr linear, void *to, u32 bytes) { return read(p, linear, to, bytes); }

static u64 of_segment(enum vmcs_field of_es, u32 segment) { return vmcs_read((enum vmcs_field)(of_es + SEGMENT_STEP * segment)); }

/* Data that begins at 0 and ends at 4 GiB? */
static bool is_flat(u32 segment)
{
	return of_segment(GUEST_ES_BASE, segment) == 0 && (u32)of_segment(GUEST_ES_LIMIT, segment) == ~0u &&
	       !(of_segment(GUEST_ES_AR, segment) & (OPERAND_AR_UNUSABLE | OPERAND_AR_CODE | OPERAND_AR_EXPAND_DOWN));
}

/*
 * Where the operand is, if no more than paging is between: in 64-bit mode by 64 bits, without FS and GS, a canonical address;
 * by 32 bits in a flat segment.
 */
static inline bool linear_of(const struct vcpu *v, u32 info, uptr *linear)
{
	u32 size = OPERAND_INFO_ADDRESS_SIZE(info);
	u64 at = vmcs_read(EXIT_QUALIFICATION);

	if (!(info & OPERAND_INFO_NO_BASE))
		at += instruction_register(v, OPERAND_INFO_BASE(info));
	if (!(info & OPERAND_INFO_NO_INDEX))
		at += (u64)instruction_register(v, OPERAND_INFO_INDEX(info)) << OPERAND_INFO_SCALE(info);
	*linear = (uptr)at;
	if (size == OPERAND_INFO_64)
		return OPERAND_INFO_SEGMENT(info) < OPERAND_FS && at + LINEAR_HALF < 2 * LINEAR_HALF;
	*linear = (u32)at;
	return size == OPERAND_INFO_32 && is_flat(OPERAND_INFO_SEGMENT(info));
}

static NOINLINE enum verdict read_anyhow(struct vcpu *v, u32 info, void *to, u32 bytes)
{
	struct operand o = operand_decode(info);

	return instruction_read(v, &o, to, bytes);
}

enum verdict instruction_read_l1(struct vcpu *v, u32 info, void *to, u32 bytes)
{
	uptr linear;

	return linear_of(v, info, &linear) && read(&v->nested->peek, linear, to, bytes) ? RESUME : read_anyhow(v, info, to, bytes);
}
