/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks of kvm-smoke: paging, mode switches, exceptions. */
#include "smoke.h"

#define PORT		0x10u
#define FAULT_PORT	0x11u
#define PAGE_FAULT	14u
#define ROOT		0x20000u	/* page tables: the root, for 64-bit mode two more, and one of 4 KiB pages */
#define TABLE		0x23000u
#define WINDOW		0x400000u	/* the linear address that TABLE's first entry maps */
#define ONE		0x30000u
#define TWO		0x31000u
#define PRESENT_WRITE	3u
#define LARGE		0x80u

static void entry(struct vm *m, u32 at, u64 value, unsigned size)
{
	vm_copy(m, at, &value, size);
}

static void page_tables(struct vm *m, unsigned bits)
{
	unsigned size = bits / 8;

	if (bits == 64) {
		entry(m, ROOT, (ROOT + 0x1000) | PRESENT_WRITE, size);
		entry(m, ROOT + 0x1000, (ROOT + 0x2000) | PRESENT_WRITE, size);
		entry(m, ROOT + 0x2000, LARGE | PRESENT_WRITE, size);		/* 2 MiB, one to one */
		entry(m, ROOT + 0x2000 + 2 * size, TABLE | PRESENT_WRITE, size);
	} else {
		entry(m, ROOT, LARGE | PRESENT_WRITE, size);			/* 4 MiB, one to one */
		entry(m, ROOT + size, TABLE | PRESENT_WRITE, size);
	}
	entry(m, TABLE, ONE | PRESENT_WRITE, size);
	m->memory[ONE] = 0x11;
	m->memory[TWO] = 0x22;
}

/* Reads the window, moves it to the other page, takes it away; the handler tells the error code and brings it back. */
#define WINDOW_CODE(b)							\
	"mov $0x400000, %" b "bx; mov (%" b "bx), %al; out %al, $0x10\n"	\
	"movl $0x31003, 0x23000; invlpg (%" b "bx); mov (%" b "bx), %al; out %al, $0x10\n"	\
	"movl $0, 0x23000; invlpg (%" b "bx); movb $0x77, (%" b "bx); mov (%" b "bx), %al; out %al, $0x10; hlt"
#define WINDOW_HANDLER(b, iret)						\
	"pop %" b "ax; out %al, $0x11; mov %cr2, %" b "ax; shr $16, %eax; out %al, $0x11\n"	\
	"movl $0x30003, 0x23000; " iret
GUEST(32, window_code_32, WINDOW_CODE("e"));
GUEST(32, window_handler_32, WINDOW_HANDLER("e", "iret"));
#ifdef __x86_64__
GUEST(64, window_code_64, WINDOW_CODE("r"));
GUEST(64, window_handler_64, WINDOW_HANDLER("r", "iretq"));
#endif

static bool window(struct vm *m, unsigned bits)
{
	static const struct {
		u16 port;
		u8 value;
	} expected[] = {
		{ PORT, 0x11 }, { PORT, 0x22 },
		{ FAULT_PORT, 2 /* a write, not present */ }, { FAULT_PORT, WINDOW >> 16 }, { PORT, 0x77 },
	};
	u32 value;

	page_tables(m, bits);
	vm_gate(m, bits, PAGE_FAULT, HANDLER);
	if (!cpu_set_mode(m, 0, bits, ROOT))
		return false;
	for (size_t i = 0; i < COUNT(expected); i++)
		if (!cpu_outs(m, 0, expected[i].port, &value) || value != expected[i].value)
			return false;
	return cpu_exits(m, 0, KVM_EXIT_HLT) && m->memory[ONE] == 0x77;
}

bool check_paging(struct vm *m)
{
	guest_code(m, CODE, window_code_32);
	guest_code(m, HANDLER, window_handler_32);
	return window(m, 32);
}

#ifdef __x86_64__
bool check_long_mode(struct vm *m)
{
	guest_code(m, CODE, window_code_64);
	guest_code(m, HANDLER, window_handler_64);
	return window(m, 64);
}
#endif

/* ---- mode switches ---- */

GUEST(16, switch_code,
	"xor %ax, %ax; mov %ax, %ds; mov $0x10, %eax; mov %eax, %cr4; mov $100, %cx\n"
	"1: mov %cr0, %eax; or $1, %al; mov %eax, %cr0; ljmpl $8, $0x1000 + 2f - switch_code\n"
	".code32\n"
	"2: mov $0x10, %ax; mov %ax, %ds; mov $0x20000, %eax; mov %eax, %cr3\n"
	"mov %cr0, %eax; or $0x80000000, %eax; mov %eax, %cr0; jmp 3f\n"
	"3: incl 0x400000\n"
	"mov %cr0, %eax; and $0x7fffffff, %eax; mov %eax, %cr0; ljmp $0x18, $0x1000 + 4f - switch_code\n"
	".code16\n"
	"4: mov $0x20, %ax; mov %ax, %ds; mov %cr0, %eax; and $0xfe, %al; mov %eax, %cr0; ljmp $0, $0x1000 + 5f - switch_code\n"
	"5: xor %ax, %ax; mov %ax, %ds; loop 1b; hlt");

bool check_mode_switches(struct vm *m)
{
	guest_code(m, CODE, switch_code);
	page_tables(m, 32);
	m->memory[ONE] = 0;
	return vm_gdt(m, 0, 32) && cpu_exits(m, 0, KVM_EXIT_HLT) && m->memory[ONE] == 100;
}

/* ---- exceptions, in real mode ---- */

GUEST(16, shutdown_code,
	"xor %ax, %ax; mov %ax, %ds; lidtl 0x9000; int3; hlt");	/* a table of no entries */

bool check_triple_fault(struct vm *m)
{
	guest_code(m, CODE, shutdown_code);
	return cpu_exits(m, 0, KVM_EXIT_SHUTDOWN);
}

GUEST(16, faults_code, "xor %bx, %bx; div %bl; ud2; int3; int $0x30; hlt");
/* A fault returns to its instruction, of 2 bytes here: skip it. */
GUEST(16, divide_handler, "push %bp; mov %sp, %bp; addw $2, 2(%bp); pop %bp; mov $0, %al; out %al, $0x10; iret");
GUEST(16, undefined_handler, "push %bp; mov %sp, %bp; addw $2, 2(%bp); pop %bp; mov $6, %al; out %al, $0x10; iret");
GUEST(16, breakpoint_handler, "mov $3, %al; out %al, $0x10; iret");
GUEST(16, software_handler, "mov $0x30, %al; out %al, $0x10; iret");

bool check_exceptions(struct vm *m)
{
	static const u8 vectors[] = { 0, 6, 3, 0x30 };
	u32 value;

	guest_code(m, CODE, faults_code);
	guest_code(m, HANDLER, divide_handler);
	guest_code(m, HANDLER + 0x20, undefined_handler);
	guest_code(m, HANDLER + 0x40, breakpoint_handler);
	guest_code(m, HANDLER + 0x60, software_handler);
	for (unsigned i = 0; i < COUNT(vectors); i++)
		vm_vector(m, vectors[i], HANDLER + 0x20 * i);
	for (unsigned i = 0; i < COUNT(vectors); i++)
		if (!cpu_outs(m, 0, PORT, &value) || value != vectors[i])
			return false;
	return cpu_exits(m, 0, KVM_EXIT_HLT);
}
