/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line: every kind of option, and one plain sentence for every mistake.
 * Links: xmhf/lib/cmdline.c xmhf/lib/print.c
 */
#include "unit.h"

#include "lib/cmdline.h"

static struct boot_options o;
static struct cmdline_report report;

static bool parse(const char *line)
{
	cmdline_defaults(&o);
	return cmdline_parse(line, &o, &report);
}

static void assert_taken(const char *line)
{
	assert_true(parse(line));
	assert_string_equal(report.error, "");
}

static void assert_refused(const char *line, const char *error)
{
	assert_false(parse(line));
	assert_string_equal(report.error, error);
}

PROMISE(defaults_hold_where_the_line_is_silent)
{
	static const char *const silent[] = { "", " ", "\t \n" };

	for (u32 i = 0; i < ARRAY_SIZE(silent); i++) {
		assert_taken(silent[i]);
		assert_int_equal(o.serial.port, 0x3f8);
		assert_int_equal(o.serial.baud, 115200);
		assert_true(o.boot_drive == BOOT_DRIVE_UNSET);
		assert_true(o.sl_base == SL_BASE_AUTO);
		assert_string_equal(o.app, "");
		assert_string_equal(report.notice, "");
	}
}

PROMISE(every_option_is_taken)
{
	assert_taken(" serial=9600,7e2,0x2f8  boot_drive=0x81\tsl_base=0x10000000 loglvl=7 max_cpus=2 "
		     "stat_user=1 ept_pool=64M ");
	assert_int_equal(o.serial.baud, 9600);
	assert_int_equal(o.serial.data_bits, 7);
	assert_int_equal(o.serial.parity, 'e');
	assert_int_equal(o.serial.stop_bits, 2);
	assert_int_equal(o.serial.port, 0x2f8);
	assert_int_equal(o.boot_drive, 0x81);
	assert_int_equal(o.sl_base, 0x10000000);
	assert_int_equal(o.loglvl, 7);
	assert_int_equal(o.max_cpus, 2);
	assert_int_equal(o.stat_user, 1);
	assert_int_equal(o.ept_pool, 64 << 20);
}

PROMISE(a_later_word_wins)
{
	assert_taken("loglvl=1 loglvl=2 sl_base=0x10000000 sl_base=auto");
	assert_int_equal(o.loglvl, 2);
	assert_true(o.sl_base == SL_BASE_AUTO);
}

PROMISE(serial_takes_a_part_of_its_value)
{
	assert_taken("serial=57600");
	assert_int_equal(o.serial.baud, 57600);
	assert_int_equal(o.serial.port, 0x3f8);
	assert_taken("serial=115200,,0x2e8");
	assert_int_equal(o.serial.data_bits, 8);
	assert_int_equal(o.serial.port, 0x2e8);
	assert_taken("serial=off");
	assert_int_equal(o.serial.port, 0);
}

PROMISE(sizes_take_suffixes)
{
	assert_taken("ept_pool=4096");
	assert_int_equal(o.ept_pool, 4096);
	assert_taken("ept_pool=0x10K");
	assert_int_equal(o.ept_pool, 16 << 10);
	assert_taken("ept_pool=2g");
	assert_true(o.ept_pool == 2 * SIZE_1G);
	assert_taken("ept_pool=64G");
	assert_refused("ept_pool=65G", "ept_pool=65G: out of range 0x0..0x1000000000");
	assert_refused("ept_pool=M", "ept_pool=M: isn't a size like 64M");
	assert_refused("ept_pool=1T", "ept_pool=1T: isn't a size like 64M");
	assert_refused("ept_pool=0xffffffffffffffffG", "ept_pool=0xffffffffffffffffG: isn't a size like 64M");
}

PROMISE(a_flag_may_stand_alone)
{
	assert_taken("stat_user");
	assert_int_equal(o.stat_user, 1);
	assert_taken("stat_user=0");
	assert_int_equal(o.stat_user, 0);
	assert_refused("stat_user=2", "stat_user=2: out of range 0x0..0x1");
	assert_refused("stat_user=yes", "stat_user=yes: isn't a number");
}

PROMISE(a_bad_number_is_named)
{
	assert_refused("boot_drive=0x100", "boot_drive=0x100: out of range 0x0..0xff");
	assert_refused("boot_drive=", "boot_drive=: isn't a number");
	assert_refused("boot_drive=0x", "boot_drive=0x: isn't a number");
	assert_refused("boot_drive=80h", "boot_drive=80h: isn't a number");
	assert_refused("boot_drive=-1", "boot_drive=-1: isn't a number");
	assert_refused("boot_drive", "boot_drive: needs a value");
	assert_refused("max_cpus=0", "max_cpus=0: out of range 0x1..0x400");
	assert_refused("loglvl=18446744073709551616", "loglvl=18446744073709551616: isn't a number");
	assert_refused("loglvl=0x10000000000000000", "loglvl=0x10000000000000000: isn't a number");
	assert_refused("loglvl=18446744073709551615", "loglvl=18446744073709551615: out of range 0x0..0x7");
	assert_refused("loglvl=1=2", "loglvl=1=2: isn't a number");
}

PROMISE(a_bad_base_is_named)
{
	assert_refused("sl_base=0x100000", "sl_base=0x100000: out of range 0x200000..0xffe00000");
	assert_refused("sl_base=0x100000000", "sl_base=0x100000000: out of range 0x200000..0xffe00000");
	assert_refused("sl_base=0x10001000", "sl_base=0x10001000: isn't a multiple of 2 MiB (0x200000)");
	assert_refused("sl_base=automatic", "sl_base=automatic: isn't a number");
	assert_taken("sl_base=0xffe00000");
}

