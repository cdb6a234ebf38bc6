/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks of kvm-smoke: interrupts, NMIs, timers, debugging, and a signal to the program. */
#include "smoke.h"

#define PORT		0x10u
#define DONE_PORT	0x80u
#define IRQ		0x20u
#define NMI		2u
#define APIC_TIMER	0x40u
#define TICKS		5u
#define COUNTER		0x9000u
#define ENABLED		(KVM_GUESTDBG_ENABLE)

static bool outs(struct vm *m, u8 wanted)
{
	u32 value;

	return cpu_outs(m, 0, PORT, &value) && value == wanted;
}

/* ---- interrupts ---- */

GUEST(16, irq_code, "1: cli; mov $1, %al; out %al, $0x10; sti; nop; nop; mov $2, %al; out %al, $0x10; jmp 1b");
GUEST(16, irq_handler, "mov $0x20, %al; out %al, $0x10; iret");

bool check_interrupts(struct vm *m)
{
	struct kvm_run *run = m->cpu[0].run;
	struct kvm_interrupt irq = { IRQ };

	guest_code(m, CODE, irq_code);
	guest_code(m, HANDLER, irq_handler);
	vm_vector(m, IRQ, HANDLER);
	for (unsigned round = 0; round < 50; round++) {
		if (!outs(m, 1) || run->ready_for_interrupt_injection)
			return false;
		run->request_interrupt_window = 1;
		if (!cpu_exits(m, 0, KVM_EXIT_IRQ_WINDOW_OPEN) || cpu_ioctl(m, 0, KVM_INTERRUPT, &irq) < 0)
			return false;
		run->request_interrupt_window = 0;
		if (!outs(m, IRQ) || !outs(m, 2))
			return false;
	}
	return true;
}

/* ---- NMIs ---- */

GUEST(16, nmi_code, "1: mov $1, %al; out %al, $0x10; nop; mov $2, %al; out %al, $0x10; jmp 1b");
GUEST(16, nmi_handler, "push %ax; mov $0x99, %al; out %al, $0x10; mov $0x9a, %al; out %al, $0x10; pop %ax; iret");

static bool send_nmi(struct vm *m)
{
	return cpu_ioctl(m, 0, KVM_NMI, NULL) >= 0;
}

bool check_nmi(struct vm *m)
{
	guest_code(m, CODE, nmi_code);
	guest_code(m, HANDLER, nmi_handler);
	vm_vector(m, NMI, HANDLER);
	for (unsigned round = 0; round < 20; round++) {
		if (!outs(m, 1) || !outs(m, 2) || !outs(m, 1))		/* none without one */
			return false;
		if (!send_nmi(m) || !outs(m, 0x99) || !send_nmi(m)	/* the second waits for IRET */
		    || !outs(m, 0x9a) || !outs(m, 0x99) || !outs(m, 0x9a) || !outs(m, 2))
			return false;
	}
	return true;
}

/* ---- debugging ---- */

GUEST(16, nops_code, "nop; nop; nop; nop; nop; nop; nop; nop; nop; nop; hlt");

bool check_step(struct vm *m)
{
	struct kvm_guest_debug debug = { .control = ENABLED | KVM_GUESTDBG_SINGLESTEP };

	guest_code(m, CODE, nops_code);
	if (cpu_ioctl(m, 0, KVM_SET_GUEST_DEBUG, &debug) < 0)
		return false;
	for (u32 at = CODE + 1; at <= CODE + 10; at++)
		if (!cpu_exits(m, 0, KVM_EXIT_DEBUG) || m->cpu[0].run->debug.arch.pc != at)
			return false;
	debug.control = 0;
	return cpu_ioctl(m, 0, KVM_SET_GUEST_DEBUG, &debug) >= 0 && cpu_exits(m, 0, KVM_EXIT_HLT);
}

bool check_breakpoint(struct vm *m)
{
	struct kvm_guest_debug debug = {
		.control = ENABLED | KVM_GUESTDBG_USE_HW_BP, .arch.debugreg = { [0] = CODE + 5, [7] = 0x401 },
	};
	struct kvm_run *run = m->cpu[0].run;

	guest_code(m, CODE, nops_code);
	if (cpu_ioctl(m, 0, KVM_SET_GUEST_DEBUG, &debug) < 0 || !cpu_exits(m, 0, KVM_EXIT_DEBUG)
	    || run->debug.arch.pc != CODE + 5 || !(run->debug.arch.dr6 & 1))
		return false;
	debug.control = 0;
	return cpu_ioctl(m, 0, KVM_SET_GUEST_DEBUG, &debug) >= 0 && cpu_exits(m, 0, KVM_EXIT_HLT);
}

/* ---- the program's signal ---- */

GUEST(16, endless_code, "sti; 1: jmp 1b");

bool check_signal(struct vm *m)
{
	guest_code(m, CODE, endless_code);
	for (unsigned round = 0; round < 3; round++) {
		alarm_after(20000);
		if (cpu_run(m, 0) != -EINTR)
			return false;
	}
	return true;
}

/* ---- timers of KVM's own interrupt controllers ---- */

/* The 8259's vectors from 0x20 on, all masked but the timer; the 8254 at 100 Hz. */
GUEST(16, pit_code,
	"mov $0x11, %al; out %al, $0x20; mov $0x20, %al; out %al, $0x21; mov $4, %al; out %al, $0x21\n"
	"mov $1, %al; out %al, $0x21; mov $0xfe, %al; out %al, $0x21\n"
	"mov $0x34, %al; out %al, $0x43; mov $0x9c, %al; out %al, $0x40; mov $0x2e, %al; out %al, $0x40\n"
	"xor %ax, %ax; mov %ax, %ds; sti\n"
	"1: hlt; cmpb $5, 0x9000; jb 1b; cli; out %al, $0x80");
GUEST(16, pit_handler, "incb 0x9000; mov $0x20, %al; out %al, $0x20; iret");

bool check_pit(struct vm *m)
{
	struct kvm_pit_config none = { 0 };
	u32 value;

	guest_code(m, CODE, pit_code);
	guest_code(m, HANDLER, pit_handler);
	vm_vector(m, IRQ, HANDLER);
	return sys(NR_IOCTL, m->fd, KVM_CREATE_PIT2, &none) >= 0 && cpu_outs(m, 0, DONE_PORT, &value)
		&& m->memory[COUNTER] == TICKS;
}

/* KVM's APIC timer counts nanoseconds. */
GUEST(32, apic_code,
	"mov $0xfee00000, %ebx; movl $0, 0x80(%ebx); movl $0x1ff, 0xf0(%ebx); movl $0xb, 0x3e0(%ebx)\n"
	"movl $0x20040, 0x320(%ebx); movl $10000000, 0x380(%ebx); sti\n"
	"1: hlt; cmpb $5, 0x9000; jb 1b; cli; out %al, $0x80");
GUEST(32, apic_handler, "incb 0x9000; movl $0, 0xb0(%ebx); iret");

bool check_apic_timer(struct vm *m)
{
	u32 value;

	guest_code(m, CODE, apic_code);
	guest_code(m, HANDLER, apic_handler);
	vm_gate(m, 32, APIC_TIMER, HANDLER);
	return cpu_set_mode(m, 0, 32, 0) && cpu_outs(m, 0, DONE_PORT, &value) && m->memory[COUNTER] == TICKS;
}
