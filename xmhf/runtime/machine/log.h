/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log: lines with a level, to the console up to the level that the command line asks for, and
 * always into a ring that the guest can read by hypercall.
 */
#ifndef MACHINE_LOG_H
#define MACHINE_LOG_H

#include "lib/types.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE };

/* @console_level: lines above it go to the ring only. */
void log_init(u32 console_level);

/* Once the guest runs the serial line and the screen are its own: only errors go there, unless loglvl asks for more. */
void log_guest_runs(void);

/* One line; the newline is added. Safe on all CPUs, in NMI context only for LOG_ERROR of a panic. */
void log_line(enum log_level level, const char *fmt, ...) PRINTF(2, 3);
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

/* As ring_read. */
u32 log_read(u64 *at, char *to, u32 length, u64 *lost);

/* The last words: prints, then registers, VMCS, exits and a backtrace, stops every CPU. */
NORETURN void panic(const char *fmt, ...) PRINTF(1, 2);

/* For our own invariants, never for what a guest controls. */
#define BUG_ON(condition) do { if (__builtin_expect(!!(condition), 0)) panic("%s:%d: %s", __FILE__, __LINE__, #condition); } while (0)

#endif
