/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions of L2 (SDM 26.2, 28.2.2): by the exception bitmap, what the exit says of each, and #PF by its error-code
 * mask and match in all combinations.
 */
#include "insns.h"

#define ABSENT		0x5000000u		/* 2 MiB each, of L2's tables */
#define READ_ONLY	0x5200000u
#define SUPERVISOR	0x5400000u
#define NO_EXECUTE	0x5600000u
#define DIRECTORIES	(L2_TABLES + 0x2000)
#define EFER_NXE	BIT(11)
#define LARGE		(PTE_P | BIT(7))

#define EXCEPTIONS(X) \
	X("xor %ecx, %ecx; div %ecx") X("pushf; orw $0x100, (%esp); popf; nop; nop") X(".byte 0xf1") X("int3") \
	X("int $3") X("int $1") X("int $0") X("int $13") X("int $14") X("ud2") X("int $0x30") X("mov %cr0, %eax; fnop") \
	X("fninit; fldz; fld1") X("mov $0x5f, %ecx; mov %ecx, %ds") X("mov $0x1234, %ecx; mov %ecx, %es") \
	X("mov $0x3, %ecx; mov %ecx, %ss") X("mov $0x5000000, %ecx; mov (%ecx), %eax") X("mov $0x5000123, %ecx; mov %eax, (%ecx)") \
	X("mov $0x5200ffe, %ecx; mov %eax, (%ecx)") X("mov $0x5200ffc, %ecx; lock addl $1, (%ecx)") \
	X("mov $0x5000000, %ecx; jmp *%" "ecx") X("mov $0x5600000, %ecx; jmp *%" "ecx") X("mov %cr0, %eax; mov $0xffff, %ecx; rdmsr")
#define EXCEPTIONS_64(X) \
	X("xor %ecx, %ecx; div %ecx") X("pushf; orw $0x100, (%rsp); popf; nop; nop") X(".byte 0xf1") X("int3") \
	X("int $3") X("int $1") X("int $0") X("int $13") X("int $14") X("ud2") X("int $0x30") X("mov %cr0, %rax; fnop") \
	X("fninit; fldz; fld1") X("mov $0x5f, %ecx; mov %ecx, %ds") X("mov $0x1234, %ecx; mov %ecx, %es") \
	X("mov $0x3, %ecx; mov %ecx, %ss") X("mov $0x5000000, %ecx; mov (%ecx), %eax") X("mov $0x5000123, %ecx; mov %eax, (%ecx)") \
	X("mov $0x5200ffe, %ecx; mov %eax, (%ecx)") X("mov $0x5200ffc, %ecx; lock addl $1, (%ecx)") \
	X("mov $0x5000000, %ecx; jmp *%rcx") X("mov $0x5600000, %ecx; jmp *%rcx") X("mov %cr0, %rax; mov $0xffff, %ecx; rdmsr")
#define ONLY_32(X) \
	X("mov $0x7fffffff, %eax; add $1, %eax; into") X("into") X("bound %eax, (%ebx)") X("mov $0x58, %ecx; mov %ecx, %ds") \
	X("mov $0x58, %ecx; mov %ecx, %ss") X("ljmp $0x58, $0") X("push $0x58; popf; pop %ecx")
#define ONLY_64(X) \
	X("bts $63, %rcx; mov (%rcx), %eax") X("bts $50, %rsp; push %rax") X("bts $55, %rcx; jmp *%rcx") \
	X(".byte 0xce") X(".byte 0x62, 0x03")
INSNS(exceptions, EXCEPTIONS, EXCEPTIONS_64);
INSNS_OF(32, only_32, ONLY_32);
INSNS_OF(64, only_64, ONLY_64);

static struct l2 l2;
static u32 bitmap;

static volatile u64 *directory(u32 at) { return (volatile u64 *)(uptr)DIRECTORIES + (at >> 21); }

static void prepare(struct l2 *l)
{
	static const u64 absent_segment = 0x00cf13000000ffffull;

	*directory(ABSENT) = 0;
	*directory(READ_ONLY) = READ_ONLY | LARGE | PTE_U;
	*directory(SUPERVISOR) = SUPERVISOR | LARGE | PTE_W;
	*directory(NO_EXECUTE) = NO_EXECUTE | LARGE | PTE_W | PTE_U | (CAN_ENTRY(ENTRY_LOAD_EFER) ? 1ull << 63 : 0);
	memcpy((void *)(uptr)(L2_GDT + SEL_FREE), &absent_segment, sizeof(absent_segment));
	vmcs_on(GUEST_CR0, CR0_WP | CR0_TS);
	vmcs_on(ENTRY_CTRLS, ENTRY_LOAD_EFER);
	vmcs_on(GUEST_EFER, EFER_NXE);
	vmcs_set(EXCEPTION_BITMAP, bitmap);
	l->ax = 0xffffffff;
}

