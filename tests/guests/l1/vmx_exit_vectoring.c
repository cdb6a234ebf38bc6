/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exits while L2 is being delivered an event (SDM 26.2, 28.2.4): each kind of event, by an instruction or injected,
 * against each thing that can go wrong with its delivery, and what the exception bitmap makes of that. With EPT tables
 * that are new, so that the hypervisor's own work happens in the middle of a delivery.
 */
#include "ept.h"
#include "insns.h"

#define ABSENT		0x5000000u		/* 2 MiB, absent in L2's tables */
#define STACK_PAGE	(L2_DATA + 0x1000)
#define DIRECTORIES	(L2_TABLES + 0x2000)
#define VECTOR		0x30
#define FLAG_RF		BIT(16)

#define EVENTS(X, sp) \
	X("int $0x30") X("int3") X(".byte 0xf1") X("ud2") X("xor %ecx, %ecx; div %ecx") X("mov $0x58, %ecx; mov %ecx, %ds") \
	X("mov $0x5000000, %ecx; mov %eax, (%ecx)") X("int $13") X("int $8") X("pushf; orw $0x100, (%" sp "); popf; nop; nop")
#define EVENTS_32(X) EVENTS(X, "esp")
#define EVENTS_64(X) EVENTS(X, "rsp")
INSNS(events, EVENTS_32, EVENTS_64);
#define NOTHING_(X)	X("nop")
INSNS(nothing, NOTHING_, NOTHING_);

static const struct injected { const char *name; u32 info, code, length; } injected[] = {
	{ "interrupt", EVENT(TYPE_EXTINT, VECTOR), 0, 0 }, { "NMI", EVENT(TYPE_NMI, 2), 0, 0 },
	{ "#UD", EVENT(TYPE_HARDWARE, UD_TRAP), 0, 0 }, { "#GP", EVENT(TYPE_HARDWARE, GP_TRAP) | EVENT_CODE, 0x1234, 0 },
	{ "#PF", EVENT(TYPE_HARDWARE, PF_TRAP) | EVENT_CODE, 6, 0 }, { "#DF", EVENT(TYPE_HARDWARE, DF_TRAP) | EVENT_CODE, 0, 0 },
	{ "#DB", EVENT(TYPE_HARDWARE, DB_TRAP), 0, 0 }, { "#NP", EVENT(TYPE_HARDWARE, NP_TRAP) | EVENT_CODE, 0x58, 0 },
	{ "INT", EVENT(TYPE_SOFTWARE, VECTOR), 0, 2 }, { "INT of 5 bytes", EVENT(TYPE_SOFTWARE, VECTOR), 0, 5 },
	{ "INT1", EVENT(TYPE_PRIVILEGED, 1), 0, 1 }, { "INT3", EVENT(TYPE_SOFT_EXCEPTION, BP_TRAP), 0, 1 },
	{ "INTO", EVENT(TYPE_SOFT_EXCEPTION, OF_TRAP), 0, 1 },
};

enum trouble { NONE, SHORT_IDT, GATE_ABSENT, NO_HANDLER, BAD_TYPE, STACK_ABSENT, IDT_ABSENT, EPT_STACK, EPT_IDT,
	       EPT_GDT, EPT_HANDLER, NO_TSS_STACK, TROUBLES };
static const char *const names[TROUBLES] = { "fine", "short IDT", "gate absent", "no handler", "bad gate",
	"stack absent", "IDT absent", "stack read-only in EPT", "IDT absent in EPT", "GDT absent in EPT",
	"handler not executable in EPT", "no stack for CPL 0" };
static const struct bits { const char *name; u32 bits; } bitmaps[] = {
	{ NULL, 0 }, { "bitmap #DF", BIT(DF_TRAP) }, { "bitmap #TS to #PF", 0x7c00 }, { "bitmap 1", ~0u },
};

static struct l2 l2;
static enum trouble trouble;
static u32 bitmap;
static const struct injected *injecting;
static bool is_user;

/* All gates alike. */
static void each_gate(u32 and_5, u32 selector)
{
	u8 *idt_at = (u8 *)(uptr)L2_IDT;
	u32 size = L1_IS_64 ? 16 : 8;

	for (u32 i = 0; i < 256; i++) {
		if (selector)
			*(volatile u16 *)(idt_at + i * size + 2) = (u16)selector;
		idt_at[i * size + 5] = (u8)((idt_at[i * size + 5] & and_5) | (is_user ? 0x60 : 0));
	}
}

