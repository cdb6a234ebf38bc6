/* SPDX-License-Identifier: BSD-2-Clause */
/* Hardware task switches: JMP, CALL, IRET, task gates with and without error code, 16-bit and V86 tasks, faults. */
#include "guest.h"

#define SEL_A		SEL_FREE
#define SEL_16		(SEL_FREE + 8)
#define SEL_V86		(SEL_FREE + 16)
#define SEL_BAD		(SEL_FREE + 24)
#define ACCESS_TSS32	0x89
#define ACCESS_TSS16	0x81
#define ACCESS_BUSY	0x02
#define ACCESS_PRESENT	0x80
#define GATE_TASK	0x85
#define GATE_INTERRUPT	0x8e
#define VECTOR		0x60
#define LIMIT_32	103
#define LIMIT_16	43
#define WINDOW		0x10000000u
#define ALIAS		0x400000u
#define LARGE_RW	0x87u
#define V86_CODE	0x5000u
#define LOW_STACK	0x5f00
#define DR6_BT		BIT(15)

struct tss16 {
	u16 link, sp0, ss0, sp1, ss1, sp2, ss2, ip, flags, ax, cx, dx, bx, sp, bp, si, di, es, cs, ss, ds, ldt;
} __attribute__((packed));
_Static_assert(sizeof(struct tss16) == 44, "SDM figure 8-10");

extern const u8 task_by_jmp[], task_by_iret[], task_with_error[], task_in_16[];
void task_body(void);

static struct tss task_a, task_v86;
static struct tss16 task_16;
static u32 stack_a[512], stack_0[512];
volatile u32 seen_eax, seen_error, seen_esp;
static volatile u32 runs, seen_tr, seen_flags, seen_link, seen_cr0, seen_window;

static volatile u32 advance_by;

/* The two ways a task ends; each goes on behind its end when the task is entered again. */
__asm__(".text\n"
	"task_by_jmp: mov %eax, seen_eax; mov %esp, seen_esp; call task_body; ljmp $0x40, $0; jmp task_by_jmp\n"
	"task_by_iret: mov %eax, seen_eax; mov %esp, seen_esp; call task_body; iret; jmp task_by_iret\n"
	"task_with_error: pop seen_error; mov %esp, seen_esp; call task_body; iret; jmp task_with_error\n"
	"task_in_16: movzwl %sp, %esp; jmp task_by_iret");	/* the upper half is undefined there */
_Static_assert(SEL_TSS == 0x40, "task_by_jmp writes it out");

void task_body(void)
{
	u16 tr;

	__asm__ volatile("str %0" : "=r"(tr));
	__asm__ volatile("pushf; pop %0" : "=r"(seen_flags));
	seen_tr = tr;
	seen_link = task_a.link;
	seen_cr0 = READ_CR(0);
	if (seen_cr0 & CR0_PG)
		seen_window = *(volatile u32 *)WINDOW;
	if (advance_by)
		main_tss->eip += advance_by;
	__asm__ volatile("clts");
	runs++;
}

static u8 access_of(u32 selector) { return gdt[selector + 5]; }

static void prepare(const u8 *entry)
{
	memset(&task_a, 0, sizeof(task_a));
	task_a = (struct tss){
		.eip = (u32)entry, .esp = (u32)(stack_a + ARRAY_SIZE(stack_a)), .eflags = 2, .eax = 0xa5a51234,
		.es = SEL_DATA32, .cs = SEL_CODE32, .ss = SEL_DATA32, .ds = SEL_DATA32, .fs = SEL_DATA32, .gs = SEL_CPU0,
		.cr3 = READ_CR(3), .io_map = sizeof(struct tss),
		.ss0 = SEL_DATA32, .esp0 = (u32)(stack_0 + ARRAY_SIZE(stack_0)),
	};
	main_tss->cr3 = READ_CR(3);
	descriptor_set(SEL_A, (u32)&task_a, LIMIT_32, ACCESS_TSS32, 0);
	seen_eax = seen_tr = 0;
	advance_by = 0;
}

#define FAR(op, selector) ({									\
	static struct { u32 offset; u16 sel; } __attribute__((packed)) far_;			\
	far_.sel = (u16)(selector);								\
	TRY(op " *%0", : : "m"(far_) : "memory", "eax", "ecx", "edx"); })

