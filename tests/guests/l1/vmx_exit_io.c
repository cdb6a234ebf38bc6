/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * I/O instructions of L2 (SDM 26.1.3, 28.2.1): every form and width, by both bitmaps with their edges and the wrap
 * around port 0xffff, unconditional; what an exit says of string instructions; where the TSS forbids it first.
 */
#include "insns.h"

#define BITMAP_A	((u8 *)(uptr)0x1f00000)		/* two pages, one after the other: one bit a port */
#define BITMAP_BYTES	0x2000
#define IOPL_3		0x3000
#define PORT_LIST	5

#define IOS(X) \
	X("in $0x80, %al") X("in $0x80, %ax") X("in $0x80, %eax") X("in $0xff, %al") X("in $0, %al") \
	X("out %al, $0x80") X("out %ax, $0x80") X("out %eax, $0x80") \
	X("mov $0x80, %edx; in %dx, %al") X("mov $0x80, %edx; in %dx, %ax") X("mov $0x80, %edx; in %dx, %eax") \
	X("mov $0x80, %edx; out %al, %dx") X("mov $0x80, %edx; out %ax, %dx") X("mov $0x80, %edx; out %eax, %dx") \
	X("mov $0x7f, %edx; in %dx, %ax") X("mov $0x7d, %edx; in %dx, %eax") X("mov $0x81, %edx; in %dx, %eax") \
	X("mov $0x7fff, %edx; in %dx, %al") X("mov $0x7fff, %edx; in %dx, %ax") X("mov $0x7ffe, %edx; in %dx, %ax") \
	X("mov $0x7ffd, %edx; in %dx, %eax") X("mov $0x7ffc, %edx; in %dx, %eax") X("mov $0x8000, %edx; in %dx, %al") \
	X("mov $0x8000, %edx; out %eax, %dx") X("mov $0x7ffe, %edx; out %eax, %dx") \
	X("mov $0xffff, %edx; in %dx, %al") X("mov $0xffff, %edx; in %dx, %ax") X("mov $0xfffe, %edx; in %dx, %ax") \
	X("mov $0xfffe, %edx; in %dx, %eax") X("mov $0xfffd, %edx; in %dx, %eax") X("mov $0xfffc, %edx; in %dx, %eax") \
	X("mov $0xfffd, %edx; out %eax, %dx") X("mov $0x5fffe, %edx; in %dx, %al")

#define STRINGS(X) \
	X("mov $0x80, %dl; insb") X("mov $0x80, %dl; insw") X("mov $0x80, %dl; insl") \
	X("mov $0x80, %dl; outsb") X("mov $0x80, %dl; outsw") X("mov $0x80, %dl; outsl") \
	X("mov $0x80, %dl; mov $3, %cl; rep insb") X("mov $0x80, %dl; mov $3, %cl; rep insw") \
	X("mov $0x80, %dl; mov $3, %cl; rep insl") X("mov $0x80, %dl; mov $3, %cl; rep outsb") \
	X("mov $0x80, %dl; mov $5, %cl; rep outsw") X("mov $0x80, %dl; mov $5, %cl; rep outsl") \
	X("mov $0x80, %dl; mov $5, %cl; repne outsb") X("mov $0x80, %dl; rep insb") X("mov $0x80, %dl; rep outsb") \
	X("mov $0x80, %dl; std; insw; cld") X("mov $0x80, %dl; mov $2, %cl; std; rep outsb; cld") \
	X("mov $0x80, %dl; outsb %es:(%esi), %dx") X("mov $0x80, %dl; outsw %fs:(%esi), %dx") \
	X("mov $0x80, %dl; outsl %gs:(%esi), %dx") \
	X("mov $0xffff, %edx; insw") X("mov $0xfffd, %edx; outsl") X("mov $0x7fff, %edx; outsw") X("mov $0x8000, %edx; insb") \
	X("mov $0xb004, %edx; in %dx, %ax") X("mov $0xb004, %edx; insw") X("mov $0xb004, %edx; mov $4, %cl; rep insw") \
	X("mov $0xb002, %edx; in %dx, %eax") X("mov $0xb005, %edx; insb")
/* The other address size. */
#define OTHER_16(X) X("mov $0x80, %dl; .byte 0x67; outsb %es:(%si), %dx") X("mov $0x80, %dl; mov $2, %cl; .byte 0x67; rep insb")
#define OTHER_32(X) \
	X("mov $0x4010, %esi; mov $0x80, %dl; .byte 0x67; outsb %es:(%esi), %dx") \
	X("mov $0x14010, %edi; mov $0x80, %dl; mov $0x10002, %ecx; .byte 0x67; rep insb")
#define LONG(X) \
	X("movabs $0x800000000000, %rsi; mov $0x80, %dl; outsb") X("movabs $0xffff800000000000, %rdi; mov $0x80, %dl; insl") \
	X("bts $40, %rdi; mov $0x80, %dl; .byte 0x67; insb") X("bts $40, %rcx; mov $0x80, %dl; mov $2, %cl; .byte 0x67; rep insb")
