/* SPDX-License-Identifier: BSD-2-Clause */
/* Would a CPU exit to L1 for this, by L1's VMCS12 (SDM 26.1 to 26.5)? With VMCS02 current. */
#ifndef NESTED_L1_WANTS_H
#define NESTED_L1_WANTS_H

#include "nested/vmcs12.h"
#include "vmx/vcpu.h"

bool l1_never_wants(struct vcpu *v, const struct vmcs12 *m);
bool l1_wants_exception(struct vcpu *v, const struct vmcs12 *m);
bool l1_wants_interrupt(struct vcpu *v, const struct vmcs12 *m);
bool l1_wants_window(struct vcpu *v, const struct vmcs12 *m);
bool l1_wants_nmi_window(struct vcpu *v, const struct vmcs12 *m);
bool l1_wants_hlt(struct vcpu *v, const struct vmcs12 *m);
bool l1_wants_vmcall(struct vcpu *v, const struct vmcs12 *m);
bool l1_wants_vmread(struct vcpu *v, const struct vmcs12 *m);
bool l1_wants_vmwrite(struct vcpu *v, const struct vmcs12 *m);
bool l1_wants_cr(struct vcpu *v, const struct vmcs12 *m);
bool l1_wants_io(struct vcpu *v, const struct vmcs12 *m);
bool l1_wants_rdmsr(struct vcpu *v, const struct vmcs12 *m);
bool l1_wants_wrmsr(struct vcpu *v, const struct vmcs12 *m);
bool l1_wants_init(struct vcpu *v, const struct vmcs12 *m);
bool l1_wants_timer(struct vcpu *v, const struct vmcs12 *m);
bool l1_wants_vmfunc(struct vcpu *v, const struct vmcs12 *m);

/* Does an exception go to L1? @error is looked at for #PF. */
bool l1_wants_vector(const struct vmcs12 *m, u8 vector, u32 error);

#endif
