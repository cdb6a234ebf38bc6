/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task switches on a small fake machine: the good ways, events through a gate, the bad ways.
 * Links: xmhf/runtime/guest/double_fault.c xmhf/runtime/guest/task_switch.c
 */
#include "task_machine.h"

/* ---- the good ways ---- */

PROMISE(jmp_saves_the_old_task_and_loads_the_new)
{
	machine_start();
	poke(TSS_A + 0x48, 4, 0xdead0000);
	is_done(go(JMP | B));
	assert_int_equal(peek(TSS_A + 0x20, 4), 0xaaaa7);
	assert_int_equal(peek(TSS_A + 0x24, 4), 0x246);
	for (u32 i = 0; i < TASK_GPRS; i++)
		assert_int_equal(peek(TSS_A + 0x28 + 4 * i, 4), 0xa0000 + i);
	assert_int_equal(peek(TSS_A + 0x48, 4), 0xdead0000 | DATA0);	/* the upper half is nobody's */
	assert_int_equal(peek(TSS_A + 0x4c, 2), CODE0);
	assert_int_equal(m.cpu.eip, 0xbbbb0);
	assert_int_equal(m.cpu.eflags, 0x202);
	assert_int_equal(m.cpu.gpr[TASK_EAX], 0xb0000 + TSS_B);
	assert_int_equal(m.cpu.gpr[TASK_ESP], 0x8800);
	assert_int_equal(m.cpu.gpr[TASK_EDI], 0xb0000 + TSS_B + 7);
	assert_int_equal(m.cpu.segment[TASK_CS].rights, 0xc09b);
	assert_int_equal(m.cpu.segment[TASK_GS].limit, 0xffffffff);
	assert_int_equal(m.cpu.tr.selector, B);
	assert_int_equal(m.cpu.tr.base, TSS_B);
	assert_int_equal(m.cpu.tr.rights, 0x8b);
	assert_int_equal(type_of(A), 0x89);
	assert_int_equal(type_of(B), 0x8b);
	assert_true(m.cpu.cr0 & TS);
	assert_int_equal(m.cpu.dr7, 0x7ff & ~0x155u);
	assert_int_equal(peek(TSS_B, 4), 0);	/* no back link */
}

PROMISE(call_nests_and_iret_comes_back)
{
	machine_start();
	is_done(go(CALL | B));
	assert_int_equal(peek(TSS_B, 2), A);
	assert_true(m.cpu.eflags & NT);
	assert_int_equal(type_of(A), 0x8b);
	assert_int_equal(type_of(B), 0x8b);
	m.cpu.cr0 &= ~TS;
	m.cpu.gpr[TASK_ECX] = 0x5555;
	is_done(go(IRET | A));
	assert_int_equal(m.cpu.eip, 0xaaaa7);
	assert_int_equal(m.cpu.eflags, 0x246);
	assert_int_equal(m.cpu.gpr[TASK_ECX], 0xa0001);
	assert_int_equal(peek(TSS_B + 0x28 + 4, 4), 0x5555);
	assert_int_equal(peek(TSS_B + 0x24, 4), 0x202);		/* NT is gone from the saved image */
	assert_int_equal(type_of(A), 0x8b);
	assert_int_equal(type_of(B), 0x89);
	assert_true(m.cpu.cr0 & TS);
}

PROMISE(an_iret_to_itself_goes_on_behind_the_iret)
{
	machine_start();
	m.cpu.eflags |= NT;
	is_done(go(IRET | A));
	assert_int_equal(m.cpu.eip, 0xaaaa7);
	assert_int_equal(m.cpu.eflags, 0x246);
}

