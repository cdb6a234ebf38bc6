/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * void probe_go(void): runs the code that probe_now names with its registers; the code ends in a far jump to probe_done.
 * CS can be read, and the stack written, whatever the other segments are. An exception is told as TRY() does.
 */
#include "layout.h"

#define P_CX		4		/* struct probe */
#define P_DX		8
#define P_BX		12
#define P_SP		16
#define P_BP		20
#define P_SI		24
#define P_DI		28
#define P_ES		32
#define P_SS		34
#define P_DS		36
#define P_FS		38
#define P_FLAGS		40
#define P_TARGET	44
#define P_BACK		52
#define PLAIN_FLAGS	2

	.text
	.global probe_go, probe_done
probe_go:
	pushal
	mov %esp, probe_sp
	movl $NO_TRAP, %gs:CPU_VECTOR
	mov probe_now + P_BACK, %eax
	mov %eax, %gs:CPU_RESUME
	pushl probe_now + P_FLAGS
	popf
	mov %cs:probe_now + P_ES, %es
	mov %cs:probe_now + P_FS, %fs
	mov %cs:probe_now + P_DS, %ds
	mov %cs:probe_now, %eax
	mov %cs:probe_now + P_CX, %ecx
	mov %cs:probe_now + P_DX, %edx
	mov %cs:probe_now + P_BX, %ebx
	mov %cs:probe_now + P_BP, %ebp
	mov %cs:probe_now + P_SI, %esi
	mov %cs:probe_now + P_DI, %edi
	mov %cs:probe_now + P_SS, %ss
	mov %cs:probe_now + P_SP, %esp
	ljmp *%cs:probe_now + P_TARGET

probe_done:
	push %eax
	mov $SEL_DATA32, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %fs
	popl probe_now
	mov %ecx, probe_now + P_CX
	mov %edx, probe_now + P_DX
	mov %ebx, probe_now + P_BX
	mov %esp, probe_now + P_SP
	mov %ebp, probe_now + P_BP
	mov %esi, probe_now + P_SI
	mov %edi, probe_now + P_DI
	mov %eax, %ss
	mov probe_sp, %esp
	pushf
	popl probe_now + P_FLAGS
	push $PLAIN_FLAGS
	popf
	movl $0, %gs:CPU_RESUME
	popal
	ret
