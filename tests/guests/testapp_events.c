/* SPDX-License-Identifier: BSD-2-Clause */
/* On the testapp: exceptions, interrupts and their windows, MTRR writes, quiescence, reset and shutdown. */
#include "vmcall.h"
#include "../../hypapps/testapp/calls.h"

enum { CHAIN, SKIP, INJECT };			/* enum xmhf_result */

#define VECTOR		0x41u
#define LOWER		0x31u
#define HIGHER		0x81u
#define TIMER_VECTOR	0x51u
#define APIC_LVT_TIMER	0x320
#define APIC_INITIAL	0x380
#define APIC_DIVIDE	0x3e0
#define MSR_MTRR_PHYSBASE7 0x20e
#define CMOS_INDEX	0x70
#define CMOS_DATA	0x71
#define CMOS_MARK	0x7d			/* a byte that no BIOS uses */

static volatile u32 taken, taken_vector, order;

static void on_interrupt(struct frame *f)
{
	taken++;
	taken_vector = f->vector;
	order = order << 8 | f->vector;
	apic_write(APIC_EOI, 0);
}

/* What the hypapp injects has no APIC behind it. */
static void on_made_up(struct frame *f)
{
	taken++;
	taken_vector = f->vector;
	order = order << 8 | f->vector;
}

static void exceptions(void)
{
	struct call c = vmcall(CALL_INJECT, UD_TRAP, ~0u, 0);

	expect(c.trap == UD_TRAP && this_cpu()->error == 0, "trap %u", c.trap);
	c = vmcall(CALL_INJECT, GP_TRAP, 0x18, 0);
	expect(c.trap == GP_TRAP && this_cpu()->error == 0x18 && c.ax == CALL_INJECT, "trap %u error 0x%x", c.trap, this_cpu()->error);
	c = vmcall(CALL_INJECT, GP_TRAP, 0x10028, 0);		/* no more than its 16 bits, */
	expect(c.trap == GP_TRAP && this_cpu()->error == 0x28, "trap %u error 0x%x", c.trap, this_cpu()->error);
	c = vmcall(CALL_INJECT, GP_TRAP, ~0u, 0);		/* at least a 0 */
	expect(c.trap == GP_TRAP && this_cpu()->error == 0, "trap %u error 0x%x", c.trap, this_cpu()->error);
	c = vmcall(CALL_INJECT, UD_TRAP, 0x18, 0);		/* and only where there is one */
	expect(c.trap == UD_TRAP && c.ax == CALL_INJECT, "trap %u", c.trap);
	kept("inject", "exceptions are injected with and without error code, at the instruction");
}

static u32 seen(void) { return vmcall(CALL_INTERRUPTS_SEEN, 0, 0, 0).ax; }

static void interrupts(void)
{
	u32 n = seen();

	apic_enable();
	handlers[VECTOR] = on_interrupt;
	handlers[TIMER_VECTOR] = on_interrupt;
	taken = 0;
	ipi(0, ICR_SELF | ICR_FIXED | VECTOR);
	__asm__ volatile("sti; nop; nop; cli");
	expect(taken == 1 && seen() == n, "taken %u", taken);
	kept("interrupts_off", "unasked, interrupts go to the guest without an exit");

	vmcall(CALL_INTERRUPTS, 1, CHAIN, 0);
	ipi(0, ICR_SELF | ICR_FIXED | VECTOR);
	spin(100);
	expect(taken == 1, "with IF=0");
	__asm__ volatile("sti; nop; nop; cli");
	expect(taken == 2 && taken_vector == VECTOR && seen() == n + 1, "taken %u seen %u", taken, seen() - n);
	kept("interrupts", "an interrupt goes to the hypapp, and to the guest once when IF allows");

	vmcall(CALL_INTERRUPTS, 1, SKIP, 0);
	ipi(0, ICR_SELF | ICR_FIXED | VECTOR);
	__asm__ volatile("sti; nop; nop; cli");
	ipi(0, ICR_SELF | ICR_FIXED | VECTOR);
	__asm__ volatile("sti; nop; nop; cli");
	expect(taken == 2 && seen() == n + 3 && vmcall(CALL_INTERRUPTS_SEEN, 0, 0, 0).bx == VECTOR, "taken %u seen %u", taken, seen() - n);
	kept("interrupts_kept", "SKIP keeps an interrupt from the guest and ends it at the APIC");
	vmcall(CALL_INTERRUPTS, 1, CHAIN, 0);
}

