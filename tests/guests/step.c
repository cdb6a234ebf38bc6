/* SPDX-License-Identifier: BSD-2-Clause */
/* Single steps, breakpoints and interrupt shadows over instructions that a hypervisor emulates. */
#include "guest.h"

#define DR6_BS		BIT(14)
#define DR6_CLEAR	0xffff0ff0u
#define DR7_LOCAL(n)	BIT(2 * (n))
#define STEPS_MAX	8
#define VECTOR		0x40
#define MSR_DEF_TYPE	0x2ff

static struct { u32 eip, dr6; } steps[STEPS_MAX];
static volatile u32 count, stop_after;

static void step(struct frame *f)
{
	if (count < STEPS_MAX) {
		steps[count].eip = f->eip;
		steps[count].dr6 = READ_DR(6);
	}
	count++;
	__asm__ volatile("mov %0, %%dr6" : : "r"(DR6_CLEAR));
	if (!(f->eflags & EFLAGS_TF))
		f->eflags |= EFLAGS_RF;		/* a breakpoint: past it */
	if (count >= stop_after)
		f->eflags &= ~EFLAGS_TF;
}

/* Runs the instruction with TF set: one #DB after it and one after the NOP behind it. */
#define STEP(what, insn, ...) do {								\
	u32 after_;										\
												\
	count = 0;										\
	stop_after = 2;										\
	__asm__ volatile("push %%ebx; pushf; orl $0x100, (%%esp); popf\n\t" insn		\
			 "\n1:\tnop\n\tnop\n\tmov $1b, %0; pop %%ebx" : "=&S"(after_) __VA_ARGS__);	\
	expect(count == 2 && steps[0].eip == after_ && steps[1].eip == after_ + 1 &&		\
	       steps[0].dr6 & DR6_BS, "%s: %u #DBs, the first at %x with DR6 %x, wanted %x", what, count,	\
	       steps[0].eip, steps[0].dr6, after_);						\
} while (0)

static void single_steps(void)
{
	u32 cr0 = READ_CR(0);
	u64 def = rdmsr(MSR_DEF_TYPE), efer = rdmsr(MSR_EFER);

	STEP("nop", "nop", : : "memory");
	STEP("CPUID", "cpuid", : "a"(0) : "ecx", "edx", "memory");
	STEP("RDMSR of ours", "rdmsr", : "c"(MSR_DEF_TYPE) : "eax", "edx", "memory");
	STEP("WRMSR of ours", "wrmsr", : "c"(MSR_DEF_TYPE), "a"((u32)def), "d"((u32)(def >> 32)) : "memory");
	STEP("RDMSR", "rdmsr", : "c"(MSR_EFER) : "eax", "edx", "memory");
	STEP("WRMSR", "wrmsr", : "c"(MSR_EFER), "a"((u32)efer), "d"((u32)(efer >> 32)) : "memory");
	STEP("MOV CR0 with CD", "mov %1, %%cr0", : "r"(cr0 | CR0_CD) : "memory");
	STEP("MOV CR0 without CD", "mov %1, %%cr0", : "r"(cr0) : "memory");
	STEP("MOV CR0 with TS", "mov %1, %%cr0", : "r"(cr0 | CR0_TS) : "memory");
	STEP("CLTS", "clts", : : "memory");
	__asm__ volatile("wbinvd");
	STEP("INVD", "invd", : : "memory");
	STEP("OUT", "out %%al, $0x80", : : "memory");
}

static void more_single_steps(void)
{
	if (!(cpuid(1, 0).ecx & BIT(26)))
		return;
	WRITE_CR(4, READ_CR(4) | CR4_OSXSAVE);
	STEP("XSETBV", "xsetbv", : "c"(0), "a"(1), "d"(0) : "memory");
	WRITE_CR(4, READ_CR(4) & ~CR4_OSXSAVE);
}

/* The oracle's answers to what the SDM leaves open are facts. */
static void shadows(void)
{
	u32 after;

	count = 0;
	stop_after = 1;
	__asm__ volatile("push %%ebx; mov %%ss, %%ecx; pushf; orl $0x100, (%%esp); popf\n\t"
			 "mov %%ecx, %%ss; cpuid\n1:\tnop\n\tmov $1b, %0; pop %%ebx"
			 : "=&S"(after) : : "eax", "ecx", "edx", "memory");
	expect(steps[0].eip == after && count == 1, "%u #DBs, the first at %x, wanted %x", count, steps[0].eip, after);
	kept("step_mov_ss", "MOV SS then CPUID under TF: the first #DB comes after CPUID");
}

