/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the testapp: its parts' calls, 32-bit registers, counters. */
#ifndef TESTAPP_H
#define TESTAPP_H

#include <xmhf/core.h>
#include "calls.h"

typedef enum xmhf_result (*call)(struct vcpu *v);

extern const call memory_calls[CALL_INJECT - CALL_PROTECT];
extern const call event_calls[CALL_NESTED_COUNTS - CALL_INJECT];
extern const call nested_calls[CALL_END - CALL_NESTED_COUNTS];

enum xmhf_result memory_violation(struct vcpu *v, const struct xmhf_violation *violation);
enum xmhf_result events_interrupt(struct vcpu *v, u8 vector);
void events_window(struct vcpu *v);
enum xmhf_result nested_entry(struct vcpu *v);
enum xmhf_result nested_exit(struct vcpu *v, const struct xmhf_nested_exit *exit);

static inline u32 in(struct vcpu *v, enum xmhf_register which) { return (u32)xmhf_get(v, which); }
static inline void out(struct vcpu *v, enum xmhf_register which, u64 value) { xmhf_set(v, which, (u32)value); }

static inline enum xmhf_result answer(struct vcpu *v, u32 eax)
{
	out(v, XMHF_RAX, eax);
	return XMHF_SKIP;
}

static inline u32 count(u32 *counter) { return __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST); }

#endif
