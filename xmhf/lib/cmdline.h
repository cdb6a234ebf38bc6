/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line, "serial=115200,8n1,0x3f8 boot_drive=0x80 sl_base=auto app.name=value":
 * one table of options, one struct of results.
 */
#ifndef XMHF_LIB_CMDLINE_H
#define XMHF_LIB_CMDLINE_H

#include "types.h"
#include "uart.h"

#define SL_BASE_AUTO		(~0ull)
#define CMDLINE_APP_SIZE	512u
#define CMDLINE_TEXT_SIZE	160u

/* The same layout in 32- and 64-bit code. */
struct boot_options {
	u64 boot_drive;		/* BIOS drive whose boot sector DL names; BOOT_DRIVE_UNSET if not given */
	u64 sl_base;		/* physical, a multiple of 2 MiB below 4 GiB; or SL_BASE_AUTO */
	u64 loglvl;		/* 0 (errors only) to 7, 4 by default */
	u64 max_cpus;		/* 1 to 1024 */
	u64 stat_user;		/* 1: statistics hypercalls from CPL 3 too */
	u64 ept_pool;		/* bytes for EPT02; 0: decide by memory size. The hand-over has what was decided */
	struct uart_options serial;
	u32 padding;
	char app[CMDLINE_APP_SIZE];	/* the hypapp's words, "app.a=1 app.b=2" */
};
_Static_assert(sizeof(struct boot_options) == 6 * 8 + 20 + 4 + CMDLINE_APP_SIZE,
	       "the same in 32 and 64 bits");

#define BOOT_DRIVE_UNSET	(~0ull)

struct cmdline_report {
	char error[CMDLINE_TEXT_SIZE];	/* "boot_drive=0x100: out of range 0x0..0xff", or empty */
	char notice[CMDLINE_TEXT_SIZE];	/* an obsolete word that was accepted, or empty */
};

/* What holds where the command line is silent: COM1 at 115200 8n1, base by configuration. */
void cmdline_defaults(struct boot_options *options);

/*
 * Takes each word of @line into @options, which was set to defaults before; a later word wins.
 * False with report->error filled when a word is bad; words before it have taken effect.
 */
MUST_CHECK bool cmdline_parse(const char *line, struct boot_options *options,
			      struct cmdline_report *report);

/*
 * The value of the hypapp's option @name in @options->app ("name" finds "app.name=value");
 * its characters up to a space or NUL, their number in @length. NULL when it isn't there.
 */
const char *cmdline_app_value(const struct boot_options *options, const char *name,
			      size_t *length);

/* One line of help at a time, 0 to the first NULL: "loglvl  0x0..0x7  how much to log". */
const char *cmdline_help(u32 index, char *buf, size_t size);

#endif