static u32 keeps_registers(u32 selector)
{
	u32 b = 0xb1b1b1b1, s = 0x51515151, d = 0xd1d1d1d1;
	struct { u32 offset; u16 sel; } __attribute__((packed)) far = { 0, (u16)selector };

	__asm__ volatile("ljmp *%3" : "+b"(b), "+S"(s), "+D"(d) : "m"(far) : "memory", "eax", "ecx", "edx");
	return b == 0xb1b1b1b1 && s == 0x51515151 && d == 0xd1d1d1d1;
}

static void jmp(void)
{
	prepare(task_by_jmp);
	for (u32 i = 1; i <= 3; i++) {
		u32 before = runs;

		expect(keeps_registers(SEL_A), "registers changed");
		expect(runs == before + 1 && seen_tr == SEL_A, "%u runs, TR %x", runs - before, seen_tr);
		expect(!(seen_flags & EFLAGS_NT) && seen_cr0 & CR0_TS, "flags %x cr0 %x", seen_flags, seen_cr0);
		expect(access_of(SEL_A) == ACCESS_TSS32 && access_of(SEL_TSS) == (ACCESS_TSS32 | ACCESS_BUSY), "%x %x",
		       access_of(SEL_A), access_of(SEL_TSS));
		expect(READ_CR(0) & CR0_TS, "TS isn't set on return");
		__asm__ volatile("clts");
	}
	expect(seen_esp == (u32)(stack_a + ARRAY_SIZE(stack_a)), "esp %x", seen_esp);
	kept("jmp", "JMP to a 32-bit TSS and back: registers, busy bits, TR, CR0.TS");
}

static void call(void)
{
	prepare(task_by_iret);
	for (u32 i = 0; i < 3; i++) {
		u32 trap = FAR("lcall", SEL_A);

		expect(trap == NO_TRAP && seen_tr == SEL_A && seen_flags & EFLAGS_NT && seen_link == SEL_TSS,
		       "trap %u TR %x flags %x link %x", trap, seen_tr, seen_flags, seen_link);
		expect(access_of(SEL_A) == ACCESS_TSS32 && access_of(SEL_TSS) == (ACCESS_TSS32 | ACCESS_BUSY), "%x %x",
		       access_of(SEL_A), access_of(SEL_TSS));
	}
	expect(seen_eax != 0, "eax %x", seen_eax);
	kept("call", "CALL to a TSS and IRET from it: link, NT, busy bits");
}

static void gates(void)
{
	u32 before = runs;

	prepare(task_by_iret);
	gate_set(VECTOR, SEL_A, 0, GATE_TASK);
	__asm__ volatile("int %0" : : "i"(VECTOR) : "memory", "eax", "ecx", "edx");
	__asm__ volatile("int %0" : : "i"(VECTOR) : "memory", "eax", "ecx", "edx");
	expect(runs == before + 2 && seen_flags & EFLAGS_NT, "%u runs, flags %x", runs - before, seen_flags);
	kept("gate_int", "INT n through a task gate");

	prepare(task_by_iret);
	gate_set(UD_TRAP, SEL_A, 0, GATE_TASK);
	advance_by = 2;
	before = runs;
	__asm__ volatile("ud2; ud2" : : : "memory", "eax", "ecx", "edx");
	expect(runs == before + 2 && seen_esp == (u32)(stack_a + ARRAY_SIZE(stack_a)), "%u runs, esp %x", runs - before, seen_esp);
	kept("gate_fault", "an exception without error code through a task gate");

	prepare(task_with_error);
	gate_set(GP_TRAP, SEL_A, 0, GATE_TASK);
	advance_by = 2;
	before = runs;
	seen_error = 0xffff;
	__asm__ volatile("mov %0, %%fs" : : "a"(0x3f8) : "memory", "ecx", "edx");
	expect(runs == before + 1 && seen_error == 0x3f8, "%u runs, error %x", runs - before, seen_error);
	__asm__ volatile("mov %0, %%fs" : : "a"(0x3e8) : "memory", "ecx", "edx");
	expect(runs == before + 2 && seen_error == 0x3e8, "%u runs, error %x", runs - before, seen_error);
	kept("gate_error", "an exception with error code through a task gate: the code is on the task's stack");

	prepare(task_with_error);
	gate_set(DF_TRAP, SEL_A, 0, GATE_TASK);
	gate_set(GP_TRAP, 0, 0, 0);
	advance_by = 2;
	before = runs;
	seen_error = 0xffff;
	__asm__ volatile("mov %0, %%fs" : : "a"(0x3f8) : "memory", "ecx", "edx");
	expect(runs == before + 1 && seen_error == 0, "%u runs, error %x", runs - before, seen_error);
	kept("gate_df", "a double fault through a task gate");
	tables_init();
}

