/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L2 step by step (SDM 26.5.2, 28.3.4): the monitor trap flag, RFLAGS.TF, blocking by STI and MOV SS, over instructions of
 * every kind, those among them that the hypervisor does for L2, and over injected events.
 */
#include "ept.h"
#include "insns.h"

#define BITMAP_AT	0x1f00000u
#define MSR_MTRR_DEFAULT 0x2ff
#define POWER_PORT	0xb004		/* the emulated machine's PM1a control register */
#define VECTOR		0x30
#define MTF_PENDING	EVENT(TYPE_OTHER, 0)

/* RAX and RCX as prepare() has them, DX = POWER_PORT. */
#define STEPS(X, a, sp) \
	X("nop") X("jmp .+2; nop") X("vmcall") X("cpuid") X("int $0x30") X("int3") X(".byte 0xf1") X("ud2") X("div %esp") \
	X("mov (%ebx), %ecx") X("mov %eax, 0x2000(%ebx)") X("lock addl $1, 0x2000(%ebx)") X("mov 0x4fffff0(%ebx), %ecx") \
	X("rep stosb") X("rep movsb") X("rep lodsb") X("push %" a) X("push %" a "; pop %" a) X("pushf") X("popf") X("sti") X("cli") \
	X("hlt") X("pause") X("rdtsc") X("mov %cr0, %" a) X("mov %eax, %ss; nop; nop") X("mov %eax, %ds; nop") \
	X("in $0x80, %al; nop") X("in %dx, %ax; nop; nop") X("in %dx, %al; nop") X("insw; nop") X("rep insw; nop") X("outsb; nop") \
	X("xor %ecx, %ecx; rep insb; nop") X("sti; hlt") X("mov %eax, %ss; in %dx, %ax; nop; nop") X("sti; in %dx, %ax; nop; nop")
#define STEPS_32(X) STEPS(X, "eax", "esp") X("pop %ss; nop") X("aaa") X("bound %eax, (%ebx)")
#define STEPS_64(X) STEPS(X, "rax", "rsp") X("bts $50, %rbx; nop") X("syscall") X("swapgs")
INSNS_OF(32, steps_32, STEPS_32);
INSNS_OF(64, steps_64, STEPS_64);

/* RCX = MSR_MTRR_DEFAULT, and RDX and RAX its value. */
#define MSRS(X) X("rdmsr; nop; nop") X("wrmsr; nop; nop") X("bts $20, %eax; wrmsr; nop") X("mov $0x480, %ecx; rdmsr; nop")
INSNS(msrs, MSRS, MSRS);

/* RAX = CR0 with CD, RCX = CR4 with SMXE. */
#define CRS_32(X) X("mov %eax, %cr0; nop; nop") X("mov %ecx, %cr4; nop")
#define CRS_64(X) X("mov %rax, %cr0; nop; nop") X("mov %rcx, %cr4; nop")
INSNS(crs, CRS_32, CRS_64);

