/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID, row by row: what is hidden, what follows the guest's state, what is ours; all else is the hardware's.
 * cpuid.c is included, not linked: each promise fills its lists anew.
 */
#include "fake_cpu.h"

#include "guest/cpuid.c"

#define ALL	0xffffffffu
#define HYPAPP_FIRST	0x40001000u
#define HYPAPP_LAST	0x40001002u

static struct { u32 asked, leaf, subleaf; struct xmhf_cpuid was; } hypapp;

static void hypapp_answers(u32 leaf, u32 subleaf, struct xmhf_cpuid *answer)
{
	hypapp.asked++;
	hypapp.leaf = leaf;
	hypapp.subleaf = subleaf;
	hypapp.was = *answer;
	*answer = (struct xmhf_cpuid){ 0xa, 0xb, 0xc, 0xd };
}

const struct xmhf_hypapp xmhf_hypapp = { .cpuid_first = HYPAPP_FIRST, .cpuid_last = HYPAPP_LAST, .cpuid = hypapp_answers };

/* @leaves: the highest basic leaf of the CPU. */
static void start_with(u32 leaves, u32 secondary)
{
	cpu_reset();
	memset(first_rule, 0, sizeof(first_rule));
	memset(&hypapp, 0, sizeof(hypapp));
	vmx_caps.secondary = secondary;
	vmcs_write(GUEST_CR4, 0);
	vmcs_write(GUEST_EFER, 0);
	vmcs_write(GUEST_CS_AR, 0);
	fake_cpuid_eax = leaves;
	cpuid_policy_init();
}

static void start(u32 secondary) { start_with(0x20, secondary); }

static void hardware_answers(u32 eax, u32 ebx, u32 ecx, u32 edx)
{
	fake_cpuid_eax = eax;
	fake_cpuid_ebx = ebx;
	fake_cpuid_ecx = ecx;
	fake_cpuid_edx = edx;
}

static void ask(u32 leaf, u32 subleaf)
{
	for (u32 i = 0; i < NR_GPRS; i++)
		cpu.vcpu.regs.r[i] = 0x5555555500000000u + i;
	cpu.vcpu.regs.rax |= leaf;
	cpu.vcpu.regs.rcx = 0x5555555500000000u | subleaf;
	assert_int_equal(guest_cpuid(&cpu.vcpu), ADVANCE);
	assert_int_equal(fake_cpuid_leaf, leaf);
	assert_int_equal(fake_cpuid_subleaf, subleaf);
	for (u32 i = EAX; i <= EBX; i++)	/* upper halves are cleared */
		assert_true(cpu.vcpu.regs.r[i] <= ALL);
	for (u32 i = EBX + 1; i < NR_GPRS; i++)
		assert_true(cpu.vcpu.regs.r[i] == 0x5555555500000000u + i);
}

/* The bits of @reg that the guest sees when the hardware has them all. */
static u32 seen(u32 leaf, u32 subleaf, enum cpuid_register reg)
{
	hardware_answers(ALL, ALL, ALL, ALL);
	ask(leaf, subleaf);
	return (u32)cpu.vcpu.regs.r[reg];
}

/* ... and those that it sees when the hardware has none. */
static u32 invented(u32 leaf, u32 subleaf, enum cpuid_register reg)
{
	hardware_answers(0, 0, 0, 0);
	ask(leaf, subleaf);
	return (u32)cpu.vcpu.regs.r[reg];
}

static bool is_hardwares(u32 leaf, u32 subleaf)
{
	hardware_answers(0x89abcdef, 0xfedcba98, 0xf5a5a5a5, 0xffffffff);
	ask(leaf, subleaf);
	return cpu.vcpu.regs.rax == 0x89abcdef && cpu.vcpu.regs.rbx == 0xfedcba98 && cpu.vcpu.regs.rcx == 0xf5a5a5a5 &&
	       cpu.vcpu.regs.rdx == 0xffffffff;
}

