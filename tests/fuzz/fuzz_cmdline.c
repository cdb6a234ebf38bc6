/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any command line is taken or refused with a reason, and no result is out of its range.
 * Links: xmhf/lib/cmdline.c xmhf/lib/print.c
 */
#include "fuzz.h"

#include "lib/cmdline.h"

/* A piece of the input chooses a known word, so that values are fuzzed and not only names. */
static const char *const words[] = {
	" serial=", " boot_drive=", " sl_base=", " loglvl=", " max_cpus=", " stat_user", " ept_pool=", " app.",
	" no_init_smp", " serial=115200,8n1,", "0x", "=", "auto", " ", ",",
};

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char *line = calloc(1, size * 20 + 1);
	struct boot_options o;
	struct cmdline_report report;
	char *end = line;
	size_t length;

	for (size_t i = 0; i < size; i++) {
		if (data[i] >= 0x80)
			end = stpcpy(end, words[data[i] % ARRAY_SIZE(words)]);
		else if (data[i] != 0)
			*end++ = (char)data[i];
	}
	cmdline_defaults(&o);
	if (cmdline_parse(line, &o, &report))
		MUST(report.error[0] == '\0');
	else
		MUST(strstr(report.error, ": ") != NULL);
	MUST(strnlen(report.error, sizeof(report.error)) < sizeof(report.error));
	MUST(strnlen(report.notice, sizeof(report.notice)) < sizeof(report.notice));
	MUST(strnlen(o.app, sizeof(o.app)) < sizeof(o.app));
	MUST(o.boot_drive <= 0xff || o.boot_drive == BOOT_DRIVE_UNSET);
	MUST(o.sl_base == SL_BASE_AUTO || (o.sl_base < SIZE_4G && o.sl_base % SIZE_2M == 0));
	MUST(o.loglvl <= 7 && o.max_cpus >= 1 && o.max_cpus <= 1024 && o.stat_user <= 1);
	MUST(o.ept_pool <= 64 * SIZE_1G);
	MUST(o.serial.baud != 0 && 115200 % o.serial.baud == 0 && o.serial.port <= 0xfff8);
	MUST(o.serial.data_bits >= 5 && o.serial.data_bits <= 8);
	MUST(o.serial.stop_bits == 1 || o.serial.stop_bits == 2);
	cmdline_app_value(&o, "x", &length);
	free(line);
	return 0;
}
