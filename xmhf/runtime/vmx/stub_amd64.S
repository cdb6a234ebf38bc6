/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way out of the guest and back in. HOST_RSP points just above v->regs, so pushing fills it and leaves
 * RSP = v with the stack below. Between the look at v->work and the entry RSP stays there and v->regs stay
 * intact, so an NMI that lands in between may send us back to vm_enter_again (see nmi.c). A VMCS that was never
 * launched makes VMRESUME fail without harm, and VMLAUNCH follows: no flag to keep.
 */
#include "vmx/vcpu.h"

	.text
	.global vm_exit_stub, vm_exit_stub_l2, vm_enter_again, vm_enter_begin, vm_enter_end
	.hidden vm_exit_stub, vm_exit_stub_l2, vm_enter_again, vm_enter_begin, vm_enter_end

.macro save_guest_registers
	push %r15
	push %r14
	push %r13
	push %r12
	push %r11
	push %r10
	push %r9
	push %r8
	push %rdi
	push %rsi
	push %rbp
	push %rax		/* the slot of RSP */
	push %rbx
	push %rdx
	push %rcx
	push %rax
.endm

.macro load_guest_registers
	mov 0x08(%rsp), %rcx
	mov 0x10(%rsp), %rdx
	mov 0x18(%rsp), %rbx
	mov 0x28(%rsp), %rbp
	mov 0x30(%rsp), %rsi
	mov 0x38(%rsp), %rdi
	mov 0x40(%rsp), %r8
	mov 0x48(%rsp), %r9
	mov 0x50(%rsp), %r10
	mov 0x58(%rsp), %r11
	mov 0x60(%rsp), %r12
	mov 0x68(%rsp), %r13
	mov 0x70(%rsp), %r14
	mov 0x78(%rsp), %r15
	mov 0x00(%rsp), %rax
.endm

vm_exit_stub_l2:
	save_guest_registers
	mov %rsp, %rdi
	call nested_vm_exit
	jmp vm_enter_begin

vm_exit_stub:
	save_guest_registers
	mov %rsp, %rdi
	call vm_exit
vm_enter_begin:
	cmpl $0, VCPU_WORK(%rsp)
	jne vm_enter_again
	load_guest_registers
	vmresume
	mov %rsp, %rdi
	call vm_resume_refused
	test %al, %al			/* does the VMCS only want VMLAUNCH? */
	jz vm_enter_begin
	cmpl $0, VCPU_WORK(%rsp)
	jne vm_enter_again
	load_guest_registers
	vmlaunch
vm_enter_end:
	mov %rsp, %rdi
	call vm_entry_refused		/* returns if L1 is to see that */
	jmp vm_enter_begin

/* Also how a CPU enters for the first time: with the stack pointer at its struct vcpu. */
vm_enter_again:
	mov %rsp, %rdi
	call vm_work
	jmp vm_enter_begin

	.global vm_enter_first
	.hidden vm_enter_first
vm_enter_first:				/* NORETURN void vm_enter_first(struct vcpu *v) */
	mov %rdi, %rsp
	jmp vm_enter_again

	.section .note.GNU-stack, "", @progbits
