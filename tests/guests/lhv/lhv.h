/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The light hypervisor: what its files know of each other. The program is L1; on each CPU it runs one L2, which is
 * the same image with page tables, TSS and stack of its own. What is tested stands in the table of options.c.
 */
#ifndef LHV_H
#define LHV_H

#include "layout.h"
#include "lib/types.h"
#include "machine/cpu_insn.h"
#include "vmx/vmcs.h"

enum level { L1, L2, LEVELS };
enum source { PIT, KEYBOARD, MOUSE, TIMER, SOURCES };

/* How an interrupt that comes in L2 is taken: by exit with its vector, by exit and then by L1's IDT, or by L2. */
enum way { BY_EXIT_ACKNOWLEDGED, BY_EXIT, BY_L2, WAYS };

struct tss {
#ifdef __x86_64__
	u32 reserved;
	u64 sp0, sp1, sp2, ist[8];
	u64 reserved1;
	u16 reserved2, io_map;
#else
	u32 link, sp0, ss0;
	u32 unused[22];
	u16 trap, io_map;
#endif
} PACKED;
_Static_assert(sizeof(struct tss) == 104, "SDM 8.2.1, 8.7");

struct frame {			/* trap_*.S */
#ifdef __x86_64__
	uptr r15, r14, r13, r12, r11, r10, r9, r8, di, si, bp, bx, dx, cx, ax;
#else
	uptr di, si, bp, unused, bx, dx, cx, ax;
#endif
	uptr vector, error, ip, cs, flags, sp, ss;	/* in 32-bit mode the last two only from CPL 3 */
};

struct registers {		/* of L2, vmx_*.S */
	uptr ax, bx, cx, dx, si, di, bp;
#ifdef __x86_64__
	uptr r8, r9, r10, r11, r12, r13, r14, r15;
#endif
};

struct controls { u32 pin, primary, secondary, exit, entry; };

#define OPTIONS_MAX	16

struct cpu {
	_Alignas(PAGE_SIZE) u8 vmxon[PAGE_SIZE];
	u8 vmcs[PAGE_SIZE];
	_Alignas(16) u8 stack[LEVELS][STACK_BYTES];
	_Alignas(16) u8 user_stack[LEVELS][PAGE_SIZE];
	struct tss tss[LEVELS];
	u32 index, apic_id;
	volatile bool up;
	volatile u32 finished;		/* runs */
	u32 slowed;			/* how often irq_slower() halved the timers' rate */
	u32 nowhere;			/* entries in a row after which an interrupt came before L2 did anything */
	struct registers regs;		/* from here on new for each run: see cpu_run() */
	struct controls ctrls;
	enum way way;
	bool launched, wants_next;
	bool leaving_l2;		/* L1 takes what ended L2 */
	volatile u32 iteration;
	u32 exits, entries, injected;
	volatile u32 taken[SOURCES][LEVELS];		/* interrupts */
	volatile u32 in_user[LEVELS];			/* those that came at CPL 3 */
	u32 exit_reason, tree;
	uptr user_back[LEVELS];
	u32 checks[OPTIONS_MAX], broken[OPTIONS_MAX];	/* by place in options[] */
};

extern struct cpu cpus[CPUS_MAX];
extern u32 cpus_up;

/* ---- the options (options.c, opt_*.c) --------------------------------------------------------------------- */

enum {
	OPT_MSR_LISTS = 0x1, OPT_NO_IF = 0x2, OPT_EPT = 0x4, OPT_EPT_SWITCH = 0x8, OPT_VPID = 0x10,
	OPT_UNRESTRICTED = 0x20, OPT_USER = 0x40, OPT_VMXOFF = 0x80, OPT_LARGE = 0x100, OPT_NO_INTERRUPTS = 0x200,
	OPT_MSR_BITMAP = 0x400, OPT_L2_USER = 0x800, OPT_MOUSE = 0x1000, OPT_ALL = 0x1fff,
	OPT_ENTER = 0x10000, OPT_INTERRUPTS = 0x20000, OPT_FLUSH = 0x40000, OPT_ALWAYS = 0x70000,
};

