/* SPDX-License-Identifier: BSD-2-Clause */
/* On the testapp: it is told of L2's entries and exits, and keeps exits; L2's hypercalls reach it from every mode. */
#include "hyp.h"

#define TIMER_TICKS	100u
#define CPL3_CODE	(L1_IS_64 ? SEL_USER_CODE64 : SEL_USER_CODE)

L2_CODE(cpuid_call, 32, "cpuid\n mov %eax, %esi\n xor %eax, %eax\n vmcall\n hlt");
L2_CODE(undefined_call, 32, "ud2\n xor %eax, %eax\n vmcall\n hlt");
L2_CODE(load_call, 32, "mov (%edi), %esi\n xor %eax, %eax\n vmcall\n hlt");
L2_CODE(spin_call, 32, "1: dec %ecx\n jnz 1b\n vmcall\n hlt");
#define LOAD_LENGTH	(L1_IS_64 ? 3u : 2u)		/* in 64-bit mode without a prefix RDI is the base */
L2_CODE(load64_call, 64, "mov (%edi), %esi\n xor %eax, %eax\n vmcall\n hlt");

/* ---- told ---- */

static void told(void)
{
	struct call c;

	vmcall(CALL_NESTED_COUNTS, 0, 0, 0);
	l2_of_hypercalls(L2_NATIVE, 0);
	expect_told("nothing ran", 0, 0, 0);
	for (u32 i = 0; i < 3; i++)
		l2_hypercall(0, 0, 0, 0);
	expect_told("three VMCALLs of L1's", 3, 3, 181818);
	c = l2_hypercall(CALL_NESTED_COUNTS, 0, 0, 0);
	expect(c.trap == EXIT_VMCALL && c.ax == 1 && c.bx == 0 && c.dx == 1, "in L2: exit %u, %u entries, %u exits, by %u", c.trap, c.ax, c.bx,
	       c.dx);
	expect_told("the exit after that", 0, 1, 18);
	c = vmcall(CALL_NESTED_LAST, 0, 0, 0);
	expect(c.ax == EXIT_VMCALL && c.bx == 0 && c.cx == 0 && c.si == (u32)vmcs_get(GUEST_RIP), "the last: %u at 0x%x", c.ax, c.si);

	l2_of_hypercalls(L2_NATIVE, 0);
	l2_code(&l2, cpuid_call, cpuid_call_end);
	l2_call(0, 0, 0, 0);
	vmcs_set(GUEST_RIP, L2_CODE_AT + 2);
	l2_call(0, 0, 0, 0);
	expect_told("CPUID, VMCALL", 2, 2, 1018);
	kept("told", "each entry and each exit of L2 is told once, exits that end here are not");
}

/* A VMfail isn't an entry, and neither is a failure that is found before L2's MSRs are loaded; the CPU may find one later. */
static void failures(void)
{
	struct vmx_result r;

	l2_of_hypercalls(L2_NATIVE, 0);
	vmcs_set(CR3_TARGET_COUNT, 5);
	r = l2_run(&l2);
	expect(r.kind == VMX_VALID && r.number == 7, "result %u %u", r.kind, r.number);
	expect_told("bad controls", 0, 0, 0);
	l2_of_hypercalls(L2_NATIVE, 0);
	vmcs_set(GUEST_CR0, vmcs_get(GUEST_CR0) & ~(u64)CR0_NE);
	l2_run(&l2);
	expect(exit_reason() == (EXIT_BAD_GUEST | ENTRY_FAILED), "exit 0x%x", exit_reason());
	expect_told("bad CR0", 0, 0, 0);
	l2_of_hypercalls(L2_NATIVE, 0);
	vmcs_set(GUEST_RFLAGS, 0);
	l2_run(&l2);
	expect(exit_reason() == (EXIT_BAD_GUEST | ENTRY_FAILED), "exit 0x%x", exit_reason());
	expect_told("bad RFLAGS", 1, 1, 33);
	expect(vmcall(CALL_NESTED_LAST, 0, 0, 0).bx == 1, "not failed");
	kept("failures", "an entry that fails is told with the exit that it ends in, or not at all");
}

