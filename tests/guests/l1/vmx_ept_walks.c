/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPT violations by L2's page walks (SDM table 28-7): which bits the qualification has for what the CPU reads and writes in
 * L2's tables itself, with EPT's accessed and dirty flags off and on; PDPTEs that MOV CR3 loads; IRET that unblocks NMIs;
 * pages of 2 MiB and 1 GiB; memory types, which must not be seen.
 */
#include "ept.h"
#include "insns.h"

#define LINEAR		0x40008010u		/* L2_DATA + 0x10 by a directory of its own */
#define DIRECTORY	(L2_TABLES + 0x3000)
#define ENTRY_A		BIT(5)
#define ENTRY_D		BIT(6)
#define PTE_2M		(PTE_P | PTE_W | PTE_U | BIT(7))
#define BEYOND		(5ull << 30)		/* guest-physical: no memory of L1's is there */

#define WALKS(X, a) \
	X("mov (%ebx), %eax") X("mov %eax, (%ebx)") X("lock addl $1, (%ebx)") X("jmp *%" a) X("lea 8(%ebx), %esp; push %" a) \
	X("invlpg (%ebx); mov (%ebx), %eax; mov %eax, 0x1000(%ebx)") X("lea -0x10000(%ebx), %ebx; lea 0x10010(%ebx), %esp; int $0x30") \
	X("mov %ebx, %esi; mov $2, %ecx; rep lodsl") X("prefetcht0 (%ebx)") X("movl $0, 0xff0(%ebx)")
#define WALKS_32(X) WALKS(X, "ebx")
#define WALKS_64(X) WALKS(X, "rbx")
INSNS_OF(32, walks_32, WALKS_32);
INSNS_OF(64, walks_64, WALKS_64);

static struct l2 l2;
static enum l2_mode mode;
static bool marks, fresh;		/* EPT's A and D; L2's own aren't set yet */
static u32 table_rights, page_rights;

static volatile u64 *directory(void) { return (volatile u64 *)(uptr)DIRECTORY; }

static void new_ept(struct l2 *l)
{
	ept_recycle();
	l->eptp = ept_new();
	ept_identity(l->eptp);
	l->eptp |= marks ? EPTP_AD : 0;
	vmcs_set(EPTP, l->eptp);
}

static void prepare(struct l2 *l)
{
	directory()[0] = L2_AT | PTE_2M | (fresh ? 0 : ENTRY_A | ENTRY_D);
	new_ept(l);
	ept_map(l->eptp, DIRECTORY, DIRECTORY, EPT_4K, EPT_WB | table_rights);
	ept_map(l->eptp, L2_DATA, L2_DATA, EPT_4K, EPT_WB | page_rights);
	l->bx = LINEAR;
	*(volatile u32 *)(uptr)(L2_DATA + 0x10) = 0xc1010f90;		/* a VMCALL to jump to */
}

static void say_marks(struct l2 *l)
{
	say(" entry %x ept %x %x", (u32)directory()[0] & (ENTRY_A | ENTRY_D), (u32)*ept_entry(l->eptp, DIRECTORY, EPT_4K) >> 8 & 3,
	    (u32)*ept_entry(l->eptp, L2_DATA, EPT_4K) >> 8 & 3);
}

static void walks(void)
{
	static const char *const rights[] = { "0", "R", "W", "RW", "X", "RX", "WX", "RWX" };
	static const char *const names[] = { "table,", "page,", "both," };

	for (u32 i = 0; i < 3 * 8 * 4; i++) {
		u32 which = i / 32, r = i / 4 % 8;

		if (i & 1 && !(CAP(EPT_VPID) & EPT_CAP_AD))
			continue;
		marks = i & 1;
		fresh = i & 2;
		table_rights = which == 1 ? EPT_RWX : r;
		page_rights = which == 0 ? EPT_RWX : r;
		insns_run(&l2, &(struct insn_run){ .mode = mode, .with = L2_WITH_EPT, .prepare = prepare, .says = say_marks,
			  .what = { names[which], rights[r], i & 3 ? i & 2 ? i & 1 ? "A/D, fresh" : "fresh" : "A/D" : NULL } },
			  l2_bits(mode) == 64 ? &walks_64 : &walks_32);
	}
}

/* ---- all of L2's structures in turn, for its first fetch ---- */

L2_CODE(cr3_32, 32, "mov %cr3, %eax; mov %eax, %cr3; vmcall");
L2_CODE(write_32, 32, "mov %eax, (%ebx); vmcall");
L2_CODE(iret_32, 32, "iret");
#ifdef __x86_64__
L2_CODE(iret_64, 64, "iretq");
#endif

