/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The small fake machine of test_task_switch.c: 64 KiB of linear memory, a GDT, an LDT, three TSSs.
 */
#ifndef TESTS_UNIT_TASK_MACHINE_H
#define TESTS_UNIT_TASK_MACHINE_H

#include "unit.h"

#include "guest/task_switch.h"

/* Where things are in memory; a task's stack ends at 8xxxh. */
#define GDT		0x1000u
#define TSS_A		0x2000u		/* 32-bit, the first task */
#define TSS_B		0x3000u		/* 32-bit */
#define TSS_C		0x4000u		/* 16-bit */
#define LDT		0x6000u

enum selector {
	CODE0 = 0x08, DATA0 = 0x10, CODE3 = 0x1b, DATA3 = 0x23, A = 0x28, B = 0x30, C = 0x38, LDT_SEL = 0x48,
	ABSENT_DATA = 0x50, READ_ONLY = 0x58, CONFORMING3 = 0x63, EXEC_ONLY = 0x68, SMALL_STACK = 0x70, ABSENT_CODE = 0x78,
	DOWN_STACK = 0x80, CONFORMING0 = 0x88, FRESH_DATA = 0x90, STACK16 = 0x98, GDT_END = 0xa0,
	IN_LDT = 0x0c,			/* entry 1 of the LDT */
};

#define CALL	0u
#define IRET	(1u << 30)
#define JMP	(2u << 30)
#define GATE	(3u << 30)

#define EVENT(type, vector)		(BIT(31) | (type) << 8 | (vector))
#define EVENT_ERROR(type, vector)	(EVENT(type, vector) | BIT(11))
enum { EXTERNAL = 0, NMI = 2, HARDWARE = 3, INT_N = 4, INT1 = 5, INT3 = 6 };

#define NT	BIT(14)
#define VM	BIT(17)
#define TS	BIT(3)
#define PG	BIT(31)
#define PAE	BIT(5)
#define BUSY	BIT(1)

static struct machine {
	u8 memory[0x10000];
	struct task_cpu cpu;
	struct { bool armed; u32 page, cr3; bool writes_only; } hole;	/* cr3 0: any */
	bool pdptes_bad, pushed_as_user;
	u32 pdptes_from, writes;
} m;

/* ---- fake memory ---- */

static u32 peek(u32 at, u32 width)
{
	u32 value = 0;

	memcpy(&value, m.memory + at, width);
	return value;
}

static void poke(u32 at, u32 width, u32 value) { memcpy(m.memory + at, &value, width); }

static bool access_memory(void *ctx, const struct task_cpu *cpu, enum task_access kind, u32 at, void *data,
			  u32 length, struct task_page_fault *fault)
{
	bool writes = kind != TASK_READ;

	assert_ptr_equal(ctx, &m);
	assert_in_range(length, 1, 104);
	assert_true(at < sizeof(m.memory) && length <= sizeof(m.memory) - at);
	for (u32 page = at >> 12; m.hole.armed && page <= (at + length - 1) >> 12; page++)
		if (page == m.hole.page && (!m.hole.cr3 || m.hole.cr3 == cpu->cr3) && (writes || !m.hole.writes_only)) {
			fault->cr2 = MAX(at, page << 12);
			fault->error_code = writes ? 2 : 0;
			return false;
		}
	if (kind == TASK_READ) {
		memcpy(data, m.memory + at, length);
	} else if (kind == TASK_PROBE) {
		assert_null(data);
	} else {
		memcpy(m.memory + at, data, length);
		m.writes++;
		m.pushed_as_user = kind == TASK_PUSH && (cpu->segment[TASK_SS].rights >> 5 & 3) == 3;
	}
	return true;
}

static bool pdptes(void *ctx, u32 cr3, u64 pdpte[4])
{
	assert_ptr_equal(ctx, &m);
	m.pdptes_from = cr3;
	for (u32 i = 0; i < 4; i++)
		pdpte[i] = 0x1001 + i * 0x1000ull;
	return !m.pdptes_bad;
}

static void descriptor(u32 table, u32 selector, u32 base, u32 limit, u32 rights)
{
	u32 at = table + (selector & ~7u);

	poke(at, 4, (limit & 0xffff) | base << 16);
	poke(at + 4, 4, (base >> 16 & 0xff) | (rights & 0xff) << 8 | (limit & 0xf0000) | (rights & 0xf000) << 8 |
	     (base & 0xff000000));
}

static void task32(u32 at, u32 eip, u32 code, u32 stack)
{
	poke(at + 0x1c, 4, 0x7000);
	poke(at + 0x20, 4, eip);
	poke(at + 0x24, 4, 0x202);
	for (u32 i = 0; i < 8; i++)
		poke(at + 0x28 + 4 * i, 4, 0xb0000 + at + i);
	poke(at + 0x28 + 16, 4, 0x8800);
	for (u32 i = 0; i < 6; i++)
		poke(at + 0x48 + 4 * i, 4, stack);
	poke(at + 0x4c, 4, code);
}

