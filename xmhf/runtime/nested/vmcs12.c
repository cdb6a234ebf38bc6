/* SPDX-License-Identifier: BSD-2-Clause */
/* Which fields L1 has, and where they are. */
#include "lib/string.h"
#include "nested/vmcs12.h"

/* A field exists if one of two controls may be 1; with cap CAPS always. */
struct need { u8 cap; u32 control; };

enum shadowed { NOT, READ, WRITE, WIDE };

static const struct field {
	u16 encoding;
	struct vmcs12_slot slot;
	u8 shadowed;
	struct need need[2];
} fields[] = {
#define ALWAYS		{ { CAPS, 0 } }
#define NEVER		{ { 0, 0 } }
#define IF(which, name)	{ { CAP_##which, which##_##name } }
#define EITHER(which, name, other, its_name) { { CAP_##which, which##_##name }, { CAP_##other, other##_##its_name } }
#define FIELD(name, encoding, width, group, shadowed, exists) \
	{ encoding, { MASK(vmcs12_##width), HOT_BIT_##shadowed(name), offsetof(struct vmcs12, name), GROUP_BIT(GROUP_##group), 0 }, \
	  shadowed, exists },
#define MASK(type)		((type)~0ull)
#define HOT_BIT_NOT(name)	0
#define HOT_BIT_READ(name)	HOT(name)
#define HOT_BIT_WRITE(name)	HOT(name)
#define HOT_BIT_WIDE(name)	0
#include "vmx/vmcs_fields.def"
#undef FIELD
};

#define FIELD(name, encoding, ...) _Static_assert(encoding < VMCS_ENCODINGS, #name);
#include "vmx/vmcs_fields.def"
#undef FIELD

static bool offered(const struct vmx_caps_offered *caps, const struct need *need)
{
	return need->control && caps_allow(caps, (enum vmx_cap)need->cap, need->control);
}

static bool exists(const struct vmx_caps_offered *caps, const struct field *f)
{
	return f->need[0].cap == CAPS || offered(caps, &f->need[0]) || offered(caps, &f->need[1]);
}

static void add(struct vmcs12_map *map, u32 *count, u32 encoding, struct vmcs12_slot slot)
{
	map->slots[++*count] = slot;
	map->slot_of[encoding] = (u8)*count;
}

void vmcs12_map_fields(struct vmcs12_map *map, const struct vmx_caps_offered *caps)
{
	bool may_write_any = caps->msr[CAP_MISC] & MISC_WRITE_ANY_FIELD;
	u32 count = 0;

	memset(map, 0, sizeof(*map));
	map->slots[0].special = SLOT_NONE;
	for (u32 i = 0; i < ARRAY_SIZE(fields); i++) {
		struct vmcs12_slot slot = fields[i].slot;

		if (!exists(caps, &fields[i]))
			continue;
		if (slot.group == GROUP_BIT(GROUP_EXIT_INFO) && !may_write_any)
			slot.special = SLOT_READ_ONLY;
		if (slot.hot)
			slot.group = 0;
		add(map, &count, fields[i].encoding, slot);
		if (vmcs_width_of(fields[i].encoding) != W64)
			continue;
		slot.mask = ~0u;
		slot.offset += sizeof(u32);
		add(map, &count, fields[i].encoding + 1, slot);
	}
}

void vmcs12_map_shadowed(struct vmcs12_map *map)
{
	for (u32 i = 0; i < ARRAY_SIZE(map->slots); i++)
		if (map->slots[i].hot && !map->slots[i].special)
			map->slots[i].special = SLOT_SHADOWED;
}

u64 vmcs12_enum(const struct vmx_caps_offered *caps)
{
	u32 highest = 0;

	for (u32 i = 0; i < ARRAY_SIZE(fields); i++)
		if (exists(caps, &fields[i]))
			highest = MAX(highest, VMCS_INDEX(fields[i].encoding));
	return (u64)highest << 1;
}

static void no_exit(u8 *bitmap, u32 encoding)
{
	u32 accesses = vmcs_width_of(encoding) == W64 ? 3 : 1;		/* full, and high half */

	bitmap[encoding / 8] &= (u8)~(accesses << encoding % 8);
}

void vmcs12_shadow_bitmaps(const struct vmcs12_map *map, bool wide, u8 vmread[PAGE_SIZE], u8 vmwrite[PAGE_SIZE])
{
	memset(vmread, 0xff, PAGE_SIZE);
	memset(vmwrite, 0xff, PAGE_SIZE);
	for (u32 i = 0; i < ARRAY_SIZE(fields); i++) {
		const struct field *f = &fields[i];

		if (!vmcs12_field(map, f->encoding))
			continue;
		if (f->shadowed == READ || f->shadowed == WRITE || (wide && f->shadowed == WIDE))
			no_exit(vmread, f->encoding);
		if (f->shadowed == WRITE || (wide && (f->shadowed == WIDE || f->encoding == GUEST_CR3)))
			no_exit(vmwrite, f->encoding);
	}
}
