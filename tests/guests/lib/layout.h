/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses and selectors that C and assembly share. */
#ifndef LAYOUT_H
#define LAYOUT_H

#define AP_PAGE		0x6000		/* where APs start: SIPI vector 6 */
#define REAL_STACK	0x7c00		/* of BIOS calls */
#define STACK_TOP	0x90000		/* of C on the boot processor */

#define SEL_CODE32	0x08
#define SEL_DATA32	0x10
#define SEL_CODE16	0x18
#define SEL_DATA16	0x20
#define SEL_CODE64	0x28
#define SEL_USER_CODE	(0x30 | 3)
#define SEL_USER_DATA	(0x38 | 3)
#define SEL_TSS		0x40
#define SEL_TSS64	0x48		/* two slots, as 64-bit mode wants */
#define SEL_FREE	0x58		/* five slots for a guest's own descriptors */
#define SEL_USER_CODE64	(0x78 | 3)	/* the last of them, in 64-bit guests */
#define SEL_CPU0	0x80		/* GS of the first CPU; the others follow */
#define CPUS_MAX	8
#define GDT_SIZE	(SEL_CPU0 + 8 * CPUS_MAX)

#define NO_TRAP		256

/* struct cpu, at GS:0 */
#define CPU_RESUME	0
#define CPU_VECTOR	4
#define CPU_ERROR	8
#define CPU_EIP		12

#endif
