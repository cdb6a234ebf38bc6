/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks of kvm-smoke: ports, CPUID, and addresses without memory. */
#include "smoke.h"

#define PORT	0x10u
#define HOLE	0xb8000u	/* beyond the machine's RAM */
#define ROUNDS	1000u

/* ---- ports ---- */

GUEST(16, out_code,
	"mov $1000, %cx; xor %ax, %ax\n"
	"1: out %al, $0x10; inc %ax; loop 1b; hlt");

bool check_out(struct vm *m)
{
	u32 value;

	guest_code(m, CODE, out_code);
	for (u32 i = 0; i < ROUNDS; i++)
		if (!cpu_outs(m, 0, PORT, &value) || value != (i & 0xff))
			return false;
	return cpu_exits(m, 0, KVM_EXIT_HLT);
}

GUEST(16, in_code,
	"mov $100, %cx; xor %bx, %bx\n"
	"1: in $0x10, %ax; add %ax, %bx; loop 1b\n"
	"mov %bx, %ax; out %ax, $0x10; hlt");

bool check_in(struct vm *m)
{
	struct kvm_run *run = m->cpu[0].run;
	u32 sum = 0, value;

	guest_code(m, CODE, in_code);
	for (u32 i = 0; i < 100; i++) {
		if (!cpu_exits(m, 0, KVM_EXIT_IO) || run->io.direction != KVM_EXIT_IO_IN || run->io.size != 2)
			return false;
		*(u16 *)((u8 *)run + run->io.data_offset) = (u16)(i * 77);
		sum += i * 77;
	}
	return cpu_outs(m, 0, PORT, &value) && value == (sum & 0xffff) && cpu_exits(m, 0, KVM_EXIT_HLT);
}

GUEST(16, string_code,
	"xor %ax, %ax; mov %ax, %ds; mov $0x9000, %si; mov $26, %cx; mov $0x10, %dx; cld\n"
	"rep outsb; hlt");

bool check_string(struct vm *m)
{
	struct kvm_run *run = m->cpu[0].run;
	const u8 text[] = "abcdefghijklmnopqrstuvwxyz";
	u32 seen = 0;
	int why;

	guest_code(m, CODE, string_code);
	vm_copy(m, 0x9000, text, sizeof(text));
	while ((why = cpu_run(m, 0)) == KVM_EXIT_IO)
		for (u32 i = 0; i < run->io.count * run->io.size; i++)
			if (((const u8 *)run + run->io.data_offset)[i] != text[seen++])
				return false;
	return why == KVM_EXIT_HLT && seen == 26;
}

/* ---- CPUID ---- */

GUEST(16, cpuid_code,
	"xor %ax, %ax; mov %ax, %ds; mov $1000, %si; xor %ebp, %ebp\n"
	"1: xor %eax, %eax; cpuid; add %ebx, %ebp; add %ecx, %ebp; add %edx, %ebp; dec %si; jnz 1b\n"
	"mov %ebp, 0x9000; hlt");

bool check_cpuid(struct vm *m)
{
	u32 eax = 0, ebx, ecx = 0, edx;

	guest_code(m, CODE, cpuid_code);
	if (!cpu_exits(m, 0, KVM_EXIT_HLT))
		return false;
	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return *(volatile u32 *)(m->memory + 0x9000) == ROUNDS * (ebx + ecx + edx);
}

/* ---- where no memory is ---- */

GUEST(16, mmio_code,
	"mov $0xb800, %ax; mov %ax, %es\n"
	"movl $0x12345678, %es:0x10\n"
	"movw $0xabcd, %es:0x20\n"
	"movl %es:0x30, %ebx; cmpl $0x9abcdef0, %ebx; jne 1f\n"
	"incb %es:0x40\n"
	"hlt\n"
	"1: out %al, $0x11; hlt");

static bool mmio(struct vm *m, u32 offset, u32 size, bool write, u32 value)
{
	struct kvm_run *run = m->cpu[0].run;
	u32 seen = 0;

	if (!cpu_exits(m, 0, KVM_EXIT_MMIO) || run->mmio.phys_addr != HOLE + offset || run->mmio.len != size
	    || run->mmio.is_write != write)
		return false;
	for (u32 i = 0; i < size; i++) {
		seen |= (u32)run->mmio.data[i] << 8 * i;
		if (!write)
			run->mmio.data[i] = (u8)(value >> 8 * i);
	}
	return !write || seen == value;
}

bool check_mmio(struct vm *m)
{
	guest_code(m, CODE, mmio_code);
	return mmio(m, 0x10, 4, true, 0x12345678) && mmio(m, 0x20, 2, true, 0xabcd) && mmio(m, 0x30, 4, false, 0x9abcdef0)
		&& mmio(m, 0x40, 1, false, 0x41) && mmio(m, 0x40, 1, true, 0x42) && cpu_exits(m, 0, KVM_EXIT_HLT);
}
