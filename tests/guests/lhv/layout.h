/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses, selectors and vectors that C, assembly and the linker script share. */
#ifndef LHV_LAYOUT_H
#define LHV_LAYOUT_H

#define LHV_BASE	0x2000000	/* below the hypervisor that runs us, above GRUB's modules */
#define AP_PAGE		0x6000		/* where APs start: SIPI vector 6 */
#define CPUS_MAX	8

#define SEL_CODE32	0x08
#define SEL_DATA	0x10
#define SEL_CODE64	0x18
#define SEL_USER_CODE	(0x20 | 3)
#define SEL_USER_DATA	(0x28 | 3)
#define SEL_TSS		0x40		/* two slots each; of CPU 0 as L1, CPU 0 as L2, CPU 1 as L1, ... */
#define TSS_SLOT	16
#define GDT_SIZE	(SEL_TSS + 2 * CPUS_MAX * TSS_SLOT)

#ifdef __x86_64__
#define SEL_CODE	SEL_CODE64
#else
#define SEL_CODE	SEL_CODE32
#endif

#define VECTOR_PIC	0x20		/* 16 of them */
#define VECTOR_TIMER	0x30		/* the local APIC's */
#define VECTOR_USER	0x40		/* INT n by which CPL 3 comes back */
#define VECTOR_SPURIOUS	0xff
#define STUB_SIZE	16

#define CR0_RUN		0x80010033	/* PG, WP, NE, ET, MP, PE */
#define STACK_BYTES	0x4000

#endif
