/* SPDX-License-Identifier: BSD-2-Clause */
/* The real header; the VMCS is fake_cpu.h's. */
#ifndef MOCK_VMCS_H
#define MOCK_VMCS_H

#define vmcs_read hardware_vmcs_read
#define vmcs_read32 hardware_vmcs_read32
#define vmcs_write hardware_vmcs_write
#include_next "vmx/vmcs.h"
#undef vmcs_read
#undef vmcs_read32
#undef vmcs_write

u64 vmcs_read(enum vmcs_field field);
u32 vmcs_read32(enum vmcs_field field);
void vmcs_write(enum vmcs_field field, u64 value);

#endif
