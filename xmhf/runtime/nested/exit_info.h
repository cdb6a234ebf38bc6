/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What exits leave in the exit-information fields, by reason (SDM 28.2). Reading them is what an exit to L1 costs, so of the
 * common reasons only what they define is read; all others count as defining everything.
 */
#ifndef NESTED_EXIT_INFO_H
#define NESTED_EXIT_INFO_H

#include "vmx/exit_qualification.h"
#include "vmx/vmcs.h"

enum exit_info {
	INFO_QUALIFICATION = BIT(0),	/* cleared by the others */
	INFO_LENGTH = BIT(1),
	INFO_INSTRUCTION = BIT(2),
	INFO_ADDRESSES = BIT(3),	/* guest linear and physical */
	INFO_VECTORING = BIT(4),	/* the exit may come during the delivery of an event (28.2.4); not valid in the others */
	INFO_EVENT = BIT(5),		/* the exit may be for an event: interruption information (28.2.2); not valid in the others */
	INFO_ALL = BIT(6) - 1,
};

/* What is more than the exits have that are most frequent. */
#define INFO_DETAILS	(INFO_INSTRUCTION | INFO_ADDRESSES | INFO_VECTORING | INFO_EVENT)

extern const u8 exit_info_lacks[EXIT_REASONS];

static inline u32 exit_info_known(u32 reason) { return INFO_ALL & ~(u32)exit_info_lacks[reason]; }	/* below EXIT_REASONS */
static inline u32 exit_info(u32 reason) { return reason < EXIT_REASONS ? exit_info_known(reason) : INFO_ALL; }

/* IN and OUT, which are frequent: what else there is only INS and OUTS have. */
static inline bool exit_info_is_plain(u32 reason, u64 qualification)
{
	return reason == EXIT_IO && !(qualification & IO_QUAL_STRING);
}

/* Of VMCS02's exit. */
static inline u64 exit_info_qualification(u32 reason)
{
	return exit_info(reason) & INFO_QUALIFICATION ? vmcs_read(EXIT_QUALIFICATION) : 0;
}

#endif
