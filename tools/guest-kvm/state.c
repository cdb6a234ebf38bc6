/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks of kvm-smoke: what of a CPU KVM keeps: MSRs, the TSC, and registers of CPUs that take turns or move. */
#include "smoke.h"

#define PORT		0x10u
#define IA32_TSC	0x10u
#define SYSENTER_ESP	0x175u
#define SYSENTER_EIP	0x176u
#define GP_FAULT	13u
#define TOKEN		0x9000u
#define HANDED		0x9004u
#define ROUNDS		20u
#define STACK_SIZE	(16 * PAGE)

/* ---- MSRs ---- */

static bool msr(struct vm *m, unsigned long request, u32 index, u64 *value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} one = { .head.nmsrs = 1, .entry = { .index = index, .data = *value } };
	long done = cpu_ioctl(m, 0, request, &one);

	*value = one.entry.data;
	return done == 1;
}

static bool set_msr(struct vm *m, u32 index, u64 value)
{
	return msr(m, KVM_SET_MSRS, index, &value);
}

GUEST(16, msrs_code,
	"mov $0x176, %ecx; rdmsr; out %eax, $0x10; mov $0x175, %ecx; mov $0xabcdef, %eax; xor %edx, %edx; wrmsr\n"
	"mov $0xdeadbeef, %ecx; rdmsr; hlt");
GUEST(16, gp_handler, "push %bp; mov %sp, %bp; addw $2, 2(%bp); pop %bp; mov $13, %al; out %al, $0x10; iret");

bool check_msrs(struct vm *m)
{
	u32 value;
	u64 esp = 0;

	guest_code(m, CODE, msrs_code);
	guest_code(m, HANDLER, gp_handler);
	vm_vector(m, GP_FAULT, HANDLER);
	return set_msr(m, SYSENTER_EIP, 0x12345678) && cpu_outs(m, 0, PORT, &value) && value == 0x12345678
		&& cpu_outs(m, 0, PORT, &value) && value == GP_FAULT && cpu_exits(m, 0, KVM_EXIT_HLT)
		&& msr(m, KVM_GET_MSRS, SYSENTER_ESP, &esp) && esp == 0xabcdef;
}

GUEST(16, tsc_code, "1: rdtsc; mov %edx, %ebx; out %eax, $0x10; mov %ebx, %eax; out %eax, $0x10; jmp 1b");

static bool guest_tsc(struct vm *m, u64 *tsc)
{
	u32 low, high;

	if (!cpu_outs(m, 0, PORT, &low) || !cpu_outs(m, 0, PORT, &high))
		return false;
	*tsc = (u64)high << 32 | low;
	return true;
}

bool check_tsc(struct vm *m)
{
	const u64 start = 1ull << 40, soon = 1ull << 32;
	u64 before = start, now;

	guest_code(m, CODE, tsc_code);
	if (!set_msr(m, IA32_TSC, start))
		return false;
	for (unsigned i = 0; i < 10; i++) {
		if (!guest_tsc(m, &now) || now <= before || now > start + soon)
			return false;
		before = now;
	}
	return true;
}

/* ---- several CPUs, several threads ---- */

GUEST(16, add_code, "1: add %ebx, %eax; out %eax, $0x10; jmp 1b");

static bool count_by(struct vm *m, unsigned n, u32 step)
{
	struct kvm_regs regs;

	if (!cpu_regs(m, n, &regs))
		return false;
	regs.rbx = step;
	regs.rax = 0;
	return cpu_set_regs(m, n, &regs);
}

bool check_alternate(struct vm *m)
{
	u32 value;

	guest_code(m, CODE, add_code);
	if (!vm_add_cpu(m, 1) || !count_by(m, 0, 1) || !count_by(m, 1, 3))
		return false;
	for (u32 i = 1; i <= 100; i++)
		if (!cpu_outs(m, 0, PORT, &value) || value != i || !cpu_outs(m, 1, PORT, &value) || value != 3 * i)
			return false;
	return true;
}

/* Where there is but one CPU, its thread stays. */
bool check_migrate(struct vm *m)
{
	u32 value;

	guest_code(m, CODE, add_code);
	if (!count_by(m, 0, 1))
		return false;
	for (u32 i = 1; i <= 100; i++) {
		run_on(i / 5 % 2);
		if (!cpu_outs(m, 0, PORT, &value) || value != i)
			return false;
	}
	return run_on(0);
}

/* CPU BX waits until the token is its own, counts, and hands it to the other one, CX times. Interrupts are on. */
GUEST(16, token_code,
	"xor %ax, %ax; mov %ax, %ds; sti\n"
	"1: pause; cmp %bx, 0x9000; jne 1b; incw 0x9004; mov $1, %ax; sub %bx, %ax; mov %ax, 0x9000; loop 1b; hlt");

struct runner {
	struct vm *m;
	bool halted;
};

static void run_second(void *argument)
{
	struct runner *r = argument;

	r->halted = cpu_exits(r->m, 1, KVM_EXIT_HLT);
}

static bool ready(struct vm *m, unsigned n)
{
	struct kvm_regs regs = { .rip = CODE, .rsp = STACK - n * PAGE, .rflags = 2, .rbx = n, .rcx = ROUNDS };

	return cpu_set_regs(m, n, &regs);
}

bool check_threads(struct vm *m)
{
	static volatile u32 running;
	static struct runner second;
	u8 *stack = map(STACK_SIZE, -1);
	bool halted;

	guest_code(m, CODE, token_code);
	second.m = m;
	if (!stack || !vm_add_cpu(m, 1) || !ready(m, 0) || !ready(m, 1)
	    || !thread_start(run_second, &second, stack + STACK_SIZE, &running))
		return false;
	halted = cpu_exits(m, 0, KVM_EXIT_HLT);
	while (running)
		sys(NR_SCHED_YIELD);
	return halted && second.halted && *(volatile u16 *)(m->memory + HANDED) == 2 * ROUNDS;
}
