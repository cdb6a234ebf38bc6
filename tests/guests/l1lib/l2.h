/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small L2: set it up, give it code, run it to its next exit, say what the exit was.
 *
 *	L2_CODE(two_calls, 32, "vmcall; vmcall");
 *	static struct l2 l2;
 *	l2_setup(&l2, L2_PAE, 0);		VMCLEAR, VMPTRLD, and all fields valid
 *	l2_code(&l2, two_calls, two_calls_end);
 *	vmcs_set(...);				what the experiment changes
 *	result_l2("two calls", &l2, l2_run(&l2));
 *
 * prints "R two calls: exit 18 q 0 len 3 rip 1800000 flags 2", or "valid 7" and the like when there was no entry.
 * An exception in L2 ends in a VMCALL at L2_HANDLERS + 4 * vector (real mode: L2_LOW_HANDLERS).
 */
#ifndef L1_L2_H
#define L1_L2_H

#include "vmx.h"

/* Where L2 lies: guest-physical and linear addresses, and (unless an experiment maps otherwise) physical ones. */
#define L2_AT		0x1800000u
#define L2_CODE_AT	(L2_AT + 0x0000)	/* three pages each, so that code may end at the edge of a page */
#define L2_GDT		(L2_AT + 0x3000)	/* the selectors of layout.h, and SEL_TSS */
#define L2_IDT		(L2_AT + 0x4000)
#define L2_HANDLERS	(L2_AT + 0x5000)
#define L2_TSS		(L2_AT + 0x6000)
#define L2_STACK	(L2_AT + 0x8000)	/* its top, with a page below */
#define L2_DATA		(L2_AT + 0x8000)	/* four pages for experiments */
#define L2_TABLES	(L2_AT + 0x10000)	/* page tables: 4 GiB one to one, for each kind of paging */
#define L2_DIRECTORIES	(L2_TABLES + 0x2000)	/* of PAE and long mode: four in a row, 2 MiB pages */
#define L2_DIRECTORY32	(L2_TABLES + 0x6000)	/* of 32-bit paging, 4 MiB pages */
#define L2_PDPT		(L2_TABLES + 0x7000)	/* the one of PAE paging */
#define L2_TABLES_END	(L2_TABLES + 0x8000)
#define L2_LOW_CODE	0x3000u			/* real and virtual-8086 mode: CS base, IP 0 */
#define L2_LOW_IDT	0x2000u
#define L2_LOW_HANDLERS	0x2400u
#define L2_LOW_STACK	0x4ff0u
#define L2_LOW_DATA	0x4000u			/* DS = ES base; half a page */
#define L2_LOW_END	0x5000u

/* L2_LONG and L2_COMPAT are for 64-bit L1s; L2_REAL and L2_FLAT need the unrestricted guest, and turn EPT on. */
enum l2_mode { L2_REAL, L2_V86, L2_FLAT, L2_PAGED, L2_PAE, L2_COMPAT, L2_LONG, L2_MODES };
extern const char *const l2_mode_names[L2_MODES];
#define L2_NATIVE	(L1_IS_64 ? L2_LONG : L2_PAE)	/* for what doesn't depend on the mode */
bool l2_can(enum l2_mode mode);		/* on this CPU, from this L1? */

/* For l2_setup(): */
#define L2_WITH_EPT	BIT(0)		/* all memory one to one, 2 MiB pages, write-back */
#define L2_WITH_VPID	BIT(1)		/* VPID 1 */

struct l2 {
	uptr ax, bx, cx, dx, si, di, bp;	/* in and out; the rest of L2's registers are fields */
#ifdef __x86_64__
	u64 r8, r9, r10, r11, r12, r13, r14, r15;
#endif
	bool launched;				/* VMRESUME next time */
	enum l2_mode mode;
	void *vmcs;				/* its region; taken at the first setup */
	u64 eptp;				/* 0: without EPT */
};

/*
 * A valid VMCS for this mode, with the fewest controls the CPU allows; current and clear afterwards. L2's memory, GDT,
 * IDT and page tables are made anew. Host state is L1's own.
 */
void l2_setup(struct l2 *l, enum l2_mode mode, u32 with);
void l2_setup_host(void);		/* that part alone */
void l2_reset(struct l2 *l);		/* guest state and events alone; the VMCS may be launched */
void l2_code(const struct l2 *l, const void *code, const void *end);

/* VMLAUNCH or VMRESUME. VMX_OK: there was an exit, or an entry that failed on the guest's state or an MSR. */
struct vmx_result l2_run(struct l2 *l);
/* The same with the instruction chosen by the caller. */
struct vmx_result l2_enter(struct l2 *l, bool resume);

/* Bits of an EPT violation that belong to "advanced information", which the hypervisor doesn't offer. Never said. */
#define QUALIFICATION_ADVANCED	0xe00ull

static inline u32 exit_reason(void) { return (u32)vmcs_get(EXIT_REASON); }

/*
 * The canonical record of an exit: what the SDM defines for its reason (27.2), and RIP, RFLAGS; activity state,
 * interruptibility and pending debug exceptions if they aren't 0; "HOST ..." if L1's own state isn't what it was.
 */
void say_exit(void);
void result_l2(const char *name, struct l2 *l, struct vmx_result r);
#define result_l2_f(r, format, ...) (say("R " format ": ", ##__VA_ARGS__), say_entry(r), say("\n"))
void say_entry(struct vmx_result r);	/* say_exit(), or say_result() if there was no entry */

/* What of L1's state an exit left otherwise than l2_setup_host() asked for, or NULL. */
const char *host_damage(void);

/* A bit of a control, together with what turns its field on: secondary controls. */
void vmcs_on(enum vmcs_field field, u64 bits);
void vmcs_off(enum vmcs_field field, u64 bits);
void secondary_on(u32 bits);

/* Code for L2, 16, 32 or 64 bits: two labels, name and name_end. */
#ifdef __x86_64__
#define L1_CODE_BITS ".code64"
#else
#define L1_CODE_BITS ".code32"
#endif
#define L2_CODE(name, bits, text)								\
	extern const u8 name[], name##_end[];							\
	__asm__(".pushsection .rodata\n.code" #bits "\n" #name ":\n" text "\n" #name "_end:\n"	\
		L1_CODE_BITS "\n.popsection")

#endif