/* With everything that the guest's state can show shown. */
static void start_shown(void)
{
	start(ALL);
	vmcs_write(GUEST_CR4, ALL);
	vmcs_write(GUEST_EFER, EFER_LMA);
	vmcs_write(GUEST_CS_AR, AR_LONG);
}

PROMISE(what_the_guest_cannot_have_is_hidden_always_and_nothing_beside_it)
{
	static const struct { u32 leaf, subleaf; enum cpuid_register reg; u32 bits; } hidden[] = {
		{ 1, 0,		 EAX, 0 },
		{ 1, 0,		 EBX, 0 },
		{ 1, 0,		 ECX, BIT(5) | BIT(6) },	/* VMX, SMX */
		{ 1, 0,		 EDX, 0 },
		{ 7, 0,		 EAX, 0 },
		{ 7, 0,		 EBX, BIT(25) },		/* Intel PT */
		{ 7, 0,		 ECX, BIT(29) },		/* ENQCMD */
		{ 7, 0,		 EDX, BIT(18) },		/* PCONFIG */
		{ 7, 1,		 EAX, BIT(17) | BIT(27) },	/* FRED, MSRLIST */
		{ 7, 1,		 EBX, 0 },
		{ 7, 1,		 ECX, 0 },
		{ 7, 1,		 EDX, 0 },
		{ 0xd, 1,	 EAX, 0 },
		{ 0xd, 1,	 ECX, BIT(8) },			/* Intel PT's state */
		{ 0xd, 8,	 EAX, ALL },
		{ 0xd, 8,	 EBX, ALL },
		{ 0xd, 8,	 ECX, ALL },
		{ 0xd, 8,	 EDX, ALL },
		{ 0x14, 0,	 EAX, ALL },
		{ 0x14, 0,	 EBX, ALL },
		{ 0x14, 1,	 ECX, ALL },
		{ 0x14, 1,	 EDX, ALL },
		{ 0x80000001, 0, ECX, 0 },
		{ 0x80000001, 0, EDX, 0 },
	};

	start_shown();
	for (u32 i = 0; i < ARRAY_SIZE(hidden); i++)
		assert_int_equal(seen(hidden[i].leaf, hidden[i].subleaf, hidden[i].reg), (u32)~hidden[i].bits);
}

PROMISE(a_feature_under_a_control_is_shown_exactly_when_the_control_is_set)
{
	static const struct { u32 leaf, subleaf; enum cpuid_register reg; u32 bit, control; } rows[] = {
		{ 7, 0,		 EBX, BIT(10), SECONDARY_INVPCID },
		{ 7, 0,		 ECX, BIT(5),  SECONDARY_USER_WAIT },	/* WAITPKG */
		{ 7, 0,		 ECX, BIT(22), SECONDARY_RDTSCP },	/* RDPID */
		{ 0xd, 1,	 EAX, BIT(3),  SECONDARY_XSAVES },
		{ 0x80000001, 0, EDX, BIT(27), SECONDARY_RDTSCP },
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		start(rows[i].control);
		assert_true(seen(rows[i].leaf, rows[i].subleaf, rows[i].reg) & rows[i].bit);
		assert_false(invented(rows[i].leaf, rows[i].subleaf, rows[i].reg) & rows[i].bit);
		start(~rows[i].control);
		assert_false(seen(rows[i].leaf, rows[i].subleaf, rows[i].reg) & rows[i].bit);
	}
}

PROMISE(osxsave_and_ospke_mirror_the_guests_cr4_and_never_ours)
{
	static const struct { u32 leaf, bit, cr4; } rows[] = { { 1, BIT(27), CR4_OSXSAVE }, { 7, BIT(4), CR4_PKE } };

	start(0);
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		vmcs_write(GUEST_CR4, rows[i].cr4);
		assert_true(seen(rows[i].leaf, 0, ECX) & rows[i].bit);
		assert_int_equal(invented(rows[i].leaf, 0, ECX), rows[i].bit);
		vmcs_write(GUEST_CR4, ~rows[i].cr4);
		assert_false(seen(rows[i].leaf, 0, ECX) & rows[i].bit);
		assert_int_equal(invented(rows[i].leaf, 0, ECX), 0);
	}
}

