/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task switches: the CPU exits on each (SDM vol. 3, 26.4.2) and leaves the work to us. Pure logic
 * on a copy of the guest's registers: SDM 8.3 with the checks of its table 8-1 (7.3, 7-1 in
 * older editions), for 16- and 32-bit TSSs. Never in IA-32e mode: the CPU has no task switches there.
 */
#ifndef GUEST_TASK_SWITCH_H
#define GUEST_TASK_SWITCH_H

#include "lib/types.h"

/* In the order of the instruction encoding, of a TSS, and of the VMCS fields alike. */
enum task_segment_index { TASK_ES, TASK_CS, TASK_SS, TASK_DS, TASK_FS, TASK_GS, TASK_SEGMENTS };
enum task_gpr { TASK_EAX, TASK_ECX, TASK_EDX, TASK_EBX, TASK_ESP, TASK_EBP, TASK_ESI, TASK_EDI, TASK_GPRS };

#define TASK_UNUSABLE	BIT(16)		/* in rights, SDM 25.4.1 */

struct task_segment {
	u16 selector;
	u32 base;
	u32 limit;			/* in bytes, granularity applied */
	u32 rights;			/* format of the VMCS access-rights fields */
};

/* The guest's registers; the caller fills in all of it and, afterwards, writes all of it back. */
struct task_cpu {
	u32 gpr[TASK_GPRS];
	u32 eip, eflags;
	u32 cr0, cr2, cr3, cr4;		/* as the guest sees them: shadows applied */
	u32 dr6, dr7;
	u64 pdpte[4];			/* written when cr3_changed and PAE paging is on */
	struct task_segment segment[TASK_SEGMENTS], ldtr, tr;
	u32 gdtr_base, gdtr_limit;
};

enum task_access {
	TASK_READ,			/* implicit supervisor access: CPL doesn't matter */
	TASK_WRITE,			/* likewise */
	TASK_PROBE,			/* would TASK_WRITE succeed? Nothing is written, data is NULL */
	TASK_PUSH,			/* a write with the privilege of SS.DPL in task_cpu */
};

struct task_page_fault { u32 error_code, cr2; };

struct task_memory {
	void *ctx;
	/*
	 * Accesses @length bytes (1 to 104) at the linear address @at (wraps at 4 GiB) through the
	 * paging that CR0, CR3, CR4 and PDPTEs in @cpu describe now: they change on the way. All or
	 * nothing: false is a page fault, @fault tells, and nothing was written.
	 */
	bool (*access)(void *ctx, const struct task_cpu *cpu, enum task_access kind, u32 at,
		       void *data, u32 length, struct task_page_fault *fault);
	/* Reads the PDPTEs that CR3 = @cr3 points to. False: one has a reserved bit set (SDM 5.4.1). */
	bool (*pdptes)(void *ctx, u32 cr3, u64 pdpte[4]);
};

/* Straight from the VMCS. */
struct task_cause {
	u32 qualification;		/* exit qualification, SDM table 28-2: selector 15:0, source 31:30 */
	u32 idt_vectoring;		/* IDT-vectoring information field */
	u32 idt_error;			/* IDT-vectoring error code */
	u32 instruction_length;		/* VM-exit instruction length; looked at when an instruction was the cause */
};

enum task_outcome {
	TASK_DONE,			/* resume at cpu->eip */
	TASK_FAULT,			/* inject the exception at cpu->eip: of the old task, or the new if committed */
	TASK_SHUTDOWN,			/* a fault while delivering a double fault: shutdown of the guest */
};

struct task_result {
	enum task_outcome outcome;
	bool committed;			/* registers are the new task's; else only CR2 may have changed */
	bool cr3_changed;		/* drop the guest's translations as MOV to CR3 does; load pdpte[] */
	u8 vector;			/* TASK_FAULT: a hardware exception (type 3) */
	bool has_error;
	u32 error_code;
};

/*
 * Carries out the task switch that @cause tells of. A fault met while an event was being delivered is
 * merged with it as SDM table 7-5 says (double fault, shutdown), so the result is injected as it is
 * and the original event is not injected again, with one exception: a benign event (external
 * interrupt, NMI) whose delivery faulted in the old task stays lost, as on a CPU.
 * A T flag in the new TSS comes back as TASK_FAULT with #DB, DR6.BT set.
 *
 * The caller's part: once committed, blocking by STI and MOV SS ends; blocking by NMI starts when the
 * event was an NMI, and ends with IRET whatever the outcome. Privilege of the gate or the TSS
 * descriptor was checked by the CPU before the exit.
 */
struct task_result task_switch(struct task_cpu *cpu, const struct task_memory *memory,
			       const struct task_cause *cause);

#endif
