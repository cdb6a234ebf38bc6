/* SPDX-License-Identifier: BSD-2-Clause */
/* See vm.h. */
#include "vm.h"

#define O_RDWR_CLOEXEC	02000002
#define TSS_ADDRESS	0xfffbd000ul	/* three pages that KVM takes on Intel CPUs */
#define CPUID_ENTRIES	100
#define CR0_PE		1ull
#define CR0_NE_ET	0x30ull
#define CR0_PG		(1ull << 31)
#define CR4_PSE_PAE	0x30ull
#define CR4_PSE		0x10ull
#define EFER_LME_LMA	0x500ull

bool vm_slot(struct vm *m, u32 slot, u32 flags, u64 at, size_t size, void *memory)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .flags = flags, .guest_phys_addr = at, .memory_size = size, .userspace_addr = (uintptr_t)memory,
	};

	return sys(NR_IOCTL, m->fd, KVM_SET_USER_MEMORY_REGION, &region) >= 0;
}

bool vm_open(struct vm *m, bool irqchip)
{
	*m = (struct vm){ .fd = -1 };
	for (unsigned n = 0; n < VM_CPUS; n++)
		m->cpu[n].fd = -1;
	m->kvm = (int)sys(NR_OPEN, "/dev/kvm", O_RDWR_CLOEXEC);
	if (m->kvm < 0)
		return false;
	m->fd = (int)sys(NR_IOCTL, m->kvm, KVM_CREATE_VM, 0);
	m->memory = map(VM_MEMORY, -1);
	return m->fd >= 0 && m->memory && sys(NR_IOCTL, m->fd, KVM_SET_TSS_ADDR, TSS_ADDRESS) >= 0
		&& (!irqchip || sys(NR_IOCTL, m->fd, KVM_CREATE_IRQCHIP, 0) >= 0)
		&& vm_slot(m, RAM_SLOT, 0, 0, VM_MEMORY, m->memory) && vm_add_cpu(m, 0);
}

void vm_close(struct vm *m)
{
	for (unsigned n = 0; n < VM_CPUS; n++) {
		if (m->cpu[n].run)
			unmap(m->cpu[n].run, m->cpu[n].run_size);
		if (m->cpu[n].fd >= 0)
			sys(NR_CLOSE, m->cpu[n].fd);
	}
	if (m->memory)
		unmap(m->memory, VM_MEMORY);
	if (m->fd >= 0)
		sys(NR_CLOSE, m->fd);
	if (m->kvm >= 0)
		sys(NR_CLOSE, m->kvm);
}

/* A CPU sees what KVM offers it. */
static bool set_cpuid(struct vm *m, unsigned n)
{
	static struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entries[CPUID_ENTRIES];
	} cpuid;

	cpuid.head.nent = CPUID_ENTRIES;
	return sys(NR_IOCTL, m->kvm, KVM_GET_SUPPORTED_CPUID, &cpuid) >= 0 && cpu_ioctl(m, n, KVM_SET_CPUID2, &cpuid) >= 0;
}

