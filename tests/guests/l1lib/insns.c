/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs lists of L2's instructions: see insns.h. */
#include "insns.h"

#define LOW_STACK	0x4ff0u

u32 l2_bits(enum l2_mode mode)
{
	return mode == L2_REAL || mode == L2_V86 ? 16 : mode == L2_LONG ? 64 : 32;
}

u32 l2_data(enum l2_mode mode) { return l2_bits(mode) == 16 ? 0x10 : L2_DATA + 0x10; }

void l2_user(const struct l2 *l)
{
	vmcs_set(SEG(SELECTOR, SEG_CS), l->mode == L2_LONG ? SEL_USER_CODE64 : SEL_USER_CODE);
	for (u32 s = SEG_ES; s <= SEG_GS; s++) {
		vmcs_on(SEG(AR, s), AR_DPL(3));
		if (s != SEG_CS)
			vmcs_set(SEG(SELECTOR, s), SEL_USER_DATA);
	}
	vmcs_set(GUEST_RSP, L2_STACK - 0x800);
}

void l2_guard(void)
{
	if (!CAN_PIN(PIN_TIMER))
		return;
	vmcs_on(PIN_CTRLS, PIN_TIMER);
	vmcs_set(PREEMPTION_TIMER, GUARD_TICKS);
}

void l2_again(struct l2 *l)
{
	l->ax = l->cx = l->dx = l->bp = 0;
	l->bx = l->si = l->di = l2_data(l->mode);
}

static bool can(const struct insn *insn)
{
	return CAN_PRIMARY(insn->primary) && (!(insn->enable | insn->secondary) || CAN_SECONDARY(insn->enable | insn->secondary));
}

static void say_name(const struct insn_run *how, const struct insn *insn, const char *as)
{
	say("R %s%s", l2_mode_names[how->mode], how->user ? " user" : "");
	for (u32 i = 0; i < INSN_WORDS; i++)
		if (how->what[i])
			say(" %s", how->what[i]);
	say(" %s%s%s", insn->text, *as ? ", " : "", as);
}

static void run(struct l2 *l, const struct insn_run *how, const struct insn *insn, const u8 *code, const char *as)
{
	bool enabled = as[0] == 'e', exiting = as[0] == 'e' && as[1] == 'x';
	struct vmx_result r;

	l2_setup(l, how->mode, how->with);
	l2_again(l);
	l2_guard();
	if (how->user)
		l2_user(l);
	l2_code(l, code, code + INSN_SLOT);
	if (enabled && insn->enable)
		secondary_on(insn->enable);
	if (exiting)
		vmcs_on(PRIMARY_CTRLS, insn->primary);
	if (exiting && insn->secondary)
		secondary_on(insn->secondary);
	if (how->prepare)
		how->prepare(l);
	if (how->with & L2_WITH_EPT)
		(void)vmx_invept(2, 0);			/* what was prepared may have been other tables before */
	r = l2_run(l);
	say_name(how, insn, as);
	say(": ");
	say_entry(r);
	if (how->says) {
		say(",");
		how->says(l);
	}
	say("\n");
}

void insns_run(struct l2 *l, const struct insn_run *how, const struct insn_list *list)
{
	u32 bits = l2_bits(how->mode);
	const u8 *code = bits == 16 ? list->code_16 : bits == 32 ? list->code_32 : list->code_64;

	if (!l2_can(how->mode) || !code)
		return;
	for (u32 i = 0; i < list->count; i++, code += INSN_SLOT) {
		const struct insn *insn = &list->rows[i];
		bool has_control = insn->primary | insn->secondary;

		if (!has_control || !how->only_exiting)
			run(l, how, insn, code, "");
		if (insn->enable && !how->only_exiting && CAN_SECONDARY(insn->enable))
			run(l, how, insn, code, "enabled");
		if (has_control && can(insn))
			run(l, how, insn, code, "exiting");
	}
}
