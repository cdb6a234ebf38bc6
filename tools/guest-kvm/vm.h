/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small virtual machine by /dev/kvm: memory from 0, and CPUs that begin in real mode at 0000:1000.
 */
#ifndef GUEST_KVM_VM_H
#define GUEST_KVM_VM_H

#include <linux/kvm.h>
#include "linux.h"

#define VM_MEMORY	0xa0000u	/* bytes of RAM; above there is nothing, or what a check puts there */
#define VM_CPUS		2
#define CODE		0x1000u
#define HANDLER		0x2000u		/* interrupt handlers: one each 16 bytes */
#define GDT		0x3000u
#define IDT		0x4000u
#define STACK		0x8000u		/* the top of CPU 0's; CPU 1's is below it */
#define RAM_SLOT	0u
#define EXTRA_SLOT	1u

struct vm {
	int kvm, fd;
	u8 *memory;
	struct {
		int fd;
		struct kvm_run *run;
		size_t run_size;
	} cpu[VM_CPUS];
};

/* Code for guests, from assembly below: GUEST(bits, name, "instructions"), then guest_code(&m, address, name). */
#ifdef __x86_64__
#define OWN_BITS	".code64"
#else
#define OWN_BITS	".code32"
#endif
#define GUEST(bits, name, text)									\
	extern const u8 name[], name##_end[];							\
	__asm__(".pushsection .rodata\n" #name ": .code" #bits "\n" text "\n" #name "_end: " OWN_BITS "\n.popsection")
#define guest_code(m, at, name)	vm_copy(m, at, name, (size_t)(name##_end - name))

bool vm_open(struct vm *m, bool irqchip);
void vm_close(struct vm *m);
bool vm_add_cpu(struct vm *m, unsigned n);
void vm_copy(struct vm *m, u32 to, const void *from, size_t size);
/* Guest-physical [at, at + size) becomes `memory`; size 0 takes the slot away. */
bool vm_slot(struct vm *m, u32 slot, u32 flags, u64 at, size_t size, void *memory);
/* An entry of the real-mode interrupt table. */
void vm_vector(struct vm *m, unsigned vector, u32 handler);

/* A GDT: 8 and 0x10 flat code of `bits` and data, 0x18 and 0x20 code and data of 16 bits. CPU n gets it. */
bool vm_gdt(struct vm *m, unsigned n, unsigned bits);
/* An entry of the interrupt table of protected or 64-bit mode. */
void vm_gate(struct vm *m, unsigned bits, unsigned vector, u32 handler);

/* Runs a CPU until it exits; the reason (KVM_EXIT_…), or a negative error number. */
int cpu_run(struct vm *m, unsigned n);
/* Like cpu_run; whether the exit is OUT of one byte or word to `port`, and the value. */
bool cpu_outs(struct vm *m, unsigned n, u16 port, u32 *value);
bool cpu_exits(struct vm *m, unsigned n, u32 reason);
bool cpu_regs(struct vm *m, unsigned n, struct kvm_regs *regs);
bool cpu_set_regs(struct vm *m, unsigned n, const struct kvm_regs *regs);
/* Flat 32-bit protected mode or 64-bit mode with that GDT and IDT, and with paging where cr3 isn't 0. */
bool cpu_set_mode(struct vm *m, unsigned n, unsigned bits, u64 cr3);
long cpu_ioctl(struct vm *m, unsigned n, unsigned long request, void *argument);

#endif
