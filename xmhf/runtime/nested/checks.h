/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checks of VM entry (SDM vol. 3, chapter 27) on VMCS12, in the SDM's order, one rule a line. Pure: what isn't in
 * VMCS12 or in the capabilities comes as struct entry_facts. A check returns NULL, or the text of the rule that failed,
 * which starts with its section; tools/nested_rules.py lists all rules.
 */
#ifndef NESTED_CHECKS_H
#define NESTED_CHECKS_H

#include "nested/caps.h"
#include "nested/vmcs12.h"

/* What a check may ask beside VMCS12 and the capabilities. Masks have the bits set that aren't reserved. */
struct entry_facts {
	u32 maxphyaddr;			/* of L1's CPUID, 32 to 52 */
	u32 linear_bits;		/* 48, or 57 if the CPU has LA57, whatever CR4 says */
	bool long_mode_active;		/* L1's EFER.LMA as it enters */
	bool has_lam, has_sgx, has_rtm, has_bus_lock_trap;	/* of L1's CPUID */
	bool sti_refuses_nmi;		/* this CPU model doesn't inject an NMI under blocking by STI (27.3.1.5) */
	u64 efer_valid, debugctl_valid, perf_global_ctrl_valid;
	u64 current_vmcs;		/* L1-physical address of this VMCS12 */
	/* Reads L1's memory, where there is none all ones. Called for aligned addresses within L1's width alone. */
	void (*read)(void *ctx, gpa1_t at, void *to, u32 size);
	void *ctx;
};

/* Failure is VMfail 7. */
const char *check_controls(const struct vmcs12 *m, const struct vmx_caps_offered *caps, const struct entry_facts *f);

/* The part of it that is about the event to inject. */
const char *check_entry_event(const struct vmcs12 *m, const struct vmx_caps_offered *caps);

/* Failure is VMfail 8. */
const char *check_host(const struct vmcs12 *m, const struct vmx_caps_offered *caps, const struct entry_facts *f);

/* Failure is an exit with reason 33 and this qualification (27.8). */
enum entry_failure { ENTRY_FAILURE_OTHER = 0, ENTRY_FAILURE_PDPTE = 2, ENTRY_FAILURE_NMI = 3, ENTRY_FAILURE_LINK = 4 };

struct guest_check {
	const char *rule;		/* NULL: passed, and the qualification says nothing */
	enum entry_failure qualification;
};

struct guest_check check_guest(const struct vmcs12 *m, const struct vmx_caps_offered *caps, const struct entry_facts *f);

/* The parts of it, for a caller that leaves some to the CPU; PDPTEs and the link have qualifications of their own. */
const char *check_guest_registers(const struct vmcs12 *m, const struct vmx_caps_offered *caps, const struct entry_facts *f);
const char *check_guest_control_registers(const struct vmcs12 *m, const struct vmx_caps_offered *caps,
					   const struct entry_facts *f);
const char *check_guest_segments(const struct vmcs12 *m, const struct entry_facts *f);
const char *check_guest_tables(const struct vmcs12 *m, const struct entry_facts *f);
const char *check_guest_rip(const struct vmcs12 *m, const struct entry_facts *f);
const char *check_guest_activity(const struct vmcs12 *m, const struct vmx_caps_offered *caps);
struct guest_check check_guest_interruptibility(const struct vmcs12 *m, const struct entry_facts *f);
const char *check_guest_pending_debug(const struct vmcs12 *m, const struct entry_facts *f);
const char *check_guest_link(const struct vmcs12 *m, const struct vmx_caps_offered *caps, const struct entry_facts *f);
const char *check_guest_pdptes(const struct vmcs12 *m, const struct entry_facts *f);

/* An entry of the MSR areas (table 25-15). */
struct msr_entry {
	u32 index, reserved;
	u64 value;
};
_Static_assert(sizeof(struct msr_entry) == 16, "SDM table 25-15");

/* Before the value is tried: failure is exit 34 on entry, a VMX abort on exit. */
const char *check_msr_load(const struct msr_entry *e);
const char *check_msr_store(const struct msr_entry *e);

/* ---- for the checks themselves ---- */

/* In unit tests every rule leaves its text in the section nested_rules, so that none can lack a row there. */
#ifdef UNIT_TEST
#define RULE(text) ({ static const char *const rule __attribute__((used, section("nested_rules"))) = text; rule; })
#else
#define RULE(text) (text)
#endif
#define REQUIRE(condition, text) do { if (!(condition)) return RULE(text); } while (0)
#define IMPLIES(a, b) (!(a) || (b))

static inline u32 secondary_controls(const struct vmcs12 *m)
{
	return m->PRIMARY_CTRLS & PRIMARY_SECONDARY ? m->SECONDARY_CTRLS : 0;
}

static inline bool bits_fit(u64 value, u64 fixed0, u64 fixed1) { return (value & fixed0) == fixed0 && !(value & ~fixed1); }

static inline bool controls_fit(u32 value, u64 cap) { return bits_fit(value, (u32)cap, cap >> 32); }

/* Is no bit at or above @bits (at most 63) set? */
static inline bool within(u64 value, u32 bits) { return value >> bits == 0; }

/* The width of addresses in VMCS12 (A.1). */
static inline u32 vmx_address_bits(const struct vmx_caps_offered *caps, const struct entry_facts *f)
{
	return caps->msr[CAP_BASIC] & BASIC_32BIT_ADDRESSES ? 32 : f->maxphyaddr;
}

static inline bool canonical(u64 at, u32 bits) { return (u64)((s64)(at << (64 - bits)) >> (64 - bits)) == at; }

/* CR3's reserved bits; 62:61 enable LAM. */
static inline bool cr3_valid(u64 cr3, const struct entry_facts *f)
{
	return within(f->has_lam ? cr3 & ~(3ull << 61) : cr3, f->maxphyaddr);
}

/* Is every byte one of the memory types that IA32_PAT takes (table 12-10)? */
static inline bool pat_valid(u64 pat)
{
	const u32 types = BIT(0) | BIT(1) | BIT(4) | BIT(5) | BIT(6) | BIT(7);

	for (u32 i = 0; i < 8; i++, pat >>= 8)
		if ((pat & 0xff) > 7 || !(types >> (pat & 7) & 1))
			return false;
	return true;
}

#endif