struct option {
	u32 bit;
	u32 needs;			/* switched on with it */
	u32 not_with;			/* off with any of these */
	bool first_cpu;			/* has nothing to check on the others */
	const char *name, *promise;
	void (*setup)(struct cpu *c);			/* once a CPU, its VMCS loaded: controls, fields */
	void (*before)(struct cpu *c, u32 n);		/* L1, before iteration n enters L2 */
	void (*in_l2)(struct cpu *c, u32 n);		/* L2's part */
	void (*left)(struct cpu *c);			/* L1, after each exit */
	uptr (*call)(struct cpu *c, uptr argument);	/* L1's answer to VMCALL with the option's bit */
	bool (*exit)(struct cpu *c, u32 reason);	/* an exit that it asked for; false: not its */
	void (*after)(struct cpu *c, u32 n);		/* L1, when L2's part is over */
	void (*last)(struct cpu *c);			/* after the last iteration */
};

extern const struct option *const options[];
extern u32 asked;			/* a number of lhv=, with what it needs */

/* One check of an option; a failed one prints what was seen, the first few of them. Any level, CPL 0. */
void check(const struct option *o, bool good, const char *seen, ...) PRINTF(3, 4);

void options_ask(u32 number);		/* from now on these are on */
bool option_on(const struct option *o);
const struct option *option_next(const struct option *const **place);	/* the next that is on; NULL: no more */
void options_report(void);

#define FOR_EACH_OPTION(o)							\
	for (const struct option *const *place_ = options, *o; (o = option_next(&place_)); )

/* ---- saying (say.c) ----------------------------------------------------------------------------------------- */

void say_init(void);
void say(const char *format, ...) PRINTF(1, 2);
void fail(const char *format, ...) PRINTF(1, 2) NORETURN;	/* nothing can go on */
void done(void) NORETURN;

/* ---- this CPU (tables.c, trap.c) ------------------------------------------------------------------------------ */

void tables_init(void);			/* once */
void tables_load(struct cpu *c);	/* on each CPU */
void tables_bases(u64 *gdt_base, u64 *idt_base);

static inline u32 tss_selector(const struct cpu *c, enum level level) { return SEL_TSS + (2 * c->index + level) * TSS_SLOT; }

/* The task register tells CPU and level in every mode and at every CPL. */
static inline u32 task_slot(void)
{
	u32 selector;

	__asm__ volatile("str %0" : "=r"(selector));
	return ((selector & 0xffff) - SEL_TSS) / TSS_SLOT;
}

static inline struct cpu *this_cpu(void) { return &cpus[task_slot() / 2]; }
static inline enum level this_level(void) { return (enum level)(task_slot() % 2); }

static inline uptr read_flags(void)
{
	uptr flags;

	__asm__ volatile("pushf; pop %0" : "=r"(flags));
	return flags;
}

static inline u32 cpl(void)
{
	u32 cs;

	__asm__ volatile("mov %%cs, %0" : "=r"(cs));
	return cs & 3;
}

static inline void irq_on(void) { __asm__ volatile("sti" : : : "memory"); }
static inline void irq_off(void) { __asm__ volatile("cli" : : : "memory"); }

#define NO_TRAP		256
#define RFLAGS_AC	BIT(18)

/* The vector of the exception that the instruction raises, or NO_TRAP; operands from %1 on, none in EAX. */
#define TRY(insn, ...) ({								\
	u32 trap_;									\
	__asm__ volatile("mov $256, %%eax\n1:\t" insn "\n2:\n"				\
			 ".pushsection .fixups, \"a\"\n.long 1b, 2b\n.popsection"	\
			 : "=&a"(trap_) : __VA_ARGS__);					\
	trap_; })

/* Calls @function at CPL 3, interrupts as they are. */
void user_call(void (*function)(void));

/* ---- interrupts (irq.c, ps2.c) ----------------------------------------------------------------------------------- */

void irq_init(void);			/* the first CPU: PIC, PIT, keyboard, mouse */
void irq_init_cpu(struct cpu *c);	/* local APIC */
void irq_slower(struct cpu *c);		/* its timers come half as often from now on */
void irq_end(struct cpu *c);		/* all sources off, and what is pending taken */
void irq_take(struct cpu *c, u32 vector, enum level level);
bool irq_has(const struct cpu *c, enum source source);	/* does this CPU get that one? */
u32 irq_taken(const struct cpu *c, enum level level);	/* of all sources */

#define WAIT_BOUND	2000000u	/* spins in which an interrupt surely comes */

/* Waits, interrupts on, until @count were taken at @level; false: they didn't come within a bound. */
bool irq_wait(struct cpu *c, enum source source, enum level level, u32 count);

