/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machine checks. In guest mode the CPU delivers them to the guest; one that arrives while we run goes to the guest at
 * the next entry, as if it had come an instruction later.
 */
#ifndef VMX_MACHINE_CHECK_H
#define VMX_MACHINE_CHECK_H

#include "vmx/vcpu.h"

/* #MC in root mode; *@rip may be moved to restart an entry that is about to happen. */
void machine_check_in_root(uptr *rip);

/* The entry failed because of one (SDM 27.9). */
enum verdict machine_check_exit(struct vcpu *v);

/* WORK_MACHINE_CHECK: inject it; a guest with CR4.MCE = 0 shuts down, as a CPU does. */
void machine_check_offer(struct vcpu *v);

#endif