PROMISE(a_16_bit_task_keeps_lower_halves_only)
{
	machine_start();
	m.cpu.cr0 |= PG;
	is_done(go(CALL | C));
	assert_int_equal(m.cpu.eip, 0xccc0);
	assert_int_equal(m.cpu.gpr[TASK_EAX], 0xffff0c00);
	assert_int_equal(m.cpu.eflags, 0x202 | NT);
	assert_int_equal(m.cpu.cr3, 0x9000);
	assert_int_equal(m.cpu.segment[TASK_FS].selector, 0);
	assert_true(m.cpu.segment[TASK_FS].rights & TASK_UNUSABLE);
	assert_int_equal(m.cpu.segment[TASK_DS].selector, DATA0);
	assert_int_equal(m.cpu.tr.rights, 0x83);
	assert_int_equal(peek(TSS_C, 2), A);
	m.cpu.gpr[TASK_EAX] = 0x12345678;
	m.cpu.eip = 0x1c000;
	is_done(go(JMP | B));
	assert_int_equal(peek(TSS_C + 0x0e, 2), 0xc007);
	assert_int_equal(peek(TSS_C + 0x12, 2), 0x5678);
	assert_int_equal(peek(TSS_C + 0x14, 2), 0x0c01);
	assert_int_equal(peek(TSS_C + 0x28, 2), DATA0);
	assert_int_equal(peek(TSS_C + 0x2a, 2), 0);		/* the LDT isn't saved */
	assert_int_equal(type_of(C), 0x81);
	assert_int_equal(m.cpu.eip, 0xbbbb0);
	assert_int_equal(m.cpu.tr.rights, 0x8b);
}

PROMISE(the_new_task_uses_its_ldt)
{
	machine_start();
	poke(TSS_B + 0x60, 2, LDT_SEL);
	poke(TSS_B + 0x54, 2, IN_LDT);
	is_done(go(JMP | B));
	assert_int_equal(m.cpu.ldtr.base, LDT);
	assert_int_equal(m.cpu.ldtr.rights, 0x82);
	assert_int_equal(m.cpu.segment[TASK_DS].base, 0x123000);
	assert_int_equal(m.cpu.segment[TASK_DS].limit, 0x7fff);
}

PROMISE(cr3_is_loaded_with_paging_only)
{
	struct task_result r;

	machine_start();
	r = go(JMP | B);
	is_done(r);
	assert_false(r.cr3_changed);
	assert_int_equal(m.cpu.cr3, 0x9000);
	machine_start();
	m.cpu.cr0 |= PG;
	r = go(JMP | B);
	is_done(r);
	assert_true(r.cr3_changed);
	assert_int_equal(m.cpu.cr3, 0x7000);
	assert_int_equal(m.pdptes_from, 0);
	machine_start();
	m.cpu.cr0 |= PG;
	m.cpu.cr4 |= PAE;
	poke(TSS_B + 0x1c, 4, 0x9000);
	r = go(JMP | B);
	is_done(r);
	assert_false(r.cr3_changed);
	assert_int_equal(m.pdptes_from, 0);
}

PROMISE(with_pae_a_new_cr3_brings_new_pdptes_or_faults)
{
	struct machine before;
	struct task_result r;

	machine_start();
	m.cpu.cr0 |= PG;
	m.cpu.cr4 |= PAE;
	r = go(JMP | B);
	is_done(r);
	assert_int_equal(m.pdptes_from, 0x7000);
	assert_int_equal(m.cpu.pdpte[3], 0x4001);
	machine_start();
	m.cpu.cr0 |= PG;
	m.cpu.cr4 |= PAE;
	m.pdptes_bad = true;
	before = m;
	is_refused(go(JMP | B), &before, 13, 0);
}

PROMISE(a_v86_task_gets_real_mode_segments_and_ring_3)
{
	machine_start();
	poke(TSS_B + 0x24, 4, 0x202 | VM | 0xffc08028);		/* reserved bits don't arrive */
	for (u32 i = 0; i < 6; i++)
		poke(TSS_B + 0x48 + 4 * i, 4, 0x1000 + i);
	is_done(go(CALL | B));
	assert_int_equal(m.cpu.eflags, 0x202 | VM | NT);
	for (u32 i = 0; i < TASK_SEGMENTS; i++) {
		assert_int_equal(m.cpu.segment[i].selector, 0x1000 + i);
		assert_int_equal(m.cpu.segment[i].base, (0x1000 + i) << 4);
		assert_int_equal(m.cpu.segment[i].limit, 0xffff);
		assert_int_equal(m.cpu.segment[i].rights, 0xf3);
	}
}