static void veto(void)
{
	l2_of_hypercalls(L2_NATIVE, 0);
	vmcall(CALL_NESTED_ENTRY, SKIP, 0, 0);
	expect(l2_run(&l2).kind == VMX_OK && exit_reason() == (EXIT_BAD_GUEST | ENTRY_FAILED) && vmcs_get(EXIT_QUALIFICATION) == 0,
	       "exit 0x%x", exit_reason());
	expect(!host_damage() && vmcs_get(GUEST_RIP) == L2_CODE_AT, "%s", host_damage());
	expect_told("skipped", 1, 0, 0);
	l2_hypercall(0, 0, 0, 0);
	expect_vmcall("then", L2_CODE_AT);
	expect_told("then", 1, 1, 18);
	kept("veto", "the hypapp keeps L2 from running, and L1 sees an entry that failed");
}

/* ---- kept ---- */

static void answer_exits(u32 reason, u32 result, u32 advance)
{
	vmcall(CALL_NESTED_COUNTS, 0, 0, 0);
	vmcall(CALL_NESTED_EXIT, reason, result, advance);
}

static void instructions(void)
{
	l2_of_hypercalls(L2_NATIVE, 0);
	l2_code(&l2, cpuid_call, cpuid_call_end);
	answer_exits(EXIT_CPUID, SKIP, 0);
	expect(l2_call(0x77, 0, 0, 0).si == 0x77, "CPUID gave 0x%x", (u32)l2.si);
	expect_vmcall("skipped", L2_CODE_AT + 6);
	expect_told("skipped", 1, 2, 1018);

	vmcs_set(GUEST_RIP, L2_CODE_AT);
	answer_exits(EXIT_CPUID, SKIP, 6);
	l2_call(0, 0, 0, 0);
	expect_vmcall("skipped to the VMCALL", L2_CODE_AT + 6);

	vmcs_set(GUEST_RIP, L2_CODE_AT);
	answer_exits(EXIT_CPUID, INJECT, 0);
	l2_call(0, 0, 0, 0);
	expect_vmcall("#UD for L2", UD_HANDLER);
	expect_told("#UD for L2", 1, 2, 1018);

	l2_of_hypercalls(L2_NATIVE, 0);
	l2_code(&l2, cpuid_call, cpuid_call_end);
	vmcs_set(EXCEPTION_BITMAP, BIT(UD_TRAP));
	l2_call(0, 0, 0, 0);
	expect(exit_reason() == EXIT_EXCEPTION && (u32)vmcs_get(EXIT_INTR_INFO) == EVENT(TYPE_HARDWARE, UD_TRAP) &&
	       vmcs_get(GUEST_RIP) == L2_CODE_AT, "exit %u info 0x%x", exit_reason(), (u32)vmcs_get(EXIT_INTR_INFO));
	expect_told("#UD for L1", 1, 2, 1000);
	kept("instructions", "the hypapp does an instruction of L2 instead of L1, or has it fault by L1's exception bitmap");
}

static void exceptions(void)
{
	l2_of_hypercalls(L2_NATIVE, 0);
	l2_code(&l2, undefined_call, undefined_call_end);
	vmcs_set(EXCEPTION_BITMAP, BIT(UD_TRAP));
	answer_exits(EXIT_EXCEPTION, SKIP, 2);
	l2_call(0, 0, 0, 0);
	expect_vmcall("skipped", L2_CODE_AT + 4);
	expect_told("skipped", 1, 2, 18);

	vmcs_set(GUEST_RIP, L2_CODE_AT);
	answer_exits(EXIT_EXCEPTION, INJECT, 0);		/* #UD is L1's: told again, kept no more */
	l2_call(0, 0, 0, 0);
	expect(exit_reason() == EXIT_EXCEPTION && vmcs_get(GUEST_RIP) == L2_CODE_AT, "exit %u", exit_reason());
	expect_told("injected", 1, 2, 0);
	kept("exceptions", "the hypapp takes an exception of L2 instead of L1");
}

