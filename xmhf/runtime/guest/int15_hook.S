/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The INT 15h hook: copied to the start of a page of low memory and run as SEGMENT:0, in real or V86 mode.
 * The guest's own code copies the entries, so its paging and its stack are never ours to touch.
 */
#define E820_SMAP	0x534d4150
#define ENTRY_SIZE	24
#define ENTRY_SIZE_MIN	20		/* without the ACPI 3.0 attributes */
#define ERROR_AH	0x86
#define STACK_FLAGS	6		/* above BP that was pushed: IP, CS, FLAGS */

	.section .rodata
	.global int15_hook, int15_hook_end, int15_old, int15_e801, int15_88, int15_count, int15_entries
	.hidden int15_hook, int15_hook_end, int15_old, int15_e801, int15_88, int15_count, int15_entries
	.code16
int15_hook:
	cmp $0xe820, %ax
	je e820
	cmp $0xe801, %ax
	je e801
	cmp $0x88, %ah
	je int88
	.byte 0xea			/* jmp far to the old vector */
int15_old:
	.word 0, 0

int88:
	mov %cs:int15_88 - int15_hook, %ax
	jmp success

e801:
	mov %cs:int15_e801 - int15_hook, %ax
	mov %cs:int15_e801 + 2 - int15_hook, %bx
	mov %ax, %cx
	mov %bx, %dx
	jmp success

e820:
	cmp $E820_SMAP, %edx
	jne failure
	cmp $ENTRY_SIZE_MIN, %ecx
	jb failure
	cmp %cs:int15_count - int15_hook, %ebx
	jae failure
	cmp $ENTRY_SIZE, %ecx
	jbe 1f
	mov $ENTRY_SIZE, %ecx
1:	push %ds
	push %si
	push %di
	push %cx
	push %cs
	pop %ds
	imul $ENTRY_SIZE, %bx, %si
	add $int15_entries - int15_hook, %si
	cld
	rep movsb
	pop %cx
	pop %di
	pop %si
	pop %ds
	inc %ebx
	cmp %cs:int15_count - int15_hook, %ebx
	jb 2f
	xor %ebx, %ebx
2:	mov %edx, %eax

success:
	push %bp
	mov %sp, %bp
	andb $0xfe, STACK_FLAGS(%bp)	/* CF = 0 in the caller's flags */
	pop %bp
	iret

failure:
	mov $ERROR_AH, %ah
	push %bp
	mov %sp, %bp
	orb $1, STACK_FLAGS(%bp)
	pop %bp
	iret

	.balign 4
int15_88:	.word 0
		.word 0
int15_e801:	.word 0, 0
int15_count:	.long 0
int15_entries:				/* struct e820_entry, up to the page's end */
int15_hook_end:

	.section .note.GNU-stack, "", @progbits
