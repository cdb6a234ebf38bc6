/* SPDX-License-Identifier: BSD-2-Clause */
/* The core's remaining services: log, options, modules, reboot. */
#include <xmhf/core.h>
#include "lib/print.h"
#include "machine/log.h"
#include "machine/machine.h"

#define LINE	201u

_Static_assert((int)XMHF_ERROR == LOG_ERROR && (int)XMHF_WARN == LOG_WARN && (int)XMHF_INFO == LOG_INFO &&
	       (int)XMHF_DEBUG == LOG_DEBUG, "levels are log.h's");

void xmhf_log(enum xmhf_log_level level, const char *format, ...)
{
	char line[LINE];
	va_list args;

	va_start(args, format);
	fmt_vsnprint(line, sizeof(line), format, args);
	va_end(args);
	log_line((enum log_level)level, "%s: %s", xmhf_hypapp.name ? xmhf_hypapp.name : "hypapp", line);
}

bool xmhf_option(const char *name, char *value, size_t size)
{
	size_t length;
	const char *found = cmdline_app_value(&machine.handoff.options, name, &length);

	if (!found || length >= size)
		return false;
	memcpy(value, found, length);
	value[length] = '\0';
	return true;
}

u32 xmhf_module_count(void) { return machine.handoff.module_count; }

struct xmhf_module xmhf_module(u32 index)
{
	const struct mem_range *m;

	if (index >= machine.handoff.module_count)
		return (struct xmhf_module){ NULL, 0 };
	m = &machine.handoff.module[index];
	return (struct xmhf_module){ (const void *)(uptr)m->base, (size_t)m->length };
}

void xmhf_reboot(void) { machine_reset(); }
