/* SPDX-License-Identifier: BSD-2-Clause */
/* RDMSR and WRMSR of L2 in a virtualised x2APIC; with VMCS02 current. False: they are as without virtualisation. */
#ifndef NESTED_L2_APIC_H
#define NESTED_L2_APIC_H

#include "vmx/vcpu.h"

MUST_CHECK bool l2_apic_reads(const struct vcpu *v, u32 msr, u64 *value);
MUST_CHECK bool l2_apic_writes(struct vcpu *v, u32 msr, u64 value, enum verdict *verdict);

#endif