PROMISE(syscall_is_shown_in_64_bit_code_alone)
{
	start(0);
	for (u32 i = 0; i < 4; i++) {
		vmcs_write(GUEST_EFER, i & 1 ? EFER_LMA : ~(u64)EFER_LMA);
		vmcs_write(GUEST_CS_AR, i & 2 ? AR_LONG : 0xffff & ~AR_LONG);
		assert_int_equal((seen(0x80000001, 0, EDX) & BIT(11)) != 0, i == 3);
		assert_int_equal(invented(0x80000001, 0, EDX), 0);
	}
	assert_true(seen(0x80000001, 0, EDX) & BIT(29));	/* long mode stays */
}

PROMISE(the_apic_is_shown_unless_the_guest_disabled_it)
{
	start(0);
	assert_true(seen(1, 0, EDX) & BIT(9));
	cpu.vcpu.apic_off = true;
	assert_int_equal(seen(1, 0, EDX), (u32)~BIT(9));
	assert_int_equal(invented(1, 0, EDX), 0);
}

PROMISE(a_row_for_any_subleaf_holds_for_every_subleaf)
{
	static const u32 subleaves[] = { 0, 1, 2, 0x80000000, ALL };

	start_shown();
	for (u32 i = 0; i < ARRAY_SIZE(subleaves); i++) {
		assert_int_equal(seen(1, subleaves[i], ECX), (u32)~(BIT(5) | BIT(6)));
		assert_int_equal(seen(0x14, subleaves[i], EBX), 0);
	}
}

PROMISE(a_row_for_one_subleaf_leaves_the_others_alone)
{
	static const struct { u32 leaf, subleaf; } others[] = {
		{ 7, 2 }, { 7, 3 }, { 7, ALL }, { 0xd, 0 }, { 0xd, 2 }, { 0xd, 0x101 }, { 0xd, ALL },
	};

	start(0);
	for (u32 i = 0; i < ARRAY_SIZE(others); i++)
		assert_true(is_hardwares(others[i].leaf, others[i].subleaf));
	assert_int_equal(seen(7, 1, EBX), ALL);
	assert_int_equal(seen(7, 1, ECX), ALL);
}

PROMISE(a_leaf_that_the_cpu_lacks_answers_as_the_hardware_does)
{
	start_with(6, 0);
	assert_true(is_hardwares(7, 0));
	assert_true(is_hardwares(0xd, 1));
	assert_true(is_hardwares(0x14, 0));
	assert_int_equal(seen(1, 0, ECX) & BIT(5), 0);
	assert_int_equal(seen(0x80000001, 0, EDX) & BIT(27), 0);
	start_with(7, 0);
	assert_false(is_hardwares(7, 0));
	assert_true(is_hardwares(0xd, 1));
}

/* Not merely those that share no list with a row. */
PROMISE(every_other_leaf_is_the_hardwares)
{
	static const u32 first[] = { 0, 0x20000000, 0x3fffff00, 0x40000100, 0x46484d00, 0x80000000, 0xc0000000, 0xffffff00 };

	start(0);
	for (u32 i = 0; i < ARRAY_SIZE(first); i++) {
		for (u32 leaf = first[i]; leaf - first[i] < 0x100; leaf++) {
			if (leaf == 1 || leaf == 7 || leaf == 0xd || leaf == 0x14 || leaf == 0x80000001 || leaf == 0x46484d58)
				continue;
			assert_true(is_hardwares(leaf, 0));
			assert_true(is_hardwares(leaf, 1));
		}
	}
	assert_int_equal(hypapp.asked, 0);
}

