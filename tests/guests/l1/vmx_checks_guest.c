/* SPDX-License-Identifier: BSD-2-Clause */
/* VM-entry checks of the guest's registers and other state (SDM 27.3.1 but segments), rule by rule. */
#include "rows.h"

#define N		L2_NATIVE
#define P		L2_PAE
#define EPT		L2_WITH_EPT
#define NOT_CANONICAL	0x0000800000000000ull
#define CANONICAL	0x00007fffffffffffull
#define EVENT_IS(type, vector) SET(ENTRY_INTR_INFO, EVENT(type, vector))
#define EXTINT		EVENT_IS(TYPE_EXTINT, 32)
#define NMI		EVENT_IS(TYPE_NMI, 2)
#define LOAD(control)	ON(ENTRY_CTRLS, ENTRY_LOAD_##control)
#define BLOCKED(by)	ON(GUEST_INTERRUPTIBILITY, BLOCKING_##by)
#define STATE(activity)	SET(GUEST_ACTIVITY_STATE, ACTIVITY_##activity)
#define IF_ON		ON(GUEST_RFLAGS, EFLAGS_IF)
#define TF_ON		ON(GUEST_RFLAGS, EFLAGS_TF)
#define PENDING(bits)	SET(GUEST_PENDING_DBG, bits)
#define LINK(address)	SET(VMCS_LINK_POINTER, address)
#define UNRESTRICTED	SECONDARY(SECONDARY_UNRESTRICTED)
#define EFER(value)	SET(GUEST_EFER, value)
#define LONG_EFER	(EFER_LME | EFER_LMA)
#define NATIVE_EFER	(L1_IS_64 ? LONG_EFER : 0)
#define CS_CPL3		SET(GUEST_CS_SELECTOR, SEL_CODE32 | 3), SET(GUEST_SS_SELECTOR, SEL_DATA32 | 3), \
			SET(GUEST_CS_AR, 0xc0fb), SET(GUEST_SS_AR, 0xc0f3)

