/* SPDX-License-Identifier: BSD-2-Clause */
/* Task switches: the registers that task_switch.c works on, from the VMCS and back into it. */
#include "guest/exits.h"
#include "guest/memory.h"
#include "guest/state.h"
#include "guest/task_switch.h"
#include "lib/string.h"
#include "machine/cpu_insn.h"

#define SOURCE_IRET	1		/* exit qualification 31:30 */
#define SOURCE_IDT	3

#define READ_DR6()	({ uptr dr6_; __asm__ volatile("mov %%dr6, %0" : "=r"(dr6_)); (u32)dr6_; })
#define WRITE_DR6(v)	__asm__ volatile("mov %0, %%dr6" : : "r"((uptr)(v)))

/* GPRs have the order of the encoding in both; only ESP lives elsewhere. */
_Static_assert(TASK_ESP == 4 && TASK_EDI == 7, "as union gprs");
/* So have the segments, and LDTR and TR follow. */
_Static_assert(TASK_GS == 5 && GUEST_LDTR_SELECTOR == GUEST_ES_SELECTOR + 6 * SEGMENT_STEP, "as the VMCS fields");

static void get_segment(u32 index, struct task_segment *to)
{
	u32 step = index * SEGMENT_STEP;

	to->selector = (u16)vmcs_read((enum vmcs_field)(GUEST_ES_SELECTOR + step));
	to->base = (u32)vmcs_read((enum vmcs_field)(GUEST_ES_BASE + step));
	to->limit = vmcs_read32((enum vmcs_field)(GUEST_ES_LIMIT + step));
	to->rights = vmcs_read32((enum vmcs_field)(GUEST_ES_AR + step));
}

static void put_segment(u32 index, const struct task_segment *from)
{
	u32 step = index * SEGMENT_STEP;

	vmcs_write((enum vmcs_field)(GUEST_ES_SELECTOR + step), from->selector);
	vmcs_write((enum vmcs_field)(GUEST_ES_BASE + step), from->base);
	vmcs_write((enum vmcs_field)(GUEST_ES_LIMIT + step), from->limit);
	vmcs_write((enum vmcs_field)(GUEST_ES_AR + step), from->rights);
}

static void get_cpu(const struct vcpu *v, struct task_cpu *cpu)
{
	for (u32 i = 0; i < TASK_GPRS; i++)
		cpu->gpr[i] = (u32)v->regs.r[i];
	cpu->gpr[TASK_ESP] = (u32)vmcs_read(GUEST_RSP);
	cpu->eip = (u32)vmcs_read(GUEST_RIP);
	cpu->eflags = (u32)vmcs_read(GUEST_RFLAGS);
	cpu->cr0 = (u32)state_cr0();
	cpu->cr2 = (u32)read_cr2();
	cpu->cr3 = (u32)vmcs_read(GUEST_CR3);
	cpu->cr4 = (u32)state_cr4();
	cpu->dr6 = READ_DR6();
	cpu->dr7 = (u32)vmcs_read(GUEST_DR7);
	for (u32 i = 0; i < 4; i++)
		cpu->pdpte[i] = vmcs_read((enum vmcs_field)(GUEST_PDPTE0 + 2 * i));
	for (u32 i = 0; i < TASK_SEGMENTS; i++)
		get_segment(i, &cpu->segment[i]);
	get_segment(TASK_SEGMENTS, &cpu->ldtr);
	get_segment(TASK_SEGMENTS + 1, &cpu->tr);
	cpu->gdtr_base = (u32)vmcs_read(GUEST_GDTR_BASE);
	cpu->gdtr_limit = vmcs_read32(GUEST_GDTR_LIMIT);
}

/* The bits of CR0 that a task switch changes (TS) aren't ours, so the shadow stays. */
static void put_cpu(struct vcpu *v, const struct task_cpu *cpu)
{
	uptr owned = state_cr0_owned();

	for (u32 i = 0; i < TASK_GPRS; i++)
		if (i != TASK_ESP)
			v->regs.r[i] = cpu->gpr[i];
	vmcs_write(GUEST_RSP, cpu->gpr[TASK_ESP]);
	vmcs_write(GUEST_RIP, cpu->eip);
	vmcs_write(GUEST_RFLAGS, cpu->eflags);
	vmcs_write(GUEST_CR0, ((uptr)vmcs_read(GUEST_CR0) & owned) | (cpu->cr0 & ~owned));
	vmcs_write(GUEST_DR7, cpu->dr7);
	WRITE_DR6(cpu->dr6);
	for (u32 i = 0; i < TASK_SEGMENTS; i++)
		put_segment(i, &cpu->segment[i]);
	put_segment(TASK_SEGMENTS, &cpu->ldtr);
	put_segment(TASK_SEGMENTS + 1, &cpu->tr);
}

