/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NMIs: our own kicks, and the guest's, which it gets exactly once and blocked as on a bare CPU
 * (NMI exiting with virtual NMIs, SDM 25.6.1 and 26.2).
 */
#ifndef VMX_NMI_H
#define VMX_NMI_H

#include "vmx/vcpu.h"

/* An NMI that arrived in root mode; *@rip may be moved to restart an entry that is about to happen. */
void nmi_in_root(uptr *rip);

/* One more is the guest's, or its guest's. */
void nmi_queue(struct vcpu *v);

/*
 * Keeps at most two of them, or one if the guest blocks them. A CPU that takes NMIs has delivered one before the next arrives,
 * and one that blocks them keeps one; what we do between an exit and the next entry is no time to the guest.
 */
void nmi_keep(struct vcpu *v, bool blocked);

/* One of them is being delivered; are there more? */
bool nmi_take_one(struct vcpu *v);

/* WORK_GUEST_NMI. */
void nmi_offer(struct vcpu *v);

/* Injects one now, or asks for the window; into whatever the current VMCS runs. */
void nmi_deliver(struct vcpu *v);

/* INIT: what was pending for the guest is gone. */
void nmi_forget(struct vcpu *v);

enum verdict nmi_exit(struct vcpu *v);
enum verdict nmi_window(struct vcpu *v);

/* Makes @v leave guest mode and look at v->work before it enters again. */
void nmi_kick(struct vcpu *v);

/* Has @v taken its kick, or is it in no need of one? */
bool nmi_kick_arrived(const struct vcpu *v);

/* Kicks all others by shorthand: the guest may have given a CPU's APIC an id that we don't know. */
void nmi_kick_others(void);

#endif