INSNS(ios, IOS, IOS);
INSNS(strings, STRINGS, STRINGS);
INSNS_OF(16, other_16, OTHER_16);
INSNS_OF(32, other_32, OTHER_32);
INSNS_OF(64, long_64, LONG);

static struct l2 l2;

static const struct setting {
	const char *name;
	u32 primary;
	u8 fill;
	u16 flipped[PORT_LIST];		/* bits that aren't as the others; up to the first 0 */
} settings[] = {
	{ "nothing", 0, 0xff, { 0 } },
	{ "all", PRIMARY_ALL_IO, 0, { 0 } },
	{ "bitmaps of 0", PRIMARY_IO_BITMAPS, 0, { 0 } },
	{ "bitmaps of 0 and all", PRIMARY_IO_BITMAPS | PRIMARY_ALL_IO, 0, { 0 } },
	{ "bitmaps of 1", PRIMARY_IO_BITMAPS, 0xff, { 0 } },
	{ "bit 80", PRIMARY_IO_BITMAPS, 0, { 0x80 } },
	{ "bits 82, 7fff, b007", PRIMARY_IO_BITMAPS, 0, { 0x82, 0x7fff, 0xb007 } },
	{ "bits 8000, ffff", PRIMARY_IO_BITMAPS, 0, { 0x8000, 0xffff } },
	{ "bits 8001, fffc", PRIMARY_IO_BITMAPS, 0, { 0x8001, 0xfffc, 0xb004 } },
	{ "all bits but 80, 81, 8000", PRIMARY_IO_BITMAPS, 0xff, { 0x80, 0x81, 0x8000, 0xffff } },
};
static const struct setting *now;
static u32 flags;

static void prepare(struct l2 *l)
{
	vmcs_on(PRIMARY_CTRLS, now->primary);
	vmcs_on(GUEST_RFLAGS, flags);
	vmcs_set(IO_BITMAP_A, physical(BITMAP_A));
	vmcs_set(IO_BITMAP_B, physical(BITMAP_A) + BITMAP_BYTES / 2);
	memset(BITMAP_A, now->fill, BITMAP_BYTES);
	for (u32 i = 0; i < PORT_LIST && now->flipped[i]; i++)
		BITMAP_A[now->flipped[i] / 8] ^= (u8)BIT(now->flipped[i] % 8);
	l->ax = 0x12345600;
	if (l2_bits(l->mode) == 16)
		return;
	vmcs_set(GUEST_FS_BASE, 0x1000);
	vmcs_set(GUEST_GS_BASE, 0x2000);
}

static void say_io(struct l2 *l)
{
	const u32 *data = (const u32 *)(uptr)(l2_bits(l->mode) == 16 ? L2_LOW_DATA + 0x10 : L2_DATA + 0x10);

	say(" %llx %llx %llx %llx, %x %x %x", (u64)l->ax, (u64)l->cx, (u64)l->si, (u64)l->di, data[0], data[1], data[2]);
	if (exit_reason() == EXIT_IO && vmcs_get(EXIT_QUALIFICATION) & BIT(4))
		say(", io %llx %llx %llx %llx", vmcs_get(IO_RCX), vmcs_get(IO_RSI), vmcs_get(IO_RDI), vmcs_get(IO_RIP));
}

static void run(enum l2_mode mode, u32 with)
{
	static const struct insn_list *const lists[] = { &ios, &strings, &other_16, &other_32, &long_64 };

	for (u32 n = 0; n < ARRAY_SIZE(settings); n++) {
		now = &settings[n];
		for (u32 i = 0; i < ARRAY_SIZE(lists); i++)
			insns_run(&l2, &(struct insn_run){ .mode = mode, .with = with, .what = { now->name }, .prepare = prepare,
							   .says = i ? say_io : NULL }, lists[i]);
	}
}

/* At CPL 3 and in virtual-8086 mode the TSS or IOPL come first. */
static void privileged(enum l2_mode mode, bool user)
{
	now = &settings[1];
	for (u32 i = 0; i < 2; i++) {
		flags = i ? IOPL_3 : 0;
		insns_run(&l2, &(struct insn_run){ .mode = mode, .user = user, .what = { i ? "IOPL 3" : "IOPL 0" }, .prepare = prepare }, &ios);
	}
	flags = 0;
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	run(L2_NATIVE, L2_WITH_EPT);
	run(L2_REAL, 0);
	privileged(L2_NATIVE, true);
	privileged(L2_V86, false);
	now = &settings[1];
	insns_run(&l2, &(struct insn_run){ .mode = L2_COMPAT, .prepare = prepare, .says = say_io }, &strings);
	vmx_disable();
}
