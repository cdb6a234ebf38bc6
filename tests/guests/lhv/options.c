/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of options: which are on, and what came of them. An option's file says what it promises. */
#include "lhv.h"

extern const struct option opt_flush, opt_msr_lists, opt_no_if, opt_ept, opt_ept_switch, opt_vpid, opt_unrestricted,
	opt_user, opt_vmxoff, opt_large, opt_no_interrupts, opt_msr_bitmap, opt_l2_user, opt_mouse;

const struct option *const options[] = {
	&opt_enter, &opt_interrupts, &opt_flush,
	&opt_msr_lists, &opt_no_if, &opt_ept, &opt_ept_switch, &opt_vpid, &opt_unrestricted, &opt_user, &opt_vmxoff,
	&opt_large, &opt_no_interrupts, &opt_msr_bitmap, &opt_l2_user, &opt_mouse,
	NULL
};
_Static_assert(ARRAY_SIZE(options) == OPTIONS_MAX + 1, "a counter for each");

u32 asked;
static u32 number_asked;

void options_ask(u32 number)
{
	u32 bits = number | OPT_ALWAYS;

	if (number & ~OPT_ALL)
		fail("lhv=0x%x: there is no such option", number);
	for (u32 i = 0; options[i]; i++)
		if (number & options[i]->bit)
			bits |= options[i]->needs;
	number_asked = number;
	asked = bits;
}

bool option_on(const struct option *o) { return asked & o->bit && !(asked & o->not_with); }

const struct option *option_next(const struct option *const **place)
{
	while (**place) {
		const struct option *o = *(*place)++;

		if (option_on(o))
			return o;
	}
	return NULL;
}

/* A promise that a CPU had nothing to check of isn't kept. */
static void report(const struct option *o, u32 place)
{
	u32 checks = 0, broken = 0, idle = 0;

	for (u32 i = 0; i < cpus_up; i++) {
		checks += cpus[i].checks[place];
		broken += cpus[i].broken[place];
		idle += !cpus[i].checks[place] && !(o->first_cpu && i);
	}
	if (broken || idle)
		say("  %u of %u checks broken, %u of %u CPUs made none\n", broken, checks, idle, cpus_up);
	say("%s lhv 0x%x %s: %s (%u checks)\n", broken || idle ? "FAIL" : "PASS", number_asked, o->name, o->promise, checks);
}

void options_report(void)
{
	for (u32 place = 0; options[place]; place++)
		if (option_on(options[place]))
			report(options[place], place);
}
