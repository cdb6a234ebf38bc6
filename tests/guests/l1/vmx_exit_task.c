/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task switches of L2 (SDM 26.4.2, 28.2.1): by CALL, JMP, IRET and task gates in the IDT, the latter for every kind of
 * event; what the exit says, and which faults come before it.
 */
#include "insns.h"

#define TSS_AT		(L2_DATA + 0x2000)
#define SEL_TARGET	SEL_FREE		/* a TSS */
#define SEL_GATE	(SEL_FREE + 8)		/* a task gate that leads to it */
#define SEL_BAD_GATE	(SEL_FREE + 16)		/* one to a null selector */
#define SEL_DATA_AGAIN	(SEL_FREE + 24)		/* one to a data segment */
#define TASK_GATE	0x85u
#define VECTOR		0x30
#define FLAG_NT		BIT(14)

#define SWITCHES(X) \
	X("lcall $0x58, $0") X("ljmp $0x58, $0x1234") X("lcall $0x60, $0") X("ljmp $0x60, $0") X("lcall $0x68, $0") \
	X("ljmp $0x70, $0") X("lcall *(%ebx)") X("ljmp *%ds:0x40(%ebx)") X("pushf; orl $0x4000, (%esp); popf; iret") \
	X("pushf; orl $0x4000, (%esp); popf; iretw") \
	X("int $0x30") X("int3") X(".byte 0xf1") X("int $3") X("ud2") X("xor %ecx, %ecx; div %ecx") \
	X("mov $0x1234, %ecx; mov %ecx, %ds") X("mov $0x7fffffff, %eax; add $1, %eax; into") X("int $8") \
	X("pushf; orl $0x100, (%esp); popf; nop; nop")
INSNS_OF(32, switches, SWITCHES);
#define NOTHING_(X)	X("nop")
INSNS_OF(32, nothing, NOTHING_);

static const struct target { const char *name; u32 limit; u8 type; } targets[] = {
	{ "32-bit TSS", 0x67, 0x89 }, { "busy 32-bit TSS", 0x67, 0x8b }, { "16-bit TSS", 0x2b, 0x81 }, { "busy 16-bit TSS", 0x2b, 0x83 },
	{ "absent TSS", 0x67, 0x09 }, { "busy absent TSS", 0x67, 0x0b }, { "short TSS", 0x66, 0x89 }, { "busy short TSS", 0x66, 0x8b },
	{ "short 16-bit TSS", 0x2a, 0x81 }, { "TSS of DPL 3", 0x67, 0xe9 }, { "LDT", 0x67, 0x82 }, { "interrupt gate", 0, 0x8e },
};

static const struct injected { const char *name; u32 info, code, length; } injected[] = {
	{ "interrupt", EVENT(TYPE_EXTINT, VECTOR), 0, 0 }, { "NMI", EVENT(TYPE_NMI, 2), 0, 0 },
	{ "#UD", EVENT(TYPE_HARDWARE, UD_TRAP), 0, 0 }, { "#GP", EVENT(TYPE_HARDWARE, GP_TRAP) | EVENT_CODE, 0x1234, 0 },
	{ "#DF", EVENT(TYPE_HARDWARE, DF_TRAP) | EVENT_CODE, 0, 0 }, { "INT", EVENT(TYPE_SOFTWARE, VECTOR), 0, 2 },
	{ "INT1", EVENT(TYPE_PRIVILEGED, 1), 0, 1 }, { "INT3", EVENT(TYPE_SOFT_EXCEPTION, BP_TRAP), 0, 1 },
	{ "INTO", EVENT(TYPE_SOFT_EXCEPTION, OF_TRAP), 0, 3 },
};

static struct l2 l2;
static const struct target *target;
static const struct injected *injecting;
static u32 bitmap;

static void descriptor(u32 selector, u64 value) { *(volatile u64 *)(uptr)(L2_GDT + selector) = value; }
static u64 task_gate(u32 selector) { return (u64)selector << 16 | (u64)(TASK_GATE | 0x60) << 40; }

static void prepare(struct l2 *l)
{
	u64 *idt_at = (u64 *)(uptr)L2_IDT;
	volatile u32 *data = (volatile u32 *)(uptr)(L2_DATA + 0x10);

	descriptor(SEL_TARGET, target->limit | (u64)(TSS_AT & 0xffffff) << 16 | (u64)target->type << 40 | (u64)(TSS_AT >> 24) << 56);
	descriptor(SEL_GATE, task_gate(SEL_TARGET));
	descriptor(SEL_BAD_GATE, task_gate(0));
	descriptor(SEL_DATA_AGAIN, task_gate(SEL_DATA32));
	for (u32 i = 0; i < 256; i++)
		if (i != GP_TRAP || injecting)
			idt_at[i] = task_gate(SEL_TARGET);
	idt_at[NP_TRAP] = idt_at[NP_TRAP - 1] = idt_at[GP_TRAP - 1] =			/* #NP, #TS, #SS are handled */
		(L2_HANDLERS & 0xffff) | SEL_CODE32 << 16 | 0x8e0000000000ull | (u64)(L2_HANDLERS >> 16) << 48;
	((struct tss *)(uptr)L2_TSS)->link = SEL_TARGET;
	data[0] = 0x1111;			/* far pointers */
	data[1] = SEL_TARGET;
	data[16] = 0x2222;
	data[17] = SEL_GATE;
	vmcs_set(EXCEPTION_BITMAP, bitmap);
	if (!injecting)
		return;
	vmcs_set(ENTRY_INTR_INFO, injecting->info);
	vmcs_set(ENTRY_ERROR_CODE, injecting->code);
	vmcs_set(ENTRY_INSTR_LEN, injecting->length);
	vmcs_on(GUEST_RFLAGS, EFLAGS_IF);
	(void)l;
}

/* Nothing has been switched yet. */
static void say_task(struct l2 *l)
{
	bool is_switch = exit_reason() == EXIT_TASK_SWITCH;
	u32 source = (u32)vmcs_get(EXIT_QUALIFICATION) >> 30, type = (u32)vmcs_get(IDT_VECTORING_INFO) >> 8 & 7;

	(void)l;
	if (is_switch && (source < 3 || type >= TYPE_SOFTWARE))
		say(" len %x", (u32)vmcs_get(EXIT_INSTR_LEN));
	say(" tr %x %x sp %x cr0 %llx gdt %x %x", (u32)vmcs_get(GUEST_TR_SELECTOR), (u32)vmcs_get(GUEST_TR_AR),
	    (u32)vmcs_get(GUEST_RSP), vmcs_get(GUEST_CR0), *(volatile u32 *)(uptr)(L2_GDT + SEL_TARGET + 4) >> 8 & 0xff,
	    *(volatile u32 *)(uptr)(L2_GDT + SEL_TSS + 4) >> 8 & 0xff);
}

static void run(const struct insn_list *list, bool user, const char *what)
{
	insns_run(&l2, &(struct insn_run){ .mode = L2_PAE, .user = user, .what = { target->name, bitmap ? "bitmap 1" : NULL, what },
					   .prepare = prepare, .says = say_task }, list);
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	for (u32 n = 0; n < ARRAY_SIZE(targets); n++) {
		target = &targets[n];
		for (u32 i = 0; i < 2; i++) {
			bitmap = i ? ~0u : 0;
			run(&switches, false, NULL);
		}
		bitmap = 0;
		run(&switches, true, NULL);
		for (u32 i = 0; i < ARRAY_SIZE(injected); i++) {
			injecting = &injected[i];
			run(&nothing, false, injecting->name);
		}
		injecting = NULL;
	}
	vmx_disable();
}
