/* SPDX-License-Identifier: BSD-2-Clause */
/* VMX on and off, and L2's run with its exits. */
#include "lhv.h"
#include "lib/string.h"

#define BASIC_TRUE_CONTROLS	BIT64(55)
#define BASIC_REVISION		0x7fffffffu
#define NMI_UNBLOCKING		BIT(12)	/* in information of an exit, undefined in vectoring's */
#define LEAF1_VMX		BIT(5)
#define NOWHERE_BOUND		32

bool vmx_enter(struct registers *regs, bool launched);

u32 vmx_controls(u32 msr, u32 true_msr, u32 want)
{
	u64 allowed = rdmsr(rdmsr(MSR_VMX_BASIC) & BASIC_TRUE_CONTROLS ? true_msr : msr);
	u32 fitting = (want | (u32)allowed) & (u32)(allowed >> 32);

	if (want & ~fitting)
		fail("the CPU doesn't offer 0x%x of MSR 0x%x", want & ~fitting, msr);
	return fitting;
}

static void vmxe(bool on)
{
	write_cr4((read_cr4() & ~(uptr)CR4_VMXE) | (on ? CR4_VMXE : 0));
}

void vmx_on_cpu(struct cpu *c)
{
	u64 control = 0;
	u32 revision;

	if (!(cpuid(1, 0).ecx & LEAF1_VMX))
		fail("the CPU has no VMX");
	control = rdmsr(MSR_FEATURE_CONTROL);
	if (!(control & FEATURE_CONTROL_LOCK))
		wrmsr(MSR_FEATURE_CONTROL, control | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX);
	revision = (u32)rdmsr(MSR_VMX_BASIC) & BASIC_REVISION;
	memcpy(c->vmxon, &revision, sizeof(revision));
	memcpy(c->vmcs, &revision, sizeof(revision));
	vmxe(true);
	if (!vmx_on((uptr)c->vmxon))
		fail("VMXON");
	if (!vmcs_clear((uptr)c->vmcs) || !vmcs_load((uptr)c->vmcs))
		fail("VMCLEAR or VMPTRLD");
}

void vmx_off_cpu(struct cpu *c)
{
	if (!vmcs_clear((uptr)c->vmcs))
		fail("VMCLEAR before VMXOFF");
	c->launched = false;
	__asm__ volatile("vmxoff" : : : "cc", "memory");
	vmxe(false);
}

void vmx_again(struct cpu *c)
{
	vmxe(true);
	if (!vmx_on((uptr)c->vmxon) || !vmcs_load((uptr)c->vmcs))
		fail("VMXON or VMPTRLD the second time");
}

void vmx_write_controls(struct cpu *c)
{
	u32 secondary = c->ctrls.secondary ? PRIMARY_SECONDARY : 0;

	vmcs_write(PIN_CTRLS, vmx_controls(MSR_VMX_PIN_CTRLS, MSR_VMX_TRUE_PIN_CTRLS, c->ctrls.pin));
	vmcs_write(PRIMARY_CTRLS, vmx_controls(MSR_VMX_PRIMARY_CTRLS, MSR_VMX_TRUE_PRIMARY_CTRLS, c->ctrls.primary | secondary));
	if (secondary)
		vmcs_write(SECONDARY_CTRLS, vmx_controls(MSR_VMX_SECONDARY_CTRLS, MSR_VMX_SECONDARY_CTRLS, c->ctrls.secondary));
	vmcs_write(EXIT_CTRLS, vmx_controls(MSR_VMX_EXIT_CTRLS, MSR_VMX_TRUE_EXIT_CTRLS, c->ctrls.exit));
	vmcs_write(ENTRY_CTRLS, vmx_controls(MSR_VMX_ENTRY_CTRLS, MSR_VMX_TRUE_ENTRY_CTRLS, c->ctrls.entry));
}

