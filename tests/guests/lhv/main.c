/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The light hypervisor: a Multiboot kernel that runs an L2 on every CPU and checks what VMX does there.
 *	lhv=0xDFD	what is tested, see options.c
 *	count=8		iterations
 *	cpus=2		how many CPUs there must be; left out: any number
 */
#include "lhv.h"
#include "lib/string.h"

#define BOOT_MAGIC	0x2badb002u
#define INFO_MEMORY	BIT(0)
#define INFO_CMDLINE	BIT(2)
#define STALL_BOUND	400000000u	/* spins without an iteration of any CPU */

struct multiboot { u32 flags, mem_lower, mem_upper, device, cmdline; };

extern u32 boot_magic, boot_info;
void lhv_main(void);

struct cpu cpus[CPUS_MAX];
u32 asked;
static u32 iterations = 8, cpus_wanted;

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

/* Words "name=number"; GRUB puts the file's name first. */
static void command_line(const char *line)
{
	static const struct { const char *name; u32 *value; } words[] = {
		{ "lhv=", &asked }, { "count=", &iterations }, { "cpus=", &cpus_wanted },
	};

	while (*line) {
		const char *word = line;

		for (u32 i = 0; i < ARRAY_SIZE(words); i++) {
			size_t length = strlen(words[i].name);
			u64 value;

			if (strncmp(word, words[i].name, length))
				continue;
			line += length;
			if (!number(&line, &value) || (*line && *line != ' '))
				fail("a bad number after %s", words[i].name);
			*words[i].value = (u32)value;
		}
		while (*line && *line != ' ')
			line++;
		while (*line == ' ')
			line++;
	}
	if (asked & ~OPT_ALL || !iterations)
		fail("lhv=0x%x count=%u: there is no such option", asked, iterations);
	asked = options_needed(asked | OPT_ALWAYS);
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
	say("LHV cpu %u iteration %u of %u: exits %u, interrupts in L1 %u, in L2 %u, at CPL 3 %u %u\n", c->index, n, iterations,
	    c->exits, irq_taken(c, L1), irq_taken(c, L2), c->in_user[L1], c->in_user[L2]);
}

void cpu_run(struct cpu *c)
{
	setup(c);
	for (u32 n = 1; n <= iterations; n++)
		iteration(c, n);
	FOR_EACH_OPTION(o)
		if (o->last)
			o->last(c);
	vmx_off_cpu(c);
	c->finished = true;
}

static void wait_for_all(void)
{
	u32 before = 0, left = STALL_BOUND;

	for (;;) {
		u32 sum = 0, finished = 0;

		for (u32 i = 0; i < cpus_up; i++) {
			sum += cpus[i].iteration;
			finished += cpus[i].finished;
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
	irq_init();
	smp_start();
	say("LHV options 0x%x, %u iterations, %u CPUs\n", asked, iterations, cpus_up);
	if (cpus_wanted && cpus_up != cpus_wanted)
		fail("%u CPUs found, %u wanted", cpus_up, cpus_wanted);
	cpu_run(&cpus[0]);
	wait_for_all();
	options_report();
	done();
}
