/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction information and qualification of exits by instructions with a memory or register operand (SDM 28.2.5):
 * every addressing form, segment and register, in 16-, 32- and 64-bit code.
 */
#include "insns.h"

#define DT	.secondary = SECONDARY_DESC_TABLE
#define PCID	.enable = SECONDARY_INVPCID, .primary = PRIMARY_INVLPG

/* Any size of code. */
#define FORMS(X) \
	X("sgdt (%eax)", DT) X("sgdt (%ecx)", DT) X("sgdt (%edx)", DT) X("sgdt (%ebx)", DT) X("sgdt (%ebp)", DT) \
	X("sgdt (%esi)", DT) X("sgdt (%edi)", DT) X("sgdt (%esp)", DT) X("sgdt 0x7f(%ebx)", DT) X("sgdt -0x80(%ebx)", DT) \
	X("sgdt 0x12345678(%ebx)", DT) X("sgdt -0x12345678(%ebx)", DT) \
	X("sgdt (%ebx,%ecx)", DT) X("sgdt (%ebx,%edx,2)", DT) X("sgdt 1(%esi,%ebp,4)", DT) X("sgdt -1(%edi,%eax,8)", DT) \
	X("sgdt 0x1000(,%ecx,8)", DT) X("sgdt (%esp,%ebx,2)", DT) X("sgdt (%ebp,%esi,4)", DT) \
	X("sgdt %es:(%ebx)", DT) X("sgdt %cs:(%ebx)", DT) X("sgdt %ss:(%ebx)", DT) X("sgdt %ds:(%ebp)", DT) \
	X("sgdt %fs:2(%ebx,%ecx,4)", DT) X("sgdt %gs:(%esp)", DT) \
	X("sidt 3(%ebx,%esi,8)", DT) X("lgdt 0x44(%edi)", DT) X("lidt %gs:(%ebx,%ecx,2)", DT) \
	X("sldt 4(%ebx)", DT) X("sldt %fs:(%ebp,%ecx,2)", DT) X("str -4(%ebx)", DT) X("lldt %gs:8(%esi)", DT) X("ltr (,%eax,4)", DT) \
	X("sldt %ax", DT) X("sldt %ecx", DT) X("sldt %dx", DT) X("sldt %ebx", DT) X("sldt %esp", DT) X("sldt %ebp", DT) \
	X("sldt %si", DT) X("sldt %edi", DT) X("str %ax", DT) X("str %ebp", DT) X("str %esp", DT) \
	X("lldt %bx", DT) X("lldt %sp", DT) X("ltr %di", DT) X("ltr %bp", DT) \
	X("rdrand %ax", .secondary = SECONDARY_RDRAND) X("rdrand %ecx", .secondary = SECONDARY_RDRAND) \
	X("rdrand %esp", .secondary = SECONDARY_RDRAND) X("rdrand %di", .secondary = SECONDARY_RDRAND) \
	X("rdseed %ax", .secondary = SECONDARY_RDSEED) X("rdseed %ebx", .secondary = SECONDARY_RDSEED) \
	X("vmclear 0x55(%ebx,%ecx,4)") X("vmptrld %fs:(%esi)") X("vmptrst %ss:-8(%edi,%edx)") X("vmxon (%esp)") \
	X("vmclear %gs:0x12345678(,%esi,2)")

/* What takes registers of the mode's own size. */
#define WIDE_32(X) \
	X("sgdt 0x1234", DT) X("sidt %fs:0x7654", DT) X("lldt 0x1234", DT) X("vmptrld 0x4321") \
	X("vmread %eax, %ebx") X("vmread %esi, %edi") X("vmread %esp, %ebp") X("vmread %edx, (%ebx)") \
	X("vmread %ebp, 8(%ebx,%ecx,2)") X("vmwrite %ebx, %eax") X("vmwrite %esp, %esi") X("vmwrite %fs:4(%edx), %edi") \
	X("invept 0x10(%ebx,%ecx), %edx") X("invvpid %gs:(%esi), %esp") X("invpcid (%edi,%eax,8), %ebp", PCID) \
	X("invpcid %es:0x12(%edi), %ebx", PCID)
#define SHORT(X) \
	X("sgdt (%bx,%si)", DT) X("sgdt (%bx,%di)", DT) X("sgdt (%bp,%si)", DT) X("sgdt (%bp,%di)", DT) X("sgdt (%si)", DT) \
	X("sgdt (%di)", DT) X("sgdt 0x10(%bp)", DT) X("sgdt (%bx)", DT) X("sgdt 0x7ffe(%bx,%si)", DT) X("sgdt -0x20(%bp,%di)", DT) \
	X("sgdt %fs:-2(%si)", DT) X("lldt -0x8000(%di)", DT) X("vmclear 0x10(%bx,%si)")