/* The interrupt that ended L2: its vector stands in the VMCS, or the IDT is still to take it. */
static void exit_interrupt(struct cpu *c)
{
	u32 info = vmcs_read32(EXIT_INTR_INFO), before = irq_taken(c, L2);

	check(&opt_interrupts, c->way != BY_L2, "an exit that wasn't asked for");
	check(&opt_interrupts, !(info & INTR_VALID) == (c->way == BY_EXIT), "acknowledge %u, information 0x%x",
	      c->way == BY_EXIT_ACKNOWLEDGED, info);
	if (vmcs_read32(GUEST_CS_SELECTOR) & 3)
		c->in_user[L2]++;
	if (info & INTR_VALID) {
		check(&opt_interrupts, INTR_TYPE(info) == INTR_EXTINT, "information 0x%x", info);
		irq_take(c, INTR_VECTOR(info), L2);
		return;
	}
	c->leaving_l2 = true;
	__asm__ volatile("sti; nop; cli" : : : "memory");
	c->leaving_l2 = false;
	check(&opt_interrupts, irq_taken(c, L2) > before, "nothing was pending after the exit");
}

/*
 * Under some levels of hypervisors an exit and the entry after it take longer than the timers' period. Then the next
 * interrupt waits at each entry, and L2 would stay where it is.
 */
static void see_progress(struct cpu *c, u64 entered_at)
{
	bool nowhere = c->exit_reason == EXIT_EXTINT && vmcs_read(GUEST_RIP) == entered_at;

	c->nowhere = nowhere ? c->nowhere + 1 : 0;
	if (c->nowhere < NOWHERE_BOUND)
		return;
	c->nowhere = 0;
	irq_slower(c);
}

static void exit_call(struct cpu *c)
{
	u32 number = (u32)c->regs.ax;

	check(&opt_enter, vmcs_read32(EXIT_INSTR_LEN) == 3, "VMCALL of length %u", vmcs_read32(EXIT_INSTR_LEN));
	vmcs_write(GUEST_RIP, vmcs_read(GUEST_RIP) + vmcs_read32(EXIT_INSTR_LEN));
	if (number == CALL_NEXT) {
		c->wants_next = true;
		return;
	}
	FOR_EACH_OPTION(o)
		if (o->call && o->bit == number) {
			c->regs.ax = o->call(c, c->regs.bx);
			return;
		}
	fail("VMCALL 0x%x", number);
}

/* An event whose delivery ran into an EPT violation goes on when the page is there. */
static void inject_again(struct cpu *c)
{
	u32 info = vmcs_read32(IDT_VECTORING_INFO);

	if (!(info & INTR_VALID))
		return;
	vmcs_write(ENTRY_INTR_INFO, info & ~NMI_UNBLOCKING);
	if (info & INTR_ERROR_CODE)
		vmcs_write(ENTRY_ERROR_CODE, vmcs_read32(IDT_VECTORING_ERROR_CODE));
	vmcs_write(ENTRY_INSTR_LEN, vmcs_read32(EXIT_INSTR_LEN));
	c->injected++;
}

static void take_exit(struct cpu *c)
{
	u32 reason = c->exit_reason;

	c->exits++;
	if (reason == EXIT_EXTINT) {
		exit_interrupt(c);
		return;
	}
	if (reason == EXIT_VMCALL) {
		exit_call(c);
		return;
	}
	FOR_EACH_OPTION(o)
		if (o->exit && o->exit(c, reason))
			return;
	fail("exit reason 0x%x qualification 0x%llx at 0x%llx, iteration %u", reason, vmcs_read(EXIT_QUALIFICATION),
	     vmcs_read(GUEST_RIP), c->iteration);
}

void vmx_until_next(struct cpu *c)
{
	c->wants_next = false;
	while (!c->wants_next) {
		u64 entered_at = vmcs_read(GUEST_RIP);

		c->entries++;
		if (!vmx_enter(&c->regs, c->launched))
			fail("%s: VM-instruction error %u", c->launched ? "VMRESUME" : "VMLAUNCH", vmcs_read32(VM_INSTR_ERROR));
		c->launched = true;
		c->exit_reason = vmcs_read32(EXIT_REASON);
		check(&opt_enter, !(read_flags() & RFLAGS_IF), "interrupts on after an exit");
		FOR_EACH_OPTION(o)
			if (o->left)
				o->left(c);
		see_progress(c, entered_at);
		take_exit(c);
		inject_again(c);
	}
}