static void sixteen(void)
{
	u32 trap, before = runs;

	expect((u32)task_in_16 < 0x10000, "the guest lies too high");
	task_16 = (struct tss16){
		.ip = (u16)(u32)task_in_16, .flags = 2, .ax = 0x4321, .sp = LOW_STACK,
		.es = SEL_DATA32, .cs = SEL_CODE32, .ss = SEL_DATA32, .ds = SEL_DATA32,
	};
	prepare(task_by_iret);
	descriptor_set(SEL_16, (u32)&task_16, LIMIT_16, ACCESS_TSS16, 0);
	trap = FAR("lcall", SEL_16);
	expect(trap == NO_TRAP && runs == before + 1 && seen_tr == SEL_16 && (u16)seen_eax == 0x4321, "trap %u, %u runs, TR %x, eax %x",
	       trap, runs - before, seen_tr, seen_eax);
	expect(task_16.link == SEL_TSS, "link %x", task_16.link);
	__asm__ volatile("mov %0, %%gs; mov %1, %%fs" : : "r"(SEL_CPU0), "r"(SEL_DATA32));
	kept("tss16", "CALL to a 16-bit TSS and IRET from it");
}

/* In the V86 task's ring 0: back to main for good. */
static volatile u32 v86_seen;

static void v86_ends(struct frame *f)
{
	v86_seen = f->eflags & EFLAGS_VM && f->eip == V86_CODE + 3 && (u16)f->eax == 0x1234 && f->v_ds == 0x77 ? 1 : f->eip;
	handlers[GP_TRAP] = NULL;
	__asm__ volatile("ljmp %0, $0" : : "i"(SEL_TSS) : "memory");
}

static void v86(void)
{
	static const u8 code[] = { 0xb8, 0x34, 0x12, 0xf4 };	/* mov $0x1234, %ax; hlt */

	memcpy((void *)V86_CODE, code, sizeof(code));
	task_v86 = (struct tss){
		.eip = 0, .cs = V86_CODE >> 4, .esp = LOW_STACK, .ss = 0, .ds = 0x77, .es = 0x88, .eflags = EFLAGS_VM | 2,
		.cr3 = READ_CR(3), .ss0 = SEL_DATA32, .esp0 = (u32)(stack_0 + ARRAY_SIZE(stack_0)), .io_map = sizeof(struct tss),
	};
	task_v86.cs = 0;
	task_v86.eip = V86_CODE;
	descriptor_set(SEL_V86, (u32)&task_v86, LIMIT_32, ACCESS_TSS32, 0);
	handlers[GP_TRAP] = v86_ends;
	v86_seen = 0;
	expect(keeps_registers(SEL_V86), "registers changed");
	expect(v86_seen == 1, "seen %x", v86_seen);
	kept("v86", "JMP to a TSS of a V86 task");
}

