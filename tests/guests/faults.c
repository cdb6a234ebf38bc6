/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions of instructions that a hypervisor emulates: what they push in real and in protected mode. */
#include "guest.h"

#define REAL_VECTOR	0x60		/* free for users */
#define REAL_CODE	0x5000u
#define MSR_MTRRCAP	0xfe		/* read-only */
#define TSS16_LIMIT	43
#define TSS16		0x81		/* available */
#define TSS32		0x89

extern u8 real_code[], real_code_end[];

/* INT 60h in real mode: takes over INT 0Dh, raises #GP(0), tells in BX and CX what the handler found: bytes pushed, IP. */
__asm__(".pushsection .rodata\n"
	".code16\n"
	"real_code:\n"
	"	xor %ax, %ax\n"
	"	mov %ax, %ds\n"
	"	pushl 0xd * 4\n"
	"	movl $(0x5000 << 12 | (2f - real_code)), 0xd * 4\n"
	"	mov %sp, %bp\n"
	"	mov $0xfe, %ecx\n"
	"	xor %eax, %eax\n"
	"	xor %edx, %edx\n"
	"1:	wrmsr\n"
	"	xor %bx, %bx\n"			/* not reached */
	"	jmp 3f\n"
	"2:	mov %bp, %bx\n"
	"	sub %sp, %bx\n"
	"	mov %sp, %di\n"
	"	mov %ss:(%di), %cx\n"
	"	sub $(1b - real_code), %cx\n"
	"	mov %bp, %sp\n"
	"3:	popl 0xd * 4\n"
	"	iret\n"
	"real_code_end:\n"
	".code32\n"
	".popsection");

static void in_real_mode(void)
{
	struct bios_regs r = { .ebx = 0 };
	volatile u32 *ivt = (u32 *)0;
	u32 old = ivt[REAL_VECTOR];

	memcpy((void *)REAL_CODE, real_code, (u32)(real_code_end - real_code));
	ivt[REAL_VECTOR] = REAL_CODE << 12;
	bios(REAL_VECTOR, &r);
	ivt[REAL_VECTOR] = old;
	expect((r.ebx & 0xffff) == 6 && (r.ecx & 0xffff) == 0, "%u bytes, %x past the instruction", r.ebx & 0xffff, r.ecx & 0xffff);
	kept("real_mode", "WRMSR that faults in real mode pushes FLAGS, CS and IP, no error code");
}

static volatile u32 pushed;

static void remember_flags(struct frame *f)
{
	pushed = f->eflags;
	f->eip = this_cpu()->resume;
}

#define PUSHES_RF(what, vector, insn, eax) do {						\
	handlers[vector] = remember_flags;						\
	pushed = 0;									\
	(void)TRY(insn, : : "c"(MSR_MTRRCAP), "a"(eax), "d"(0) : "memory");	\
	handlers[vector] = NULL;							\
	expect(pushed & EFLAGS_RF, what ": flags %x", pushed);				\
} while (0)

static void resume_flag(void)
{
	PUSHES_RF("WRMSR", GP_TRAP, "wrmsr", 0);
	PUSHES_RF("VMCALL", UD_TRAP, "vmcall", 0);
	PUSHES_RF("MOV CR0", GP_TRAP, "mov %%eax, %%cr0", CR0_PE | CR0_NW);
	kept("resume_flag", "faults push EFLAGS with RF set");
}

static void load_task(u32 selector, u32 limit, u8 access)
{
	descriptor_set(selector, (u32)main_tss, limit, access, 0);
	__asm__ volatile("ltr %w0" : : "r"(selector));
}

/* Entering long mode with a 16-bit TSS is #GP(0) (SDM vol. 2, MOV to CR0): VM entry wouldn't take what it leads to. */
static void long_mode_from_tss16(void)
{
	u32 cr0 = READ_CR(0), cr4 = READ_CR(4);
	u64 efer = rdmsr(MSR_EFER);

	if (!has_long_mode())
		return;
	paging_init();
	load_task(SEL_FREE, TSS16_LIMIT, TSS16);
	WRITE_CR(4, cr4 | CR4_PAE);
	WRITE_CR(3, pml4);
	wrmsr(MSR_EFER, efer | EFER_LME);
	for (u32 cd = 0; cd <= CR0_CD; cd += CR0_CD) {
		expect(TRY("mov %0, %%cr0", : : "r"(cr0 | CR0_PG | cd) : "memory") == GP_TRAP, "no #GP with %x", cd);
		expect(READ_CR(0) == cr0 && rdmsr(MSR_EFER) == (efer | EFER_LME), "CR0 %x", READ_CR(0));
	}
	wrmsr(MSR_EFER, efer);
	WRITE_CR(4, cr4);
	load_task(SEL_TSS, sizeof(*main_tss) - 1, TSS32);
	kept("long_from_tss16", "long mode can't be entered from a 16-bit TSS");
}

void guest_main(void)
{
	in_real_mode();
	resume_flag();
	long_mode_from_tss16();
	done();
}
