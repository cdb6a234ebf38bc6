/* SPDX-License-Identifier: BSD-2-Clause */
/* What we do for L2 without L1. */
#ifndef NESTED_L2_EXITS_H
#define NESTED_L2_EXITS_H

#include "vmx/vcpu.h"

void l2_act(struct vcpu *v, enum verdict verdict);	/* l2_exits.c */
enum verdict l2_vmcall(struct vcpu *v);		/* hypercall.c: the hypapp's */
enum verdict l2_cr(struct vcpu *v);		/* l2_cr.c: bits of ours */
enum verdict l2_vmread(struct vcpu *v);		/* l1_shadowing.c: L1's VMCS shadowing */
enum verdict l2_vmwrite(struct vcpu *v);
enum verdict l2_rdmsr(struct vcpu *v);		/* msr_area.c */
enum verdict l2_wrmsr(struct vcpu *v);
enum verdict l2_vmfunc(struct vcpu *v);		/* vmfunc.c */

#endif