static void faults(void)
{
	u32 trap;

	prepare(task_by_jmp);
	descriptor_set(SEL_BAD, (u32)&task_a, LIMIT_32, ACCESS_TSS32 | ACCESS_BUSY, 0);
	trap = FAR("ljmp", SEL_BAD);
	expect(trap == GP_TRAP && this_cpu()->error == SEL_BAD, "busy: trap %u(%x)", trap, this_cpu()->error);
	descriptor_set(SEL_BAD, (u32)&task_a, LIMIT_32, ACCESS_TSS32 & ~ACCESS_PRESENT, 0);
	trap = FAR("ljmp", SEL_BAD);
	expect(trap == NP_TRAP && this_cpu()->error == SEL_BAD, "not present: trap %u(%x)", trap, this_cpu()->error);
	descriptor_set(SEL_BAD, (u32)&task_a, LIMIT_32 - 1, ACCESS_TSS32, 0);
	trap = FAR("ljmp", SEL_BAD);
	expect(trap == TS_TRAP && this_cpu()->error == SEL_BAD, "short: trap %u(%x)", trap, this_cpu()->error);
	expect(access_of(SEL_TSS) == (ACCESS_TSS32 | ACCESS_BUSY), "main: %x", access_of(SEL_TSS));
	main_tss->link = SEL_DATA32;
	trap = TRY("pushf; orl $0x4000, (%%esp); popf; iret", : : : "memory");
	expect(trap == TS_TRAP && this_cpu()->error == SEL_DATA32, "link: trap %u(%x)", trap, this_cpu()->error);
	__asm__ volatile("pushf; andl $0xffffbfff, (%esp); popf");
	kept("faults", "busy, absent, short TSSs and a bad link fault as on a CPU, before the switch");
}

/* A debug trap in the new task (its T bit): #DB before its first instruction. */
static volatile u32 debug_eip, debug_dr6;

static void debug(struct frame *f)
{
	debug_eip = f->eip;
	debug_dr6 = READ_DR(6);
}

static void trap_bit(void)
{
	prepare(task_by_jmp);
	task_a.trap = 1;
	handlers[DB_TRAP] = debug;
	debug_eip = 0;
	expect(keeps_registers(SEL_A), "registers changed");
	handlers[DB_TRAP] = NULL;
	expect(debug_eip == (u32)task_by_jmp && debug_dr6 & DR6_BT, "#DB at %x, DR6 %x", debug_eip, debug_dr6);
	__asm__ volatile("mov %0, %%dr6" : : "r"(0xffff0ff0));
	kept("trap_bit", "the T bit of a TSS is a #DB before the task's first instruction");
}

static void address_spaces(void)
{
	static __attribute__((aligned(4096))) u32 other32[1024];
	static __attribute__((aligned(4096))) u64 other_directory[512];
	static __attribute__((aligned(32))) u64 other_pdpt[4];

	*(volatile u32 *)ALIAS = 0xa11a5000;
	*(volatile u32 *)(ALIAS * 2) = 0x22222222;
	memcpy(other32, directory32, sizeof(other32));
	other32[WINDOW >> 22] = ALIAS | LARGE_RW;
	directory32[WINDOW >> 22] = (ALIAS * 2) | LARGE_RW;
	paging_32();
	expect(*(volatile u32 *)WINDOW == 0x22222222, "window %x before", *(volatile u32 *)WINDOW);
	prepare(task_by_jmp);
	task_a.cr3 = (u32)other32;
	expect(keeps_registers(SEL_A), "registers changed");
	expect(seen_window == 0xa11a5000 && *(volatile u32 *)WINDOW == 0x22222222, "%x there, %x here", seen_window, *(volatile u32 *)WINDOW);
	paging_off();
	kept("cr3", "a task has its own address space under 32-bit paging");

	memcpy(other_directory, page_directory[0], sizeof(other_directory));
	other_directory[WINDOW >> 21] = ALIAS | LARGE_RW;
	page_directory[0][WINDOW >> 21] = (ALIAS * 2) | LARGE_RW;
	paging_pae();
	memcpy(other_pdpt, (void *)(READ_CR(3) & ~31u), sizeof(other_pdpt));
	other_pdpt[0] = (u32)other_directory | 1;
	prepare(task_by_jmp);
	task_a.cr3 = (u32)other_pdpt;
	expect(keeps_registers(SEL_A), "registers changed");
	expect(seen_window == 0xa11a5000 && *(volatile u32 *)WINDOW == 0x22222222, "%x there, %x here", seen_window, *(volatile u32 *)WINDOW);
	paging_off();
	kept("cr3_pae", "a task has its own address space under PAE paging");
}

void guest_main(void)
{
	jmp();
	call();
	gates();
	faults();
	trap_bit();
	address_spaces();
	v86();
	sixteen();
}
