/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Multiboot kernel for the image builder's own test: says on COM1 what GRUB gave
 * it (command line, number of modules, signature of the second module's end), then
 * ends the emulator. A flat binary, linked at 1 MiB; its header says where it goes.
 */
	.set	FLAGS, 0x00010003	/* page-aligned modules, memory map, addresses below */
	.set	MAGIC, 0x1badb002
	.code32
	.globl	_start
header:	.long	MAGIC, FLAGS, -(MAGIC + FLAGS)
	.long	header, header, end, end, _start
_start:	movl	$stack, %esp
	movl	$cmdline, %esi
	call	say
	movl	16(%ebx), %esi
	call	say
	movl	$modules, %esi
	call	say
	movl	20(%ebx), %eax
	addb	$'0', %al
	call	put
	movl	24(%ebx), %ecx
	movl	16(%ecx), %esi		/* second module's start */
	movl	$good, %edx
	cmpw	$0xaa55, 510(%esi)
	je	1f
	movl	$bad, %edx
1:	movl	%edx, %esi
	call	say
	movl	$off, %esi
	movw	$0x8900, %dx
2:	lodsb
	outb	%al, %dx
	testb	%al, %al
	jnz	2b
3:	hlt
	jmp	3b

say:	lodsb
	testb	%al, %al
	jz	4f
	call	put
	jmp	say
4:	ret

put:	movb	%al, %ah
	movw	$0x3fd, %dx
5:	inb	%dx, %al
	testb	$0x40, %al
	jz	5b
	movb	%ah, %al
	movw	$0x3f8, %dx
	outb	%al, %dx
	ret

cmdline: .asciz	"\r\nECHO cmdline: "
modules: .asciz	"\r\nECHO modules: "
good:	.asciz	"\r\nPASS the second module is a boot sector\r\n\r\n"
bad:	.asciz	"\r\nFAIL the second module is no boot sector\r\n\r\n"
off:	.asciz	"Shutdown"
	.balign	16
	.skip	256
stack:
end:
