/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making other CPUs see a change of EPT01 or EPT02, and stopping them. A CPU that took our kick is in root mode and
 * looks at v->work before it enters again, so nobody waits for more than that: not even for a CPU that
 * spins on a lock we hold. A CPU in wait-for-SIPI runs nothing and isn't waited for.
 */
#ifndef VMX_FLUSH_H
#define VMX_FLUSH_H

#include "vmx/vcpu.h"

/*
 * Drops all translations of EPT01, on every CPU before a guest next runs on it: an L2 on EPT02 goes on meanwhile. For
 * struct ept_ops.
 */
void flush_all(void *unused);

/* WORK_FLUSH_EPT, on the CPU itself. */
void flush_local(struct vcpu *v);

/* Drops all translations of every EPT, on every CPU before L2 next runs there: L1 goes on. For struct ept02_ops. */
void flush_all_contexts(void *unused);

/* WORK_FLUSH_EPT02, on the CPU itself. */
void flush_local_contexts(struct vcpu *v);

/* Keeps all other CPUs out of the guest from return of the first until the second. Doesn't nest. */
void flush_quiesce(void);
void flush_resume(void);

/* WORK_QUIESCE: stays here until flush_resume. */
void flush_quiesced(struct vcpu *v);

#endif
