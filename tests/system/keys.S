/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A boot sector for the executors' own test: repeats on COM1 whatever is typed on
 * the keyboard (through the BIOS) or on COM1.
 */
	.code16
	.globl	_start
_start:	xorw	%ax, %ax
	movw	%ax, %ds
	movw	$0x3fb, %dx		/* line control: 8 data bits */
	movb	$3, %al
	outb	%al, %dx
	movw	$ready, %si
1:	lodsb
	testb	%al, %al
	jz	2f
	call	put
	jmp	1b
2:	sti
3:	movb	$1, %ah
	int	$0x16
	jz	4f
	xorb	%ah, %ah
	int	$0x16
	call	put
4:	movw	$0x3fd, %dx
	inb	%dx, %al
	testb	$1, %al
	jz	3b
	movw	$0x3f8, %dx
	inb	%dx, %al
	call	put
	jmp	3b

put:	movb	%al, %ah
	movw	$0x3fd, %dx
5:	inb	%dx, %al
	testb	$0x20, %al
	jz	5b
	movb	%ah, %al
	movw	$0x3f8, %dx
	outb	%al, %dx
	ret

ready:	.asciz	"READY\r\n"
	.org	510
	.word	0xaa55
