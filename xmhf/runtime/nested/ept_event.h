/* SPDX-License-Identifier: BSD-2-Clause */
/* What the CPU would write to L1's memory as L2 goes through EPT12: the page-modification log and #VE information. */
#ifndef NESTED_EPT_EVENT_H
#define NESTED_EPT_EVENT_H

#include "nested/state.h"

/* L1's page-modification log (SDM 29.3.6). */
struct ept_log { struct vmcs12 *m; };
struct ept12_log ept_event_log(struct ept_log *log);

/* Does this violation of EPT12 become #VE (26.5.7.1), as far as VMCS12 and EPT12 tell? */
bool ept_event_is_ve(const struct vmcs12 *m, const struct ept02_fault *f);

/* Fills the #VE information area (26.5.7.2). False: it is in use still, or nowhere. */
MUST_CHECK bool ept_event_write_ve(const struct vmcs12 *m, const struct ept02_fault *f, u64 qualification, u64 linear);

#endif