bool vm_add_cpu(struct vm *m, unsigned n)
{
	struct kvm_regs regs = { .rip = CODE, .rsp = STACK - n * PAGE, .rflags = 2 };
	struct kvm_sregs sregs;

	m->cpu[n].fd = (int)sys(NR_IOCTL, m->fd, KVM_CREATE_VCPU, n);
	m->cpu[n].run_size = (size_t)sys(NR_IOCTL, m->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	m->cpu[n].run = map(m->cpu[n].run_size, m->cpu[n].fd);
	if (m->cpu[n].fd < 0 || !m->cpu[n].run || !set_cpuid(m, n) || cpu_ioctl(m, n, KVM_GET_SREGS, &sregs) < 0)
		return false;
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	return cpu_ioctl(m, n, KVM_SET_SREGS, &sregs) >= 0 && cpu_set_regs(m, n, &regs);
}

void vm_copy(struct vm *m, u32 to, const void *from, size_t size)
{
	const u8 *bytes = from;

	for (size_t i = 0; i < size; i++)
		m->memory[to + i] = bytes[i];
}

void vm_vector(struct vm *m, unsigned vector, u32 handler)
{
	vm_copy(m, vector * 4, &handler, sizeof(handler));	/* segment 0 */
}

long cpu_ioctl(struct vm *m, unsigned n, unsigned long request, void *argument)
{
	return sys(NR_IOCTL, m->cpu[n].fd, request, argument);
}

int cpu_run(struct vm *m, unsigned n)
{
	long result = cpu_ioctl(m, n, KVM_RUN, NULL);

	return result < 0 ? (int)result : (int)m->cpu[n].run->exit_reason;
}

bool cpu_exits(struct vm *m, unsigned n, u32 reason)
{
	return cpu_run(m, n) == (int)reason;
}

bool cpu_outs(struct vm *m, unsigned n, u16 port, u32 *value)
{
	struct kvm_run *run = m->cpu[n].run;
	const u8 *data;

	if (!cpu_exits(m, n, KVM_EXIT_IO) || run->io.direction != KVM_EXIT_IO_OUT || run->io.port != port
	    || run->io.size * run->io.count > sizeof(*value))
		return false;
	data = (const u8 *)run + run->io.data_offset;
	*value = 0;
	for (unsigned i = run->io.size; i-- > 0;)
		*value = *value << 8 | data[i];
	return true;
}

bool cpu_regs(struct vm *m, unsigned n, struct kvm_regs *regs)
{
	return cpu_ioctl(m, n, KVM_GET_REGS, regs) >= 0;
}

bool cpu_set_regs(struct vm *m, unsigned n, const struct kvm_regs *regs)
{
	struct kvm_regs copy = *regs;

	return cpu_ioctl(m, n, KVM_SET_REGS, &copy) >= 0;
}

bool vm_gdt(struct vm *m, unsigned n, unsigned bits)
{
	const u64 entries[] = {
		0, bits == 64 ? 0x00af9b000000ffff : 0x00cf9b000000ffff, 0x00cf93000000ffff,
		0x00009b000000ffff, 0x000093000000ffff,
	};
	struct kvm_sregs s;

	vm_copy(m, GDT, entries, sizeof(entries));
	if (cpu_ioctl(m, n, KVM_GET_SREGS, &s) < 0)
		return false;
	s.gdt = (struct kvm_dtable){ .base = GDT, .limit = sizeof(entries) - 1 };
	return cpu_ioctl(m, n, KVM_SET_SREGS, &s) >= 0;
}

void vm_gate(struct vm *m, unsigned bits, unsigned vector, u32 handler)
{
	const u64 gate[2] = { (u64)(handler >> 16) << 48 | 0x8e0000080000 | (handler & 0xffff), 0 };
	u32 size = bits == 64 ? 16 : 8;

	vm_copy(m, IDT + vector * size, gate, size);
}

static struct kvm_segment flat(u16 selector, u8 type, unsigned bits)
{
	return (struct kvm_segment){
		.base = 0, .limit = ~0u, .selector = selector, .type = type, .present = 1, .s = 1, .g = 1,
		.db = bits == 32, .l = bits == 64 && type == 11,
	};
}

bool cpu_set_mode(struct vm *m, unsigned n, unsigned bits, u64 cr3)
{
	struct kvm_sregs s;

	if (!vm_gdt(m, n, bits) || cpu_ioctl(m, n, KVM_GET_SREGS, &s) < 0)
		return false;
	s.idt = (struct kvm_dtable){ .base = IDT, .limit = PAGE - 1 };
	s.cs = flat(8, 11, bits);
	s.ds = s.es = s.fs = s.gs = s.ss = flat(16, 3, bits);
	s.cr0 = CR0_PE | CR0_NE_ET | (cr3 ? CR0_PG : 0);
	s.cr3 = cr3;
	s.cr4 = bits == 64 ? CR4_PSE_PAE : CR4_PSE;
	s.efer = bits == 64 ? EFER_LME_LMA : 0;
	return cpu_ioctl(m, n, KVM_SET_SREGS, &s) >= 0;
}