static void make_trouble(void)
{
	each_gate(trouble == GATE_ABSENT ? 0x7f : trouble == BAD_TYPE ? 0xf0 : 0xff, trouble == NO_HANDLER ? SEL_DATA32 : 0);
	switch (trouble) {
	case SHORT_IDT:
		vmcs_set(GUEST_IDTR_LIMIT, 7);
		break;
	case STACK_ABSENT:
		vmcs_set(GUEST_RSP, ABSENT + 0x100);
		break;
	case IDT_ABSENT:
		vmcs_set(GUEST_IDTR_BASE, ABSENT);
		break;
	case EPT_STACK:
		vmcs_set(GUEST_RSP, STACK_PAGE + 0x800);
		ept_map(l2.eptp, STACK_PAGE, STACK_PAGE, EPT_4K, EPT_R | EPT_X | EPT_WB);
		break;
	case EPT_IDT:
		ept_map(l2.eptp, L2_IDT, L2_IDT, EPT_4K, 0);
		break;
	case EPT_GDT:
		ept_map(l2.eptp, L2_GDT, L2_GDT, EPT_4K, 0);
		break;
	case EPT_HANDLER:
		ept_map(l2.eptp, L2_HANDLERS, L2_HANDLERS, EPT_4K, EPT_R | EPT_W | EPT_WB);
		break;
	case NO_TSS_STACK:
		((struct tss *)(uptr)L2_TSS)->ss0 = 0;
		((struct tss *)(uptr)L2_TSS)->esp0 = L1_IS_64 ? ABSENT : 0;
		break;
	default:
		break;
	}
}

static void prepare(struct l2 *l)
{
	*((volatile u64 *)(uptr)DIRECTORIES + (ABSENT >> 21)) = 0;
	*(volatile u64 *)(uptr)(L2_GDT + SEL_FREE) = 0x00cf13000000ffffull;		/* not present */
	l->eptp = ept_new();
	ept_identity(l->eptp);
	vmcs_set(EPTP, l->eptp);
	make_trouble();
	vmcs_set(EXCEPTION_BITMAP, bitmap);
	if (!injecting)
		return;
	vmcs_set(ENTRY_INTR_INFO, injecting->info);
	vmcs_set(ENTRY_ERROR_CODE, injecting->code);
	vmcs_set(ENTRY_INSTR_LEN, injecting->length);
	if ((injecting->info & 0x7ff) == (EVENT(TYPE_EXTINT, VECTOR) & 0x7ff))
		vmcs_on(GUEST_RFLAGS, EFLAGS_IF);
}

/*
 * What lies on the stack, if the event was delivered. RFLAGS.RF isn't said of injected ones: an EPT violation that the
 * hypervisor itself handles during their delivery sets it in the emulator; a CPU saves it as it would be pushed (28.3.3).
 */
static void say_stack(struct l2 *l)
{
	u32 sp = (u32)vmcs_get(GUEST_RSP);
	const uptr *stack = (const uptr *)(uptr)sp;

	(void)l;
	say(" sp %x cs %x", sp, (u32)vmcs_get(GUEST_CS_SELECTOR));
	if (sp >= L2_AT && sp < L2_TABLES)
		for (u32 i = 0; i < 4; i++)
			say(" %llx", (u64)stack[i] & ~(injecting ? (u64)FLAG_RF : 0));
	if (exit_reason() == EXIT_EPT_VIOLATION)
		say(" phys %llx", vmcs_get(GUEST_PHYSICAL_ADDR));
	say(" len %x", exit_reason() == EXIT_VMCALL ? 0 : vmcs_get(IDT_VECTORING_INFO) & BIT(10) ? (u32)vmcs_get(EXIT_INSTR_LEN) : 0);
}

static void run(const struct insn_list *list, const char *bits, const char *what)
{
	insns_run(&l2, &(struct insn_run){ .mode = L2_NATIVE, .with = L2_WITH_EPT, .user = is_user, .what = { names[trouble], bits, what },
					   .prepare = prepare, .says = say_stack }, list);
}

static void with_bitmap(const struct bits *b)
{
	bitmap = b->bits;
	for (trouble = 0; trouble < TROUBLES; trouble++) {
		if (trouble == NO_TSS_STACK && !is_user)
			continue;
		run(&events, b->name, NULL);
		for (u32 i = 0; i < ARRAY_SIZE(injected); i++) {
			injecting = &injected[i];
			run(&nothing, b->name, injecting->name);
		}
		injecting = NULL;
	}
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	for (u32 user = 0; user < 2; user++) {
		is_user = user;
		for (u32 i = 0; i < (user ? 2 : ARRAY_SIZE(bitmaps)); i++)
			with_bitmap(&bitmaps[i]);
	}
	vmx_disable();
}
