/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VM-entry rules tested by rows: what makes a valid VMCS12 fail with exactly this rule, and its nearest neighbour that
 * passes. No rule linked into the test may lack a row.
 */
#ifndef TESTS_CHECK_ROWS_H
#define TESTS_CHECK_ROWS_H

#include "nested_model.h"

/* Beside VMCS fields a row may change a capability MSR, or what isn't in VMCS12. */
#define CAP_MSR(cap)	(0x10000u + (cap))
enum { LINEAR_BITS = 0x20000, LONG_MODE_ACTIVE, HAS_LAM, HAS_SGX, HAS_RTM, HAS_BUS_LOCK_TRAP, STI_REFUSES_NMI,
       CURRENT_VMCS, REVISION, VTPR, PDPTE };

struct change { u32 what; enum { CHANGE_NONE, CHANGE_SET, CHANGE_ON, CHANGE_OFF } how; u64 value; };
#define SET(what, value)	{ what, CHANGE_SET, value }
#define ON(what, bits)		{ what, CHANGE_ON, bits }
#define OFF(what, bits)		{ what, CHANGE_OFF, bits }
#define SECONDARY(bits)		ON(SECONDARY_CTRLS, bits)
#define C(...)			{ __VA_ARGS__ }
#define NOTHING			{ { 0 } }

#define MAX_CHANGES	6
struct row {
	enum model_kind kind;
	const char *rule;
	struct change both[MAX_CHANGES], fails[MAX_CHANGES], passes[MAX_CHANGES];
};

static struct vmcs12_map all_fields;

static u64 changed(u64 old, const struct change *c)
{
	return c->how == CHANGE_SET ? c->value : c->how == CHANGE_ON ? old | c->value : old & ~c->value;
}

static void change_other(struct model *m, const struct change *c)
{
	switch (c->what) {
	case LINEAR_BITS:	m->facts.linear_bits = (u32)c->value; break;
	case LONG_MODE_ACTIVE:	m->facts.long_mode_active = c->value; break;
	case HAS_LAM:		m->facts.has_lam = c->value; break;
	case HAS_SGX:		m->facts.has_sgx = c->value; break;
	case HAS_RTM:		m->facts.has_rtm = c->value; break;
	case HAS_BUS_LOCK_TRAP:	m->facts.has_bus_lock_trap = c->value; break;
	case STI_REFUSES_NMI:	m->facts.sti_refuses_nmi = c->value; break;
	case CURRENT_VMCS:	m->facts.current_vmcs = c->value; break;
	case REVISION:		m->revision = (u32)c->value; break;
	case VTPR:		m->vtpr = (u32)c->value; break;
	default:		m->pdpte[c->what - PDPTE] = c->value;
	}
}

static void apply(struct model *m, const struct change *c)
{
	const struct vmcs12_slot *slot;

	for (u32 i = 0; i < MAX_CHANGES && c[i].how != CHANGE_NONE; i++) {
		if (c[i].what >= LINEAR_BITS) {
			change_other(m, &c[i]);
		} else if (c[i].what >= CAP_MSR(0)) {
			u64 *msr = &m->caps.msr[c[i].what - CAP_MSR(0)];

			*msr = changed(*msr, &c[i]);
		} else {
			slot = vmcs12_field(&all_fields, c[i].what);
			assert_non_null(slot);
			vmcs12_write(&m->vmcs, slot, changed(vmcs12_read(&m->vmcs, slot, true), &c[i]), true);
		}
	}
}

static void learn_fields(void)
{
	struct vmx_caps_offered caps;

	caps_offer(model_hardware, true, &caps);
	vmcs12_map_fields(&all_fields, &caps);
}

static void run_row(const struct row *row, const char *(*check)(const struct model *m))
{
	static struct model m;
	const char *failed;

	model_start(&m, row->kind);
	apply(&m, row->both);
	apply(&m, row->passes);
	failed = check(&m);
	if (failed)
		fail_msg("the neighbour of \"%s\" fails: %s", row->rule, failed);
	model_start(&m, row->kind);
	apply(&m, row->both);
	apply(&m, row->fails);
	failed = check(&m);
	if (!failed || strcmp(failed, row->rule) != 0)
		fail_msg("expected \"%s\", got \"%s\"", row->rule, failed ? failed : "nothing");
}

static void run_rows(const struct row *rows, u32 count, const char *(*check)(const struct model *m))
{
	learn_fields();
	for (u32 i = 0; i < count; i++)
		run_row(&rows[i], check);
}

extern const char *const __start_nested_rules[], *const __stop_nested_rules[];

/* Of the rules of sections that start with @section. */
static void each_rule_has_a_row(const char *section, const struct row *rows, u32 count)
{
	assert_ptr_not_equal(&__start_nested_rules[0], &__stop_nested_rules[0]);
	for (const char *const *rule = __start_nested_rules; rule < __stop_nested_rules; rule++) {
		bool found = strncmp(*rule, section, strlen(section)) != 0;

		for (u32 i = 0; i < count && !found; i++)
			found = strcmp(rows[i].rule, *rule) == 0;
		if (!found)
			fail_msg("no row for \"%s\"", *rule);
	}
}

#endif
