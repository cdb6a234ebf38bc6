/* SPDX-License-Identifier: BSD-2-Clause */
/* On the testapp: interrupts that it takes while L2 runs, and what it injects into L2. */
#include "hyp.h"

#define VECTOR		0x51u
#define ICR_AT		(0xfee00000u + APIC_ICR)
#define IPI		(ICR_SELF | ICR_FIXED | VECTOR)
#define HANDLER		(L2_HANDLERS + 4 * VECTOR)
#define NO_CALL		CALL_NESTED_ENTRY	/* with EBX 0 it changes nothing */
#define LONG_TIME	0x200000u

/* A hypercall, ESI stored to EDI, interrupts on for a while, L1's VMCALL. */
#define CALL_STORE	"vmcall\n mov %eax, %ebp\n mov %esi, (%edi)\n sti\n nop\n nop\n nop\n cli\n xor %eax, %eax\n vmcall\n hlt"
L2_CODE(call_store32, 32, CALL_STORE);
L2_CODE(call_store64, 64, CALL_STORE);
#define STORED_AT	(L1_IS_64 ? 15u : 14u)

L2_CODE(call_halt, 32, "vmcall\n mov %eax, %ebp\n sti\n hlt\n xor %eax, %eax\n vmcall\n hlt");
L2_CODE(call_spin, 32, "vmcall\n mov %eax, %ebp\n 1: jmp 1b\n");

static volatile u32 taken;
static u32 dummy;

static void on_interrupt(struct frame *f)
{
	(void)f;
	taken++;
	apic_write(APIC_EOI, 0);
}

static u32 seen(void) { return vmcall(CALL_INTERRUPTS_SEEN, 0, 0, 0).ax; }
static u32 windows(void) { return vmcall(CALL_WINDOWS_SEEN, 0, 0, 0).ax; }
static void take(u32 wanted, u32 result) { vmcall(CALL_INTERRUPTS, wanted, result, 0); }

/* L2 makes a hypercall, then sends itself an interrupt if @ipi. */
static void call_then(u32 number, u32 bx, u32 cx, bool sends)
{
	l2_code(&l2, L1_IS_64 ? call_store64 : call_store32, L1_IS_64 ? call_store64_end : call_store32_end);
	vmcs_set(GUEST_RIP, L2_CODE_AT);
	vmcs_set(GUEST_RFLAGS, 2);
	l2.di = sends ? ICR_AT : (u32)(uptr)&dummy;
	l2.si = IPI;
	l2_call(number, bx, cx, 0);
}

static void l1_exits_by_interrupt(bool acknowledges)
{
	vmcs_on(PIN_CTRLS, PIN_EXTINT);
	if (acknowledges)
		vmcs_on(EXIT_CTRLS, EXIT_ACK_INTR);
	else
		vmcs_off(EXIT_CTRLS, EXIT_ACK_INTR);
}

static void expect_interrupt(const char *what, u32 info)
{
	expect(exit_reason() == EXIT_EXTINT && (u32)vmcs_get(EXIT_INTR_INFO) == info && !host_damage(), "%s: exit %u, info 0x%x", what,
	       exit_reason(), (u32)vmcs_get(EXIT_INTR_INFO));
}

static void interrupts_of_l2(void)
{
	u32 n = seen();

	l2_of_hypercalls(L2_NATIVE, 0);
	take(1, CHAIN);
	call_then(NO_CALL, 0, 0, true);
	expect_vmcall("chained", HANDLER);
	apic_write(APIC_EOI, 0);
	expect(seen() == n + 1, "seen %u", seen() - n);
	take(1, SKIP);
	call_then(NO_CALL, 0, 0, true);
	expect_vmcall("skipped", L2_CODE_AT + STORED_AT);
	expect(seen() == n + 2, "seen %u", seen() - n);
	take(0, 0);
	call_then(NO_CALL, 0, 0, true);
	expect_vmcall("not taken", HANDLER);
	apic_write(APIC_EOI, 0);
	expect(seen() == n + 2, "seen %u", seen() - n);

	call_then(CALL_INTERRUPTS, 1, CHAIN, true);
	expect_vmcall("taken by L2", HANDLER);
	apic_write(APIC_EOI, 0);
	expect(seen() == n + 3, "seen %u", seen() - n);
	call_then(CALL_INTERRUPTS, 0, 0, true);
	expect_vmcall("given back by L2", HANDLER);
	apic_write(APIC_EOI, 0);
	expect(seen() == n + 3 && !taken, "seen %u", seen() - n);
	kept("interrupts_l2", "interrupts of a running L2 go to the hypapp, and on to L2");
}

