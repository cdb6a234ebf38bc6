/* SPDX-License-Identifier: BSD-2-Clause */
/* How the runtime asks the hypapp. */
#ifndef HYPAPP_HYPAPP_H
#define HYPAPP_HYPAPP_H

#include "vmx/vcpu.h"

void hypapp_main(void);
void hypapp_cpuid(u32 leaf, u32 subleaf, u32 regs[4]);
bool hypapp_mtrr_write(u32 msr, u64 value);
bool hypapp_ept_violation(struct vcpu *v, u64 at, u32 qualification);
void hypapp_shutdown(void);

#endif