PROMISE(ring_3_code_takes_ring_3_stack_and_data)
{
	machine_start();
	task32(TSS_B, 0xbbbb0, CODE3, DATA3);
	poke(TSS_B + 0x48, 4, 0);
	poke(TSS_B + 0x54, 4, CONFORMING0);
	is_done(go(JMP | B));
	assert_int_equal(m.cpu.segment[TASK_SS].rights, 0xc0f3);
	assert_int_equal(m.cpu.segment[TASK_ES].rights, TASK_UNUSABLE);
	assert_int_equal(m.cpu.segment[TASK_DS].rights, 0xc09f);
}

PROMISE(a_loaded_descriptor_becomes_accessed)
{
	machine_start();
	poke(TSS_B + 0x54, 4, FRESH_DATA);
	is_done(go(JMP | B));
	assert_int_equal(type_of(FRESH_DATA), 0x93);
	assert_int_equal(m.cpu.segment[TASK_DS].rights, 0xc093);
}

PROMISE(the_t_flag_traps_before_the_first_instruction)
{
	struct task_result r;

	machine_start();
	poke(TSS_B + 0x64, 2, 1);
	r = go_event(GATE | B, EVENT(HARDWARE, 13), 0);
	assert_int_equal(r.outcome, TASK_FAULT);
	assert_int_equal(r.vector, 1);
	assert_false(r.has_error);
	assert_true(r.committed);
	assert_int_equal(m.cpu.dr6, 0x8000);
	assert_int_equal(m.cpu.eip, 0xbbbb0);
}

/* ---- events through a task gate ---- */