static void begin(bool ad)
{
	marks = ad;
	l2_setup(&l2, mode, L2_WITH_EPT);
	l2_again(&l2);
	l2_code(&l2, cr3_32, cr3_32_end);
	new_ept(&l2);
}

static struct vmx_result run(void)
{
	(void)vmx_invept(2, 0);
	return l2_run(&l2);
}

static void structures(void)
{
	for (u32 i = 0; i < 2 * 8 * 8; i++) {
		u32 page = L2_TABLES + i / 16 * 0x1000, rights = i / 2 % 8;

		if (i & 1 && !(CAP(EPT_VPID) & EPT_CAP_AD))
			continue;
		begin(i & 1);
		ept_map(l2.eptp, page, page, EPT_4K, EPT_WB | rights);
		result_l2_f(run(), "%s tables %u with rights %x%s", l2_mode_names[mode], i / 16, rights, marks ? ", A/D" : "");
		say("R %s tables %u with rights %x%s, marks: %x\n", l2_mode_names[mode], i / 16, rights, marks ? ", A/D" : "",
		    (u32)*ept_entry(l2.eptp, page, EPT_4K) >> 8 & 3);
	}
}

/* An IRET that meets a violation has unblocked NMIs already (bit 12). */
static void unblocking(void)
{
	for (u32 i = 0; i < 8; i++) {
		begin(false);
#ifdef __x86_64__
		l2_code(&l2, iret_64, iret_64_end);
#else
		l2_code(&l2, iret_32, iret_32_end);
#endif
		if (i & 4)
			vmcs_on(PIN_CTRLS, PIN_NMI | PIN_VIRTUAL_NMIS);
		vmcs_set(GUEST_INTERRUPTIBILITY, i & 1 ? BLOCKING_NMI : 0);
		vmcs_set(GUEST_RSP, L2_DATA + 0x100);
		ept_map(l2.eptp, L2_DATA, L2_DATA, EPT_4K, i & 2 ? EPT_WB | EPT_RWX : 0);
		if (i & 2)
			*ept_entry(l2.eptp, L2_DATA, EPT_4K) = L2_DATA | EPT_W;		/* misconfigured */
		result_l2_f(run(), "IRET from a page that's %s%s%s", i & 2 ? "misconfigured" : "absent",
			    i & 1 ? ", NMIs blocked" : "", i & 4 ? ", virtual NMIs" : "");
	}
}

/* ---- sizes and types ---- */

static void sizes(void)
{
	static const enum ept_level levels[] = { EPT_4K, EPT_2M, EPT_1G };
	static const u8 types[] = { EPT_WB, EPT_UC, EPT_WC, EPT_WT, EPT_WP, EPT_WB | EPT_IPAT, EPT_UC | EPT_IPAT };

	for (u32 i = 0; i < ARRAY_SIZE(levels) * 8 * 2; i++) {
		enum ept_level level = levels[i / 16];
		u32 rights = i / 2 % 8;
		u64 to = i & 1 ? BEYOND : level == EPT_1G ? 0 : level == EPT_2M ? L2_AT : L2_DATA;

		if (level == EPT_1G && !(CAP(EPT_VPID) & EPT_CAP_1G))
			continue;
		begin(false);
		l2_code(&l2, write_32, write_32_end);
		l2.bx = level == EPT_1G ? 0x40000000 + L2_DATA + 0x10 : level == EPT_2M ? 0x40008010 : 0x40000010;
		ept_map(l2.eptp, 0x40000000, to, level, EPT_WB | rights);
		result_l2_f(run(), "%s write by level %u with rights %x%s", l2_mode_names[mode], level, rights, i & 1 ? ", beyond" : "");
	}
	for (u32 i = 0; i < ARRAY_SIZE(types); i++) {
		begin(false);
		l2_code(&l2, write_32, write_32_end);
		l2.bx = L2_DATA + 0x10;
		l2.ax = 0x1234 + i;
		ept_map(l2.eptp, L2_DATA, L2_DATA, EPT_4K, types[i] | EPT_RWX);
		result_l2_f(run(), "%s write with type %x", l2_mode_names[mode], types[i]);
		say("R %s write with type %x gives: %x\n", l2_mode_names[mode], types[i], *(volatile u32 *)(uptr)(L2_DATA + 0x10));
	}
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	for (mode = L2_PAE; mode <= L2_LONG; mode++) {
		if (mode == L2_COMPAT || !l2_can(mode))
			continue;
		walks();
		structures();
		sizes();
	}
	mode = L2_NATIVE;
	unblocking();
	vmx_disable();
}