PROMISE(a_bad_serial_option_is_named)
{
	assert_refused("serial=", "serial=: the baud rate must divide 115200");
	assert_refused("serial=0", "serial=0: the baud rate must divide 115200");
	assert_refused("serial=100000", "serial=100000: the baud rate must divide 115200");
	assert_refused("serial=4294967297", "serial=4294967297: the baud rate must divide 115200");
	assert_refused("serial=115200,8n", "serial=115200,8n: the format must be like 8n1");
	assert_refused("serial=115200,9n1", "serial=115200,9n1: the format must be like 8n1");
	assert_refused("serial=115200,8x1", "serial=115200,8x1: the format must be like 8n1");
	assert_refused("serial=115200,8n3", "serial=115200,8n3: the format must be like 8n1");
	assert_refused("serial=115200,8n1,0", "serial=115200,8n1,0: the port must be a number from 1 to 0xfff8");
	assert_refused("serial=115200,8n1,0xfff9", "serial=115200,8n1,0xfff9: the port must be a number from 1 to 0xfff8");
	assert_refused("serial=115200,8n1,0x3f8,4", "serial=115200,8n1,0x3f8,4: the port must be a number from 1 to 0xfff8");
}

PROMISE(a_refused_word_leaves_its_option_alone)
{
	assert_false(parse("serial=9600,8n1,0"));
	assert_int_equal(o.serial.baud, 115200);
	assert_false(parse("loglvl=1 loglvl=9"));
	assert_int_equal(o.loglvl, 1);
}

PROMISE(unknown_words_are_named)
{
	assert_refused("foo", "foo: unknown option");
	assert_refused("loglvl=1 bar=2 loglvl=3", "bar=2: unknown option");
	assert_refused("loglv=1", "loglv=1: unknown option");
	assert_refused("loglvls=1", "loglvls=1: unknown option");
	assert_refused("=1", "=1: unknown option");
	assert_refused("app.", "app.: unknown option");
	assert_refused("app.=1", "app.=1: unknown option");
}

PROMISE(a_long_bad_word_is_cut_in_the_message)
{
	char line[1000];

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	assert_false(parse(line));
	assert_int_equal(strlen(report.error), 60 + strlen(": unknown option"));
}

PROMISE(hypapp_options_are_kept_verbatim)
{
	size_t length;
	const char *value;

	assert_taken("app.key=a=b loglvl=1 app.flag app.k=0X1f");
	assert_string_equal(o.app, "app.key=a=b app.flag app.k=0X1f");
	value = cmdline_app_value(&o, "key", &length);
	assert_int_equal(length, 3);
	assert_memory_equal(value, "a=b", 3);
	value = cmdline_app_value(&o, "k", &length);
	assert_int_equal(length, 4);
	assert_memory_equal(value, "0X1f", 4);
	assert_non_null(cmdline_app_value(&o, "flag", &length));
	assert_int_equal(length, 0);
	assert_null(cmdline_app_value(&o, "ke", &length));
	assert_null(cmdline_app_value(&o, "", &length));
}

PROMISE(hypapp_options_fill_their_room_and_no_more)
{
	char line[CMDLINE_APP_SIZE + 16];

	for (u32 n = CMDLINE_APP_SIZE - 4; n < CMDLINE_APP_SIZE + 4; n++) {
		memset(line, 'a', sizeof(line));
		memcpy(line, "app.a=1 app.", 12);
		line[n] = '\0';
		assert_int_equal(parse(line), n < CMDLINE_APP_SIZE);
		if (n < CMDLINE_APP_SIZE)
			assert_string_equal(o.app, line);
	}
}

PROMISE(a_full_room_takes_no_further_hypapp_option)
{
	char line[CMDLINE_APP_SIZE + 16];

	for (u32 n = CMDLINE_APP_SIZE - 10; n < CMDLINE_APP_SIZE; n++) {
		memset(line, 'a', sizeof(line));
		memcpy(line, "app.", 4);
		strcpy(line + n, " app.b");
		assert_int_equal(parse(line), n + 6 < CMDLINE_APP_SIZE);
	}
}

PROMISE(obsolete_words_are_accepted_with_a_notice)
{
	assert_taken("no_init_smp loglvl=2 ept_num=4");
	assert_int_equal(o.loglvl, 2);
	assert_string_equal(report.notice, "not needed any more, ignored: no_init_smp ept_num");
}

PROMISE(many_obsolete_words_do_not_overflow_the_notice)
{
	char line[1000] = "";

	while (strlen(line) + 13 < sizeof(line))
		strcat(line, "no-init-smp ");
	assert_taken(line);
	assert_int_equal(strlen(report.notice), CMDLINE_TEXT_SIZE - 1);
}

PROMISE(help_lists_every_option_once)
{
	char buf[128];
	u32 n = 0;

	while (cmdline_help(n, buf, sizeof(buf)) != NULL) {
		assert_true(strlen(buf) > 12);
		n++;
	}
	assert_int_equal(n, 7);
	assert_null(cmdline_help(~0u, buf, sizeof(buf)));
}

RUN(T(defaults_hold_where_the_line_is_silent), T(every_option_is_taken), T(a_later_word_wins),
    T(serial_takes_a_part_of_its_value), T(sizes_take_suffixes), T(a_flag_may_stand_alone),
    T(a_bad_number_is_named), T(a_bad_base_is_named), T(a_bad_serial_option_is_named),
    T(a_refused_word_leaves_its_option_alone), T(unknown_words_are_named),
    T(a_long_bad_word_is_cut_in_the_message), T(hypapp_options_are_kept_verbatim),
    T(hypapp_options_fill_their_room_and_no_more), T(a_full_room_takes_no_further_hypapp_option), T(obsolete_words_are_accepted_with_a_notice),
    T(many_obsolete_words_do_not_overflow_the_notice), T(help_lists_every_option_once))