PROMISE(a_gate_nests_and_goes_on_where_the_event_says)
{
	static const struct { u32 vectoring, eip; } cases[] = {
		{ EVENT(EXTERNAL, 0x20), 0xaaaa0 }, { EVENT(NMI, 2), 0xaaaa0 }, { EVENT(HARDWARE, 6), 0xaaaa0 },
		{ EVENT(INT_N, 0x80), 0xaaaa7 }, { EVENT(INT3, 3), 0xaaaa7 }, { EVENT(INT1, 1), 0xaaaa7 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		machine_start();
		is_done(go_event(GATE | B, cases[i].vectoring, 0));
		assert_int_equal(peek(TSS_A + 0x20, 4), cases[i].eip);
		assert_int_equal(peek(TSS_B, 2), A);
		assert_true(m.cpu.eflags & NT);
		assert_int_equal(m.cpu.gpr[TASK_ESP], 0x8800);
	}
}

PROMISE(an_error_code_is_pushed_as_wide_as_the_tss)
{
	machine_start();
	is_done(go_event(GATE | B, EVENT_ERROR(HARDWARE, 13), 0x12345678));
	assert_int_equal(m.cpu.gpr[TASK_ESP], 0x87fc);
	assert_int_equal(peek(0x87fc, 4), 0x12345678);
	assert_false(m.pushed_as_user);
	machine_start();
	poke(TSS_C + 0x26, 2, STACK16);
	is_done(go_event(GATE | C, EVENT_ERROR(HARDWARE, 13), 0x5678));
	assert_int_equal(m.cpu.gpr[TASK_ESP], 0xffff87fe);
	assert_int_equal(peek(0x87fe, 2), 0x5678);
	machine_start();
	task32(TSS_B, 0xbbbb0, CODE3, DATA3);
	is_done(go_event(GATE | B, EVENT_ERROR(HARDWARE, 14), 5));
	assert_true(m.pushed_as_user);
	machine_start();
	poke(TSS_B + 0x50, 2, DOWN_STACK);
	is_done(go_event(GATE | B, EVENT_ERROR(HARDWARE, 14), 5));
	machine_start();
	is_done(go_event(CALL | B, EVENT_ERROR(HARDWARE, 14), 5));
	assert_int_equal(m.cpu.gpr[TASK_ESP], 0x8800);		/* no gate, no error code */
}

PROMISE(faults_on_the_way_to_a_handler_merge)
{
	static const struct { u32 vectoring, vector, error_code; enum task_outcome outcome; } cases[] = {
		{ EVENT(EXTERNAL, 0x20), 13, B | 1, TASK_FAULT },	/* EXT: from outside */
		{ EVENT(NMI, 2), 13, B | 1, TASK_FAULT },
		{ EVENT(INT_N, 0x80), 13, B, TASK_FAULT },
		{ EVENT(INT3, 3), 13, B, TASK_FAULT },
		{ EVENT(HARDWARE, 6), 13, B | 1, TASK_FAULT },		/* benign */
		{ EVENT_ERROR(HARDWARE, 13), 8, 0, TASK_FAULT },	/* contributory */
		{ EVENT_ERROR(HARDWARE, 14), 8, 0, TASK_FAULT },
		{ EVENT_ERROR(HARDWARE, 8), 13, B | 1, TASK_SHUTDOWN },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct task_result r;

		machine_start();
		poke(GDT + B + 5, 1, 0x8b);			/* busy */
		r = go_event(GATE | B, cases[i].vectoring, 0);
		assert_int_equal(r.outcome, cases[i].outcome);
		assert_int_equal(r.vector, cases[i].vector);
		assert_int_equal(r.error_code, cases[i].error_code);
		assert_false(r.committed);
	}
}

PROMISE(a_page_fault_during_a_contributory_fault_comes_second)
{
	struct task_result r;

	machine_start();
	m.hole.armed = true;
	m.hole.page = TSS_B >> 12;
	r = go_event(GATE | B, EVENT_ERROR(HARDWARE, 13), 0);
	assert_int_equal(r.vector, 14);
	r = go_event(GATE | B, EVENT_ERROR(HARDWARE, 14), 0);
	assert_int_equal(r.vector, 8);
	r = go_event(GATE | B, EVENT_ERROR(HARDWARE, 8), 0);
	assert_int_equal(r.outcome, TASK_SHUTDOWN);
}

/* ---- the bad ways ---- */

PROMISE(a_bad_tss_faults_in_the_old_task)
{
	static const struct { u32 at, width, value, qualification, vector, error_code; } cases[] = {
		{ 0, 0, 0, JMP | 0, 13, 0 },
		{ 0, 0, 0, IRET | 3, 10, 0 },
		{ 0, 0, 0, CALL | B | 4, 13, B | 4 },
		{ 0, 0, 0, IRET | A | 4, 10, A | 4 },
		{ 0, 0, 0, JMP | GDT_END, 13, GDT_END },
		{ 0, 0, 0, IRET | GDT_END | 1, 10, GDT_END },
		{ 0, 0, 0, JMP | DATA0, 13, DATA0 },
		{ 0, 0, 0, JMP | LDT_SEL, 13, LDT_SEL },
		{ 0, 0, 0, JMP | A, 13, A },				/* busy */
		{ 0, 0, 0, CALL | A, 13, A },
		{ 0, 0, 0, GATE | A, 13, A },
		{ 0, 0, 0, IRET | B, 10, B },				/* not busy */
		{ GDT + B + 5, 1, 0x09, JMP | B, 11, B },		/* absent */
		{ GDT + B + 5, 1, 0x0b, IRET | B, 11, B },
		{ GDT + B + 5, 1, 0x0b, JMP | B, 13, B },		/* busy comes before absent */
		{ GDT + B, 2, 0x66, JMP | B, 10, B },			/* too small */
		{ GDT + C, 2, 0x2a, CALL | C, 10, C },
		{ GDT + C + 5, 1, 0x9f, CALL | C, 13, C },		/* code */
	};
	struct machine before;

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		machine_start();
		poke(cases[i].at, cases[i].width, cases[i].value);
		before = m;
		is_refused(go(cases[i].qualification), &before, cases[i].vector, cases[i].error_code);
	}
	machine_start();
	m.cpu.tr.limit = 0x5e;
	before = m;
	is_refused(go(JMP | B), &before, 10, A);
}

