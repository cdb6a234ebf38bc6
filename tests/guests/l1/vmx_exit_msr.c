/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RDMSR and WRMSR of L2 (SDM 26.1.3): without bitmaps, with all bits 0 or 1, with an MSR's own bit alone and without it;
 * MSRs of both ranges, at their edges and outside; what reaches the MSR. XSAVES and XRSTORS by the XSS-exiting bitmap.
 */
#include "insns.h"

#define BITMAP		((u8 *)(uptr)0x1f00000)		/* a page: reads low, reads high, writes low, writes high */
#define QUARTER		1024u
#define RANGE		0x2000u
#define HIGH		0xc0000000u
#define MSR_XSS		0xda0
#define XSAVE_LEAF	0xd

static const u32 msrs[] = {
	0, 1, 0x17, 0x1b, 0x3a, 0x8b, 0xfe, 0x174, 0x175, 0x176, 0x179, 0x1a0, 0x1d9, 0x200, 0x201, 0x250, 0x26f, 0x277, 0x2ff,
	0x480, 0x481, 0x48b, 0x491, 0x6e0, 0x802, 0x808, 0x1ffe, 0x1fff, 0x2000, 0x2001, 0x40000000, 0x4b564d00, 0xbfffffff, 0xc0000000,
	0xc0000080, 0xc0000081, 0xc0000082, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103, 0xc0001fff, 0xc0002000,
	0xfffffffe, 0xffffffff,
};

enum setting { NO_BITMAP, ZEROS, ONES, READS, WRITES, BUT_READS, BUT_WRITES, SETTINGS };
static const char *const names[SETTINGS] = { "no bitmap", "bits 0", "bits 1", "bit for reads", "bit for writes",
					     "all bits but that for reads", "all bits but that for writes" };

static struct l2 l2;
static const u8 read_msr[] = { 0x0f, 0x32, 0x0f, 0x01, 0xc1, 0xf4 }, write_msr[] = { 0x0f, 0x30, 0x0f, 0x01, 0xc1, 0xf4 };

static void flip(u32 msr, bool write)
{
	u32 bit = msr % HIGH;

	if (bit < RANGE)
		BITMAP[(write ? 2 : 0) * QUARTER + (msr >= HIGH ? QUARTER : 0) + bit / 8] ^= (u8)BIT(bit % 8);
}

static void set(enum setting setting, u32 msr)
{
	memset(BITMAP, setting == ZEROS || setting == READS || setting == WRITES ? 0 : 0xff, 4 * QUARTER);
	if (setting == READS || setting == BUT_READS)
		flip(msr, false);
	if (setting == WRITES || setting == BUT_WRITES)
		flip(msr, true);
	if (setting != NO_BITMAP)
		vmcs_on(PRIMARY_CTRLS, PRIMARY_MSR_BITMAPS);
	vmcs_set(MSR_BITMAP, physical(BITMAP));
}

static void begin(u32 msr, bool write)
{
	u64 value = 0;

	try_rdmsr(msr, &value);
	l2_setup(&l2, L2_NATIVE, 0);
	l2_guard();
	l2_again(&l2);
	vmcs_set(GUEST_SYSENTER_CS, 0x1234);
	vmcs_set(GUEST_SYSENTER_ESP, 0x5678);
	vmcs_set(GUEST_SYSENTER_EIP, 0x9abc);
	l2_code(&l2, write ? write_msr : read_msr, (write ? write_msr : read_msr) + sizeof(read_msr));
	l2.cx = msr;
	if (write) {
		l2.ax = (u32)value;
		l2.dx = (u32)(value >> 32);
	}
}

static void try(enum setting setting, u32 msr, bool write)
{
	const char *what = write ? "WRMSR" : "RDMSR";
	bool constant = msr > 1 && (msr < MSR_VMX_BASIC || msr > MSR_VMX_VMFUNC);	/* vmx_caps.c has those */

	begin(msr, write);
	set(setting, msr);
	result_l2_f(l2_run(&l2), "%s %x, %s", what, msr, names[setting]);
	if (!write && constant && exit_reason() == EXIT_VMCALL)
		say("R %s %x, %s, reads: %08x%08x\n", what, msr, names[setting], (u32)l2.dx, (u32)l2.ax);
}