static void task16(u32 at, u32 ip, u32 code, u32 stack)
{
	poke(at + 0x0e, 2, ip);
	poke(at + 0x10, 2, 0x202);
	for (u32 i = 0; i < 8; i++)
		poke(at + 0x12 + 2 * i, 2, 0xc00 + i);
	poke(at + 0x12 + 8, 2, 0x8800);
	for (u32 i = 0; i < 4; i++)
		poke(at + 0x22 + 2 * i, 2, stack);
	poke(at + 0x24, 2, code);
}

static struct task_segment seg(u32 selector, u32 base, u32 limit, u32 rights)
{
	return (struct task_segment){ (u16)selector, base, limit, rights };
}

/* The CPU runs task A at ring 0, flat segments, without paging. B and C wait. */
static void machine_start(void)
{
	memset(&m, 0, sizeof(m));
	descriptor(GDT, CODE0, 0, 0xfffff, 0xc09b);
	descriptor(GDT, DATA0, 0, 0xfffff, 0xc093);
	descriptor(GDT, CODE3, 0, 0xfffff, 0xc0fb);
	descriptor(GDT, DATA3, 0, 0xfffff, 0xc0f3);
	descriptor(GDT, A, TSS_A, 0x67, 0x8b);
	descriptor(GDT, B, TSS_B, 0x67, 0x89);
	descriptor(GDT, C, TSS_C, 0x2b, 0x81);
	descriptor(GDT, LDT_SEL, LDT, 0x0f, 0x82);
	descriptor(GDT, ABSENT_DATA, 0, 0xfffff, 0xc013);
	descriptor(GDT, READ_ONLY, 0, 0xfffff, 0xc091);
	descriptor(GDT, CONFORMING3, 0, 0xfffff, 0xc0ff);
	descriptor(GDT, CONFORMING0, 0, 0xfffff, 0xc09f);
	descriptor(GDT, EXEC_ONLY, 0, 0xfffff, 0xc099);
	descriptor(GDT, SMALL_STACK, 0, 0x87fd, 0x4093);
	descriptor(GDT, ABSENT_CODE, 0, 0xfffff, 0xc01b);
	descriptor(GDT, DOWN_STACK, 0, 0x8000, 0x4097);
	descriptor(GDT, FRESH_DATA, 0, 0xfffff, 0xc092);
	descriptor(GDT, STACK16, 0, 0xffff, 0x0093);
	descriptor(LDT, IN_LDT, 0x123000, 0x7fff, 0x4093);
	task32(TSS_B, 0xbbbb0, CODE0, DATA0);
	task16(TSS_C, 0xccc0, CODE0, DATA0);
	m.cpu = (struct task_cpu){ .eip = 0xaaaa0, .eflags = 0x246, .cr0 = 0x11, .cr3 = 0x9000, .dr7 = 0x7ff,
				   .gdtr_base = GDT, .gdtr_limit = GDT_END - 1,
				   .tr = seg(A, TSS_A, 0x67, 0x8b), .ldtr = seg(0, 0, 0, TASK_UNUSABLE) };
	for (u32 i = 0; i < TASK_GPRS; i++)
		m.cpu.gpr[i] = 0xa0000 + i;
	for (u32 i = 0; i < TASK_SEGMENTS; i++)
		m.cpu.segment[i] = seg(DATA0, 0, 0xffffffff, 0xc093);
	m.cpu.segment[TASK_CS] = seg(CODE0, 0, 0xffffffff, 0xc09b);
}

static struct task_result go_event(u32 qualification, u32 vectoring, u32 error_code)
{
	const struct task_memory memory = { &m, access_memory, pdptes };
	const struct task_cause cause = { qualification, vectoring, error_code, 7 };

	return task_switch(&m.cpu, &memory, &cause);
}

static struct task_result go(u32 qualification) { return go_event(qualification, 0, 0); }

static u32 type_of(u32 selector) { return peek(GDT + (selector & ~7u) + 5, 1); }

static void is_done(struct task_result r)
{
	assert_int_equal(r.outcome, TASK_DONE);
	assert_true(r.committed);
}

/* A fault of the old task: nothing has changed. */
static void is_refused(struct task_result r, const struct machine *before, u32 vector, u32 error_code)
{
	assert_int_equal(r.outcome, TASK_FAULT);
	assert_int_equal(r.vector, vector);
	assert_true(r.has_error);
	assert_int_equal(r.error_code, error_code);
	assert_false(r.committed);
	assert_false(r.cr3_changed);
	assert_int_equal(m.writes, before->writes);
	assert_memory_equal(m.memory, before->memory, sizeof(m.memory));
	m.cpu.cr2 = before->cpu.cr2;
	assert_memory_equal(&m.cpu, &before->cpu, sizeof(m.cpu));
}

#endif
