/* SPDX-License-Identifier: BSD-2-Clause */
/* VM-entry checks of the host-state area: SDM 27.2.2 to 27.2.4. */
#include "machine/cpu_insn.h"
#include "nested/checks.h"

#define CR0_UNCHECKED	(u64)(CR0_NW | CR0_CD)	/* VM exits don't change them */
#define CR4_CET		BIT(23)
#define CR4_LA57	BIT(12)
#define SELECTOR_RPL_TI	7u

static const char *check_registers(const struct vmcs12 *m, const struct vmx_caps_offered *caps, const struct entry_facts *f)
{
	bool host_64 = m->EXIT_CTRLS & EXIT_HOST_64;
	u64 efer = m->HOST_EFER, long_mode = host_64 ? EFER_LMA | EFER_LME : 0;

	REQUIRE(bits_fit(m->HOST_CR0, caps->msr[CAP_CR0_FIXED0] & ~CR0_UNCHECKED, caps->msr[CAP_CR0_FIXED1] | CR0_UNCHECKED),
		"27.2.2 host CR0 has a fixed bit wrong");
	REQUIRE(bits_fit(m->HOST_CR4, caps->msr[CAP_CR4_FIXED0], caps->msr[CAP_CR4_FIXED1]),
		"27.2.2 host CR4 has a fixed bit wrong");
	REQUIRE(IMPLIES(m->HOST_CR4 & CR4_CET, m->HOST_CR0 & CR0_WP), "27.2.2 host CR4.CET without CR0.WP");
	REQUIRE(cr3_valid(m->HOST_CR3, f), "27.2.2 host CR3 is beyond the physical-address width");
	REQUIRE(canonical(m->HOST_SYSENTER_ESP, f->linear_bits), "27.2.2 host IA32_SYSENTER_ESP isn't canonical");
	REQUIRE(canonical(m->HOST_SYSENTER_EIP, f->linear_bits), "27.2.2 host IA32_SYSENTER_EIP isn't canonical");
	REQUIRE(IMPLIES(m->EXIT_CTRLS & EXIT_LOAD_PERF, !(m->HOST_PERF_GLOBAL_CTRL & ~f->perf_global_ctrl_valid)),
		"27.2.2 host IA32_PERF_GLOBAL_CTRL has a reserved bit set");
	REQUIRE(IMPLIES(m->EXIT_CTRLS & EXIT_LOAD_PAT, pat_valid(m->HOST_PAT)),
		"27.2.2 host IA32_PAT has an invalid memory type");
	REQUIRE(IMPLIES(m->EXIT_CTRLS & EXIT_LOAD_EFER, !(efer & ~f->efer_valid)),
		"27.2.2 host IA32_EFER has a reserved bit set");
	REQUIRE(IMPLIES(m->EXIT_CTRLS & EXIT_LOAD_EFER, (efer & (EFER_LMA | EFER_LME)) == long_mode),
		"27.2.2 host IA32_EFER.LMA or LME isn't the host address-space size");
	return NULL;
}

static const char *check_segments(const struct vmcs12 *m, const struct entry_facts *f)
{
	REQUIRE(!(m->HOST_ES_SELECTOR & SELECTOR_RPL_TI), "27.2.3 host ES selector has RPL or TI set");
	REQUIRE(!(m->HOST_CS_SELECTOR & SELECTOR_RPL_TI), "27.2.3 host CS selector has RPL or TI set");
	REQUIRE(!(m->HOST_SS_SELECTOR & SELECTOR_RPL_TI), "27.2.3 host SS selector has RPL or TI set");
	REQUIRE(!(m->HOST_DS_SELECTOR & SELECTOR_RPL_TI), "27.2.3 host DS selector has RPL or TI set");
	REQUIRE(!(m->HOST_FS_SELECTOR & SELECTOR_RPL_TI), "27.2.3 host FS selector has RPL or TI set");
	REQUIRE(!(m->HOST_GS_SELECTOR & SELECTOR_RPL_TI), "27.2.3 host GS selector has RPL or TI set");
	REQUIRE(!(m->HOST_TR_SELECTOR & SELECTOR_RPL_TI), "27.2.3 host TR selector has RPL or TI set");
	REQUIRE(m->HOST_CS_SELECTOR != 0, "27.2.3 host CS selector is 0");
	REQUIRE(m->HOST_TR_SELECTOR != 0, "27.2.3 host TR selector is 0");
	REQUIRE(IMPLIES(!(m->EXIT_CTRLS & EXIT_HOST_64), m->HOST_SS_SELECTOR != 0),
		"27.2.3 host SS selector is 0 for a 32-bit host");
	REQUIRE(canonical(m->HOST_FS_BASE, f->linear_bits), "27.2.3 host FS base isn't canonical");
	REQUIRE(canonical(m->HOST_GS_BASE, f->linear_bits), "27.2.3 host GS base isn't canonical");
	REQUIRE(canonical(m->HOST_GDTR_BASE, f->linear_bits), "27.2.3 host GDTR base isn't canonical");
	REQUIRE(canonical(m->HOST_IDTR_BASE, f->linear_bits), "27.2.3 host IDTR base isn't canonical");
	REQUIRE(canonical(m->HOST_TR_BASE, f->linear_bits), "27.2.3 host TR base isn't canonical");
	return NULL;
}

static const char *check_address_space(const struct vmcs12 *m, const struct entry_facts *f)
{
	bool host_64 = m->EXIT_CTRLS & EXIT_HOST_64, guest_64 = m->ENTRY_CTRLS & ENTRY_IA32E;

	REQUIRE(IMPLIES(!f->long_mode_active, !guest_64), "27.2.4 IA-32e mode guest from outside IA-32e mode");
	REQUIRE(IMPLIES(!f->long_mode_active, !host_64), "27.2.4 64-bit host from outside IA-32e mode");
	REQUIRE(IMPLIES(f->long_mode_active, host_64), "27.2.4 32-bit host from IA-32e mode");
	REQUIRE(IMPLIES(!host_64, !(m->HOST_CR4 & CR4_PCIDE)), "27.2.4 CR4.PCIDE for a 32-bit host");
	REQUIRE(IMPLIES(!host_64, within(m->HOST_RIP, 32)), "27.2.4 RIP of a 32-bit host has one of bits 63:32 set");
	REQUIRE(IMPLIES(host_64, m->HOST_CR4 & CR4_PAE), "27.2.4 64-bit host without CR4.PAE");
	REQUIRE(IMPLIES(host_64, canonical(m->HOST_RIP, m->HOST_CR4 & CR4_LA57 ? 57 : 48)),
		"27.2.4 RIP of a 64-bit host isn't canonical");
	return NULL;
}

const char *check_host(const struct vmcs12 *m, const struct vmx_caps_offered *caps, const struct entry_facts *f)
{
	return check_registers(m, caps, f) ?: check_segments(m, f) ?: check_address_space(m, f);
}