PROMISE(a_page_fault_before_the_commit_point_changes_nothing)
{
	static const struct { u32 page, cr2, error_code, qualification; bool writes_only; } cases[] = {
		{ GDT >> 12, GDT + B, 0, JMP | B, false },
		{ TSS_B >> 12, TSS_B, 0, JMP | B, false },
		{ TSS_A >> 12, TSS_A + 0x20, 2, JMP | B, false },
		{ TSS_B >> 12, TSS_B, 2, CALL | B, true },		/* the back link */
		{ GDT >> 12, GDT + A + 5, 2, JMP | B, true },		/* the busy bits */
		{ GDT >> 12, GDT + B + 5, 2, CALL | B, true },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct machine before;

		machine_start();
		m.hole.armed = true;
		m.hole.page = cases[i].page;
		m.hole.writes_only = cases[i].writes_only;
		before = m;
		before.cpu.cr2 = cases[i].cr2;
		struct task_result r = go(cases[i].qualification);

		assert_int_equal(m.cpu.cr2, cases[i].cr2);
		is_refused(r, &before, 14, cases[i].error_code);
	}
}

PROMISE(a_bad_segment_faults_in_the_new_task)
{
	enum { ES = TSS_B + 0x48, CS = TSS_B + 0x4c, SS = TSS_B + 0x50, DS = TSS_B + 0x54, FS = TSS_B + 0x58,
	       GS = TSS_B + 0x5c, LD = TSS_B + 0x60 };
	static const struct { u32 at, selector, vector, error_code; bool ring3; } cases[] = {
		{ LD, LDT_SEL | 4, 10, LDT_SEL | 4, true },
		{ LD, GDT_END, 10, GDT_END, true },
		{ LD, DATA0, 10, DATA0, true },
		{ CS, 0, 10, 0, true },
		{ CS, DATA0, 10, DATA0, true },
		{ CS, CODE0 | 3, 10, CODE0, true },			/* DPL isn't RPL */
		{ CS, CONFORMING3 & ~3u, 10, CONFORMING3 & ~3u, true },	/* DPL above RPL */
		{ CS, ABSENT_CODE, 11, ABSENT_CODE, true },
		{ CS, B, 10, B, true },
		{ CS, GDT_END, 10, GDT_END, true },
		{ CS, IN_LDT, 10, IN_LDT, true },			/* without an LDT */
		{ SS, 0, 10, 0, true },
		{ SS, CODE0, 10, CODE0, true },
		{ SS, READ_ONLY, 10, READ_ONLY, true },
		{ SS, DATA0 | 1, 10, DATA0, true },			/* RPL isn't CPL */
		{ SS, DATA3 & ~3u, 10, DATA3 & ~3u, true },		/* DPL isn't CPL */
		{ SS, ABSENT_DATA, 12, ABSENT_DATA, true },
		{ DS, EXEC_ONLY, 10, EXEC_ONLY, false },
		{ ES, ABSENT_DATA, 11, ABSENT_DATA, false },
		{ FS, DATA0 | 3, 10, DATA0, false },			/* RPL above DPL */
		{ GS, A, 10, A, false },
		{ GS, GDT_END | 2, 10, GDT_END, false },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct task_result r;

		machine_start();
		poke(cases[i].at, 2, cases[i].selector);
		poke(TSS_B + 0x64, 2, 1);	/* the T flag loses against a fault */
		r = go(JMP | B);
		assert_int_equal(r.outcome, TASK_FAULT);
		assert_int_equal(r.vector, cases[i].vector);
		assert_true(r.has_error);
		assert_int_equal(r.error_code, cases[i].error_code);
		assert_true(r.committed);
		assert_int_equal(m.cpu.tr.selector, B);
		assert_int_equal(m.cpu.eip, 0xbbbb0);
		assert_int_equal(type_of(A), 0x89);
		assert_int_equal(m.cpu.segment[TASK_SS].rights, cases[i].ring3 ? TASK_UNUSABLE | 0x60 : 0xc093);
		assert_int_equal(m.cpu.segment[TASK_CS].rights, cases[i].ring3 ? 0xfb : 0xc09b);
		assert_int_equal(m.cpu.segment[TASK_CS].selector, peek(CS, 2));
	}
}

