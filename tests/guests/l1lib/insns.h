/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions of L2 as a list of their texts; each is one experiment, and the text its name.
 *
 *	#define PLAIN(X) X("cpuid") X("rdtscp", .enable = SECONDARY_RDTSCP, .primary = PRIMARY_RDTSC)
 *	INSNS(plain, PLAIN, PLAIN);
 *	insns_run(&l2, &(struct insn_run){ .mode = L2_PAE }, &plain);
 *
 * runs each as it is, then enabled, and then exiting, as far as the CPU has the controls:
 *	R pae rdtscp: exit 18 ...		#UD in L2, by the handlers of l2.h
 *	R pae rdtscp, enabled: exit 18 ...	a VMCALL follows each instruction
 *	R pae rdtscp, exiting: exit 51 ...
 */
#ifndef L1_INSNS_H
#define L1_INSNS_H

#include "l2.h"

#define INSN_SLOT	32u
#define INSN_WORDS	3u
#define GUARD_TICKS	1000000		/* the preemption timer ends what nothing else does */

struct insn {
	const char *text;
	u32 enable;			/* secondary controls without which the instruction is #UD */
	u32 primary, secondary;		/* controls that make it exit */
};

struct insn_run {
	enum l2_mode mode;
	u32 with;			/* as l2_setup() takes it */
	bool user;			/* at CPL 3 */
	const char *what[INSN_WORDS];	/* said after the mode; NULL: nothing */
	void (*prepare)(struct l2 *l);	/* after l2_setup(), for each run */
	void (*says)(struct l2 *l);	/* what else is seen after each run, said behind a comma */
	bool only_exiting;		/* what has a control runs with it alone */
};

#define INSN_TEXT(text, ...)	text "\nvmcall\n.balign 32, 0xf4\n"
#define INSN_ROW(words, ...)	{ .text = words, ##__VA_ARGS__ },
struct insn_list { const struct insn *rows; u32 count; const u8 *code_16, *code_32, *code_64; };

#define INSN_LIST(name, list, ...)								\
	static const struct insn name##_rows[] = { list(INSN_ROW) };				\
	static const struct insn_list name = { name##_rows, ARRAY_SIZE(name##_rows), ##__VA_ARGS__ }

/* For all sizes of code; @list_64: the same with what 64-bit mode writes differently. Or for one size alone. */
#define INSNS(name, list, list_64)								\
	L2_CODE(name##_16, 16, list(INSN_TEXT));						\
	L2_CODE(name##_32, 32, list(INSN_TEXT));						\
	L2_CODE(name##_64, 64, list_64(INSN_TEXT));						\
	INSN_LIST(name, list, .code_16 = name##_16, .code_32 = name##_32, .code_64 = name##_64)
#define INSNS_OF(bits, name, list)								\
	L2_CODE(name##_##bits, bits, list(INSN_TEXT));						\
	INSN_LIST(name, list, .code_##bits = name##_##bits)

void insns_run(struct l2 *l, const struct insn_run *how, const struct insn_list *list);

u32 l2_bits(enum l2_mode mode);		/* 16, 32 or 64: of its code */
u32 l2_data(enum l2_mode mode);		/* what DS:BX is to be to reach data of L2's */
void l2_user(const struct l2 *l);	/* CPL 3; with the TSS's stack for what comes back */
void l2_guard(void);			/* GUARD_TICKS until exit 52, where the CPU has the timer */
void l2_again(struct l2 *l);		/* to where l2_setup() began, registers 0 but BX = SI = DI = l2_data(), for another run */

#endif
