/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A boot sector for the executors' own test: says "PASS hello" on COM1 and ends the
 * emulator by writing "Shutdown" to port 0x8900 (Bochs; elsewhere it just halts).
 */
	.code16
	.globl	_start
_start:
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	$0x3fb, %dx		/* line control: 8 data bits */
	movb	$3, %al
	outb	%al, %dx
	movw	$0x3f8, %dx
	movw	$hello, %si
1:	call	wait
	lodsb
	testb	%al, %al
	jz	2f
	outb	%al, %dx
	jmp	1b
2:	movw	$off, %si
	movw	$0x8900, %dx
3:	lodsb
	testb	%al, %al
	jz	4f
	outb	%al, %dx
	jmp	3b
4:	hlt
	jmp	4b
wait:	pushw	%dx
	addw	$5, %dx
5:	inb	%dx, %al
	testb	$0x40, %al
	jz	5b
	popw	%dx
	ret
hello:	.asciz	"PASS hello\n\n"
off:	.asciz	"Shutdown"
	.org	510
	.word	0xaa55