static void interrupts_of_l1(void)
{
	u32 n = seen();

	l2_of_hypercalls(L2_NATIVE, 0);
	l1_exits_by_interrupt(true);
	take(1, CHAIN);
	call_then(NO_CALL, 0, 0, true);
	expect_interrupt("acknowledged", EVENT(TYPE_EXTINT, VECTOR));
	apic_write(APIC_EOI, 0);
	l1_exits_by_interrupt(false);
	call_then(NO_CALL, 0, 0, true);
	expect((exit_reason() == EXIT_EXTINT) && !((u32)vmcs_get(EXIT_INTR_INFO) & EVENT_VALID), "exit %u", exit_reason());
	expect(!taken, "with IF off");
	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
	expect(taken == 1 && seen() == n + 2, "taken %u, seen %u", taken, seen() - n);
	take(1, SKIP);
	call_then(NO_CALL, 0, 0, true);
	expect_vmcall("skipped", L2_CODE_AT + STORED_AT);
	expect(seen() == n + 3 && taken == 1, "taken %u, seen %u", taken, seen() - n);
	take(0, 0);
	call_then(NO_CALL, 0, 0, true);
	expect(exit_reason() == EXIT_EXTINT, "not taken: exit %u", exit_reason());
	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
	expect(taken == 2 && seen() == n + 3, "taken %u, seen %u", taken, seen() - n);
	kept("interrupts_l1", "interrupts that the hypapp passes on are exits to L1, acknowledged as it asked");
}

/* L1's own controls stay on while L2 has the hypapp take interrupts and give them back. */
static void controls_stay(void)
{
	l2_of_hypercalls(L2_NATIVE, 0);
	vmcs_on(PIN_CTRLS, PIN_TIMER);
	vmcs_on(EXIT_CTRLS, EXIT_SAVE_TIMER);
	for (u32 wanted = 1; wanted <= 1; wanted--) {
		vmcs_set(PREEMPTION_TIMER, LONG_TIME);
		vmcs_set(GUEST_RIP, L2_CODE_AT);
		l2_code(&l2, call_spin, call_spin_end);
		l2_call(CALL_INTERRUPTS, wanted, CHAIN, 0);
		expect(exit_reason() == EXIT_TIMER && vmcs_get(PREEMPTION_TIMER) == 0, "taken %u: exit %u", wanted, exit_reason());
	}
	kept("controls", "L1's controls stay as they are when the hypapp takes interrupts");
}

static void injected_interrupts(void)
{
	u32 n = windows();

	l2_of_hypercalls(L2_NATIVE, 0);
	call_then(CALL_INJECT_INTERRUPT, VECTOR, 0, false);
	expect_vmcall("with IF off, then on", HANDLER);
	expect((u32)l2.bp == 0, "the call's answer");
	vmcs_set(GUEST_RIP, L2_CODE_AT);
	vmcs_set(GUEST_RFLAGS, 2);
	l2_code(&l2, call_halt, call_halt_end);
	l2_call(CALL_INJECT_INTERRUPT, VECTOR, 0, 0);
	expect_vmcall("L2 halts", HANDLER);
	call_then(CALL_ASK_WINDOW, 0, 0, false);
	expect_vmcall("a window", L2_CODE_AT + STORED_AT);
	expect(windows() == n + 1, "%u windows", windows() - n);

	l1_exits_by_interrupt(true);
	call_then(CALL_INJECT_INTERRUPT, VECTOR, 0, false);
	expect_interrupt("L1's", EVENT(TYPE_EXTINT, VECTOR));
	expect(vmcs_get(GUEST_RIP) == L2_CODE_AT + 3, "at 0x%llx", vmcs_get(GUEST_RIP));
	l1_exits_by_interrupt(false);
	taken = 0;
	call_then(CALL_INJECT_INTERRUPT, VECTOR, 0, false);
	expect(exit_reason() == EXIT_EXTINT, "not acknowledged: exit %u", exit_reason());
	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
	expect(taken == 1, "taken %u", taken);
	kept("inject_interrupt", "an interrupt that the hypapp makes is L2's, or an exit to L1");
}

