/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The light hypervisor: a Multiboot kernel that runs an L2 on every CPU and checks what VMX does there.
 *	lhv=0xDFD	the options, see options.c; lhv=1,2,0xDFD makes a run of each
 *	count=8		iterations of a run
 *	keys=6		the first CPU makes more of them, until so many bytes came from keys that somebody types
 *	cpus=2		how many CPUs there must be; left out: any number
 */
#include "lhv.h"
#include "lib/string.h"

#define BOOT_MAGIC	0x2badb002u
#define INFO_MEMORY	BIT(0)
#define INFO_CMDLINE	BIT(2)
#define KEYS_BOUND	5000		/* iterations */
#define RUNS_MAX	32
#define STALL_BOUND	400000000u	/* spins without an iteration of any CPU */

struct multiboot { u32 flags, mem_lower, mem_upper, device, cmdline; };

extern u32 boot_magic, boot_info;
void lhv_main(void);

struct cpu cpus[CPUS_MAX];
static u32 runs[RUNS_MAX], runs_count;
static u32 iterations = 8, cpus_wanted, keys_wanted;
static volatile u32 current;		/* the run that all CPUs are to make; 1 is the first */

static bool number(const char **text, u64 *value)
{
	u32 base = 10, digits = 0;

	*value = 0;
	if ((*text)[0] == '0' && (*text)[1] == 'x') {
		base = 16;
		*text += 2;
	}
	for (;; (*text)++, digits++) {
		u32 c = (u32)**text | 0x20, digit = c >= 'a' ? c - 'a' + 10 : (u32)**text - '0';

		if (digit >= base)
			return digits;
		*value = *value * base + digit;
	}
}

/* "name=1,2,3" at @line; its values, their number, and the rest of the line. False: another name. */
static bool word(const char **line, const char *name, u32 *values, u32 max, u32 *count)
{
	const char *at = *line + strlen(name);
	u64 value;

	if (strncmp(*line, name, strlen(name)))
		return false;
	for (*count = 0; *count < max; at++) {
		if (!number(&at, &value) || value > ~0u)
			fail("a bad number after %s", name);
		values[(*count)++] = (u32)value;
		if (*at != ',')
			break;
	}
	if (*at && *at != ' ')
		fail("a bad number after %s", name);
	*line = at;
	return true;
}

/* GRUB puts the file's name first; other words are none of ours. */
static void command_line(const char *line)
{
	static const struct { const char *name; u32 *value; } words[] = {
		{ "count=", &iterations }, { "cpus=", &cpus_wanted }, { "keys=", &keys_wanted },
	};
	u32 one;

	while (*line) {
		if (!word(&line, "lhv=", runs, RUNS_MAX, &runs_count))
			for (u32 i = 0; i < ARRAY_SIZE(words) && !word(&line, words[i].name, words[i].value, 1, &one); i++)
				;
		while (*line && *line != ' ')
			line++;
		while (*line == ' ')
			line++;
	}
	if (!runs_count)
		fail("say what to run, as in lhv=0xDFD");
}

static void setup(struct cpu *c)
{
	vmx_on_cpu(c);
	vmcs_host_state(c);
	vmcs_guest_state(c);
	irq_init_cpu(c);
	FOR_EACH_OPTION(o)
		if (o->setup)
			o->setup(c);
	vmx_write_controls(c);
}

static void iteration(struct cpu *c, u32 n)
{
	c->iteration = n;
	FOR_EACH_OPTION(o)
		if (o->before)
			o->before(c, n);
	vmx_until_next(c);
	FOR_EACH_OPTION(o)
		if (o->after)
			o->after(c, n);
	say("LHV cpu %u iteration %u of %u: exits %u, injected %u, interrupts in L1 %u, in L2 %u, at CPL 3 %u %u\n", c->index, n,
	    iterations, c->exits, c->injected, irq_taken(c, L1), irq_taken(c, L2), c->in_user[L1], c->in_user[L2]);
}

static bool keys_missing(const struct cpu *c, u32 n)
{
	if (c->index || ps2.keys >= keys_wanted)
		return false;
	if (n > KEYS_BOUND)
		fail("%u bytes of typed keys, %u wanted", ps2.keys, keys_wanted);
	return true;
}

static void cpu_run(struct cpu *c)
{
	memset(&c->regs, 0, sizeof(*c) - offsetof(struct cpu, regs));
	setup(c);
	for (u32 n = 1; n <= iterations || keys_missing(c, n); n++)
		iteration(c, n);
	FOR_EACH_OPTION(o)
		if (o->last)
			o->last(c);
	vmx_off_cpu(c);
	irq_end(c);
	c->finished = current;
}

void cpu_serve(struct cpu *c)
{
	for (;;) {
		while (c->finished == current)
			cpu_pause();
		cpu_run(c);
	}
}

static void wait_for_all(void)
{
	u32 before = 0, left = STALL_BOUND;

	for (;;) {
		u32 sum = 0, finished = 0;

		for (u32 i = 0; i < cpus_up; i++) {
			sum += cpus[i].iteration;
			finished += cpus[i].finished == current;
		}
		if (finished == cpus_up)
			return;
		left = sum == before ? left - 1 : STALL_BOUND;
		before = sum;
		if (!left)
			fail("%u of %u CPUs don't come to an end", cpus_up - finished, cpus_up);
		cpu_pause();
	}
}

static void run(u32 number)
{
	options_ask(number);
	irq_init();
	say("LHV run 0x%x: options 0x%x, %u iterations, %u CPUs\n", number, asked, iterations, cpus_up);
	__atomic_fetch_add(&current, 1, __ATOMIC_SEQ_CST);
	cpu_run(&cpus[0]);
	wait_for_all();
	options_report();
}

void lhv_main(void)
{
	const struct multiboot *info = (const struct multiboot *)(uptr)boot_info;

	tables_init();
	tables_load(&cpus[0]);
	say_init();
	say("\nLHV light hypervisor, %s\n", sizeof(uptr) == 8 ? "amd64" : "i386");
	if (boot_magic != BOOT_MAGIC || ~info->flags & (INFO_MEMORY | INFO_CMDLINE))
		fail("not started by Multiboot");
	command_line((const char *)(uptr)info->cmdline);
	memory_init(info->mem_upper);
	smp_start();
	if (cpus_wanted && cpus_up != cpus_wanted)
		fail("%u CPUs found, %u wanted", cpus_up, cpus_wanted);
	for (u32 i = 0; i < runs_count; i++)
		run(runs[i]);
	done();
}