static void violations(void)
{
	l2_of_hypercalls(L2_NATIVE, L2_WITH_EPT);
	if (L1_IS_64)
		l2_code(&l2, load64_call, load64_call_end);
	else
		l2_code(&l2, load_call, load_call_end);
	ept_map(l2.eptp, L2_DATA, 0, EPT_4K, 0);
	vmx_invept(1, l2.eptp);
	l2.di = L2_DATA;
	answer_exits(EXIT_EPT_VIOLATION, SKIP, LOAD_LENGTH);
	l2_call(0, 0, 0, 0);
	expect_vmcall("skipped", L2_CODE_AT + LOAD_LENGTH + 2);
	expect_told("skipped", 1, 2, 4818);
	expect((vmcall(CALL_NESTED_LAST, 0, 0, 0).cx & 7) == 0, "qualification");

	vmcs_set(GUEST_RIP, L2_CODE_AT);
	answer_exits(EXIT_EPT_VIOLATION, INJECT, 0);
	l2_call(0, 0, 0, 0);
	expect_vmcall("#UD", UD_HANDLER);

	vmcs_set(GUEST_RIP, L2_CODE_AT);
	answer_exits(NO_REASON, 0, 0);
	l2_call(0, 0, 0, 0);
	expect(exit_reason() == EXIT_EPT_VIOLATION && vmcs_get(GUEST_PHYSICAL_ADDR) == L2_DATA, "exit %u", exit_reason());
	kept("violations", "the hypapp takes a violation of L1's EPT");
	ept_map(l2.eptp, L2_DATA, L2_DATA, EPT_4K, EPT_RWX | EPT_WB);
	vmx_invept(1, l2.eptp);
}

/* The answer to these is only listened to. */
static void events(void)
{
	l2_of_hypercalls(L2_NATIVE, 0);
	l2_code(&l2, spin_call, spin_call_end);
	vmcs_on(PIN_CTRLS, PIN_TIMER);
	vmcs_set(PREEMPTION_TIMER, TIMER_TICKS);
	answer_exits(EXIT_TIMER, SKIP, 0);
	l2_call(0, 0, 1u << 30, 0);
	expect(exit_reason() == EXIT_TIMER, "exit %u", exit_reason());
	expect_told("the timer", 1, 1, 52);

	l2_of_hypercalls(L2_NATIVE, 0);
	l2_code(&l2, undefined_call, undefined_call_end);
	vmcs_set(GUEST_IDTR_LIMIT, 0);
	answer_exits(EXIT_TRIPLE_FAULT, INJECT, 0);
	l2_call(0, 0, 0, 0);
	expect(exit_reason() == EXIT_TRIPLE_FAULT, "exit %u", exit_reason());
	expect_told("a triple fault", 1, 1, 2);
	answer_exits(NO_REASON, 0, 0);
	kept("events", "what no instruction of L2 did is L1's whatever the hypapp says");
}

/* ---- counters ---- */

static u32 exits_counted(enum xmhf_exit_kind kind, u32 reason)
{
	static struct xmhf_stat_cpu *stat;
	struct call c;

	if (!stat)
		stat = page_take();
	c = vmcall6(XMHF_CALL_CPU, 0, 0, kind, 4096, (u32)(uptr)stat);
	return c.ax == XMHF_CALL_OK && c.cx == sizeof(*stat) ? (u32)stat->exits[reason] : ~0u;
}

