/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tiny guests are written with. A guest is a file with guest_main(); it runs in flat 32-bit protected
 * mode without paging, interrupts off (those of l1/ also in 64-bit mode), and says on COM1
 *	PASS name: sentence	a promise kept
 *	FAIL name: sentence	a promise broken, what was seen stands before it
 *	FACT key value		what the test compares between the bare machine and us
 * and at last DONE.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "layout.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
#ifdef __x86_64__
typedef u64 uptr;		/* a register */
#else
typedef u32 uptr;
#endif

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define BIT(n)		(1u << (n))

void guest_main(void);

/* ---- saying (say.c); formats: %s %c %u %d %x %08x %llx -------------------------------------------------- */

void say_init(void);
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void promise(bool kept, const char *name, const char *sentence);
void done(void) __attribute__((noreturn));		/* DONE, and the machine ends */
#define fact(format, ...) say("FACT " format "\n", ##__VA_ARGS__)

/* A promise of many small checks: expect() each, then kept(). */
void expect(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));
void kept(const char *name, const char *sentence);
void kept_by_us(const char *name, const char *sentence);	/* the bare machine's BIOS or CPU doesn't */

/* ---- the CPU ---------------------------------------------------------------------------------------------- */

static inline void outb(u16 port, u8 value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline void outl(u16 port, u32 value) { __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }

static inline u8 inb(u16 port)
{
	u8 value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline u32 inl(u16 port)
{
	u32 value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

struct cpuid_regs { u32 eax, ebx, ecx, edx; };

static inline struct cpuid_regs cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid_regs r;

	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "0"(leaf), "2"(subleaf));
	return r;
}

#define READ_CR(n)	({ uptr cr_; __asm__ volatile("mov %%cr" #n ", %0" : "=r"(cr_) : : "memory"); cr_; })
#define WRITE_CR(n, v)	__asm__ volatile("mov %0, %%cr" #n : : "r"((uptr)(v)) : "memory")
#define READ_DR(n)	({ uptr dr_; __asm__ volatile("mov %%dr" #n ", %0" : "=r"(dr_)); dr_; })

#define CR0_PE		BIT(0)
#define CR0_MP		BIT(1)
#define CR0_EM		BIT(2)
#define CR0_TS		BIT(3)
#define CR0_ET		BIT(4)
#define CR0_NE		BIT(5)
#define CR0_WP		BIT(16)
#define CR0_AM		BIT(18)
#define CR0_NW		BIT(29)
#define CR0_CD		BIT(30)
#define CR0_PG		BIT(31)
#define CR4_VME		BIT(0)
#define CR4_PSE		BIT(4)
#define CR4_PAE		BIT(5)
#define CR4_MCE		BIT(6)
#define CR4_PGE		BIT(7)
#define CR4_UMIP	BIT(11)
#define CR4_VMXE	BIT(13)
#define CR4_SMXE	BIT(14)
#define CR4_PCIDE	BIT(17)
#define CR4_OSXSAVE	BIT(18)
#define CR4_SMEP	BIT(20)
#define CR4_PKE		BIT(22)
#define CR4_CET		BIT(23)
#define MSR_APIC_BASE	0x1b
#define MSR_PAT		0x277
#define MSR_EFER	0xc0000080
#define EFER_SCE	BIT(0)
#define EFER_LME	BIT(8)
#define EFER_LMA	BIT(10)
#define EFLAGS_TF	BIT(8)
#define EFLAGS_IF	BIT(9)
#define EFLAGS_NT	BIT(14)
#define EFLAGS_RF	BIT(16)
#define EFLAGS_VM	BIT(17)

enum { DE_TRAP, DB_TRAP, NMI_TRAP, BP_TRAP, OF_TRAP, BR_TRAP, UD_TRAP, NM_TRAP, DF_TRAP, TS_TRAP = 10, NP_TRAP,
       SS_TRAP, GP_TRAP, PF_TRAP, MC_TRAP = 18 };

/* This CPU's own record, at GS:0. */
struct cpu {
	volatile u32 resume, vector, error, eip;
};
_Static_assert(offsetof(struct cpu, eip) == CPU_EIP, "struct cpu and layout.h agree");

extern struct cpu cpus[CPUS_MAX];

static inline u32 cpu_number(void)
{
	u32 gs;

	__asm__ volatile("mov %%gs, %0" : "=r"(gs));
	return ((gs & ~3u) - SEL_CPU0) / 8;
}

static inline struct cpu *this_cpu(void) { return &cpus[cpu_number()]; }

/*
 * TRY("insn", outputs, inputs, clobbers) gives the vector of the exception that the instructions raise, or
 * NO_TRAP; this_cpu()->error and ->eip tell the rest. Operands are written as in extended asm, from the first colon on; one stands there in any case.
 */
#define TRY(insns, ...) ({								\
	__asm__ volatile("movl $9f, %%gs:0\n\tmovl $256, %%gs:4\n\t" insns		\
			 "\n9:\tmovl $0, %%gs:0" __VA_ARGS__);				\
	this_cpu()->vector; })

static inline u32 try_rdmsr(u32 msr, u64 *value)
{
	u32 low = 0, high = 0, trap = TRY("rdmsr", : "+a"(low), "+d"(high) : "c"(msr) : "memory");

	*value = (u64)high << 32 | low;
	return trap;
}