PROMISE(ring_3_code_cannot_load_ring_0_data)
{
	struct task_result r;

	machine_start();
	task32(TSS_B, 0xbbbb0, CODE3, DATA3);
	poke(TSS_B + 0x58, 2, DATA0);
	r = go(JMP | B);
	assert_int_equal(r.vector, 10);
	assert_int_equal(r.error_code, DATA0);
	assert_int_equal(m.cpu.segment[TASK_SS].rights, 0xc0f3);
	assert_int_equal(m.cpu.segment[TASK_FS].rights, TASK_UNUSABLE);
}

PROMISE(a_bad_ldt_of_a_v86_task_leaves_v86_segments)
{
	struct task_result r;

	machine_start();
	poke(TSS_B + 0x24, 4, 0x202 | VM);
	poke(TSS_B + 0x60, 2, DATA0);
	r = go(JMP | B);
	assert_int_equal(r.vector, 10);
	assert_true(r.committed);
	assert_int_equal(m.cpu.segment[TASK_CS].rights, 0xf3);
	assert_int_equal(m.cpu.ldtr.rights, TASK_UNUSABLE);
}

PROMISE(a_push_beyond_the_stack_is_a_stack_fault_of_the_new_task)
{
	static const struct { u32 selector, esp; bool fits; } cases[] = {
		{ SMALL_STACK, 0x87fe, true }, { SMALL_STACK, 0x87ff, false }, { DATA0, 2, false },
		{ DOWN_STACK, 0x8005, true }, { DOWN_STACK, 0x8004, false }, { DATA0, 4, true },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct task_result r;

		machine_start();
		poke(TSS_B + 0x50, 2, cases[i].selector);
		poke(TSS_B + 0x38, 4, cases[i].esp);
		r = go_event(GATE | B, EVENT_ERROR(HARDWARE, 17), 0);
		assert_true(r.committed);
		assert_int_equal(r.outcome, cases[i].fits ? TASK_DONE : TASK_FAULT);
		if (cases[i].fits)
			continue;
		assert_int_equal(r.vector, 12);
		assert_int_equal(r.error_code, 1);
		assert_int_equal(m.cpu.gpr[TASK_ESP], cases[i].esp);
	}
}

PROMISE(after_the_commit_point_memory_is_seen_through_the_new_cr3)
{
	struct task_result r;

	machine_start();
	m.cpu.cr0 |= PG;
	m.hole.armed = true;
	m.hole.page = GDT >> 12;
	m.hole.cr3 = 0x7000;
	r = go(JMP | B);
	assert_int_equal(r.outcome, TASK_FAULT);
	assert_int_equal(r.vector, 14);
	assert_true(r.committed);
	assert_true(r.cr3_changed);
	assert_int_equal(m.cpu.cr2, GDT + CODE0);
}

RUN(
	T(jmp_saves_the_old_task_and_loads_the_new),
	T(call_nests_and_iret_comes_back),
	T(an_iret_to_itself_goes_on_behind_the_iret),
	T(a_16_bit_task_keeps_lower_halves_only),
	T(the_new_task_uses_its_ldt),
	T(cr3_is_loaded_with_paging_only),
	T(with_pae_a_new_cr3_brings_new_pdptes_or_faults),
	T(a_v86_task_gets_real_mode_segments_and_ring_3),
	T(ring_3_code_takes_ring_3_stack_and_data),
	T(a_loaded_descriptor_becomes_accessed),
	T(the_t_flag_traps_before_the_first_instruction),
	T(a_gate_nests_and_goes_on_where_the_event_says),
	T(an_error_code_is_pushed_as_wide_as_the_tss),
	T(faults_on_the_way_to_a_handler_merge),
	T(a_page_fault_during_a_contributory_fault_comes_second),
	T(a_bad_tss_faults_in_the_old_task),
	T(a_page_fault_before_the_commit_point_changes_nothing),
	T(a_bad_segment_faults_in_the_new_task),
	T(ring_3_code_cannot_load_ring_0_data),
	T(a_bad_ldt_of_a_v86_task_leaves_v86_segments),
	T(a_push_beyond_the_stack_is_a_stack_fault_of_the_new_task),
	T(after_the_commit_point_memory_is_seen_through_the_new_cr3))