static void put_paging(const struct task_cpu *cpu)
{
	vmcs_write(GUEST_CR3, cpu->cr3);
	for (u32 i = 0; i < 4 && cpu->cr0 & CR0_PG && cpu->cr4 & CR4_PAE; i++)
		vmcs_write((enum vmcs_field)(GUEST_PDPTE0 + 2 * i), cpu->pdpte[i]);
	state_flush_linear();
}

/* What EPT01 keeps from the guest is open bus to a task switch: it has no exception to tell of that. */
static bool access_memory(void *paging_now, const struct task_cpu *cpu, enum task_access kind, u32 at, void *data,
			  u32 length, struct task_page_fault *fault)
{
	struct walk_regs paging = *(const struct walk_regs *)paging_now;
	bool push = kind == TASK_PUSH;
	struct walk_access access = {
		.kind = kind == TASK_READ ? WALK_READ : WALK_WRITE,
		.user = push && (cpu->segment[TASK_SS].rights >> 5 & 3) == 3,
		.implicit = !push,
	};
	struct guest_fault seen;
	enum guest_access done;

	paging.cr0 = cpu->cr0;
	paging.cr3 = cpu->cr3;
	paging.cr4 = cpu->cr4;
	for (u32 i = 0; i < 4; i++)
		paging.pdpte[i] = cpu->pdpte[i];
	done = guest_access_linear(&paging, access, at, kind == TASK_PROBE ? NULL : data, length, &seen);
	if (done == GUEST_PAGE_FAULT) {
		*fault = (struct task_page_fault){ seen.error_code, (u32)seen.linear };
		return false;
	}
	if (done != GUEST_DONE && kind == TASK_READ)
		memset(data, 0xff, length);
	return true;
}

static bool read_pdptes(void *unused, u32 cr3, u64 pdpte[4])
{
	(void)unused;
	return guest_read_pdptes(cr3, pdpte);
}

/* NMIs are blocked from the delivery of one to the next IRET, whether either succeeds or not. */
static void set_blocking(const struct task_cause *cause, bool committed)
{
	u32 blocking = vmcs_read32(GUEST_INTERRUPTIBILITY);
	u32 source = cause->qualification >> 30;

	if (committed)
		blocking &= ~(u32)(BLOCKING_STI | BLOCKING_MOV_SS);
	if (source == SOURCE_IRET)
		blocking &= ~(u32)BLOCKING_NMI;
	if (source == SOURCE_IDT && cause->idt_vectoring & INTR_VALID && INTR_TYPE(cause->idt_vectoring) == INTR_NMI)
		blocking |= BLOCKING_NMI;
	vmcs_write(GUEST_INTERRUPTIBILITY, blocking);
	vmcs_write(GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
}

enum verdict guest_task_switch(struct vcpu *v)
{
	struct walk_regs paging = guest_paging();
	struct task_memory memory = { &paging, access_memory, read_pdptes };
	struct task_cause cause = {
		.qualification = (u32)vmcs_read(EXIT_QUALIFICATION),
		.idt_vectoring = vmcs_read32(IDT_VECTORING_INFO),
		.idt_error = vmcs_read32(IDT_VECTORING_ERROR_CODE),
		.instruction_length = vmcs_read32(EXIT_INSTR_LEN),
	};
	struct task_cpu cpu;
	struct task_result result;

	get_cpu(v, &cpu);
	result = task_switch(&cpu, &memory, &cause);
	if (result.outcome == TASK_SHUTDOWN)
		return SHUT_DOWN;
	write_cr2(cpu.cr2);
	set_blocking(&cause, result.committed);
	if (result.committed)
		put_cpu(v, &cpu);
	if (result.cr3_changed)
		put_paging(&cpu);
	v->event_linear = cpu.cr2;
	if (result.outcome == TASK_FAULT)
		return inject(v, (enum vector)result.vector, result.has_error ? (int)result.error_code : -1);
	return RESUME;
}
