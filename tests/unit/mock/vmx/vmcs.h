/* SPDX-License-Identifier: BSD-2-Clause */
/* The real header; the VMCS is fake_cpu.h's, INVEPT and INVVPID those of the test that needs them. */
#ifndef MOCK_VMCS_H
#define MOCK_VMCS_H

#define vmcs_read hardware_vmcs_read
#define vmcs_read32 hardware_vmcs_read32
#define vmcs_read_natural hardware_vmcs_read_natural
#define vmcs_write hardware_vmcs_write
#define vmx_invept hardware_vmx_invept
#define vmx_invvpid hardware_vmx_invvpid
#include_next "vmx/vmcs.h"
#undef vmcs_read
#undef vmcs_read32
#undef vmcs_read_natural
#undef vmcs_write
#undef vmx_invept
#undef vmx_invvpid

u64 vmcs_read(enum vmcs_field field);
u32 vmcs_read32(enum vmcs_field field);
uptr vmcs_read_natural(enum vmcs_field field);
void vmcs_write(enum vmcs_field field, u64 value);
bool vmx_invept(enum invept_kind kind, u64 eptp);
bool vmx_invvpid(enum invvpid_kind kind, u16 vpid, u64 linear);

#endif
