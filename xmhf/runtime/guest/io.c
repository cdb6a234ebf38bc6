/* SPDX-License-Identifier: BSD-2-Clause */
/* I/O ports that we look at. */
#include "guest/exits.h"
#include "guest/policy.h"

void io_policy_init(void) {}
enum verdict guest_io(struct vcpu *v) { (void)v; return ADVANCE; }
enum verdict guest_vmcall(struct vcpu *v) { return inject(v, UD_FAULT, -1); }
enum verdict guest_task_switch(struct vcpu *v) { return inject(v, UD_FAULT, -1); }