static inline u32 try_wrmsr(u32 msr, u64 value)
{
	return TRY("wrmsr", : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static inline u64 rdmsr(u32 msr)
{
	u32 low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (u64)high << 32 | low;
}

static inline void wrmsr(u32 msr, u64 value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static inline u64 rdtsc(void)
{
	u32 low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (u64)high << 32 | low;
}

static inline void pause(void) { __asm__ volatile("pause" : : : "memory"); }

void *memcpy(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);
int memcmp(const void *a, const void *b, size_t length);

bool on_us(void);		/* is the hypervisor below? by its CPUID leaf */

/* ---- the state of entry (boot.S) ---------------------------------------------------------------------------- */

struct entry_state {
	u32 eax, ebx, ecx, edx, esi, edi, ebp, esp;
	u16 cs, ds, es, ss, fs, gs, ip, spare;
};
extern struct entry_state entry_state;

/* ---- BIOS calls (bios.c, bios.S) ------------------------------------------------------------------------------ */

struct bios_regs {
	u32 edi, esi, ebp, unused, ebx, edx, ecx, eax;
	u16 es, ds;
	u32 flags;
};
#define FLAG_CF		1u

/* INT vector in real mode with these registers, which take the answer; true: CF was clear. */
bool bios(u8 vector, struct bios_regs *regs);

/* ---- exceptions and tables (trap.c) ----------------------------------------------------------------------------- */

#ifdef __x86_64__
struct frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, edi, esi, ebp, ebx, edx, ecx, eax, vector, error, eip, cs, eflags, esp, ss;
};
struct descriptor_pointer { u16 limit; u64 base; } __attribute__((packed));
#else
struct frame {
	u32 es, ds, edi, esi, ebp, unused, ebx, edx, ecx, eax, vector, error, eip, cs, eflags;
	u32 esp, ss, v_es, v_ds, v_fs, v_gs;		/* from another ring; the last four from V86 mode */
};

struct descriptor_pointer { u16 limit; u32 base; } __attribute__((packed));
#endif

struct tss {
	u16 link, r0;
	u32 esp0; u16 ss0, r1;
	u32 esp1; u16 ss1, r2;
	u32 esp2; u16 ss2, r3;
	u32 cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi;
	u16 es, r4, cs, r5, ss, r6, ds, r7, fs, r8, gs, r9, ldt, r10, trap, io_map;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "SDM figure 8-2");

extern void (*handlers[256])(struct frame *);	/* instead of TRY's way and of a FAIL */
extern u8 gdt[GDT_SIZE];
extern u64 idt[256];
extern struct descriptor_pointer gdt_pointer, idt_pointer;
extern struct tss *const main_tss;

void tables_init(void);
uptr tss_base(void);			/* what TR holds */
void descriptor_set(u32 selector, u32 base, u32 limit, u8 access, u8 flags);	/* flags: G, D, L, AVL of byte 6 */
void gate_set(u32 vector, u16 selector, u32 offset, u8 access);
void handler64_set(u32 vector, void (*code64)(void));

/* Calls a function at CPL 3; it may use TRY. */
void user_call(void (*function)(void));

/* ---- paging (paging.c): identity maps of the first 4 GiB ------------------------------------------------------------ */

extern u64 pml4[512], pdpt[512], page_directory[8][512];	/* 2 MiB pages, 8 GiB in long mode */
extern u32 directory32[1024];					/* 4 MiB pages */

void paging_init(void);			/* fills all of them */
void paging_32(void);			/* on, 32-bit */
void paging_pae(void);
void paging_off(void);			/* and CR4.PAE, PSE too */

/* 64-bit code, written in assembly, is called in long mode; EDI is the argument, EAX the result. */
extern u32 long_enter(void (*code64)(void), u32 argument);
bool has_long_mode(void);

/* ---- APIC and other CPUs (smp.c) --------------------------------------------------------------------------------------- */

#define ICR_INIT	0x4500		/* INIT, assert */
#define ICR_SIPI	0x4600
#define ICR_NMI		0x4400
#define ICR_FIXED	0x4000
#define ICR_SELF	0x40000
#define ICR_OTHERS	0xc0000
#define APIC_ID		0x20
#define APIC_EOI	0xb0
#define APIC_SVR	0xf0
#define APIC_ICR	0x300
#define APIC_LVT0	0x350
#define APIC_LVT1	0x360

struct ap_state {
	u32 eax, ebx, ecx, edx, esi, edi, ebp, esp;
	u16 cs, ds, es, ss, fs, gs, spare[2];
	u32 cr0, cr2, cr3, cr4, dr6, dr7, dr0;
	u16 gdt_limit; u32 gdt_base;
	u16 idt_limit; u32 idt_base;
	u32 eflags;
} __attribute__((packed));
struct ap_state *ap_first_state(void);		/* of the CPU that started last */

extern volatile u32 ap_starts[CPUS_MAX];		/* how often each CPU came up */

u32 apic_read(u32 reg);
void apic_write(u32 reg, u32 value);
void apic_enable(void);			/* software-enabled, PICs masked; x2APIC if it's on */
bool x2apic_on(void);
void x2apic_enable(void);		/* on this CPU */
void ipi(u32 destination, u32 command);

/* INIT, SIPI, SIPI as an operating system does; true: the CPU ran @entry. */
bool ap_run(u32 cpu, void (*entry)(void));
void ap_prepare(void (*entry)(void));	/* what the next CPU to start will run */

/* Waits for *what to reach the value, within a bound; false: it never came. */
bool wait_until(volatile u32 *what, u32 value);
void spin(u32 rounds);

/* ---- V86 (v86.c) ----------------------------------------------------------------------------------------------------------- */

/* INT vector in a virtual-8086 task, interrupts reflected through the IVT; true: CF was clear. */
bool v86_int(u8 vector, struct bios_regs *regs);

/* The vector that one instruction's exception has in such a task, or NO_TRAP. */
u32 v86_try(const u8 *insn, u32 length);

#endif