static const struct row registers[] = {
	{ L2_COMPAT, 0, "27.3.1.1 CR0 has a fixed bit wrong", C(OFF(ENTRY_CTRLS, ENTRY_IA32E), SET(GUEST_CR3, L2_PDPT)),
	  C(OFF(GUEST_CR0, CR0_PG)), C(OFF(GUEST_CR0, CR0_WP)) },
	{ P, 0, "27.3.1.1 CR0 has a fixed bit wrong", NOTHING, C(OFF(GUEST_CR0, CR0_PG)), C(ON(GUEST_CR0, CR0_WP)) },
	{ P, 0, "27.3.1.1 CR0 has a fixed bit wrong", NOTHING, C(OFF(GUEST_CR0, CR0_PE)), C(ON(GUEST_CR0, CR0_TS)) },
	{ P, 0, "27.3.1.1 CR0 has a fixed bit wrong", NOTHING, C(OFF(GUEST_CR0, CR0_NE)), C(ON(GUEST_CR0, CR0_MP)) },
	{ P, 0, "27.3.1.1 CR0 has a fixed bit wrong", NOTHING, C(OFF(GUEST_CR0, CR0_NE)), C(ON(GUEST_CR0, CR0_CD)) },
	{ P, 0, "27.3.1.1 CR0 has a fixed bit wrong", NOTHING, C(OFF(GUEST_CR0, CR0_NE)), C(ON(GUEST_CR0, CR0_CD | CR0_NW)) },
	{ N, 0, "27.3.1.1 CR0 has a fixed bit wrong", NOTHING, C(ON(GUEST_CR0, 1ull << 32)), C(ON(GUEST_CR0, CR0_NW)) },
	{ L2_REAL, 0, "27.3.1.1 CR0 has a fixed bit wrong", NOTHING, C(OFF(GUEST_CR0, CR0_NE)), C(ON(GUEST_CR0, CR0_PE)) },
	{ L2_REAL, 0, "27.3.1.1 CR0 has a fixed bit wrong", NOTHING, C(OFF(SECONDARY_CTRLS, SECONDARY_UNRESTRICTED)), NOTHING },
	{ L2_REAL, 0, "27.3.1.1 CR0.PG without CR0.PE", NOTHING, C(ON(GUEST_CR0, CR0_PG)), NOTHING },
	{ L2_FLAT, 0, "27.3.1.1 CR0.PG without CR0.PE", NOTHING, C(ON(GUEST_CR0, CR0_PG), OFF(GUEST_CR0, CR0_PE)),
	  C(OFF(GUEST_CR0, CR0_PE)) },
	{ N, 0, "27.3.1.1 CR4 has a fixed bit wrong", NOTHING, C(OFF(GUEST_CR4, CR4_VMXE)), NOTHING },
	{ N, 0, "27.3.1.1 CR4 has a fixed bit wrong", NOTHING, C(ON(GUEST_CR4, CR4_SMXE)), C(ON(GUEST_CR4, CR4_VME)) },
	{ N, 0, "27.3.1.1 CR4 has a fixed bit wrong", NOTHING, C(ON(GUEST_CR4, BIT(31))), C(ON(GUEST_CR4, CR4_PGE)) },
	{ N, 0, "27.3.1.1 CR4 has a fixed bit wrong", NOTHING, C(ON(GUEST_CR4, 1ull << 33)), C(ON(GUEST_CR4, CR4_OSXSAVE)) },
	{ N, 0, "27.3.1.1 CR4.CET without CR0.WP", C(ON(GUEST_CR4, CR4_CET)), C(OFF(GUEST_CR0, CR0_WP)), C(ON(GUEST_CR0, CR0_WP)) },
	{ N, 0, "27.3.1.1 IA32_DEBUGCTL has a reserved bit set", C(LOAD(DEBUG)), C(SET(GUEST_DEBUGCTL, BIT(31))),
	  C(SET(GUEST_DEBUGCTL, 0)) },
	{ N, 0, "27.3.1.1 IA32_DEBUGCTL has a reserved bit set", C(LOAD(DEBUG)), C(SET(GUEST_DEBUGCTL, 1ull << 63)),
	  C(SET(GUEST_DEBUGCTL, BIT(1))) },
	{ N, 0, "27.3.1.1 IA32_DEBUGCTL has a reserved bit set", C(SET(GUEST_DEBUGCTL, BIT(31))), C(LOAD(DEBUG)), NOTHING },
	{ L2_COMPAT, EPT, "27.3.1.1 IA-32e mode guest without CR0.PG", C(UNRESTRICTED), C(OFF(GUEST_CR0, CR0_PG)), NOTHING },
	{ L2_LONG, 0, "27.3.1.1 IA-32e mode guest without CR4.PAE", NOTHING, C(OFF(GUEST_CR4, CR4_PAE)), NOTHING },
	{ P, 0, "27.3.1.1 CR4.PCIDE outside IA-32e mode", NOTHING, C(ON(GUEST_CR4, CR4_PCIDE)), NOTHING },
	{ L2_COMPAT, 0, "27.3.1.1 CR4.PCIDE outside IA-32e mode", C(ON(GUEST_CR4, CR4_PCIDE)), C(OFF(ENTRY_CTRLS, ENTRY_IA32E)), NOTHING },
	{ N, 0, "27.3.1.1 CR3 is beyond the physical-address width", NOTHING, C(BEYOND(GUEST_CR3, 0)), C(ON(GUEST_CR3, 0x18)) },
	{ N, 0, "27.3.1.1 CR3 is beyond the physical-address width", NOTHING, C(ON(GUEST_CR3, 1ull << 63)), NOTHING },
	{ N, 0, "27.3.1.1 CR3 is beyond the physical-address width", NOTHING, C(ON(GUEST_CR3, 3ull << 61)), NOTHING },
	{ N, 0, "27.3.1.1 DR7 has one of bits 63:32 set", C(LOAD(DEBUG)), C(ON(GUEST_DR7, 1ull << 32)), C(SET(GUEST_DR7, 0x455)) },
	{ N, 0, "27.3.1.1 DR7 has one of bits 63:32 set", C(ON(GUEST_DR7, 1ull << 63)), C(LOAD(DEBUG)), NOTHING },
	{ N, 0, "27.3.1.1 IA32_SYSENTER_ESP isn't canonical", NOTHING, C(SET(GUEST_SYSENTER_ESP, NOT_CANONICAL)),
	  C(SET(GUEST_SYSENTER_ESP, CANONICAL)) },
	{ P, 0, "27.3.1.1 IA32_SYSENTER_EIP isn't canonical", NOTHING, C(SET(GUEST_SYSENTER_EIP, NOT_CANONICAL)),
	  C(SET(GUEST_SYSENTER_EIP, CANONICAL)) },
	{ N, 0, "27.3.1.1 IA32_PERF_GLOBAL_CTRL has a reserved bit set", C(LOAD(PERF)), C(SET(GUEST_PERF_GLOBAL_CTRL, 1ull << 63)),
	  C(SET(GUEST_PERF_GLOBAL_CTRL, 0)) },
	{ N, 0, "27.3.1.1 IA32_PERF_GLOBAL_CTRL has a reserved bit set", C(LOAD(PERF)), C(SET(GUEST_PERF_GLOBAL_CTRL, BIT(31))),
	  C(OFF(ENTRY_CTRLS, ENTRY_LOAD_PERF)) },
#define PAT_ROW(byte, bad, good) \
	{ N, 0, "27.3.1.1 IA32_PAT has an invalid memory type", C(LOAD(PAT)), \
	  C(SET(GUEST_PAT, (0x0007040600070406ull & ~(0xffull << 8 * (byte))) | (u64)(bad) << 8 * (byte))), \
	  C(SET(GUEST_PAT, (0x0007040600070406ull & ~(0xffull << 8 * (byte))) | (u64)(good) << 8 * (byte))) }
	PAT_ROW(0, 2, 0), PAT_ROW(1, 3, 1), PAT_ROW(2, 8, 4), PAT_ROW(3, 0x86, 5), PAT_ROW(4, 0x10, 6), PAT_ROW(5, 0xff, 7),
	PAT_ROW(6, 2, 6), PAT_ROW(7, 3, 4),
	{ N, 0, "27.3.1.1 IA32_PAT has an invalid memory type", C(SET(GUEST_PAT, 2)), C(LOAD(PAT)), NOTHING },
	{ N, 0, "27.3.1.1 IA32_EFER has a reserved bit set", C(LOAD(EFER), EFER(NATIVE_EFER)), C(ON(GUEST_EFER, BIT(12))),
	  C(ON(GUEST_EFER, BIT(11))) },
	{ N, 0, "27.3.1.1 IA32_EFER has a reserved bit set", C(LOAD(EFER), EFER(NATIVE_EFER)), C(ON(GUEST_EFER, BIT(1))),
	  C(ON(GUEST_EFER, BIT(0))) },
	{ N, 0, "27.3.1.1 IA32_EFER has a reserved bit set", C(LOAD(EFER), EFER(NATIVE_EFER)), C(ON(GUEST_EFER, 1ull << 40)), NOTHING },
	{ L2_LONG, 0, "27.3.1.1 IA32_EFER.LMA isn't the IA-32e mode guest control", C(LOAD(EFER)), C(EFER(0)), C(EFER(LONG_EFER)) },
	{ P, 0, "27.3.1.1 IA32_EFER.LMA isn't the IA-32e mode guest control", C(LOAD(EFER)), C(EFER(LONG_EFER)), C(EFER(0)) },
	{ L2_REAL, 0, "27.3.1.1 IA32_EFER.LMA isn't the IA-32e mode guest control", C(LOAD(EFER)), C(EFER(LONG_EFER)), C(EFER(0)) },
	{ L2_LONG, 0, "27.3.1.1 IA32_EFER.LMA isn't LME with paging", C(LOAD(EFER)), C(EFER(EFER_LMA)), C(EFER(LONG_EFER)) },
	{ P, 0, "27.3.1.1 IA32_EFER.LMA isn't LME with paging", C(LOAD(EFER)), C(EFER(EFER_LME)), C(EFER(0)) },
	{ L2_REAL, 0, "27.3.1.1 IA32_EFER.LMA isn't LME with paging", C(LOAD(EFER), EFER(EFER_LME)),
	  C(ON(GUEST_CR0, CR0_PG | CR0_PE)), NOTHING },

	{ N, 0, "27.3.1.3 GDTR base isn't canonical", NOTHING, C(SET(GUEST_GDTR_BASE, NOT_CANONICAL)), C(SET(GUEST_GDTR_BASE, CANONICAL)) },
	{ P, 0, "27.3.1.3 GDTR base isn't canonical", NOTHING, C(SET(GUEST_GDTR_BASE, 1ull << 63)), C(SET(GUEST_GDTR_BASE, ~0u)) },
	{ N, 0, "27.3.1.3 IDTR base isn't canonical", NOTHING, C(SET(GUEST_IDTR_BASE, NOT_CANONICAL)), C(SET(GUEST_IDTR_BASE, CANONICAL)) },
	{ N, 0, "27.3.1.3 GDTR limit is above 0xffff", NOTHING, C(SET(GUEST_GDTR_LIMIT, 0x10000)), C(SET(GUEST_GDTR_LIMIT, 0xffff)) },
	{ N, 0, "27.3.1.3 GDTR limit is above 0xffff", NOTHING, C(SET(GUEST_GDTR_LIMIT, ~0u)), C(SET(GUEST_GDTR_LIMIT, 0)) },
	{ N, 0, "27.3.1.3 IDTR limit is above 0xffff", NOTHING, C(SET(GUEST_IDTR_LIMIT, 0x80000000)), C(SET(GUEST_IDTR_LIMIT, 0xffff)) },

	{ P, 0, "27.3.1.4 RIP outside 64-bit mode has one of bits 63:32 set", NOTHING, C(ON(GUEST_RIP, 1ull << 32)), NOTHING },
	{ L2_COMPAT, 0, "27.3.1.4 RIP outside 64-bit mode has one of bits 63:32 set", NOTHING, C(ON(GUEST_RIP, 1ull << 63)), NOTHING },
	{ L2_LONG, 0, "27.3.1.4 RIP outside 64-bit mode has one of bits 63:32 set", C(SET(GUEST_RIP, 1ull << 32)),
	  C(SET(GUEST_CS_AR, AR_CODE32)), NOTHING },
	{ L2_LONG, 0, "27.3.1.4 RIP in 64-bit mode isn't canonical", NOTHING, C(SET(GUEST_RIP, NOT_CANONICAL)), C(SET(GUEST_RIP, CANONICAL)) },
	{ L2_LONG, 0, "27.3.1.4 RIP in 64-bit mode isn't canonical", NOTHING, C(SET(GUEST_RIP, 1ull << 63)),
	  C(SET(GUEST_RIP, 0xffff800000000000ull)) },
	{ N, 0, "27.3.1.4 RFLAGS has a reserved bit wrong", NOTHING, C(OFF(GUEST_RFLAGS, BIT(1))), C(ON(GUEST_RFLAGS, FLAGS_VMX)) },
	{ N, 0, "27.3.1.4 RFLAGS has a reserved bit wrong", NOTHING, C(ON(GUEST_RFLAGS, BIT(3))), C(ON(GUEST_RFLAGS, BIT(10))) },
	{ N, 0, "27.3.1.4 RFLAGS has a reserved bit wrong", NOTHING, C(ON(GUEST_RFLAGS, BIT(5))), C(ON(GUEST_RFLAGS, 0x3000)) },
	{ N, 0, "27.3.1.4 RFLAGS has a reserved bit wrong", NOTHING, C(ON(GUEST_RFLAGS, BIT(15))), C(ON(GUEST_RFLAGS, BIT(14))) },
	{ N, 0, "27.3.1.4 RFLAGS has a reserved bit wrong", NOTHING, C(ON(GUEST_RFLAGS, BIT(22))), C(ON(GUEST_RFLAGS, BIT(21))) },
	{ N, 0, "27.3.1.4 RFLAGS has a reserved bit wrong", NOTHING, C(ON(GUEST_RFLAGS, BIT(31))), C(ON(GUEST_RFLAGS, 3u << 19)) },
	{ N, 0, "27.3.1.4 RFLAGS has a reserved bit wrong", NOTHING, C(ON(GUEST_RFLAGS, 1ull << 63)), C(ON(GUEST_RFLAGS, BIT(18))) },
	{ L2_V86, 0, "27.3.1.4 RFLAGS.VM in IA-32e mode", C(ON(GUEST_CR4, CR4_PAE)), C(ON(ENTRY_CTRLS, L1_IS_64 ? ENTRY_IA32E : 0),
	  ON(GUEST_RFLAGS, L1_IS_64 ? 0 : BIT(15))), C(OFF(GUEST_CR4, CR4_PAE)) },
	{ L2_V86, EPT, "27.3.1.4 RFLAGS.VM without CR0.PE", C(UNRESTRICTED), C(OFF(GUEST_CR0, CR0_PG | CR0_PE)), C(OFF(GUEST_CR0, CR0_PG)) },
	{ N, 0, "27.3.1.4 external interrupt injected without RFLAGS.IF", C(EXTINT), NOTHING, C(IF_ON) },
};

