/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks of kvm-smoke: memory slots, read-only memory, the dirty log. */
#include "smoke.h"

#define PORT	0x10u
#define EXTRA	0xc0000u	/* where a second slot goes */
#define PAGES	16u

/* ---- slots ---- */

GUEST(16, read_code,
	"mov $0xc000, %ax; mov %ax, %es\n"
	"1: mov %es:0x123, %al; out %al, $0x10; jmp 1b");

static bool reads(struct vm *m, u8 value)
{
	u32 seen;

	return cpu_outs(m, 0, PORT, &seen) && seen == value;
}

/* Where there is no slot the program is asked, and answers ones. */
static bool reads_nothing(struct vm *m)
{
	struct kvm_run *run = m->cpu[0].run;

	if (!cpu_exits(m, 0, KVM_EXIT_MMIO) || run->mmio.is_write || run->mmio.phys_addr != EXTRA + 0x123)
		return false;
	run->mmio.data[0] = 0xff;
	return reads(m, 0xff);
}

bool check_slots(struct vm *m)
{
	u8 *one = map(PAGE, -1), *two = map(PAGE, -1);
	bool kept = one && two;

	guest_code(m, CODE, read_code);
	for (unsigned round = 0; kept && round < 8; round++) {
		one[0x123] = (u8)(0x10 + round);
		two[0x123] = (u8)(0x50 + round);
		kept = vm_slot(m, EXTRA_SLOT, 0, EXTRA, PAGE, one) && reads(m, (u8)(0x10 + round))
			&& vm_slot(m, EXTRA_SLOT, 0, EXTRA, 0, NULL) && reads_nothing(m)
			&& vm_slot(m, EXTRA_SLOT, 0, EXTRA, PAGE, two) && reads(m, (u8)(0x50 + round))
			&& vm_slot(m, EXTRA_SLOT, 0, EXTRA + 2 * PAGE, PAGE, two) && reads_nothing(m)	/* moved away */
			&& vm_slot(m, EXTRA_SLOT, 0, EXTRA, 0, NULL);
	}
	/* The page under a slot is replaced behind KVM's back: fresh pages are zero. */
	kept = kept && vm_slot(m, EXTRA_SLOT, 0, EXTRA, PAGE, one) && reads(m, one[0x123]);
	if (kept) {
		unmap(one, PAGE);
		kept = map(PAGE, -1) == one && reads(m, 0);
	}
	return kept;
}

GUEST(16, read_only_code,
	"mov $0xc000, %ax; mov %ax, %es\n"
	"mov %es:0, %al; out %al, $0x10; movb $0x77, %es:0; mov %es:0, %al; out %al, $0x10; hlt");

bool check_read_only(struct vm *m)
{
	struct kvm_run *run = m->cpu[0].run;
	u8 *page = map(PAGE, -1);

	guest_code(m, CODE, read_only_code);
	if (!page)
		return false;
	page[0] = 0x33;
	return vm_slot(m, EXTRA_SLOT, KVM_MEM_READONLY, EXTRA, PAGE, page) && reads(m, 0x33)
		&& cpu_exits(m, 0, KVM_EXIT_MMIO) && run->mmio.is_write && run->mmio.data[0] == 0x77
		&& reads(m, 0x33) && cpu_exits(m, 0, KVM_EXIT_HLT);
}

/* ---- the dirty log ---- */

/* Reads all 16 pages, writes those of the mask in DX, tells, and again. */
GUEST(16, dirty_code,
	"0: mov $0xc000, %bx; mov $16, %cx\n"
	"1: mov %bx, %es; mov %es:8, %al; shr $1, %dx; jnc 2f; incb %es:8\n"
	"2: add $0x100, %bx; loop 1b; in $0x10, %ax; mov %ax, %dx; jmp 0b");

static bool log_is(struct vm *m, u16 mask)
{
	struct kvm_run *run = m->cpu[0].run;
	u64 bits = 0;
	struct kvm_dirty_log log = { .slot = EXTRA_SLOT, .dirty_bitmap = &bits };

	return sys(NR_IOCTL, m->fd, KVM_GET_DIRTY_LOG, &log) >= 0 && bits == mask && run->io.size == 2;
}

bool check_dirty(struct vm *m)
{
	static const u16 masks[] = { 0, 1, 0x8000, 0x5555, 0, 0xffff, 0x0ff0, 0x0ff0, 2 };
	struct kvm_run *run = m->cpu[0].run;
	u8 *pages = map(PAGES * PAGE, -1);
	u16 before = 0;

	guest_code(m, CODE, dirty_code);
	if (!pages || !vm_slot(m, EXTRA_SLOT, KVM_MEM_LOG_DIRTY_PAGES, EXTRA, PAGES * PAGE, pages))
		return false;
	for (size_t i = 0; i < COUNT(masks); i++) {
		if (!cpu_exits(m, 0, KVM_EXIT_IO) || !log_is(m, before))
			return false;
		before = masks[i];
		*(u16 *)((u8 *)run + run->io.data_offset) = before;
	}
	return cpu_exits(m, 0, KVM_EXIT_IO) && log_is(m, before) && pages[8] == 3 && pages[15 * PAGE + 8] == 2;
}