static const struct way {
	const char *name;
	u32 flags, blocking, event, pending;
	bool traps;
} ways[] = {
	{ "TF", EFLAGS_TF, 0, 0, 0, false }, { "MTF", 0, 0, 0, 0, true }, { "MTF and TF", EFLAGS_TF, 0, 0, 0, true },
	{ "STI", EFLAGS_IF, BLOCKING_STI, 0, 0, false }, { "MOV SS", 0, BLOCKING_MOV_SS, 0, 0, false },
	{ "MTF, STI", EFLAGS_IF, BLOCKING_STI, 0, 0, true }, { "MTF, MOV SS", 0, BLOCKING_MOV_SS, 0, 0, true },
	{ "TF, MOV SS", EFLAGS_TF, BLOCKING_MOV_SS, 0, PENDING_BS, false },
	{ "TF, STI", EFLAGS_TF | EFLAGS_IF, BLOCKING_STI, 0, PENDING_BS, false },
	{ "MTF, interrupt", EFLAGS_IF, 0, EVENT(TYPE_EXTINT, VECTOR), 0, true }, { "MTF, NMI", 0, 0, EVENT(TYPE_NMI, 2), 0, true },
	{ "MTF, #UD", 0, 0, EVENT(TYPE_HARDWARE, UD_TRAP), 0, true }, { "MTF, INT", 0, 0, EVENT(TYPE_SOFTWARE, VECTOR), 0, true },
	{ "MTF pending", 0, 0, MTF_PENDING, 0, false }, { "MTF pending and on", 0, 0, MTF_PENDING, 0, true },
	{ "MTF pending, TF", EFLAGS_TF, 0, MTF_PENDING, 0, false },
	{ "TF, interrupt", EFLAGS_TF | EFLAGS_IF, 0, EVENT(TYPE_EXTINT, VECTOR), 0, false },
	{ "debug exception pending", 0, 0, 0, PENDING_ENABLED | BIT(0), false },
	{ "MTF, debug exception pending", 0, 0, 0, PENDING_ENABLED | BIT(1), true },
};
static const struct way *way;
static const struct insn_list *list;

static struct l2 l2;

static void prepare(struct l2 *l)
{
	u64 mtrr = 0;

	memset((void *)(uptr)BITMAP_AT, 0, 4096);
	vmcs_on(PRIMARY_CTRLS, PRIMARY_MSR_BITMAPS | (way->traps ? PRIMARY_MTF : 0));
	vmcs_set(MSR_BITMAP, BITMAP_AT);
	vmcs_on(GUEST_RFLAGS, way->flags);
	vmcs_set(GUEST_INTERRUPTIBILITY, way->blocking);
	vmcs_set(GUEST_PENDING_DBG, way->pending);
	vmcs_set(ENTRY_INTR_INFO, way->event);
	vmcs_set(ENTRY_INSTR_LEN, 2);
	l->eptp = ept_new();			/* new tables: the hypervisor fills its own while L2 steps */
	ept_identity(l->eptp);
	vmcs_set(EPTP, l->eptp);
	l->ax = SEL_DATA32;
	l->cx = 3;
	l->dx = POWER_PORT;
	if (list == &msrs) {
		try_rdmsr(MSR_MTRR_DEFAULT, &mtrr);
		l->cx = MSR_MTRR_DEFAULT;
		l->ax = (u32)mtrr;
		l->dx = (u32)(mtrr >> 32);
	} else if (list == &crs) {
		l->ax = (uptr)vmcs_get(GUEST_CR0) | CR0_CD;
		l->cx = (uptr)vmcs_get(GUEST_CR4) | CR4_SMXE;
	}
}

static void say_more(struct l2 *l)
{
	say(" cx %llx sp %llx dr6 %llx", (u64)l->cx, vmcs_get(GUEST_RSP), (u64)READ_DR(6));
	__asm__ volatile("mov %0, %%db6" : : "r"((uptr)0xffff0ff0));
	WRITE_CR(0, READ_CR(0) & ~(uptr)CR0_CD);		/* VM exits keep L2's */
}

void guest_main(void)
{
	static const struct insn_list *const lists[] = { L1_IS_64 ? &steps_64 : &steps_32, &msrs, &crs };

	if (!l1_begin())
		return;
	vmx_enable();
	for (u32 i = 0; i < ARRAY_SIZE(ways); i++) {
		way = &ways[i];
		if ((way->traps || way->event == MTF_PENDING) && !CAN_PRIMARY(PRIMARY_MTF))
			continue;
		for (u32 n = 0; n < ARRAY_SIZE(lists); n++) {
			list = lists[n];
			insns_run(&l2, &(struct insn_run){ .mode = L2_NATIVE, .with = L2_WITH_EPT, .what = { way->name },
							   .prepare = prepare, .says = say_more }, list);
		}
	}
	vmx_disable();
}