static void counters(void)
{
	u32 kept_before = exits_counted(XMHF_EXITS_L2_KEPT, EXIT_VMCALL), cpuids = exits_counted(XMHF_EXITS_L2_KEPT, EXIT_CPUID);
	u32 reflected = exits_counted(XMHF_EXITS_L2_REFLECTED, EXIT_VMCALL), own = exits_counted(XMHF_EXITS_L1, EXIT_CPUID);

	l2_of_hypercalls(L2_NATIVE, 0);
	for (u32 i = 0; i < 3; i++)
		l2_hypercall(CALL_ABOUT, 0, 0, 0);
	answer_exits(EXIT_CPUID, SKIP, 0);
	vmcs_set(GUEST_RIP, L2_CODE_AT);
	l2_code(&l2, cpuid_call, cpuid_call_end);
	l2_call(0, 0, 0, 0);
	answer_exits(NO_REASON, 0, 0);
	expect(exits_counted(XMHF_EXITS_L2_KEPT, EXIT_VMCALL) == kept_before + 3, "hypercalls");
	expect(exits_counted(XMHF_EXITS_L2_KEPT, EXIT_CPUID) == cpuids + 1, "kept by the hypapp");
	expect(exits_counted(XMHF_EXITS_L2_REFLECTED, EXIT_VMCALL) == reflected + 4, "reflected");
	expect(exits_counted(XMHF_EXITS_L1, EXIT_CPUID) == own, "L1's");
	expect(exits_counted(XMHF_EXIT_KINDS, 0) == ~0u, "a kind too many");
	kept("counters", "exits of L2 are counted by reason, those kept here and those that L1 saw");
}

/* ---- hypercalls of L2 ---- */

static void at_cpl3(void)
{
	vmcs_set(GUEST_CS_SELECTOR, CPL3_CODE);
	vmcs_on(GUEST_CS_AR, AR_DPL(3));
	vmcs_set(GUEST_SS_SELECTOR, SEL_USER_DATA);
	vmcs_on(GUEST_SS_AR, AR_DPL(3));
}

static void hypercall_in(enum l2_mode mode, bool user)
{
	static const u32 bits[L2_MODES] = { 16, 16, 32, 32, 32, 32, 64 };
	u32 cpl = user || mode == L2_V86 ? 3 : 0;
	struct call c;

	l2_of_hypercalls(mode, 0);
	if (user)
		at_cpl3();
	c = l2_hypercall(CALL_ABOUT, 0, 0, 0);
	expect(c.trap == EXIT_VMCALL && c.bx == cpl && c.cx == bits[mode] && c.ax == (mode <= L2_V86 ? 0 : L2_CODE_AT),
	       "%s at %u: exit %u, CPL %u, %u bits, RIP 0x%x", l2_mode_names[mode], cpl, c.trap, c.bx, c.cx, c.ax);
	expect_told(l2_mode_names[mode], 1, 1, 18);
	c = l2_hypercall(CALL_NONE, 1, 2, 3);
	expect(c.trap == EXIT_VMCALL && l2.ax == CALL_NONE && vmcs_get(EXIT_INSTR_LEN) == 3 &&
	       vmcs_get(GUEST_RIP) == (mode <= L2_V86 ? 0 : L2_CODE_AT), "%s: chained: exit %u, EAX 0x%x", l2_mode_names[mode], c.trap,
	       (u32)l2.ax);
	expect_told(l2_mode_names[mode], 1, 1, 18);
}

static void hypercalls(void)
{
	static const u32 l1s[] = { 0, XMHF_CALL_HYPAPP_FIRST - 1, XMHF_CALL_CORE_FIRST, XMHF_CALL_CORE_LAST, ~0u };

	for (enum l2_mode mode = 0; mode < L2_MODES; mode++) {
		if (l2_can(mode))
			hypercall_in(mode, false);
		if (l2_can(mode) && mode >= L2_PAGED && mode != L2_COMPAT)
			hypercall_in(mode, true);
	}
	for (u32 i = 0; i < ARRAY_SIZE(l1s); i++) {
		l2_of_hypercalls(L2_NATIVE, 0);
		l2_hypercall(l1s[i], 0, 0, 0);
		expect(exit_reason() == EXIT_VMCALL && vmcs_get(GUEST_RIP) == L2_CODE_AT && (u32)l2.ax == l1s[i], "0x%x: exit %u", l1s[i],
		       exit_reason());
	}
	kept("hypercalls", "L2's hypercalls reach the hypapp from every mode and privilege, all other VMCALLs reach L1");
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	told();
	failures();
	veto();
	instructions();
	exceptions();
	violations();
	events();
	counters();
	hypercalls();
	vmx_disable();
}
