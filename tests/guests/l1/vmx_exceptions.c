/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions that L2 raises, in each mode: with its bit of the exception bitmap an exit, without L2's own. For #DB each
 * cause, and what the qualification and DR6 say; single steps over instructions that the hypervisor below L1 executes.
 */
#include "l2.h"

#define FAR_AT		0x1c00000u		/* in no 2 MiB or 4 MiB page of L2's own; its tables lack it */
#define DR6_RESET	0xffff0ff0u
#define DR7_RESET	0x400u
#define DR7_EXECUTE	1u
#define DR7_WRITE	0xd0001u		/* 4 bytes */
#define DR7_PORT	0x20001u
#define DR7_GD		BIT(13)
#define CR4_DE		BIT(3)

/* The same text in each mode; those that a mode lacks are skipped or raise what they raise there. */
#define CODES(name, text)			\
	L2_CODE(name##_16, 16, text);		\
	L2_CODE(name##_32, 32, text);		\
	L2_CODE(name##_64, 64, text)
#define CODE(label, name) { label, { name##_16, name##_32, name##_64 }, { name##_16_end, name##_32_end, name##_64_end } }

CODES(divides, "xor %ecx, %ecx; div %cl; vmcall");
CODES(int1, ".byte 0xf1; vmcall");
CODES(int3, "int3; vmcall");
CODES(int_3, ".byte 0xcd, 3; vmcall");
CODES(into, "mov $0x7f, %al; add $1, %al; .byte 0xce; vmcall");
L2_CODE(bound_16, 16, "bound %ax, (%si); vmcall");
L2_CODE(bound_32, 32, "bound %eax, (%esi); vmcall");
L2_CODE(bound_64, 64, ".byte 0x62, 0x06; vmcall");
CODES(ud2, "ud2; vmcall");
CODES(fpu, "fldz; vmcall");
CODES(selector, "mov $0xfffc, %eax; mov %eax, %ds; vmcall");
CODES(absent, "mov $0x58, %eax; mov %eax, %ds; vmcall");
CODES(absent_ss, "mov $0x58, %eax; mov %eax, %ss; vmcall");
CODES(int_n, "int $0x81; vmcall");
CODES(halts, "hlt; vmcall");
L2_CODE(nested_32, 32, "iret; vmcall");
L2_CODE(nested_64, 64, "iretq; vmcall");
L2_CODE(reads_32, 32, "mov 0x1c00123, %eax; vmcall");
L2_CODE(reads_64, 64, "mov 0x1c00123, %eax; vmcall");
L2_CODE(writes_32, 32, "mov %eax, 0x1c00456; vmcall");
L2_CODE(writes_64, 64, "mov %eax, 0x1c00456; vmcall");
L2_CODE(fetches_32, 32, "mov $0x1c00789, %eax; jmp *%eax");
L2_CODE(fetches_64, 64, "mov $0x1c00789, %eax; jmp *%rax");
L2_CODE(pushes_32, 32, "mov $0x1c00800, %esp; push %eax; vmcall");
L2_CODE(pushes_64, 64, "mov $0x1c00800, %esp; push %rax; vmcall");
L2_CODE(high_32, 32, "mov 0xfffffff0, %eax; vmcall");
L2_CODE(high_64, 64, "mov $-1, %rax; shl $47, %rax; mov (%rax), %eax; vmcall");
L2_CODE(holes_32, 32, "nop; vmcall");
L2_CODE(holes_64, 64, "mov $1, %eax; shl $47, %rax; mov (%rax), %eax; vmcall");
L2_CODE(hole_stack_64, 64, "mov $1, %eax; shl $47, %rax; mov %rax, %rsp; push %rax; vmcall");

struct code { const char *name; const u8 *at[3], *end[3]; };
static const struct code codes[] = {
	CODE("DIV", divides), CODE("INT1", int1), CODE("INT3", int3), CODE("INT 3", int_3), CODE("INTO", into), CODE("BOUND", bound),
	CODE("UD2", ud2), CODE("FLDZ", fpu), CODE("selector beyond the GDT", selector), CODE("absent segment", absent),
	CODE("absent stack segment", absent_ss), CODE("INT n", int_n), CODE("HLT", halts),
	{ "IRET with NT", { NULL, nested_32, nested_64 }, { NULL, nested_32_end, nested_64_end } },
	{ "read", { NULL, reads_32, reads_64 }, { NULL, reads_32_end, reads_64_end } },
	{ "write", { NULL, writes_32, writes_64 }, { NULL, writes_32_end, writes_64_end } },
	{ "fetch", { NULL, fetches_32, fetches_64 }, { NULL, fetches_32_end, fetches_64_end } },
	{ "push", { NULL, pushes_32, pushes_64 }, { NULL, pushes_32_end, pushes_64_end } },
	{ "read of high memory", { NULL, high_32, high_64 }, { NULL, high_32_end, high_64_end } },
	{ "non-canonical read", { NULL, holes_32, holes_64 }, { NULL, holes_32_end, holes_64_end } },
	{ "non-canonical push", { NULL, holes_32, hole_stack_64 }, { NULL, holes_32_end, hole_stack_64_end } },
};

/* What #DB comes of: native mode. */
#ifdef __x86_64__
#define NATIVE(name, text) L2_CODE(name, 64, text)
#define AX "%rax"
#define SI "%rsi"
#else
#define NATIVE(name, text) L2_CODE(name, 32, text)
#define AX "%eax"
#define SI "%esi"
#endif
NATIVE(step_nop, "nop; nop; vmcall");
NATIVE(step_ss, "mov %eax, %ss; nop; nop; vmcall");
NATIVE(step_sti, "sti; nop; nop; vmcall");
NATIVE(step_pushf, "pushf; nop; vmcall");
NATIVE(step_int, "int $0x81; vmcall");
NATIVE(step_rdmsr, "rdmsr; nop; vmcall");
NATIVE(step_cr0, "mov " AX ", %cr0; nop; vmcall");
NATIVE(step_ss_rdmsr, "mov %eax, %ss; rdmsr; nop; vmcall");
NATIVE(step_write, "movl $1, (" SI "); nop; nop; vmcall");
NATIVE(step_ss_write, "mov %eax, %ss; movl $1, (" SI "); nop; nop; vmcall");
NATIVE(step_out, "out %al, $0x80; nop; nop; vmcall");
NATIVE(step_dr, "mov %dr6, " AX "; nop; vmcall");
NATIVE(step_cpuid, "cpuid; nop; vmcall");

static const struct debug { const char *name; const u8 *at, *end; u32 dr7; u64 dr0; bool steps; } debugs[] = {
	{ "step, NOP", step_nop, step_nop_end, 0, 0, true }, { "step, MOV SS", step_ss, step_ss_end, 0, 0, true },
	{ "step, STI", step_sti, step_sti_end, 0, 0, true }, { "step, PUSHF", step_pushf, step_pushf_end, 0, 0, true },
	{ "step, INT n", step_int, step_int_end, 0, 0, true }, { "step, RDMSR", step_rdmsr, step_rdmsr_end, 0, 0, true },
	{ "step, MOV CR0", step_cr0, step_cr0_end, 0, 0, true },
	{ "step, MOV SS, RDMSR", step_ss_rdmsr, step_ss_rdmsr_end, 0, 0, true },
	{ "step, CPUID", step_cpuid, step_cpuid_end, 0, 0, true },
	{ "step, data", step_write, step_write_end, DR7_WRITE, L2_DATA, true },
	{ "data", step_write, step_write_end, DR7_WRITE, L2_DATA, false },
	{ "data after MOV SS", step_ss_write, step_ss_write_end, DR7_WRITE, L2_DATA, false },
	{ "data, next", step_write, step_write_end, DR7_WRITE, L2_DATA + 4, false },
	{ "execution", step_nop, step_nop_end, DR7_EXECUTE, L2_CODE_AT + 1, false },
	{ "execution at entry", step_nop, step_nop_end, DR7_EXECUTE, L2_CODE_AT, false },
	{ "execution after MOV SS", step_ss, step_ss_end, DR7_EXECUTE, L2_CODE_AT + 2, false },
	{ "step, execution", step_nop, step_nop_end, DR7_EXECUTE, L2_CODE_AT + 1, true },
	{ "execution of RDMSR", step_rdmsr, step_rdmsr_end, DR7_EXECUTE, L2_CODE_AT, false },
	{ "execution behind RDMSR", step_rdmsr, step_rdmsr_end, DR7_EXECUTE, L2_CODE_AT + 2, false },
	{ "port", step_out, step_out_end, DR7_PORT, 0x80, false }, { "access to DR6", step_dr, step_dr_end, DR7_GD, 0, false },
	{ "nothing", step_nop, step_nop_end, 0, 0, false },
};

static struct l2 l2;
static u8 *msr_bitmap;

static u32 bits_of(enum l2_mode mode) { return mode <= L2_V86 ? 0 : mode == L2_LONG ? 2 : 1; }

static void run(const char *mode, const char *name, u32 exits)
{
	struct vmx_result r = l2_run(&l2);

	say("R %s, %s, exits %x: ", mode, name, exits);
	say_entry(r);
	say(" dr6 %x", (u32)READ_DR(6));
	if (r.kind == VMX_OK && exit_reason() == EXIT_EXCEPTION && (vmcs_get(EXIT_INTR_INFO) & 0xff) == PF_TRAP)
		say(" cr2 %llx", (u64)READ_CR(2));
	say("\n");
	__asm__ volatile("mov %0, %%dr6" : : "r"((uptr)DR6_RESET));
}

static void absent_tables(void)
{
	u64 *gdt_entry = (u64 *)(uptr)(L2_GDT + SEL_FREE);

	*(u64 *)(uptr)(L2_TABLES + 0x2000 + 8 * (FAR_AT >> 21)) = 0;
	*(u32 *)(uptr)(L2_TABLES + 0x6000 + 4 * (FAR_AT >> 22)) = 0;
	*gdt_entry = 0x00cf13000000ffffull;		/* data, not present */
}

static void all_codes(enum l2_mode mode)
{
	static const u32 bitmaps[] = { 0, ~0u };

	l2_setup(&l2, mode, 0);
	absent_tables();
	for (u32 c = 0; c < ARRAY_SIZE(codes); c++)
		for (u32 b = 0; b < ARRAY_SIZE(bitmaps); b++) {
			const u8 *code = codes[c].at[bits_of(mode)];

			if (!code || (mode == L2_FLAT && c >= ARRAY_SIZE(codes) - 7) || (mode == L2_REAL && code == halts_16))
				continue;
			if (code == halts_32 || code == halts_64 || (mode == L2_V86 && code == int_n_16 && !bitmaps[b]))
				continue;
			l2_reset(&l2);
			l2_code(&l2, code, codes[c].end[bits_of(mode)]);
			if (code == fpu_16 || code == fpu_32 || code == fpu_64)
				vmcs_on(GUEST_CR0, CR0_TS);
			if (code == nested_32 || code == nested_64)
				vmcs_on(GUEST_RFLAGS, EFLAGS_NT);
			vmcs_set(EXCEPTION_BITMAP, bitmaps[b]);
			l2.si = mode <= L2_V86 ? 0x100 : L2_DATA;
			l2.ax = 0x7777;
			*(volatile u32 *)(uptr)L2_DATA = *(volatile u32 *)(uptr)(L2_LOW_DATA + 0x100) = 0x00010001;
			run(l2_mode_names[mode], codes[c].name, bitmaps[b]);
		}
}

static void all_debugs(void)
{
	static const u32 bitmaps[] = { 0, BIT(DB_TRAP) };

	l2_setup(&l2, L2_NATIVE, 0);
	for (u32 d = 0; d < ARRAY_SIZE(debugs); d++)
		for (u32 b = 0; b < ARRAY_SIZE(bitmaps); b++) {
			l2_reset(&l2);
			l2_code(&l2, debugs[d].at, debugs[d].end);
			vmcs_on(PRIMARY_CTRLS, PRIMARY_MSR_BITMAPS);
			vmcs_set(MSR_BITMAP, physical(msr_bitmap));
			vmcs_on(ENTRY_CTRLS, ENTRY_LOAD_DEBUG);
			vmcs_on(GUEST_CR4, CR4_DE);
			vmcs_set(GUEST_DR7, DR7_RESET | debugs[d].dr7);
			__asm__ volatile("mov %0, %%dr0" : : "r"((uptr)debugs[d].dr0));
			if (debugs[d].steps)
				vmcs_on(GUEST_RFLAGS, EFLAGS_TF);
			vmcs_set(EXCEPTION_BITMAP, bitmaps[b]);
			l2.si = L2_DATA;
			l2.cx = MSR_APIC_BASE;	/* the hypervisor below L1 reads it for L2, and CD of CR0 is its own */
			l2.ax = debugs[d].at == step_cr0 ? (uptr)vmcs_get(GUEST_CR0) | CR0_CD : SEL_DATA32;
			run(l2_mode_names[L2_NATIVE], debugs[d].name, bitmaps[b]);
		}
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	msr_bitmap = page_take();
	vmx_enable();
	for (enum l2_mode mode = 0; mode < L2_MODES; mode++)
		if (l2_can(mode))
			all_codes(mode);
	all_debugs();
	vmx_disable();
}