/* What an exception leaves in EAX is the hypercall's number still: handlers of these clear it. */
static void clearing_handler(u32 vector)
{
	static const u8 code[] = { 0x31, 0xc0, 0x0f, 0x01, 0xc1, 0xf4 };	/* xor %eax, %eax; vmcall; hlt */
	u8 *to = (u8 *)(uptr)(L2_HANDLERS + 4 * vector);

	__asm__("" : "+r"(to));
	memcpy(to, code, sizeof(code));
}

/* L2 gets what L1 injects, and executes nothing before the exit. */
static void after_an_injection(void)
{
	l2_of_hypercalls(L2_NATIVE, 0);
	l1_exits_by_interrupt(true);
	vmcs_set(ENTRY_INTR_INFO, EVENT(TYPE_HARDWARE, UD_TRAP));
	vmcall(CALL_INJECT_INTERRUPT, VECTOR, 0, 0);
	l2_call(0, 0, 0, 0);
	expect_interrupt("after the injection", EVENT(TYPE_EXTINT, VECTOR));
	expect(vmcs_get(GUEST_RIP) == UD_HANDLER && !((u32)vmcs_get(IDT_VECTORING_INFO) & EVENT_VALID), "at 0x%llx", vmcs_get(GUEST_RIP));
	l2_call(0, 0, 0, 0);
	expect_vmcall("then", UD_HANDLER);
	kept("after_injection", "an interrupt for L1 comes after what L1 injects into L2");
}

static void injected_exceptions(void)
{
	l2_of_hypercalls(L2_NATIVE, 0);
	clearing_handler(UD_TRAP);
	clearing_handler(GP_TRAP);
	l2_hypercall(CALL_INJECT, UD_TRAP, ~0u, 0);
	expect_vmcall("#UD", UD_HANDLER + 2);
	vmcs_set(GUEST_RSP, L2_STACK);
	l2_hypercall(CALL_INJECT, GP_TRAP, 0x18, 0);
	expect_vmcall("#GP", L2_HANDLERS + 4 * GP_TRAP + 2);
	expect(*(volatile u32 *)(uptr)vmcs_get(GUEST_RSP) == 0x18, "error code");
	vmcs_set(EXCEPTION_BITMAP, BIT(GP_TRAP));
	l2_hypercall(CALL_INJECT, GP_TRAP, 0x18, 0);
	expect(exit_reason() == EXIT_EXCEPTION && (u32)vmcs_get(EXIT_INTR_INFO) == (EVENT(TYPE_HARDWARE, GP_TRAP) | EVENT_CODE) &&
	       vmcs_get(EXIT_INTR_ERROR_CODE) == 0x18 && vmcs_get(GUEST_RIP) == L2_CODE_AT, "exit %u info 0x%x", exit_reason(),
	       (u32)vmcs_get(EXIT_INTR_INFO));
	kept("inject", "an exception that the hypapp injects is L2's, or L1's by its exception bitmap");
}

/* The hypapp makes one that finds the CPU in the hypervisor. */
static void machine_checks(void)
{
	l2_of_hypercalls(L2_NATIVE, 0);
	vmcs_on(GUEST_CR4, CR4_MCE);
	l2_hypercall(CALL_MACHINE_CHECK, 0, 0, 0);
	expect_vmcall("L2's", L2_HANDLERS + 4 * MC_TRAP);
	vmcs_set(EXCEPTION_BITMAP, BIT(MC_TRAP));
	l2_hypercall(CALL_MACHINE_CHECK, 0, 0, 0);
	expect(exit_reason() == EXIT_EXCEPTION && (u32)vmcs_get(EXIT_INTR_INFO) == EVENT(TYPE_HARDWARE, MC_TRAP) && (u32)l2.ax == 0 &&
	       vmcs_get(GUEST_RIP) == L2_CODE_AT + 3 && !((u32)vmcs_get(IDT_VECTORING_INFO) & EVENT_VALID) && !host_damage(),
	       "L1's: exit %u info 0x%x at 0x%llx", exit_reason(), (u32)vmcs_get(EXIT_INTR_INFO), vmcs_get(GUEST_RIP));
	kept("machine_check", "a machine check in the hypervisor is L2's, or L1's by its exception bitmap");
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	handlers[VECTOR] = on_interrupt;
	vmx_enable();
	interrupts_of_l2();
	interrupts_of_l1();
	controls_stay();
	injected_interrupts();
	after_an_injection();
	injected_exceptions();
	machine_checks();
	vmx_disable();
}
