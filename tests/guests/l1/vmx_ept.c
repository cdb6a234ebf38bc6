/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPT as L1 sees it: which accesses of L2 end in which exit, what A and D become, and what an INVEPT makes true. L2 is
 * paged, one to one; what is tried lies in one page of its own, L2_DATA.
 */
#include "ept.h"
#include "l2.h"

#define DATA		L2_DATA
#define PAGE		4096u
#define WB_RWX		(EPT_RWX | EPT_WB)
#define VMCALL_BYTES	0x90c1010fu

L2_CODE(ept_read, 32, "mov 0x1808010, %eax; vmcall");
L2_CODE(ept_write, 32, "mov %ebx, 0x1808010; vmcall");
L2_CODE(ept_fetch, 32, "mov $0x1808000, %eax; jmp *%eax");
L2_CODE(ept_both, 32, "lock addl $1, 0x1808010; vmcall");
L2_CODE(ept_push, 32, "mov $0x1808010, %esp; push $7; vmcall");

static const struct access { const char *name; const u8 *code, *end; } accesses[] = {
	{ "read", ept_read, ept_read_end }, { "write", ept_write, ept_write_end }, { "fetch", ept_fetch, ept_fetch_end },
	{ "read and write", ept_both, ept_both_end }, { "push", ept_push, ept_push_end },
};

static struct l2 l2;
static u64 eptp;

static volatile u32 *word(u64 at) { return (volatile u32 *)(uptr)at; }

static void invalidate(void) { (void)vmx_invept(1, eptp); }

static void begin(bool marks)
{
	l2_setup(&l2, L2_PAE, L2_WITH_EPT);
	eptp = (l2.eptp & ~(u64)EPTP_AD) | (marks ? EPTP_AD : 0);
	vmcs_set(EPTP, eptp);
	for (u32 i = 0; i < 4; i++)
		ept_map(eptp, DATA + i * PAGE, DATA + i * PAGE, EPT_4K, WB_RWX);
	*word(DATA) = VMCALL_BYTES;
	*word(DATA + 0x10) = 0x11223344;
	invalidate();
}

static void try(const struct access *a, const char *what, u64 bits)
{
	l2_code(&l2, a->code, a->end);
	vmcs_set(GUEST_RIP, L2_CODE_AT);
	vmcs_set(GUEST_RSP, L2_STACK);
	result_l2_f(l2_run(&l2), "%s, %s %llx", a->name, what, (u64)bits);
	say("R %s, %s %llx memory: %x gpa %llx\n", a->name, what, (u64)bits, *word(DATA + 0x10),
	    exit_reason() == 48 || exit_reason() == 49 ? vmcs_get(GUEST_PHYSICAL_ADDR) : 0);
}

static void try_all(const char *what, enum ept_level level, u64 bits)
{
	volatile u64 *entry = ept_entry(eptp, DATA, level);
	u64 before = *entry;

	*entry = bits;
	invalidate();
	for (u32 i = 0; i < ARRAY_SIZE(accesses); i++)
		try(&accesses[i], what, bits);
	*entry = before;
	invalidate();
}

static void rights(void)
{
	begin(false);
	for (u32 r = 0; r < 8; r++) {
		try_all("page with rights", EPT_4K, DATA | EPT_WB | r);
		try_all("table with rights", EPT_2M, (*ept_entry(eptp, DATA, EPT_2M) & ~7ull) | r);
		try_all("directory with rights", EPT_1G, (*ept_entry(eptp, DATA, EPT_1G) & ~7ull) | r);
	}
	try_all("no directory", EPT_512G, 0);
}

static void misconfigured(void)
{
	begin(false);
	for (u32 type = 0; type < 8; type++)
		try_all("type", EPT_4K, DATA | EPT_RWX | type << 3);
	for (u32 bit = 3; bit < 8; bit++) {
		try_all("table", EPT_2M, *ept_entry(eptp, DATA, EPT_2M) | BIT(bit));
		try_all("directory", EPT_1G, *ept_entry(eptp, DATA, EPT_1G) | BIT(bit));
		try_all("top", EPT_512G, *ept_entry(eptp, DATA, EPT_512G) | BIT(bit));
	}
	for (u32 bit = physical_bits(); bit < 52; bit++) {
		try_all("page", EPT_4K, *ept_entry(eptp, DATA, EPT_4K) | 1ull << bit);
		try_all("table", EPT_2M, *ept_entry(eptp, DATA, EPT_2M) | 1ull << bit);
	}
	for (u32 bit = 52; bit < 64; bit++)
		try_all("ignored bit of a page", EPT_4K, *ept_entry(eptp, DATA, EPT_4K) | 1ull << bit);
	for (u32 bit = 12; bit < 21; bit++)
		try_all("large page", EPT_2M, L2_AT | WB_RWX | EPT_LARGE | BIT(bit));
}