static const struct row states[] = {
	{ N, 0, "27.3.1.5 activity state isn't supported", NOTHING, C(SET(GUEST_ACTIVITY_STATE, 4)), C(STATE(HLT)) },
	{ N, 0, "27.3.1.5 activity state isn't supported", NOTHING, C(SET(GUEST_ACTIVITY_STATE, BIT(31))), C(STATE(SHUTDOWN)) },
	{ L2_COMPAT, 0, "27.3.1.5 HLT state with SS.DPL other than 0", C(CS_CPL3), C(STATE(HLT)), C(STATE(SHUTDOWN)) },
	{ P, 0, "27.3.1.5 HLT state with SS.DPL other than 0", C(CS_CPL3), C(STATE(HLT)), C(STATE(SHUTDOWN)) },
	{ N, 0, "27.3.1.5 blocking by STI or MOV SS in a state that isn't active", C(BLOCKED(STI), IF_ON), C(STATE(HLT)), NOTHING },
	{ N, 0, "27.3.1.5 blocking by STI or MOV SS in a state that isn't active", C(BLOCKED(MOV_SS)), C(STATE(SHUTDOWN)), NOTHING },
	{ N, 0, "27.3.1.5 blocking by STI or MOV SS in a state that isn't active", C(BLOCKED(MOV_SS)), C(STATE(WAIT_FOR_SIPI)), NOTHING },
	{ N, 0, "27.3.1.5 event doesn't suit the activity state", C(STATE(HLT)), C(EVENT_IS(TYPE_HARDWARE, 6)), C(EVENT_IS(TYPE_HARDWARE, 1)) },
	{ N, 0, "27.3.1.5 event doesn't suit the activity state", C(STATE(HLT), SET(ENTRY_INSTR_LEN, 2)), C(EVENT_IS(TYPE_SOFTWARE, 0x80)),
	  C(EVENT_IS(TYPE_HARDWARE, 18)) },
	{ N, 0, "27.3.1.5 event doesn't suit the activity state", C(STATE(HLT), SET(ENTRY_INSTR_LEN, 1)), C(EVENT_IS(TYPE_PRIVILEGED, 1)),
	  C(IF_ON, EXTINT) },
	{ N, 0, "27.3.1.5 event doesn't suit the activity state", C(STATE(HLT), SET(ENTRY_INSTR_LEN, 1)), C(EVENT_IS(TYPE_SOFT_EXCEPTION, 3)),
	  C(NMI) },
	{ N, 0, "27.3.1.5 event doesn't suit the activity state", C(IF_ON, EXTINT), C(STATE(SHUTDOWN)), C(STATE(HLT)) },
	{ N, 0, "27.3.1.5 event doesn't suit the activity state", C(STATE(SHUTDOWN)), C(EVENT_IS(TYPE_HARDWARE, 1)),
	  C(EVENT_IS(TYPE_HARDWARE, 18)) },
	{ N, 0, "27.3.1.5 event doesn't suit the activity state", C(STATE(SHUTDOWN)), C(EVENT_IS(TYPE_HARDWARE, 6)), C(NMI) },
	{ N, 0, "27.3.1.5 event doesn't suit the activity state", NOTHING, C(STATE(WAIT_FOR_SIPI), NMI), C(NMI) },
	{ N, 0, "27.3.1.5 event doesn't suit the activity state", NOTHING, C(STATE(WAIT_FOR_SIPI), EVENT_IS(TYPE_HARDWARE, 18)), NOTHING },

	{ N, 0, "27.3.1.5 interruptibility has one of bits 31:5 set", NOTHING, C(SET(GUEST_INTERRUPTIBILITY, BIT(5))), C(BLOCKED(NMI)) },
	{ N, 0, "27.3.1.5 interruptibility has one of bits 31:5 set", NOTHING, C(SET(GUEST_INTERRUPTIBILITY, BIT(31))), NOTHING },
	{ N, 0, "27.3.1.5 blocking by STI and by MOV SS", C(IF_ON, BLOCKED(MOV_SS)), C(BLOCKED(STI)), NOTHING },
	{ N, 0, "27.3.1.5 blocking by STI and by MOV SS", C(IF_ON, BLOCKED(STI)), C(BLOCKED(MOV_SS)), NOTHING },
	{ N, 0, "27.3.1.5 blocking by STI without RFLAGS.IF", C(BLOCKED(STI)), NOTHING, C(IF_ON) },
	{ N, 0, "27.3.1.5 external interrupt injected while STI or MOV SS blocks it", C(IF_ON, EXTINT), C(BLOCKED(STI)), C(BLOCKED(NMI)) },
	{ N, 0, "27.3.1.5 external interrupt injected while STI or MOV SS blocks it", C(IF_ON, BLOCKED(MOV_SS)), C(EXTINT), NOTHING },
	{ N, 0, "27.3.1.5 NMI injected while MOV SS blocks it", C(BLOCKED(MOV_SS)), C(NMI), C(EVENT_IS(TYPE_HARDWARE, 6)) },
	{ N, 0, "27.3.1.5 blocking by SMI outside SMM", NOTHING, C(BLOCKED(SMI)), NOTHING },
	{ N, 0, "27.3.1.5 NMI injected while STI blocks it", C(IF_ON, NMI), C(BLOCKED(STI)), NOTHING },
	{ N, 0, "27.3.1.5 virtual NMI injected while NMIs are blocked", C(ON(PIN_CTRLS, PIN_NMI), BLOCKED(NMI), NMI),
	  C(ON(PIN_CTRLS, PIN_VIRTUAL_NMIS)), NOTHING },
	{ N, 0, "27.3.1.5 enclave interruption without SGX", NOTHING, C(BLOCKED(ENCLAVE)), NOTHING },
	{ N, 0, "27.3.1.5 enclave interruption with blocking by MOV SS", NOTHING, C(BLOCKED(MOV_SS), BLOCKED(ENCLAVE)), C(BLOCKED(MOV_SS)) },

	{ N, 0, "27.3.1.5 pending debug exceptions have a reserved bit set", NOTHING, C(PENDING(BIT(4))), C(PENDING(BIT(12) | 0xf)) },
	{ N, 0, "27.3.1.5 pending debug exceptions have a reserved bit set", NOTHING, C(PENDING(BIT(13))), C(PENDING(BIT(12) | 1)) },
	{ N, 0, "27.3.1.5 pending debug exceptions have a reserved bit set", NOTHING, C(PENDING(BIT(11))), C(PENDING(1)) },
	{ N, 0, "27.3.1.5 pending debug exceptions have a reserved bit set", NOTHING, C(PENDING(BIT(15))), C(PENDING(BIT(14))) },
	{ N, 0, "27.3.1.5 pending debug exceptions have a reserved bit set", NOTHING, C(PENDING(BIT(16) | BIT(12))), NOTHING },
	{ N, 0, "27.3.1.5 pending debug exceptions have a reserved bit set", NOTHING, C(PENDING(BIT(31))), NOTHING },
	{ N, 0, "27.3.1.5 pending debug exceptions have a reserved bit set", NOTHING, C(PENDING(1ull << 63)), NOTHING },
	{ N, 0, "27.3.1.5 pending debug exceptions lack BS of a single step", C(TF_ON, BLOCKED(MOV_SS)), NOTHING, C(PENDING(PENDING_BS)) },
	{ N, 0, "27.3.1.5 pending debug exceptions lack BS of a single step", C(TF_ON, STATE(HLT)), NOTHING, C(PENDING(PENDING_BS)) },
	{ N, 0, "27.3.1.5 pending debug exceptions lack BS of a single step", C(TF_ON, BLOCKED(MOV_SS), LOAD(DEBUG)), NOTHING,
	  C(SET(GUEST_DEBUGCTL, 2)) },
	{ N, 0, "27.3.1.5 pending debug exceptions lack BS of a single step", C(TF_ON, IF_ON), C(BLOCKED(STI)), NOTHING },
	{ N, 0, "27.3.1.5 pending debug exceptions have BS without a single step", C(PENDING(PENDING_BS)), C(STATE(HLT)), C(STATE(SHUTDOWN)) },
	{ N, 0, "27.3.1.5 pending debug exceptions have BS without a single step", C(PENDING(PENDING_BS), BLOCKED(MOV_SS)), NOTHING, C(TF_ON) },
	{ N, 0, "27.3.1.5 pending debug exceptions have BS without a single step",
	  C(PENDING(PENDING_BS), TF_ON, BLOCKED(MOV_SS), LOAD(DEBUG)), C(SET(GUEST_DEBUGCTL, 2)), NOTHING },
	{ N, 0, "27.3.1.5 pending debug exceptions mix RTM with others", NOTHING, C(PENDING(BIT(16) | BIT(12) | BIT(0))),
	  C(PENDING(BIT(12) | BIT(0))) },
	{ N, 0, "27.3.1.5 pending debug exceptions mix RTM with others", NOTHING, C(PENDING(BIT(16))), C(PENDING(BIT(12))) },
	{ N, 0, "27.3.1.5 pending debug exceptions have RTM with blocking by MOV SS", C(BLOCKED(MOV_SS)),
	  C(PENDING(BIT(16) | BIT(12))), C(PENDING(BIT(12))) },

	{ N, 0, "27.3.1.5 VMCS link pointer isn't page aligned", NOTHING, C(LINK(ROW_LINKED + 8)), C(LINK(ROW_LINKED)) },
	{ N, 0, "27.3.1.5 VMCS link pointer isn't page aligned", NOTHING, C(LINK(ROW_LINKED + 0x800)), C(LINK(~0ull)) },
	{ N, 0, "27.3.1.5 VMCS link pointer is beyond the physical-address width", NOTHING, C(BEYOND(VMCS_LINK_POINTER, 0), OFF(VMCS_LINK_POINTER, 0xfff)),
	  C(LINK(ROW_LINKED)) },
	{ N, 0, "27.3.1.5 VMCS link pointer is beyond the physical-address width", NOTHING, C(LINK(ROW_LINKED | 1ull << 63)),
	  C(LINK(ROW_LINKED)) },
	{ N, 0, "27.3.1.5 VMCS link pointer leads to another revision id", C(LINK(ROW_LINKED)), C(REVISION(1)), NOTHING },
	{ N, 0, "27.3.1.5 VMCS link pointer leads to another revision id", NOTHING, C(LINK(ROW_PAGE(3))), NOTHING },
	{ N, 0, "27.3.1.5 VMCS link pointer leads to a wrong shadow-VMCS indicator", C(LINK(ROW_LINKED)), C(REVISION(BIT(31))), NOTHING },
	{ N, 0, "27.3.1.5 VMCS link pointer leads to a wrong shadow-VMCS indicator",
	  C(LINK(ROW_LINKED), SECONDARY(SECONDARY_SHADOWING), SET(VMREAD_BITMAP, ROW_PAGE(4)), SET(VMWRITE_BITMAP, ROW_PAGE(5))),
	  NOTHING, C(REVISION(BIT(31))) },
	{ N, 0, "27.3.1.5 VMCS link pointer is the current VMCS", NOTHING, C(LINK(ROW_CURRENT)), C(LINK(ROW_LINKED)) },
};

