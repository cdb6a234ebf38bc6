/* SPDX-License-Identifier: BSD-2-Clause */
/* The real header; a test's stack tells nothing about the CPU, so it is fake_cpu.h's. */
#ifndef MOCK_VCPU_H
#define MOCK_VCPU_H

#define this_cpu hardware_this_cpu
#include_next "vmx/vcpu.h"
#undef this_cpu

struct vcpu *this_cpu(void);

#endif
