/* SPDX-License-Identifier: BSD-2-Clause */
/* VM-entry checks of the guest-state area: registers, tables, RIP, PDPTEs (SDM 27.3.1), and all of them in turn. */
#include "lib/walk.h"
#include "machine/cpu_insn.h"
#include "nested/checks.h"

#define CR0_UNCHECKED	(u64)(CR0_NW | CR0_CD)	/* VM entries don't change them */
#define CR0_UNRESTRICTED (u64)(CR0_PE | CR0_PG)	/* free with unrestricted guest */
#define CR4_CET		BIT(23)
#define CR3_PAE_TABLE	0xffffffe0u		/* SDM table 5-7: bits 31:5 */
#define RFLAGS_VALID	0x3f7fd7u

static bool is_ia32e(const struct vmcs12 *m) { return m->ENTRY_CTRLS & ENTRY_IA32E; }

static bool guest_cr0_fits(const struct vmcs12 *m, const struct vmx_caps_offered *caps)
{
	u64 free = CR0_UNCHECKED | (secondary_controls(m) & SECONDARY_UNRESTRICTED ? CR0_UNRESTRICTED : 0);

	return bits_fit(m->GUEST_CR0, caps->msr[CAP_CR0_FIXED0] & ~free, caps->msr[CAP_CR0_FIXED1] | free);
}

const char *check_guest_control_registers(const struct vmcs12 *m, const struct vmx_caps_offered *caps,
					   const struct entry_facts *f)
{
	u64 cr0 = m->GUEST_CR0, cr4 = m->GUEST_CR4;
	bool debug = m->ENTRY_CTRLS & ENTRY_LOAD_DEBUG;

	REQUIRE(guest_cr0_fits(m, caps), "27.3.1.1 CR0 has a fixed bit wrong");
	REQUIRE(IMPLIES(cr0 & CR0_PG, cr0 & CR0_PE), "27.3.1.1 CR0.PG without CR0.PE");
	REQUIRE(bits_fit(cr4, caps->msr[CAP_CR4_FIXED0], caps->msr[CAP_CR4_FIXED1]),
		"27.3.1.1 CR4 has a fixed bit wrong");
	REQUIRE(IMPLIES(cr4 & CR4_CET, cr0 & CR0_WP), "27.3.1.1 CR4.CET without CR0.WP");
	REQUIRE(IMPLIES(debug, !(m->GUEST_DEBUGCTL & ~f->debugctl_valid)),
		"27.3.1.1 IA32_DEBUGCTL has a reserved bit set");
	REQUIRE(IMPLIES(is_ia32e(m), cr0 & CR0_PG), "27.3.1.1 IA-32e mode guest without CR0.PG");
	REQUIRE(IMPLIES(is_ia32e(m), cr4 & CR4_PAE), "27.3.1.1 IA-32e mode guest without CR4.PAE");
	REQUIRE(IMPLIES(cr4 & CR4_PCIDE, is_ia32e(m)), "27.3.1.1 CR4.PCIDE outside IA-32e mode");
	REQUIRE(cr3_valid(m->GUEST_CR3, f), "27.3.1.1 CR3 is beyond the physical-address width");
	REQUIRE(IMPLIES(debug, within(m->GUEST_DR7, 32)), "27.3.1.1 DR7 has one of bits 63:32 set");
	REQUIRE(canonical(m->GUEST_SYSENTER_ESP, f->linear_bits), "27.3.1.1 IA32_SYSENTER_ESP isn't canonical");
	REQUIRE(canonical(m->GUEST_SYSENTER_EIP, f->linear_bits), "27.3.1.1 IA32_SYSENTER_EIP isn't canonical");
	return NULL;
}

const char *check_guest_registers(const struct vmcs12 *m, const struct vmx_caps_offered *caps, const struct entry_facts *f)
{
	u64 efer = m->GUEST_EFER;
	bool load_efer = m->ENTRY_CTRLS & ENTRY_LOAD_EFER, lma = efer & EFER_LMA, lme = efer & EFER_LME;
	const char *failed = check_guest_control_registers(m, caps, f);

	if (failed)
		return failed;
	REQUIRE(IMPLIES(m->ENTRY_CTRLS & ENTRY_LOAD_PERF, !(m->GUEST_PERF_GLOBAL_CTRL & ~f->perf_global_ctrl_valid)),
		"27.3.1.1 IA32_PERF_GLOBAL_CTRL has a reserved bit set");
	REQUIRE(IMPLIES(m->ENTRY_CTRLS & ENTRY_LOAD_PAT, pat_valid(m->GUEST_PAT)),
		"27.3.1.1 IA32_PAT has an invalid memory type");
	REQUIRE(IMPLIES(load_efer, !(efer & ~f->efer_valid)), "27.3.1.1 IA32_EFER has a reserved bit set");
	REQUIRE(IMPLIES(load_efer, lma == is_ia32e(m)), "27.3.1.1 IA32_EFER.LMA isn't the IA-32e mode guest control");
	REQUIRE(IMPLIES(load_efer && m->GUEST_CR0 & CR0_PG, lma == lme),
		"27.3.1.1 IA32_EFER.LMA isn't LME with paging");
	return NULL;
}

