/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VM-entry checks on valid VMCS12s with any changes: no crash, the same answer twice, memory read only where it may be,
 * and what passes holds the promises that later code counts on.
 * Links: xmhf/runtime/nested/check_controls.c xmhf/runtime/nested/check_host.c xmhf/runtime/nested/check_guest.c
 * Links: xmhf/runtime/nested/check_segments.c xmhf/runtime/nested/check_nonregister.c xmhf/lib/walk.c
 * Links: xmhf/runtime/nested/vmcs12.c xmhf/runtime/nested/caps.c xmhf/runtime/nested/caps_table.c
 */
#include "fuzz.h"

#include "nested_model.h"

static void guarded_read(void *ctx, gpa1_t at, void *to, u32 size)
{
	const struct model *m = ctx;

	MUST(at.at % 4 == 0 && at.at + size <= 1ull << m->facts.maxphyaddr);
	model_read(ctx, at, to, size);
}

static void mutate(struct model *m, const struct vmcs12_map *map, struct input *in)
{
	u64 choice = input_take(in, 2), bits = input_take(in, 1), value;
	u32 encoding = (u32)choice & 0x6ffe;
	const struct vmcs12_slot *slot = vmcs12_field(map, encoding);

	if (!slot)
		return;
	value = bits < 64 ? vmcs12_read(&m->vmcs, slot, true) ^ 1ull << bits : input_take(in, bits < 128 ? 2 : 8);
	vmcs12_write(&m->vmcs, slot, value, true);
}

static void check_promises(const struct model *m)
{
	const struct vmcs12 *v = &m->vmcs;

	MUST(v->CR3_TARGET_COUNT <= 4);
	MUST(!(v->ENTRY_CTRLS & ENTRY_IA32E) || (v->GUEST_CR4 & 0x20 && v->GUEST_CR0 >> 31));
	MUST(v->GUEST_CR0 >> 32 == 0 && v->GUEST_CR4 & 0x2000);
	MUST(v->GUEST_ACTIVITY_STATE <= ACTIVITY_WAIT_FOR_SIPI);
	MUST((v->GUEST_TR_AR & 0x10000) == 0 && v->GUEST_CS_AR & 0x80);
	MUST(v->GUEST_GDTR_LIMIT <= 0xffff && v->GUEST_RFLAGS & 2);
	MUST(v->GUEST_CR0 & 1 || secondary_controls(v) & SECONDARY_UNRESTRICTED);
	MUST(!(v->GUEST_RFLAGS & 1 << 17) || v->GUEST_CS_AR == 0xf3);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct vmcs12_map map;
	static struct model m;
	struct input in = { data, size };
	const char *controls, *host;
	struct guest_check guest;

	model_start(&m, (enum model_kind)(input_take(&in, 1) % MODEL_KINDS));
	vmcs12_map_fields(&map, &m.caps);
	m.facts.read = guarded_read;
	m.facts.long_mode_active = input_take(&in, 1) % 16 != 1;
	m.facts.linear_bits = input_take(&in, 1) % 4 == 1 ? 57 : 48;
	m.vtpr = (u32)input_take(&in, 1);
	m.pdpte[0] = input_take(&in, 8);
	for (u64 n = input_take(&in, 1) % 8; n > 0; n--)
		mutate(&m, &map, &in);
	controls = check_controls(&m.vmcs, &m.caps, &m.facts);
	host = check_host(&m.vmcs, &m.caps, &m.facts);
	guest = check_guest(&m.vmcs, &m.caps, &m.facts);
	MUST(check_controls(&m.vmcs, &m.caps, &m.facts) == controls);
	MUST(check_guest(&m.vmcs, &m.caps, &m.facts).rule == guest.rule);
	MUST(!controls || strncmp(controls, "27.2.1.", 7) == 0);
	MUST(!host || strncmp(host, "27.2.", 5) == 0);
	MUST(!guest.rule || strncmp(guest.rule, "27.3.1.", 7) == 0);
	if (!controls && !host && !guest.rule)
		check_promises(&m);
	return 0;
}
