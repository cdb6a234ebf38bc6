/* SPDX-License-Identifier: BSD-2-Clause */
#include "hypapp/hypapp.h"
void hypapp_main(void) {}
void hypapp_cpuid(u32 leaf, u32 subleaf, u32 regs[4]) { (void)leaf; (void)subleaf; (void)regs; }
bool hypapp_mtrr_write(u32 msr, u64 value) { (void)msr; (void)value; return false; }
bool hypapp_ept_violation(struct vcpu *v, u64 at, u32 q) { (void)v; (void)at; (void)q; return false; }
void hypapp_shutdown(void) {}