static void timer(u32 ticks)
{
	apic_write(APIC_DIVIDE, 0xb);
	apic_write(APIC_LVT_TIMER, TIMER_VECTOR);
	apic_write(APIC_INITIAL, ticks);
}

/* The idle loop of an operating system: CLI, a look, STI, HLT; the interrupt comes before, between, and after. */
static void halts(void)
{
	u32 n = seen();

	for (u32 i = 0; i < 50; i++) {
		taken = 0;
		__asm__ volatile("cli");
		timer(1 + i * i * 4);
		__asm__ volatile("sti; hlt; cli");
		expect(taken == 1 && taken_vector == TIMER_VECTOR, "round %u: taken %u", i, taken);
	}
	expect(seen() == n + 50, "seen %u", seen() - n);
	kept("halt", "an interrupt that goes through the hypapp ends HLT, whenever it comes");
	vmcall(CALL_INTERRUPTS, 0, CHAIN, 0);
	taken = 0;
	timer(1000);
	__asm__ volatile("sti; hlt; cli");
	expect(taken == 1 && seen() == n + 50, "taken %u seen %u", taken, seen() - n);
	kept("interrupts_back", "given back, interrupts don't exit any more");
}

static void made_up(void)
{
	handlers[LOWER] = handlers[HIGHER] = handlers[VECTOR] = on_made_up;
	taken = order = 0;
	vmcall(CALL_INJECT_INTERRUPT, VECTOR, 0, 0);
	vmcall(CALL_INJECT_INTERRUPT, HIGHER, 0, 0);
	vmcall(CALL_INJECT_INTERRUPT, LOWER, 0, 0);
	vmcall(CALL_INJECT_INTERRUPT, LOWER, 0, 0);
	spin(10);
	expect(taken == 0, "with IF=0");
	__asm__ volatile("sti; nop; nop; nop; nop; cli");
	expect(taken == 3 && order == (HIGHER << 16 | VECTOR << 8 | LOWER), "taken %u order 0x%x", taken, order);
	vmcall(CALL_INJECT_INTERRUPT, VECTOR, 0, 0);
	__asm__ volatile("sti; hlt; cli");
	expect(taken == 4, "HLT: taken %u", taken);
	kept("made_up", "the hypapp's own interrupts wait for IF, the highest first, each once");
}

static u32 windows(void) { return vmcall(CALL_WINDOWS_SEEN, 0, 0, 0).ax; }

static void window(void)
{
	u32 n = windows(), shadowed;

	vmcall(CALL_ASK_WINDOW, 0, 0, 0);
	spin(10);
	expect(windows() == n, "with IF=0");
	__asm__ volatile("sti; vmcall; cli" : "=a"(shadowed) : "0"(CALL_WINDOWS_SEEN));
	expect(shadowed == n, "in STI's shadow");
	expect(windows() == n + 1, "seen %u", windows() - n);
	__asm__ volatile("sti; nop; nop; cli");
	expect(windows() == n + 1, "seen %u", windows() - n);
	vmcall(CALL_ASK_WINDOW, 0, 0, 0);
	handlers[TIMER_VECTOR] = on_interrupt;
	taken = 0;
	timer(100000);
	__asm__ volatile("sti; hlt; cli");
	expect(windows() == n + 2 && taken == 1, "seen %u, taken %u", windows() - n, taken);
	kept("window", "the window comes once, when IF and blocking allow, and doesn't end HLT");
}

static void mtrr(void)
{
	u64 before = rdmsr(MSR_MTRR_PHYSBASE7);
	u32 n = vmcall(CALL_MTRR_MODE, SKIP, 0, 0).ax;

	expect(try_wrmsr(MSR_MTRR_PHYSBASE7, 0x12345006) == NO_TRAP && rdmsr(MSR_MTRR_PHYSBASE7) == before, "SKIP");
	vmcall(CALL_MTRR_MODE, INJECT, 0, 0);
	expect(try_wrmsr(MSR_MTRR_PHYSBASE7, 0x12345006) == GP_TRAP && rdmsr(MSR_MTRR_PHYSBASE7) == before, "INJECT");
	vmcall(CALL_MTRR_MODE, CHAIN, 0, 0);
	expect(try_wrmsr(MSR_MTRR_PHYSBASE7, 0x12345006) == NO_TRAP && rdmsr(MSR_MTRR_PHYSBASE7) == 0x12345006, "CHAIN");
	wrmsr(MSR_MTRR_PHYSBASE7, before);
	expect(vmcall(CALL_MTRR_MODE, CHAIN, 0, 0).ax == n + 4, "calls");
	kept("mtrr", "the hypapp may let a write to an MTRR through, drop it, or fault it");
}