static void bitmaps(void)
{
	static const u32 all[] = { 0, ~0u, 0x55555555, 0x33333333, 0x0f0f0f0f, 0x00ff00ff, 0x0000ffff, 0xaaaaaaaa };
	static const char *const names[] = { "bitmap 0", "bitmap 1", "bitmap 55555555", "bitmap 33333333", "bitmap 0f0f0f0f",
					     "bitmap 00ff00ff", "bitmap 0000ffff", "bitmap aaaaaaaa" };

	for (u32 i = 0; i < ARRAY_SIZE(all); i++)
		for (u32 user = 0; user < 2; user++) {
			const struct insn_run how = { .mode = L2_NATIVE, .user = user, .what = { names[i] }, .prepare = prepare };

			bitmap = all[i];
			insns_run(&l2, &how, &exceptions);
			insns_run(&l2, &how, L1_IS_64 ? &only_64 : &only_32);
		}
}

/* ---- mask and match ---- */

L2_CODE(read_32, 32, "mov (%ebx), %eax; vmcall");
L2_CODE(write_32, 32, "mov %eax, (%ebx); vmcall");
L2_CODE(fetch_32, 32, "jmp *%ebx");
#ifdef __x86_64__
L2_CODE(fetch_64, 64, "jmp *%rbx");
#define FETCH fetch_64
#define FETCH_END fetch_64_end
#else
#define FETCH fetch_32
#define FETCH_END fetch_32_end
#endif

static const struct fault { const char *name; u32 at; bool user; const u8 *code, *end; } faults[] = {
	{ "read, absent", ABSENT, false, read_32, read_32_end }, { "write, absent", ABSENT, false, write_32, write_32_end },
	{ "write, read-only", READ_ONLY, false, write_32, write_32_end }, { "fetch, absent", ABSENT, false, FETCH, FETCH_END },
	{ "fetch, not executable", NO_EXECUTE, false, FETCH, FETCH_END },
	{ "user reads, absent", ABSENT, true, read_32, read_32_end }, { "user writes, absent", ABSENT, true, write_32, write_32_end },
	{ "user reads, supervisor's", SUPERVISOR, true, read_32, read_32_end },
	{ "user writes, supervisor's", SUPERVISOR, true, write_32, write_32_end },
	{ "user fetches, supervisor's", SUPERVISOR, true, FETCH, FETCH_END },
};
static const u32 codes[] = { 0, 1, 2, 3, 4, 5, 7, 0x10, 0x11, 0x15, 0x1f, 0x8000, ~0u };

/* A letter for each match: does this #PF exit? */
static void match(const struct fault *f, u32 bits, u32 mask)
{
	say("R #PF %s, bitmap %x, mask %x: ", f->name, bits, mask);
	for (u32 i = 0; i < ARRAY_SIZE(codes); i++) {
		vmcs_set(EXCEPTION_BITMAP, bits);
		vmcs_set(PF_ERROR_MASK, mask);
		vmcs_set(PF_ERROR_MATCH, codes[i]);
		vmcs_set(GUEST_RIP, L2_CODE_AT);
		vmcs_set(GUEST_RSP, L2_STACK - 0x800);
		vmcs_set(GUEST_RFLAGS, 2);
		if (f->user) {
			vmcs_set(SEG(AR, SEG_CS), (L1_IS_64 ? AR_CODE64 : AR_CODE32) | AR_DPL(3));
			vmcs_set(SEG(AR, SEG_SS), AR_DATA32 | AR_DPL(3));
			vmcs_set(SEG(LIMIT, SEG_SS), ~0u);
			l2_user(&l2);
		}
		l2.bx = f->at;
		(void)l2_run(&l2);
		say("%c", exit_reason() == EXIT_EXCEPTION ? 'x' : exit_reason() == EXIT_VMCALL ? '-' : '?');
	}
	say("\n");
}

static void page_faults(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(faults); i++) {
		l2_setup(&l2, L2_NATIVE, 0);
		l2_again(&l2);
		prepare(&l2);
		l2_code(&l2, faults[i].code, faults[i].end);
		for (u32 m = 0; m < ARRAY_SIZE(codes); m++) {
			match(&faults[i], BIT(PF_TRAP), codes[m]);
			match(&faults[i], 0, codes[m]);
		}
	}
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	bitmaps();
	page_faults();
	vmx_disable();
}