static const struct row pdptes[] = {
#define PDPTE_ROW(n, bad, good) \
	{ P, EPT, "27.3.1.6 PDPTE field has a reserved bit set", NOTHING, C(SET(GUEST_PDPTE##n, bad)), C(SET(GUEST_PDPTE##n, good)) }
	PDPTE_ROW(1, 3, 2), PDPTE_ROW(1, 5, 4), PDPTE_ROW(2, 0x21, 0x20), PDPTE_ROW(2, 0x101, 0x100), PDPTE_ROW(3, 0x81, 0x80),
	PDPTE_ROW(3, 1 | 1ull << 63, 1ull << 63), PDPTE_ROW(3, 1 | 1ull << 51, ROW_PAGE(3) | 0xe19),
	{ P, EPT, "27.3.1.6 PDPTE field has a reserved bit set", NOTHING, C(ON(GUEST_PDPTE0, 2)), NOTHING },
	{ P, EPT, "27.3.1.6 PDPTE field has a reserved bit set", C(ON(GUEST_PDPTE1, 0x20)), NOTHING, C(OFF(GUEST_CR4, CR4_PAE), SET(GUEST_CR3, 0)) },
	{ P, EPT, "27.3.1.6 PDPTE field has a reserved bit set", C(ON(GUEST_PDPTE1, 0x20), UNRESTRICTED), NOTHING, C(OFF(GUEST_CR0, CR0_PG)) },
	{ L2_COMPAT, EPT, "27.3.1.6 PDPTE field has a reserved bit set", C(SET(GUEST_PDPTE1, 0x21)), C(OFF(ENTRY_CTRLS, ENTRY_IA32E)), NOTHING },
#define MEMORY_ROW(n, bad, good) \
	{ P, 0, "27.3.1.6 PDPTE in memory has a reserved bit set", NOTHING, C(MEMORY(L2_PDPT + 8 * (n), bad)), C(MEMORY(L2_PDPT + 8 * (n), good)) }
	MEMORY_ROW(1, 3, 2), MEMORY_ROW(1, 5, 4), MEMORY_ROW(2, 0x21, 0x20), MEMORY_ROW(2, 0x1e1, 0x1e0), MEMORY_ROW(3, 0x81, 0x80),
	MEMORY_ROW(3, 1 | 1ull << 63, 1ull << 63), MEMORY_ROW(3, 1 | 1ull << 51, ROW_PAGE(3) | 0xe19),
	{ P, 0, "27.3.1.6 PDPTE in memory has a reserved bit set", C(ON(GUEST_CR3, 0x18)), C(MEMORY(L2_PDPT + 8, 3)), NOTHING },
	{ P, 0, "27.3.1.6 PDPTE in memory has a reserved bit set", C(SET(GUEST_PDPTE0, 3)), C(MEMORY(L2_PDPT + 16, 0x1005)),
	  C(MEMORY(L2_PDPT + 16, 0x1001)) },
};

/*
 * Rules that emulated CPUs don't enforce. A hypervisor may leave them to the CPU, but with MSRs to load it can't: those
 * can't be taken back.
 */
#define LOADS_MSR	SET(ENTRY_MSR_LOAD_ADDR, ROW_PAGE(6)), MEMORY(ROW_PAGE(6), MSR_SYSENTER_CS), SET(ENTRY_MSR_LOAD_COUNT, 1)

static const struct row before_msrs[] = {
	{ N, 0, "27.3.1.1 IA32_PERF_GLOBAL_CTRL has a reserved bit set", C(LOADS_MSR, LOAD(PERF)),
	  C(SET(GUEST_PERF_GLOBAL_CTRL, 1ull << 63)), C(SET(GUEST_PERF_GLOBAL_CTRL, 0)) },
	{ L2_LONG, 0, "27.3.1.4 RIP in 64-bit mode isn't canonical", C(LOADS_MSR), C(SET(GUEST_RIP, NOT_CANONICAL)), NOTHING },
	{ L2_V86, EPT, "27.3.1.4 RFLAGS.VM without CR0.PE", C(LOADS_MSR, UNRESTRICTED), C(OFF(GUEST_CR0, CR0_PG | CR0_PE)),
	  C(OFF(GUEST_CR0, CR0_PG)) },
	{ N, 0, "27.3.1.5 virtual NMI injected while NMIs are blocked", C(LOADS_MSR, ON(PIN_CTRLS, PIN_NMI), BLOCKED(NMI), NMI),
	  C(ON(PIN_CTRLS, PIN_VIRTUAL_NMIS)), NOTHING },
	{ N, 0, "27.3.1.5 pending debug exceptions lack BS of a single step", C(LOADS_MSR, TF_ON, BLOCKED(MOV_SS)), NOTHING,
	  C(PENDING(PENDING_BS)) },
	{ N, 0, "27.3.1.5 pending debug exceptions have BS without a single step", C(LOADS_MSR, PENDING(PENDING_BS), BLOCKED(MOV_SS)),
	  NOTHING, C(TF_ON) },
};

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	rows_run(registers, ARRAY_SIZE(registers));
	rows_run(states, ARRAY_SIZE(states));
	rows_run(pdptes, ARRAY_SIZE(pdptes));
	rows_run(before_msrs, ARRAY_SIZE(before_msrs));
	vmx_disable();
}
