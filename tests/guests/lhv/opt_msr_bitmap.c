/* SPDX-License-Identifier: BSD-2-Clause */
/* 0x400: an MSR bitmap whose bits L1 exchanges: reads exit and writes don't, then the other way round. */
#include "lhv.h"
#include "lib/string.h"

#define READS		0		/* bytes into the page (SDM 25.6.9) */
#define WRITES		2048
#define HIGH		1024
#define HIGH_FIRST	0xc0000000u
#define MSR_LSTAR	0xc0000082u
#define MSR_NOWHERE	0x40000000u	/* in neither range: always an exit */
#define FROM_L1		0x1122334455667788ull
#define VALUE(n)	(0x00a00000u + (n))

const struct option opt_msr_bitmap;

static _Alignas(PAGE_SIZE) u8 bitmaps[CPUS_MAX][PAGE_SIZE];
static struct { u32 reads, writes; u64 written; } exits[CPUS_MAX];

void msr_bitmap_use(struct cpu *c)
{
	memset(bitmaps[c->index], 0, PAGE_SIZE);
	c->ctrls.primary |= PRIMARY_MSR_BITMAPS;
	vmcs_write(MSR_BITMAP, (uptr)bitmaps[c->index]);
}

static void bit_set(struct cpu *c, u32 half, u32 msr, bool on)
{
	u32 n = msr >= HIGH_FIRST ? msr - HIGH_FIRST + 8 * HIGH : msr;
	u8 *byte = &bitmaps[c->index][half + n / 8];

	*byte = (u8)((*byte & ~BIT(n % 8)) | (on ? BIT(n % 8) : 0));
}

static void before(struct cpu *c, u32 n)
{
	bool reads = n & 1;

	bit_set(c, READS, MSR_SYSENTER_EIP, reads);
	bit_set(c, WRITES, MSR_SYSENTER_EIP, !reads);
	bit_set(c, READS, MSR_LSTAR, true);
	exits[c->index].reads = exits[c->index].writes = 0;
}

/* @read and @written: how many exits the access before this must have caused. */
static void counted(struct cpu *c, const char *what, u32 reads, u32 writes)
{
	check(&opt_msr_bitmap, exits[c->index].reads == reads && exits[c->index].writes == writes, "%s: %u read exits, %u write exits",
	      what, exits[c->index].reads, exits[c->index].writes);
	exits[c->index].reads = exits[c->index].writes = 0;
}

static void in_l2(struct cpu *c, u32 n)
{
	bool reads = n & 1;
	u64 before = reads ? 0 : rdmsr(MSR_SYSENTER_EIP), seen;

	counted(c, "a read that may pass", 0, 0);
	wrmsr(MSR_SYSENTER_EIP, VALUE(n));
	counted(c, "SYSENTER_EIP's write", 0, !reads);
	seen = rdmsr(MSR_SYSENTER_EIP);
	counted(c, "SYSENTER_EIP's read", reads, 0);
	check(&opt_msr_bitmap, seen == (reads ? FROM_L1 : before), "SYSENTER_EIP reads 0x%llx", seen);
	check(&opt_msr_bitmap, reads || exits[c->index].written == VALUE(n), "L1 was written 0x%llx", exits[c->index].written);
	check(&opt_msr_bitmap, rdmsr(MSR_LSTAR) == FROM_L1, "LSTAR reads something else than L1 says");
	counted(c, "LSTAR's read", 1, 0);
	check(&opt_msr_bitmap, rdmsr(MSR_NOWHERE) == FROM_L1, "MSR 0x%x reads something else than L1 says", MSR_NOWHERE);
	counted(c, "the read of an MSR beyond the bitmap", 1, 0);
	check(&opt_msr_bitmap, (sizeof(uptr) == 8) == !!(rdmsr(MSR_EFER) & EFER_LMA), "EFER reads 0x%llx", rdmsr(MSR_EFER));
	counted(c, "EFER's reads", 0, 0);
}

/* What L2 wrote without an exit stands in the VMCS. */
static void after(struct cpu *c, u32 n)
{
	u64 expected = n & 1 ? VALUE(n) : n > 1 ? VALUE(n - 1) : 0;

	check(&opt_msr_bitmap, vmcs_read(GUEST_SYSENTER_EIP) == expected, "L2's SYSENTER_EIP is 0x%llx, not 0x%llx",
	      vmcs_read(GUEST_SYSENTER_EIP), expected);
	check(&opt_msr_bitmap, rdmsr(MSR_SYSENTER_EIP) == 0, "L1's SYSENTER_EIP is 0x%llx", rdmsr(MSR_SYSENTER_EIP));
	(void)c;
}

static bool on_exit(struct cpu *c, u32 reason)
{
	if (reason == EXIT_RDMSR) {
		exits[c->index].reads++;
		c->regs.ax = (u32)FROM_L1;
		c->regs.dx = (u32)(FROM_L1 >> 32);
	} else if (reason == EXIT_WRMSR) {
		exits[c->index].writes++;
		exits[c->index].written = (u32)c->regs.ax | (u64)(u32)c->regs.dx << 32;
	} else {
		return false;
	}
	vmcs_write(GUEST_RIP, vmcs_read(GUEST_RIP) + vmcs_read32(EXIT_INSTR_LEN));
	return true;
}

const struct option opt_msr_bitmap = {
	.bit = OPT_MSR_BITMAP, .name = "msr_bitmap", .promise = "the accesses that the MSR bitmap names exit, and no others",
	.setup = msr_bitmap_use, .before = before, .in_l2 = in_l2, .exit = on_exit, .after = after,
};