/* On a page of its own: away from all else that may be written while it is protected. */
#define counter		(*(volatile u32 *)0x800000)

static void count_for_ever(void)
{
	for (;;)
		counter++;
}

static void quiescence(void)
{
	struct call c;

	if (vmcall(CALL_ABOUT, 0, 0, 0).si < 2)
		return;
	expect(ap_run(1, count_for_ever), "the other CPU doesn't start");
	spin(1000);
	for (u32 i = 0; i < 3; i++) {
		c = vmcall(CALL_QUIESCE, (u32)&counter, 0, 0);
		expect(c.ax == 0 && c.cx > 0, "it counted %u in quiescence, %u after", c.ax, c.cx);
	}
	vmcall(CALL_VIOLATION_MODE, VIOLATION_STEP_OVER, 0, 0);		/* tries again and again */
	expect(vmcall(CALL_PROTECT, (u32)&counter, 5, 0x1000).ax == 1, "not protected");
	c = vmcall(CALL_QUIESCE, (u32)&counter, 0, 0);
	expect(c.cx == 0, "it counted %u on a protected page", c.cx);
	expect(vmcall(CALL_UNPROTECT, (u32)&counter, 0, 0x1000).ax == 1, "not given back");
	c = vmcall(CALL_QUIESCE, (u32)&counter, 0, 0);
	expect(c.cx > 0, "it doesn't count any more");
	kept("quiesce", "other CPUs stand still in quiescence, and see a new protection when its flush is paid");
}

static void on_machine_check(struct frame *f)
{
	taken++;
	taken_vector = f->vector;
}

static void machine_check(void)
{
	u32 cr4 = READ_CR(4);

	handlers[MC_TRAP] = on_machine_check;
	taken = 0;
	WRITE_CR(4, cr4 | CR4_MCE);
	expect(vmcall(CALL_MACHINE_CHECK, 0, 0, 0).ax == 0 && taken == 1 && taken_vector == MC_TRAP, "taken %u", taken);
	WRITE_CR(4, cr4);
	kept("machine_check", "a machine check in the hypervisor is the guest's, once");
}

static u8 mark(void)
{
	outb(CMOS_INDEX, CMOS_MARK);
	return inb(CMOS_DATA);
}

static void set_mark(u8 value)
{
	outb(CMOS_INDEX, CMOS_MARK);
	outb(CMOS_DATA, value);
}

static void triple_fault(void)
{
	struct descriptor_pointer none = { 0, 0 };

	__asm__ volatile("lidt %0; ud2" : : "m"(none));
}

static void reboot(void) { vmcall(CALL_REBOOT, 0, 0, 0); }
static void machine_check_off(void) { vmcall(CALL_MACHINE_CHECK, 0, 0, 0); }

static void by_cf9(void)
{
	outb(0xcf9, 2);
	outb(0xcf9, 6);
}

static void by_port_92(void) { outb(0x92, inb(0x92) | 1); }
static void by_keyboard(void) { outb(0x64, 0xfe); }

/* The hypapp hears of all but the first, and says so. */
static const struct { void (*how)(void); const char *name, *sentence; } resets[] = {
	{ reboot, "reboot", "the hypapp resets the machine" },
	{ triple_fault, "triple_fault", "a triple fault resets the machine" },
	{ machine_check_off, "machine_check_off", "a machine check resets the machine while CR4.MCE is 0" },
	{ by_cf9, "cf9", "port CF9h, watched, resets the machine" },
	{ by_port_92, "port_92", "port 92h, watched, resets the machine" },
	{ by_keyboard, "keyboard", "the keyboard controller, watched, resets the machine" },
};

static void reset(u32 way)
{
	set_mark((u8)(way + 1));
	resets[way].how();
	spin(1000000);
	promise(false, resets[way].name, resets[way].sentence);
	done();
}

void guest_main(void)
{
	u32 boots = mark() <= ARRAY_SIZE(resets) ? mark() : 0;

	if (boots)
		promise(true, resets[boots - 1].name, resets[boots - 1].sentence);
	if (boots == ARRAY_SIZE(resets))
		done();
	if (boots)
		reset(boots);
	exceptions();
	interrupts();
	halts();
	made_up();
	window();
	mtrr();
	quiescence();
	machine_check();
	reset(0);
}
