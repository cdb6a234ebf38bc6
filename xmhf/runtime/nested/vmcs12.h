/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMCS12: the VMCS that L1 wrote for L2. Its layout comes from the field table; to L1 the page is opaque behind our
 * revision id. A member has its field's name, so that one word finds it everywhere.
 */
#ifndef NESTED_VMCS12_H
#define NESTED_VMCS12_H

#include "nested/caps.h"
#include "vmx/vmcs.h"

#define VMCS12_SHADOW	BIT(31)		/* of the revision id: a shadow VMCS (SDM 25.2) */

typedef u16 vmcs12_W16;
typedef u32 vmcs12_W32;
typedef u64 vmcs12_W64;
typedef uptr vmcs12_WNAT;		/* an L1 of the i386 hypervisor has 32 bits */

struct vmcs12 {
	u32 revision;
	u32 abort;			/* VMX-abort indicator */
	u32 launched;
#define FIELD(name, encoding, width, ...) vmcs12_##width name;
#include "vmx/vmcs_fields.def"
#undef FIELD
	u64 unused;			/* eight bytes from any field on are in it */
};
_Static_assert(offsetof(struct vmcs12, revision) == 0 && offsetof(struct vmcs12, abort) == 4, "SDM table 25-1");
_Static_assert(sizeof(struct vmcs12) <= PAGE_SIZE, "VMCS12 fits the page that L1 gives");

#define GROUP_BIT(group)	BIT(group)	/* of enum vmcs_group */

/* What an encoding reaches: a field, or the high half of a 64-bit one. */
struct vmcs12_slot {
	u64 mask;		/* its bits */
	u32 hot;		/* a bit: HOT() */
	u16 offset;		/* in struct vmcs12 */
	u8 group;		/* a bit: GROUP_BIT(); 0 if it is hot, since struct vmcs12 always has those */
	u8 special;		/* enum slot_special; 0: no more to it */
};
_Static_assert(sizeof(struct vmcs12_slot) == 16, "an index is a shift");

enum slot_special {
	SLOT_NONE = 1,
	SLOT_READ_ONLY,			/* exit information, of an L1 without MISC_WRITE_ANY_FIELD (SDM A.6): VMfail 13 */
	SLOT_SHADOWED,			/* hot, and there are shadow VMCSs: L1 reads it there, so an exiting VMWRITE goes there too */
};

/* The hot fields: those that the field table calls shadowed. A set of them is a u32 with a bit for each. */
enum hot_field {
#define HOT_NOT(name)
#define HOT_READ(name)	HOT_##name,
#define HOT_WRITE(name)	HOT_##name,
#define HOT_WIDE(name)
#define FIELD(name, encoding, width, group, shadowed, exists) HOT_##shadowed(name)
#include "vmx/vmcs_fields.def"
#undef FIELD
#undef HOT_NOT
#undef HOT_READ
#undef HOT_WRITE
#undef HOT_WIDE
	HOT_FIELDS
};
_Static_assert(HOT_FIELDS < 32, "a set of hot fields is a u32");

#define HOT(name)	BIT(HOT_##name)
#define HOT_ALL		(~0u)

/* SDM 25.11.2: an encoding is width (14:13), type (11:10), index (9:1), and access to the high half (0). */
#define VMCS_ENCODINGS		0x7000u
#define VMCS_INDEX(encoding)	((u32)(encoding) >> 1 & 0x1ff)

enum vmcs12_count {
#define COUNT_W16(name)
#define COUNT_W32(name)
#define COUNT_W64(name)	VMCS12_COUNT_HIGH_##name,
#define COUNT_WNAT(name)
#define FIELD(name, encoding, width, ...) VMCS12_COUNT_##name, COUNT_##width(name)
#include "vmx/vmcs_fields.def"
#undef FIELD
#undef COUNT_W16
#undef COUNT_W32
#undef COUNT_W64
#undef COUNT_WNAT
	VMCS12_SLOTS
};
_Static_assert(1 + VMCS12_SLOTS <= 256, "a byte for each");

/* What L1's VMX has, by encoding; the first slot stands for nothing. */
struct vmcs12_map {
	struct vmcs12_slot slots[1 + VMCS12_SLOTS];
	u8 slot_of[VMCS_ENCODINGS];
};

void vmcs12_map_fields(struct vmcs12_map *map, const struct vmx_caps_offered *caps);

/* There are shadow VMCSs: marks what L1 reads from them. */
void vmcs12_map_shadowed(struct vmcs12_map *map);

/* IA32_VMX_VMCS_ENUM for the fields that exist with these capabilities. */
u64 vmcs12_enum(const struct vmx_caps_offered *caps);

/*
 * VMREAD's and VMWRITE's encoding operand, all 64 bits of it (an L1 outside 64-bit mode has 32). SLOT_NONE: L1 has no such
 * field, VMfail 12.
 */
static inline const struct vmcs12_slot *vmcs12_slot(const struct vmcs12_map *map, u64 encoding)
{
	const struct vmcs12_slot *slot = &map->slots[encoding < VMCS_ENCODINGS ? map->slot_of[encoding] : 0];

	__asm__("" : "+r"(slot));		/* the compiler is not to compute it again at each use */
	return slot;
}

/* The same; NULL: none. */
static inline const struct vmcs12_slot *vmcs12_field(const struct vmcs12_map *map, u64 encoding)
{
	const struct vmcs12_slot *slot = vmcs12_slot(map, encoding);

	return slot->special == SLOT_NONE ? NULL : slot;
}

static inline u32 vmcs12_slot_bytes(const struct vmcs12_slot *slot)
{
	return slot->mask >> 32 ? sizeof(u64) : slot->mask >> 16 ? sizeof(u32) : sizeof(u16);
}

/* Eight bytes that begin with a field. */
typedef u64 __attribute__((aligned(1), may_alias)) vmcs12_bytes;

/*
 * What VMREAD and VMWRITE move. Outside 64-bit mode the operand has 32 bits: a wider field is read cut and written with its
 * upper half cleared.
 */
static inline u64 vmcs12_read(const struct vmcs12 *m, const struct vmcs12_slot *slot, bool in_64bit_mode)
{
	u64 value = *(const vmcs12_bytes *)((const u8 *)m + slot->offset) & slot->mask;

	return in_64bit_mode ? value : (u32)value;
}

static inline void vmcs12_write(struct vmcs12 *m, const struct vmcs12_slot *slot, u64 value, bool in_64bit_mode)
{
	vmcs12_bytes *to = (vmcs12_bytes *)((u8 *)m + slot->offset);

	if (!in_64bit_mode)
		value = (u32)value;
	*to ^= (*to ^ value) & slot->mask;
}

/* Fills the bitmaps of VMCS shadowing (SDM 25.6.15): no exit for the fields that the table calls shadowed, or @wide. */
void vmcs12_shadow_bitmaps(const struct vmcs12_map *map, bool wide, u8 vmread[PAGE_SIZE], u8 vmwrite[PAGE_SIZE]);

#endif