#define LONG(X) \
	X("sgdt 0x1234", DT) X("sidt %fs:0x7654", DT) X("lldt 0x1234", DT) X("vmptrld 0x4321") \
	X("vmread %rax, %rbx") X("vmread %rsi, %rdi") X("vmread %rsp, %rbp") X("vmread %rdx, (%rbx)") \
	X("vmread %rbp, 8(%rbx,%rcx,2)") X("vmwrite %rbx, %rax") X("vmwrite %rsp, %rsi") X("vmwrite %fs:4(%rdx), %rdi") \
	X("invept 0x10(%rbx,%rcx), %rdx") X("invvpid %gs:(%rsi), %rsp") X("invpcid (%rdi,%rax,8), %rbp", PCID) \
	X("invpcid %es:0x12(%rdi), %rbx", PCID) \
	X("vmread %r8, %r9") X("vmread %r15, (%r14)") X("vmwrite %r10, %r11") X("vmwrite 8(%r12,%r13,4), %r14") \
	X("invept (%r8), %r9") X("invvpid %fs:0x10(%r15), %r12") X("invpcid (%r10,%r11,2), %r13", PCID) \
	X("sgdt (%r8)", DT) X("sgdt (%r12)", DT) X("sgdt 0x10(%r13)", DT) X("sgdt %gs:-0x10(%r8,%r15,8)", DT) \
	X("sgdt 0x10(%rip)", DT) X("sgdt -0x10(%rip)", DT) X("lldt 0x7654(%rip)", DT) X("vmclear 0x20(%rip)") X("sgdt 0x20(%eip)", DT) \
	X("sgdt (%r9d,%r10d)", DT) X("sldt %r8", DT) X("sldt %r9d", DT) X("sldt %r10w", DT) X("str %r15", DT) X("str %rax", DT) \
	X("lldt %r11w", DT) X("ltr %r14w", DT) X("rdrand %r8", .secondary = SECONDARY_RDRAND) \
	X("rdrand %rax", .secondary = SECONDARY_RDRAND) X("rdrand %r15d", .secondary = SECONDARY_RDRAND) \
	X("rdrand %r9w", .secondary = SECONDARY_RDRAND) X("rdseed %r12", .secondary = SECONDARY_RDSEED) \
	X("invlpg (%r8)", .primary = PRIMARY_INVLPG) X("invlpg %gs:-0x10(%r9,%r10,4)", .primary = PRIMARY_INVLPG) \
	X("invlpg 0x1234(%rip)", .primary = PRIMARY_INVLPG) X("movabs $0x123456789abc, %rax; invlpg (%rax)", .primary = PRIMARY_INVLPG) \
	X("movabs $0xffff800000000000, %rax; invlpg 0x123(%rax)", .primary = PRIMARY_INVLPG) \
	X("movabs $0x0000800000000000, %rax; invlpg (%rax)", .primary = PRIMARY_INVLPG) \
	X("movabs $0x0000800000000000, %rax; sgdt (%rax)", DT) X("movabs $0x0000800000000000, %rax; vmclear (%rax)") \
	X("movabs $0x0000800000000000, %rax; monitor", .primary = PRIMARY_MONITOR)

INSNS(forms, FORMS, FORMS);
INSNS_OF(32, wide_32, WIDE_32);
INSNS_OF(16, short_16, SHORT);
INSNS_OF(64, long_64, LONG);

static struct l2 l2;

static void bases(struct l2 *l)
{
	l->ax = 0x20;
	l->cx = 0x300;
	l->dx = 0x4000;
	l->bp = l2_data(l->mode) + 0x500;
	if (l2_bits(l->mode) == 16)
		return;
	vmcs_set(GUEST_FS_BASE, 0x100000);
	vmcs_set(GUEST_GS_BASE, 0x20000000);
}

void guest_main(void)
{
	static const enum l2_mode modes[] = { L2_REAL, L2_V86, L2_PAE, L2_COMPAT, L2_LONG };
	static const struct insn_list *const lists[] = { &forms, &wide_32, &short_16, &long_64 };

	if (!l1_begin())
		return;
	vmx_enable();
	for (u32 i = 0; i < ARRAY_SIZE(modes); i++)
		for (u32 n = 0; n < ARRAY_SIZE(lists); n++)
			insns_run(&l2, &(struct insn_run){ .mode = modes[i], .only_exiting = true, .prepare = bases }, lists[n]);
	vmx_disable();
}
