/* SPDX-License-Identifier: BSD-2-Clause */
/* Two exceptions become a double fault, three a shutdown. */
#include "guest/double_fault.h"
#include "vmx/vmcs.h"

enum severity { BENIGN, CONTRIBUTORY, PAGE_FAULT };	/* SDM table 7-4 */

static enum severity severity_of(u32 vector)
{
	static const u8 severity[32] = {
		[0] = CONTRIBUTORY, [TS_FAULT] = CONTRIBUTORY, [NP_FAULT] = CONTRIBUTORY, [SS_FAULT] = CONTRIBUTORY,
		[GP_FAULT] = CONTRIBUTORY, [PF_FAULT] = PAGE_FAULT, [20] = PAGE_FAULT, [21] = CONTRIBUTORY,
	};

	return vector < ARRAY_SIZE(severity) ? (enum severity)severity[vector] : BENIGN;
}

enum double_fault double_fault_of(u32 vectoring, u32 second)
{
	enum severity first = severity_of(INTR_VECTOR(vectoring)), then = severity_of(second);

	if (!(vectoring & INTR_VALID) || INTR_TYPE(vectoring) != INTR_HARDWARE || then == BENIGN)
		return FAULT_ALONE;
	if (INTR_VECTOR(vectoring) == DF_ABORT)
		return FAULT_SHUTDOWN;
	return first == PAGE_FAULT || (first == CONTRIBUTORY && then == CONTRIBUTORY) ? FAULT_DOUBLE : FAULT_ALONE;
}
