/* SPDX-License-Identifier: BSD-2-Clause */
/* What we print when one of our own invariants broke: where, the VMCS, the last exits, who called whom. */
#include "lib/console.h"
#include "lib/print.h"
#include "machine/cpu_insn.h"
#include "machine/log.h"
#include "machine/panic.h"
#include "start/cpus.h"
#include "vmx/exit.h"

extern const u8 runtime_start[], runtime_end[];

#define BACKTRACE_DEPTH	16

bool panicking;

/* Offsets are those of hypervisor-x86-*.bin.sym. */
static void print_address(uptr at)
{
	if (at >= (uptr)runtime_start && at < (uptr)runtime_end)
		console_print("runtime+0x%lx", (unsigned long)(at - (uptr)runtime_start));
	else
		console_print("0x%lx", (unsigned long)at);
}

/* No frame pointers: whatever on the stack points into our text is shown. */
static void print_backtrace(const struct vcpu *v, const uptr *sp)
{
	extern const u8 runtime_rodata[];
	u32 shown = 0;

	console_print("stack:");
	for (; sp < (const uptr *)v && shown < BACKTRACE_DEPTH; sp++) {
		if (*sp < (uptr)runtime_start || *sp >= (uptr)runtime_rodata)
			continue;
		console_print(" ");
		print_address(*sp);
		shown++;
	}
	console_print("\n");
}

static void print_exits(const struct vcpu *v)
{
	for (u32 i = 0; i < EXIT_RING; i++) {
		const struct exit_record *r = &v->ring[(v->ring_at / sizeof(v->ring[0]) + 1 + i) % EXIT_RING];

		if (r->rip || r->reason)
			console_print("exit: %s at 0x%llx\n", exit_name(r->reason), (u64)r->rip);
	}
}

static void print_vmcs(void)
{
	static const struct { const char *name; u32 encoding; } fields[] = {
#define FIELD(name, encoding, ...) { #name, encoding },
#include "vmx/vmcs_fields.def"
#undef FIELD
	};
	u32 column = 0;
	u64 value;

	for (u32 i = 0; i < ARRAY_SIZE(fields); i++) {
		if (!vmcs_try_read(fields[i].encoding, &value))
			continue;
		console_print("%-24s %016llx%s", fields[i].name, value, column++ % 3 == 2 ? "\n" : "  ");
	}
	console_print("\n");
}

static NORETURN void last_words(const uptr *sp)
{
	const struct vcpu *v = this_cpu();

	if (__atomic_exchange_n(&panicking, true, __ATOMIC_SEQ_CST))
		cpu_halt_forever();
	if (cpus_owns(v)) {
		console_print("CPU %u, LAPIC id 0x%x\n", v->index, v->apic_id);
		print_backtrace(v, sp);
		print_exits(v);
		print_vmcs();
	}
	console_print("xmhf: the machine is stopped\n");
	cpus_stop_others();
	cpu_halt_forever();
}

void panic(const char *fmt, ...)
{
	va_list args;

	console_print("\nxmhf: panic: ");
	va_start(args, fmt);
	fmt_vprint(console_putc, NULL, fmt, args);
	va_end(args);
	console_print("\n");
	last_words(__builtin_frame_address(0));
}

void panic_trap(const struct trap_frame *frame)
{
	console_print("\nxmhf: panic: exception %lu, error code 0x%lx, at ", (unsigned long)frame->vector,
		      (unsigned long)frame->error_code);
	print_address(frame->rip);
	console_print(", CR2 0x%lx\n", (unsigned long)read_cr2());
	for (u32 i = 0; i < NR_GPRS; i++)
		console_print("r%u=%lx%s", i, (unsigned long)frame->regs.r[i], i % 4 == 3 ? "\n" : " ");
	last_words((const uptr *)frame);
}
