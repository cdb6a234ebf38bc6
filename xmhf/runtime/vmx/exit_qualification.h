/* SPDX-License-Identifier: BSD-2-Clause */
/* Exit qualifications taken apart. */
#ifndef VMX_EXIT_QUALIFICATION_H
#define VMX_EXIT_QUALIFICATION_H

/* Control-register accesses, SDM table 28-3 */
#define CR_QUAL_CR(q)		((u32)(q) & 15)
#define CR_QUAL_TYPE(q)		((u32)(q) >> 4 & 3)
#define CR_QUAL_REG(q)		((u32)(q) >> 8 & 15)
#define CR_TYPE_MOV_TO		0

/* I/O instructions, SDM table 28-5 */
#define IO_QUAL_BYTES(q)	(((u32)(q) & 7) + 1)
#define IO_QUAL_IN		BIT(3)
#define IO_QUAL_STRING		BIT(4)
#define IO_QUAL_REP		BIT(5)
#define IO_QUAL_PORT(q)		((u16)((q) >> 16))

#endif