const char *check_guest_tables(const struct vmcs12 *m, const struct entry_facts *f)
{
	REQUIRE(canonical(m->GUEST_GDTR_BASE, f->linear_bits), "27.3.1.3 GDTR base isn't canonical");
	REQUIRE(canonical(m->GUEST_IDTR_BASE, f->linear_bits), "27.3.1.3 IDTR base isn't canonical");
	REQUIRE(within(m->GUEST_GDTR_LIMIT, 16), "27.3.1.3 GDTR limit is above 0xffff");
	REQUIRE(within(m->GUEST_IDTR_LIMIT, 16), "27.3.1.3 IDTR limit is above 0xffff");
	return NULL;
}

const char *check_guest_rip(const struct vmcs12 *m, const struct entry_facts *f)
{
	bool in_64bit = is_ia32e(m) && m->GUEST_CS_AR & AR_LONG;
	u64 flags = m->GUEST_RFLAGS;
	u32 event = m->ENTRY_INTR_INFO;

	REQUIRE(IMPLIES(!in_64bit, within(m->GUEST_RIP, 32)),
		"27.3.1.4 RIP outside 64-bit mode has one of bits 63:32 set");
	REQUIRE(IMPLIES(in_64bit, canonical(m->GUEST_RIP, f->linear_bits)),
		"27.3.1.4 RIP in 64-bit mode isn't canonical");
	REQUIRE(bits_fit(flags, RFLAGS_FIXED, RFLAGS_VALID), "27.3.1.4 RFLAGS has a reserved bit wrong");
	REQUIRE(IMPLIES(flags & RFLAGS_VM, !is_ia32e(m)), "27.3.1.4 RFLAGS.VM in IA-32e mode");
	REQUIRE(IMPLIES(flags & RFLAGS_VM, m->GUEST_CR0 & CR0_PE), "27.3.1.4 RFLAGS.VM without CR0.PE");
	REQUIRE(IMPLIES(event & INTR_VALID && INTR_TYPE(event) == INTR_EXTINT, flags & RFLAGS_IF),
		"27.3.1.4 external interrupt injected without RFLAGS.IF");
	return NULL;
}

const char *check_guest_pdptes(const struct vmcs12 *m, const struct entry_facts *f)
{
	u64 pdpte[4] = { m->GUEST_PDPTE0, m->GUEST_PDPTE1, m->GUEST_PDPTE2, m->GUEST_PDPTE3 };

	if (!(m->GUEST_CR0 & CR0_PG) || !(m->GUEST_CR4 & CR4_PAE) || is_ia32e(m))
		return NULL;
	if (secondary_controls(m) & SECONDARY_EPT) {
		for (u32 i = 0; i < 4; i++)
			REQUIRE(walk_pdpte_valid(pdpte[i], f->maxphyaddr),
				"27.3.1.6 PDPTE field has a reserved bit set");
		return NULL;
	}
	f->read(f->ctx, (gpa1_t){ m->GUEST_CR3 & CR3_PAE_TABLE }, pdpte, sizeof(pdpte));
	for (u32 i = 0; i < 4; i++)
		REQUIRE(walk_pdpte_valid(pdpte[i], f->maxphyaddr), "27.3.1.6 PDPTE in memory has a reserved bit set");
	return NULL;
}

struct guest_check check_guest(const struct vmcs12 *m, const struct vmx_caps_offered *caps, const struct entry_facts *f)
{
	const char *rule = check_guest_registers(m, caps, f) ?:
			   check_guest_segments(m, f) ?:
			   check_guest_tables(m, f) ?:
			   check_guest_rip(m, f) ?:
			   check_guest_activity(m, caps);
	struct guest_check result = { rule, ENTRY_FAILURE_OTHER };

	if (!result.rule)
		result = check_guest_interruptibility(m, f);
	if (!result.rule)
		result.rule = check_guest_pending_debug(m, f);
	if (!result.rule)
		result = (struct guest_check){ check_guest_link(m, caps, f), ENTRY_FAILURE_LINK };
	if (!result.rule)
		result = (struct guest_check){ check_guest_pdptes(m, f), ENTRY_FAILURE_PDPTE };
	return result;
}