/* Bits 9:8 from the top entry down to the page's. */
static void say_marks(const char *what)
{
	say("R %s, A and D:", what);
	for (enum ept_level level = EPT_512G; level >= EPT_4K; level--)
		say(" %x", (u32)(*ept_entry(eptp, DATA, level) >> 8 & 3));
	say("\n");
}

static void marks(bool on)
{
	if (on && !(CAP(EPT_VPID) & EPT_CAP_AD))
		return;
	for (u32 i = 0; i < ARRAY_SIZE(accesses); i++) {
		begin(on);
		say_marks("before");
		try(&accesses[i], on ? "marked" : "unmarked", 0);
		say_marks(accesses[i].name);
	}
	for (u32 i = 0; i < 3; i++) {		/* read, then write, then cleared and written again */
		if (i == 2)
			*ept_entry(eptp, DATA, EPT_4K) &= ~(u64)(EPT_A | EPT_D);
		invalidate();
		try(&accesses[i > 0], "again", i);
		say_marks("again");
	}
}

/* Each change of EPT12 and what L2 reads after the INVEPT. */
static void changes(bool on)
{
	if (on && !(CAP(EPT_VPID) & EPT_CAP_AD))
		return;
	begin(on);
	for (u32 i = 1; i < 4; i++)
		*word(DATA + i * PAGE + 0x10) = 0xaaaa0000 + i;
	for (u32 i = 0; i < 12; i++) {
		ept_map(eptp, DATA, DATA + i % 4 * PAGE, EPT_4K, WB_RWX);
		invalidate();
		l2.ax = 0;
		try(&accesses[0], "page moved", i);
		say("R page moved %u reads: %llx\n", i, (u64)l2.ax);
	}
	for (u32 i = 0; i < 6; i++) {
		volatile u64 *entry = ept_entry(eptp, DATA, EPT_2M);
		u64 *copy = page_take(), *old = (u64 *)(uptr)(*entry & EPT_ADDRESS);

		memcpy(copy, old, PAGE);
		copy[(DATA >> 12) & 511] = (DATA + i % 4 * PAGE) | WB_RWX;
		*entry = physical(copy) | EPT_RWX;
		invalidate();
		try(&accesses[0], "table moved", i);
		say("R table moved %u reads: %llx\n", i, (u64)l2.ax);
	}
	/* More rights need no INVEPT after the violation that asks for them. */
	ept_map(eptp, DATA, DATA, EPT_4K, EPT_R | EPT_WB);
	invalidate();
	try(&accesses[0], "read-only", 0);
	try(&accesses[1], "read-only", 0);
	ept_map(eptp, DATA, DATA, EPT_4K, WB_RWX);
	try(&accesses[1], "writable without INVEPT", 0);
}

/* Tables that lead to themselves, and far away. */
static void odd_tables(void)
{
	begin(false);
	try_all("top of itself", EPT_512G, (eptp & EPT_ADDRESS) | EPT_RWX);
	try_all("directory of itself", EPT_1G, (*ept_entry(eptp, DATA, EPT_512G) & EPT_ADDRESS) | EPT_RWX);
	try_all("directory is the root", EPT_1G, (eptp & EPT_ADDRESS) | EPT_RWX);
	try_all("table of itself, read-only", EPT_4K, (*ept_entry(eptp, DATA, EPT_2M) & EPT_ADDRESS) | EPT_R | EPT_WB);
	try_all("table at 0", EPT_2M, EPT_RWX);
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	rights();
	misconfigured();
	marks(false);
	marks(true);
	changes(false);
	changes(true);
	odd_tables();
	vmx_disable();
}