PROMISE(what_a_hypervisor_below_tells_of_itself_is_hidden)
{
	start_shown();
	for (u32 leaf = 0x40000000; leaf <= 0x400000ff; leaf++)
		for (enum cpuid_register reg = EAX; reg <= EBX; reg++)
			assert_int_equal(seen(leaf, leaf & 1, reg), 0);
}

static bool is_us(u32 depth)
{
	return cpu.vcpu.regs.rax == depth && cpu.vcpu.regs.rbx == 0x46484d58 && cpu.vcpu.regs.rcx == 0x52505648 &&
	       cpu.vcpu.regs.rdx == 0;
}

PROMISE(our_leaf_says_depth_1_on_bare_hardware)
{
	start(0);
	hardware_answers(7, 0x340, 0x340, 1);	/* an unknown leaf answers as the highest one */
	ask(0x46484d58, 0);
	assert_true(is_us(1));
}

PROMISE(our_leaf_adds_one_to_the_depth_of_a_copy_below)
{
	start(0);
	hardware_answers(1, 0x46484d58, 0x52505648, 0);
	ask(0x46484d58, 0);
	assert_true(is_us(2));
	hardware_answers(6, 0x46484d58, 0x52505648, 0);
	ask(0x46484d58, 0);
	assert_true(is_us(7));
}

PROMISE(half_a_signature_below_is_none)
{
	start(0);
	hardware_answers(5, 0x46484d58, 0, 0);
	ask(0x46484d58, 0);
	assert_true(is_us(1));
	hardware_answers(5, 0, 0x52505648, 0);
	ask(0x46484d58, 0);
	assert_true(is_us(1));
}

PROMISE(the_hypapp_answers_its_leaves_and_no_others)
{
	start(0);
	for (u32 leaf = HYPAPP_FIRST; leaf <= HYPAPP_LAST; leaf++) {
		hardware_answers(1, 2, 3, 4);
		ask(leaf, 9);
		assert_int_equal(hypapp.leaf, leaf);
		assert_int_equal(hypapp.subleaf, 9);
		assert_memory_equal(&hypapp.was, (&(struct xmhf_cpuid){ 1, 2, 3, 4 }), sizeof(hypapp.was));
		assert_true(cpu.vcpu.regs.rax == 0xa && cpu.vcpu.regs.rbx == 0xb && cpu.vcpu.regs.rcx == 0xc &&
			    cpu.vcpu.regs.rdx == 0xd);
	}
	assert_int_equal(hypapp.asked, 3);
	assert_true(is_hardwares(HYPAPP_FIRST - 1, 0));
	assert_true(is_hardwares(HYPAPP_LAST + 1, 0));
	assert_true(is_hardwares(HYPAPP_FIRST + BUCKETS, 0));
	assert_int_equal(hypapp.asked, 3);
}

RUN(T(what_the_guest_cannot_have_is_hidden_always_and_nothing_beside_it),
    T(a_feature_under_a_control_is_shown_exactly_when_the_control_is_set),
    T(osxsave_and_ospke_mirror_the_guests_cr4_and_never_ours), T(syscall_is_shown_in_64_bit_code_alone),
    T(the_apic_is_shown_unless_the_guest_disabled_it), T(a_row_for_any_subleaf_holds_for_every_subleaf),
    T(a_row_for_one_subleaf_leaves_the_others_alone), T(a_leaf_that_the_cpu_lacks_answers_as_the_hardware_does),
    T(every_other_leaf_is_the_hardwares),
    T(our_leaf_says_depth_1_on_bare_hardware), T(our_leaf_adds_one_to_the_depth_of_a_copy_below),
    T(half_a_signature_below_is_none),
    T(what_a_hypervisor_below_tells_of_itself_is_hidden), T(the_hypapp_answers_its_leaves_and_no_others))
