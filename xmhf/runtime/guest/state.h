/* SPDX-License-Identifier: BSD-2-Clause */
/* L1's registers as a whole: at the start, after INIT and SIPI. */
#ifndef GUEST_STATE_H
#define GUEST_STATE_H

#include "vmx/vcpu.h"

#define BOOT_SECTOR_AT	0x7c00u

/* Puts the guest's boot sector where its first instruction is. */
void state_copy_boot_sector(void);

/* First state of this CPU: at the boot sector with DL = boot drive, or waiting for SIPI. */
void state_reset(struct vcpu *v, bool starts);

/* What INIT then SIPI with @vector leave (SDM vol. 3, table 10-1): x87/SSE, XCR0, MTRRs and most MSRs stay. */
void state_start_ap(struct vcpu *v, u8 vector);

/* In the order of their fields. */
enum state_segment { ES, CS, SS, DS, FS, GS, LDTR, TR };

/* Writes a segment of the current VMCS; @rights as in SDM table 25-2. */
void state_segment(enum state_segment index, u16 selector, u64 base, u32 limit, u32 rights);

/* Control registers that L1 sees: what it wrote where we own the bit, else what is. */
uptr state_cr0(void);
uptr state_cr4(void);

/* What L1 reads there in bits of ours; with VMCS01 current. */
static inline void state_shadow_cr0(struct vcpu *v, uptr value) { vmcs_write(CR0_SHADOW, v->cr0_shadow = value); }
static inline void state_shadow_cr4(struct vcpu *v, uptr value) { vmcs_write(CR4_SHADOW, v->cr4_shadow = value); }

/* The bits of CR0 and CR4 that are ours; see cr.c. */
uptr state_cr0_owned(void);
uptr state_cr4_owned(void);

/* Drops this CPU's translations of L1's linear addresses. */
void state_flush_linear(void);

#endif
