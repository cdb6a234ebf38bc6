/* SPDX-License-Identifier: BSD-2-Clause */
/* The way out of the guest and back in; stub_amd64.S explains it. */
#include "vmx/vcpu.h"

	.text
	.global vm_exit_stub, vm_exit_stub_l2, vm_enter_again, vm_enter_begin, vm_enter_end
	.hidden vm_exit_stub, vm_exit_stub_l2, vm_enter_again, vm_enter_begin, vm_enter_end

.macro save_guest_registers
	push %edi
	push %esi
	push %ebp
	push %eax		/* the slot of ESP */
	push %ebx
	push %edx
	push %ecx
	push %eax
.endm

.macro load_guest_registers
	mov 0x04(%esp), %ecx
	mov 0x08(%esp), %edx
	mov 0x0c(%esp), %ebx
	mov 0x14(%esp), %ebp
	mov 0x18(%esp), %esi
	mov 0x1c(%esp), %edi
	mov 0x00(%esp), %eax
.endm

vm_exit_stub_l2:
	save_guest_registers
	mov %esp, %eax
	call nested_vm_exit
	jmp vm_enter_begin

vm_exit_stub:
	save_guest_registers
	mov %esp, %eax
	call vm_exit
vm_enter_begin:
	cmpl $0, VCPU_WORK(%esp)
	jne vm_enter_again
	load_guest_registers
	vmresume
	mov %esp, %eax
	call vm_resume_refused
	test %al, %al			/* does the VMCS only want VMLAUNCH? */
	jz vm_enter_begin
	cmpl $0, VCPU_WORK(%esp)
	jne vm_enter_again
	load_guest_registers
	vmlaunch
vm_enter_end:
	mov %esp, %eax
	call vm_entry_refused		/* returns if L1 is to see that */
	jmp vm_enter_begin

/* Also how a CPU enters for the first time: with the stack pointer at its struct vcpu. */
vm_enter_again:
	mov %esp, %eax
	call vm_work
	jmp vm_enter_begin

	.global vm_enter_first
	.hidden vm_enter_first
vm_enter_first:				/* NORETURN void vm_enter_first(struct vcpu *v) */
	mov %eax, %esp
	jmp vm_enter_again

	.section .note.GNU-stack, "", @progbits