#define MOUSE_ANSWER	4		/* bytes to one ps2_mouse_ask(), an interrupt each */

struct ps2_counts { volatile u32 asked, echoes, keys, mouse_asked, mouse_acks; };
extern struct ps2_counts ps2;

bool ps2_init(bool mouse);
void ps2_take(enum source source);
void ps2_keyboard_ask(void);		/* the keyboard will answer, by an interrupt */
void ps2_mouse_ask(void);

u32 apic_read(u32 reg);
void apic_write(u32 reg, u32 value);
#define APIC_ICR	0x300
#define APIC_ICR2	0x310

/* ---- other CPUs (smp.c) ----------------------------------------------------------------------------------------------- */

void smp_start(void);			/* those of the MADT, one by one */
void cpu_serve(struct cpu *c) NORETURN;	/* main.c: what the others do */

/* ---- VMX (vmx.c, vmcs_state.c) ------------------------------------------------------------------------------------------ */

u32 vmx_controls(u32 msr, u32 true_msr, u32 want);	/* made to fit the CPU */
void vmx_on_cpu(struct cpu *c);		/* VMXON, an empty VMCS loaded */
void vmx_off_cpu(struct cpu *c);	/* VMCS cleared, VMXOFF, CR4.VMXE off */
void vmx_again(struct cpu *c);		/* on again, with the VMCS as it was */
void vmx_write_controls(struct cpu *c);
void vmcs_host_state(struct cpu *c);
void vmcs_guest_state(struct cpu *c);
void vmx_until_next(struct cpu *c);	/* runs L2 until its part of the iteration is over */

extern const struct option opt_enter, opt_interrupts;	/* what vmx.c itself has to check */

/* ---- MSRs: the bitmap that opt_msr_bitmap.c and opt_msr_lists.c share (opt_msr_bitmap.c) -------------------- */

void msr_bitmap_use(struct cpu *c);	/* of zeros: no access exits */

/* ---- EPT (ept.c): two trees a CPU, filled one to one as L2 touches them ----------------------------------------- */

#define EPT_READ	BIT(0)
#define EPT_WRITE	BIT(1)
#define EPT_RWX		7u
#define EPT_TREES	2

void ept_init(struct cpu *c);
void ept_use(struct cpu *c, u32 tree);			/* EPTP, without a flush */
void ept_map(struct cpu *c, u64 gpa, u64 physical, u32 rights, bool large);	/* in both trees, no flush */
void ept_map_in(struct cpu *c, u32 tree, u64 gpa, u64 physical, u32 rights, bool large);
bool ept_fill(struct cpu *c, u64 gpa);			/* what a violation asks for; false: nothing is there */
void ept_flush(struct cpu *c, bool single);		/* INVEPT: of both trees one by one, or of all */

/* ---- memory to see through windows (memory.c) -------------------------------------------------------------------- */

enum page { PAGE_A, PAGE_B, PAGE_C, PAGE_D, PAGES };

void memory_init(u32 kib_from_1m);
volatile u32 *test_page(struct cpu *c, enum page page);
volatile u32 *large_frame(struct cpu *c, u32 which);	/* two of 2 MiB */

/* ---- L2 (l2.c, l2_tables.c) ---------------------------------------------------------------------------------------------- */

#define CALL_NEXT	0xffff		/* VMCALL: not an option's bit */

void l2_main(void);
uptr l2_call(u32 number, uptr argument);
uptr l2_call_unpaged(u32 number, uptr argument);	/* vmx_*.S: with CR0.PG off */

/*
 * L2's page tables: one to one, but for two windows, which a test leads where it likes:
 * slots of 4 KiB, and one of 2 MiB.
 */
#define WINDOW		0xc0000000u
#define WINDOW_LARGE	0xc0200000u
#define WINDOW_SLOTS	4
enum slot { SLOT_EPT, SLOT_VPID, SLOT_SWITCH, SLOT_READONLY };

uptr l2_tables(struct cpu *c);		/* builds them; CR3's value */
void l2_window(struct cpu *c, enum slot slot, u64 physical);		/* no flush */
void l2_window_large(struct cpu *c, u64 physical);
const u64 *l2_pdptes(struct cpu *c);	/* i386: the four */

static inline volatile u32 *window_at(enum slot slot) { return (volatile u32 *)(uptr)(WINDOW + slot * PAGE_SIZE); }

#endif
