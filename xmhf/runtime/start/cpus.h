/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPUs: a block for each, waking them, talking to all. An index is the order of arrival; LAPIC ids
 * are only what an IPI needs.
 */
#ifndef START_CPUS_H
#define START_CPUS_H

#include "vmx/vcpu.h"

/* The trampoline's parameters, at its page's end. */
#define TRAMPOLINE_PAGE		0x7000	/* conventional memory that no boot sector starts in; saved and restored */
#define TRAMPOLINE_CR3		0xfe0
#define TRAMPOLINE_CR4		0xfe4
#define TRAMPOLINE_ENTRY	0xfe8

#ifndef __ASSEMBLY__

#define CPUS_MAX	1024

/* The block of the CPU that calls, allocated; its index is the next one. NULL: no memory. */
struct vcpu *cpus_allocate(void);

/* Wakes every other CPU; returns when each has reached ap_main's wait. Call on the BSP alone. */
void cpus_wake(void);

/* Lets the woken CPUs go on into the guest. */
void cpus_release(void);

/*
 * This CPU is in VMX operation, where INIT can't take it from us any more. The BSP returns when all of them are:
 * before that its guest might send one.
 */
void cpus_in_vmx(const struct vcpu *v);

u32 cpus_count(void);			/* all, captured ones included */
u32 cpus_served(void);
struct vcpu *cpus_get(u32 index);
bool cpus_owns(const struct vcpu *v);	/* is this one of ours? this_cpu() may be anything early at boot */

/* For a panic: halts the others. */
void cpus_stop_others(void);

#endif /* __ASSEMBLY__ */
#endif
