/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 0x4: EPT. L2's memory is filled in as it is touched; a window leads beyond RAM's end to a page that L1 exchanges
 * under L2; a read-only page exits when L2 writes, with an exact qualification.
 */
#include "lhv.h"

#define GPA_WINDOW	0x123456000ull	/* needs more than 32 bits */
#define GPA_READONLY	0x123457000ull

/* Exit qualification of an EPT violation (SDM 28.2.1) */
#define VIOLATION_READ		BIT(0)
#define VIOLATION_WRITE		BIT(1)
#define VIOLATION_FETCH		BIT(2)
#define VIOLATION_WAS_R		BIT(3)
#define VIOLATION_WAS_W		BIT(4)
#define VIOLATION_WAS_X		BIT(5)
#define VIOLATION_LINEAR	BIT(7)
#define VIOLATION_TRANSLATED	BIT(8)
#define VIOLATION_BITS		0x1bfu

const struct option opt_ept;
static u32 fills[CPUS_MAX], upgrades[CPUS_MAX];

static void setup(struct cpu *c)
{
	fills[c->index] = 0;
	ept_init(c);
	l2_window(c, SLOT_EPT, GPA_WINDOW);
	l2_window(c, SLOT_READONLY, GPA_READONLY);
}

static void lead(struct cpu *c, u32 which)
{
	ept_map(c, GPA_WINDOW, (uptr)test_page(c, which ? PAGE_D : PAGE_C), EPT_RWX, false);
	ept_flush(c, which);
}

/* Events that L2's IDT takes run into a violation, and are L1's to inject again. */
static void drop_idt(struct cpu *c)
{
	bool large = asked & OPT_LARGE;
	u64 gdt_base, idt_base;

	tables_bases(&gdt_base, &idt_base);
	ept_map(c, round_down(idt_base, large ? SIZE_2M : PAGE_SIZE), 0, 0, large);
}

static void before(struct cpu *c, u32 n)
{
	if (c->way == BY_L2)
		drop_idt(c);
	test_page(c, PAGE_C)[0] = 'C';
	test_page(c, PAGE_D)[0] = 'D';
	test_page(c, PAGE_C)[1] = test_page(c, PAGE_D)[1] = 0;
	ept_map(c, GPA_READONLY, (uptr)test_page(c, PAGE_D), EPT_READ, false);
	lead(c, n & 1);
}

static uptr call(struct cpu *c, uptr which)
{
	lead(c, (u32)which);
	return 0;
}

static void in_l2(struct cpu *c, u32 n)
{
	volatile u32 *window = window_at(SLOT_EPT), *readonly = window_at(SLOT_READONLY);
	u32 writes = upgrades[c->index];

	check(&opt_ept, window[0] == (n & 1 ? 'D' : 'C'), "the window shows '%c'", window[0]);
	window[1] = n;
	l2_call(OPT_EPT, !(n & 1));
	check(&opt_ept, window[0] == (n & 1 ? 'C' : 'D'), "the window shows '%c' after its exchange", window[0]);
	window[1] = n + 1;
	check(&opt_ept, readonly[0] == 'D' && upgrades[c->index] == writes, "the read-only page shows '%c'", readonly[0]);
	readonly[2] = n;
	check(&opt_ept, readonly[2] == n && upgrades[c->index] == writes + 1, "the read-only page keeps %u, %u violations",
	      readonly[2], upgrades[c->index] - writes);
}

static void after(struct cpu *c, u32 n)
{
	u32 first = test_page(c, n & 1 ? PAGE_D : PAGE_C)[1], second = test_page(c, n & 1 ? PAGE_C : PAGE_D)[1];

	check(&opt_ept, first == n && second == n + 1, "L2 wrote %u and %u to the window", first, second);
}

static void write_of_readonly(struct cpu *c, u32 qualification)
{
	u64 linear = vmcs_read(GUEST_LINEAR_ADDR);

	check(&opt_ept, (qualification & VIOLATION_BITS) ==
	      (VIOLATION_WRITE | VIOLATION_WAS_R | VIOLATION_LINEAR | VIOLATION_TRANSLATED), "qualification 0x%x", qualification);
	check(&opt_ept, linear == (uptr)&window_at(SLOT_READONLY)[2], "linear address 0x%llx", linear);
	upgrades[c->index]++;
	ept_map(c, GPA_READONLY, (uptr)test_page(c, PAGE_D), EPT_RWX, false);	/* more rights need no flush */
}

static bool on_exit(struct cpu *c, u32 reason)
{
	u32 qualification = (u32)vmcs_read(EXIT_QUALIFICATION);
	u64 gpa;

	if (reason != EXIT_EPT_VIOLATION)
		return false;
	gpa = vmcs_read(GUEST_PHYSICAL_ADDR);
	if (round_down(gpa, PAGE_SIZE) == GPA_READONLY) {
		write_of_readonly(c, qualification);
		return true;
	}
	check(&opt_ept, qualification & (VIOLATION_READ | VIOLATION_WRITE | VIOLATION_FETCH), "qualification 0x%x", qualification);
	check(&opt_ept, !(qualification & (VIOLATION_WAS_R | VIOLATION_WAS_W | VIOLATION_WAS_X)),
	      "qualification 0x%x where nothing is mapped", qualification);
	fills[c->index]++;
	return ept_fill(c, gpa);
}

static void last(struct cpu *c)
{
	say("LHV cpu %u: %u EPT leaves filled in\n", c->index, fills[c->index]);
	check(&opt_ept, fills[c->index], "no violation ever came");
	if (c->iteration >= BY_L2 && !(asked & (OPT_NO_IF | OPT_NO_INTERRUPTS | OPT_LARGE)))
		check(&opt_ept, c->injected, "no event ran into a violation");
}

const struct option opt_ept = {
	.bit = OPT_EPT, .name = "ept", .promise = "EPT translates, is filled in on violations, and INVEPT shows what changed",
	.setup = setup, .before = before, .in_l2 = in_l2, .call = call, .exit = on_exit, .after = after, .last = last,
};