/* A write is L2's own, and is seen where VM exits save the MSR. */
static void written(void)
{
	static const struct { u32 msr, value; enum vmcs_field field; } where[] = {
		{ MSR_SYSENTER_CS, 0x77, GUEST_SYSENTER_CS }, { MSR_SYSENTER_ESP, 0x7777, GUEST_SYSENTER_ESP },
		{ MSR_SYSENTER_EIP, 0x777777, GUEST_SYSENTER_EIP }, { MSR_PAT, 0x05050505, GUEST_PAT },
		{ MSR_FS_BASE, 0x123450, GUEST_FS_BASE }, { MSR_GS_BASE, 0x543210, GUEST_GS_BASE },
	};

	for (u32 i = 0; i < ARRAY_SIZE(where); i++) {
		begin(where[i].msr, true);
		set(ZEROS, 0);
		l2.ax = where[i].value;
		l2.dx = 0;
		vmcs_on(EXIT_CTRLS, EXIT_SAVE_PAT | EXIT_LOAD_PAT);
		vmcs_on(ENTRY_CTRLS, ENTRY_LOAD_PAT);
		result_l2_f(l2_run(&l2), "L2 writes %x", where[i].msr);
		say("R L2 wrote %x: %llx\n", where[i].msr, vmcs_get(where[i].field));
	}
}

/* L1 changes its bitmap without telling anybody: the next entry goes by it. */
static void changed(void)
{
	begin(MSR_SYSENTER_CS, false);
	set(ZEROS, 0);
	for (u32 i = 0; i < 6; i++) {
		result_l2_f(l2_run(&l2), "bitmap changed %u times", i);
		flip(MSR_SYSENTER_CS, false);
		vmcs_set(GUEST_RIP, L2_CODE_AT);
	}
}

#define XSTATE(X) \
	X("xsaves (%ebx)", .enable = SECONDARY_XSAVES) X("xrstors (%ebx)", .enable = SECONDARY_XSAVES) \
	X("xsaves %gs:0x40(%ebx,%ecx)", .enable = SECONDARY_XSAVES) X("xrstors 0x40(%ebx)", .enable = SECONDARY_XSAVES) \
	X("xsavec (%ebx)") X("xsave (%ebx)") X("xsetbv", .enable = SECONDARY_XSAVES)
INSNS(xstate, XSTATE, XSTATE);

static u64 exiting, asked;

static void xss(struct l2 *l)
{
	vmcs_on(GUEST_CR4, CAP(CR4_FIXED1) & CR4_OSXSAVE);
	vmcs_set(XSS_EXITING_BITMAP, exiting);
	l->bx = l->si = L2_DATA + 0x400;
	memset((void *)(uptr)(L2_DATA + 0x400), 0, 0x1000);
	*(volatile u64 *)(uptr)(L2_DATA + 0x400 + 0x208) = 1ull << 63;		/* a compacted header */
	*(volatile u64 *)(uptr)(L2_DATA + 0x440 + 0x208) = 1ull << 63;
	l->ax = (u32)asked;
	l->dx = (u32)(asked >> 32);
}

static void xss_bitmap(void)
{
	u64 can, before = 0;

	if (!CAN_SECONDARY(SECONDARY_XSAVES) || try_rdmsr(MSR_XSS, &before) != NO_TRAP)
		return;
	can = cpuid(XSAVE_LEAF, 1).ecx & ~BIT(8);
	say("R XSS that L1 can have: %llx\n", can);
	for (u32 i = 0; i < 12; i++) {
		static const char *const what[] = { "XSS 0, bitmap 0", "XSS 0, bitmap 1", "XSS, bitmap 0", "XSS, bitmap 1" };

		exiting = i & 1 ? ~0ull : 0;
		asked = i < 4 ? ~0ull : i < 8 ? 0x1ff : 0;
		try_wrmsr(MSR_XSS, i & 2 ? can : 0);
		insns_run(&l2, &(struct insn_run){ .mode = L2_NATIVE, .what = { what[i & 3] }, .prepare = xss }, &xstate);
	}
	try_wrmsr(MSR_XSS, before);
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	for (u32 i = 0; i < ARRAY_SIZE(msrs); i++)
		for (enum setting s = 0; s < SETTINGS; s++) {
			try(s, msrs[i], false);
			try(s, msrs[i], true);
		}
	written();
	changed();
	xss_bitmap();
	vmx_disable();
}