/* Instruction breakpoints on an emulated instruction and on the one behind it: each hits once. */
static void breakpoints(void)
{
	u32 first, second;

	count = 0;
	stop_after = ~0u;
	__asm__ volatile("push %%ebx\n\tmov $1f, %0; mov %0, %%dr0; mov $2f, %1; mov %1, %%dr1; mov %2, %%dr7; xor %%eax, %%eax\n"
			 "1:\tcpuid\n2:\tnop\n\txor %%eax, %%eax; mov %%eax, %%dr7; pop %%ebx"
			 : "=&S"(first), "=&D"(second) : "a"(DR7_LOCAL(0) | DR7_LOCAL(1)) : "ecx", "edx", "memory");
	expect(count == 2 && steps[0].eip == first && steps[1].eip == second, "%u hits, at %x and %x, wanted %x and %x",
	       count, steps[0].eip, steps[1].eip, first, second);
	kept("breakpoints", "breakpoints on CPUID and on the instruction behind it hit once each");
}

static volatile u32 interrupts, interrupted_at;

static void interrupt(struct frame *f)
{
	interrupts++;
	interrupted_at = f->eip;
	apic_write(APIC_EOI, 0);
}

static void send_self(void)
{
	interrupts = 0;
	interrupted_at = 0;
	ipi(0, ICR_FIXED | ICR_SELF | VECTOR);
}

static void blocking(void)
{
	u32 after;

	apic_enable();
	handlers[VECTOR] = interrupt;
	send_self();
	__asm__ volatile("push %%ebx; sti; cpuid\n1:\tnop; nop; cli; mov $1b, %0; pop %%ebx" : "=&S"(after) : : "eax", "ecx", "edx", "memory");
	expect(interrupts == 1 && interrupted_at == after, "%u interrupts, at %x, wanted %x", interrupts, interrupted_at, after);
	kept("sti_cpuid", "STI then CPUID: the interrupt comes right after CPUID");
	send_self();
	__asm__ volatile("push %%ebx; sti; nop\n1:\tcpuid; nop; cli; mov $1b, %0; pop %%ebx" : "=&S"(after) : : "eax", "ecx", "edx", "memory");
	expect(interrupts == 1 && interrupted_at == after, "%u interrupts, at %x, wanted %x", interrupts, interrupted_at, after);
	kept("sti_nop", "STI, NOP, CPUID: the interrupt comes before CPUID");
	send_self();
	__asm__ volatile("push %%ebx; mov %%ss, %%ecx; sti; mov %%ecx, %%ss; cpuid\n1:\tnop; nop; cli; mov $1b, %0; pop %%ebx"
			 : "=&S"(after) : : "eax", "ecx", "edx", "memory");
	expect(interrupts == 1, "%u interrupts", interrupts);
	fact("sti_mov_ss_cpuid at %d", interrupted_at == after ? 1 : 0);
	kept("mov_ss_cpuid", "STI, MOV SS, CPUID: one interrupt");
	send_self();
	__asm__ volatile("sti; hlt; cli" : : : "memory");
	expect(interrupts == 1, "%u interrupts", interrupts);
	kept("sti_hlt", "STI then HLT with an interrupt pending: it wakes");
	send_self();
	__asm__ volatile("push %%ebx; cpuid; cpuid; cpuid; pop %%ebx" : : : "eax", "ecx", "edx", "memory");
	expect(interrupts == 0, "%u interrupts with IF=0", interrupts);
	__asm__ volatile("sti; nop; nop; cli");
	expect(interrupts == 1, "%u interrupts", interrupts);
	kept("if_off", "an interrupt waits over exits while IF is 0");
}

void guest_main(void)
{
	handlers[DB_TRAP] = step;
	single_steps();
	more_single_steps();
	kept("step", "a single step over an emulated instruction is one #DB, right behind it");
	shadows();
	breakpoints();
	blocking();
}
