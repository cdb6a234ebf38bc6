/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operands read without the slow way: the same bytes that a walk finds, and nothing where a CPU would fault, mark or look twice.
 * Tables and data lie in this process, at the addresses that they say.
 * Links: xmhf/runtime/nested/peek.c
 */
#include "fake_cpu.h"

#include "machine/machine.h"
#include "nested/instructions.h"

#define P	1ull
#define W	2ull
#define U	4ull
#define A	0x20ull
#define PS	0x80ull
#define XD	(1ull << 63)
#define OK	(P | A)
#define LINEAR	0x0000123456789ab0ull	/* other indices at each level */
#define SMAP	BIT64(21)
#define PKS	BIT64(24)

struct machine machine;
struct ept ept01;
struct lock ept01_lock;

static u64 *table[5];		/* by level; 1 is the last */
static u8 *data, *large;
static struct peek p;
volatile u32 nested_pages_moves;
static const u8 *hole;		/* a page that isn't ordinary memory */
static const u8 *device;	/* nor is this one */

u32 nested_pages_generation(void) { return nested_pages_moves; }

static u32 slow_reads;

struct operand operand_decode(u32 info) { return (struct operand){ 0 }; }
enum verdict instruction_read(struct vcpu *v, const struct operand *o, void *to, u32 bytes)
{
	slow_reads++;
	return ADVANCE;		/* any that the fast way never answers */
}

bool machine_is_memory(u64 at) { return !device || round_down(at, PAGE_SIZE) != (uptr)device; }

bool ept_lookup(const struct ept *ept, gpa1_t at, struct ept_leaf *out)
{
	*out = (struct ept_leaf){ .mapped = true, .from = { round_down(at.at, PAGE_SIZE) }, .size = PAGE_SIZE, .hpa = { at.at },
				  .rights = EPT_RWX, .special = hole && round_down(at.at, PAGE_SIZE) == (uptr)hole };
	return true;
}

static void *page(void) { return memset(aligned_alloc(PAGE_SIZE, PAGE_SIZE), 0, PAGE_SIZE); }

static u64 *entry(u32 level) { return &table[level][LINEAR >> (12 + 9 * (level - 1)) & 511]; }

static void start(void)
{
	cpu_reset();
	memset(&p, 0, sizeof(p));
	nested_pages_moves = 1;
	hole = device = NULL;
	machine.maxphyaddr = 48;
	machine.host_top = ~0ull;
	for (u32 level = 1; level <= 4; level++) {
		table[level] = page();
		if (level > 1)
			*entry(level) = (uptr)table[level - 1] | OK | W | U;
	}
	data = page();
	for (u32 i = 0; i < PAGE_SIZE; i++)
		data[i] = (u8)(i * 7);
	*entry(1) = (uptr)data | OK;
	vmcs_write(GUEST_CR3, (uptr)table[4] | 0x18);
	vmcs_write(GUEST_CR4, CR4_PAE);
	vmcs_write(GUEST_EFER, EFER_LMA | EFER_NXE);
}

static void stop(void)
{
	for (u32 level = 1; level <= 4; level++)
		free(table[level]);
	free(data);
}

static bool reads(u64 linear)
{
	u8 seen[16];

	if (!peek(&p, linear, seen, sizeof(seen)))
		return false;
	assert_memory_equal(seen, data + (linear & PAGE_MASK), sizeof(seen));
	return true;
}

PROMISE(four_levels_lead_to_the_bytes)
{
	u64 eight;

	start();
	assert_true(reads(LINEAR) && reads(LINEAR) && reads(LINEAR & ~(u64)PAGE_MASK));
	assert_true(peek(&p, LINEAR, &eight, 8));
	assert_memory_equal(&eight, data + (LINEAR & PAGE_MASK), 8);
	stop();
}

PROMISE(what_a_cpu_would_fault_at_or_mark_is_left_alone)
{
	for (u32 level = 4; level >= 1; level--) {
		start();
		*entry(level) &= ~P;
		assert_false(reads(LINEAR));
		*entry(level) |= P;
		*entry(level) &= ~A;
		assert_false(reads(LINEAR));
		*entry(level) |= A | BIT64(50);		/* beyond the width */
		assert_false(reads(LINEAR));
		*entry(level) &= ~BIT64(50);
		*entry(level) |= XD;
		assert_true(reads(LINEAR));
		vmcs_write(GUEST_EFER, EFER_LMA);
		assert_false(reads(LINEAR));
		stop();
	}
}

PROMISE(a_walk_once_made_is_made_again_when_an_entry_changed)
{
	u64 *other, first;

	for (u32 level = 4; level >= 1; level--) {
		start();
		assert_true(reads(LINEAR) && reads(LINEAR));
		*entry(level) &= ~P;
		assert_false(reads(LINEAR));
		*entry(level) |= P;
		assert_true(reads(LINEAR) && reads(LINEAR));
		*entry(level) &= ~A;
		assert_false(reads(LINEAR));
		stop();
	}
	start();
	assert_true(reads(LINEAR));
	other = page();
	*entry(1) = (uptr)other | OK;
	assert_true(peek(&p, LINEAR, &first, 8) && first == 0);
	*entry(1) = (uptr)data | OK;
	assert_true(reads(LINEAR));
	vmcs_write(GUEST_CR3, (uptr)other);
	assert_false(reads(LINEAR));
	free(other);
	stop();
}

PROMISE(a_user_page_under_smap_and_other_keys_are_left_alone)
{
	start();
	vmcs_write(GUEST_CR4, CR4_PAE | SMAP | CR4_PKE);
	assert_true(reads(LINEAR));
	*entry(1) |= U;
	assert_false(reads(LINEAR));
	vmcs_write(GUEST_CR4, CR4_PAE);
	assert_true(reads(LINEAR));
	vmcs_write(GUEST_CR4, CR4_PAE | PKS);
	assert_false(reads(LINEAR));
	vmcs_write(GUEST_CR4, CR4_PAE | CR4_LA57);
	assert_false(reads(LINEAR));
	stop();
}

PROMISE(a_range_over_a_page_is_left_alone)
{
	start();
	assert_true(reads((LINEAR & ~(u64)PAGE_MASK) + PAGE_SIZE - 16));
	assert_false(reads((LINEAR & ~(u64)PAGE_MASK) + PAGE_SIZE - 15));
	stop();
}

PROMISE(a_large_page_leads_to_the_bytes_and_its_reserved_bits_do_not)
{
	start();
	large = aligned_alloc(SIZE_2M, SIZE_2M);
	memcpy(large + (LINEAR & (SIZE_2M - PAGE_SIZE)), data, PAGE_SIZE);
	*entry(2) = (uptr)large | OK | PS | PAGE_SIZE;		/* PAT */
	assert_true(reads(LINEAR));
	*entry(2) |= 2 * PAGE_SIZE;
	assert_false(reads(LINEAR));
	*entry(3) |= PS;
	assert_false(reads(LINEAR));
	free(large);
	stop();
}

PROMISE(pae_paging_starts_at_the_registers)
{
	start();
	vmcs_write(GUEST_EFER, 0);
	for (u32 i = 0; i < 4; i++)
		vmcs_write((enum vmcs_field)(GUEST_PDPTE0 + 2 * i), 0);
	assert_false(reads((u32)LINEAR));
	vmcs_write((enum vmcs_field)(GUEST_PDPTE0 + 2 * ((u32)LINEAR >> 30)), (uptr)table[2] | P);
	assert_true(reads((u32)LINEAR));
	*entry(2) |= BIT64(52);
	assert_false(reads((u32)LINEAR));
	*entry(2) &= ~BIT64(52);
	vmcs_write(GUEST_CR4, 0);
	assert_false(reads((u32)LINEAR));
	stop();
}

PROMISE(a_device_is_left_alone_be_it_asked_for_tables_or_for_data)
{
	for (u32 level = 0; level <= 4; level++) {
		start();
		device = level ? (const u8 *)table[level] : data;
		assert_false(reads(LINEAR));
		stop();
	}
}

PROMISE(what_ept01_has_there_is_asked_again_when_it_changed)
{
	start();
	assert_true(reads(LINEAR));
	for (u32 level = 0; level <= 4; level++) {
		hole = level ? (const u8 *)table[level] : data;
		nested_pages_moves++;
		assert_false(reads(LINEAR));
	}
	hole = NULL;
	assert_true(reads(LINEAR));		/* what isn't ordinary is never remembered */
	stop();
}

/* ---- the operand ---- */

#define BASE(n)		((n) << 23)
#define INDEX(n)	((n) << 18)
#define NO_BASE		OPERAND_INFO_NO_BASE
#define NO_INDEX	OPERAND_INFO_NO_INDEX
#define SIZE(n)		((n) << 7)
#define DS		(OPERAND_DS << 15)
#define FS		(OPERAND_FS << 15)
#define RSP		4u
#define RAX		0u
#define RCX		1u
#define DATA		0xc093u

static struct nested nested;

static void start_operand(u64 qualification)
{
	start();
	memset(&nested, 0, sizeof(nested));
	cpu.vcpu.nested = &nested;
	slow_reads = 0;
	vmcs_write(EXIT_QUALIFICATION, qualification);
	for (u32 step = 0; step <= SEGMENT_STEP * OPERAND_GS; step += SEGMENT_STEP) {
		vmcs_write((enum vmcs_field)(GUEST_ES_BASE + step), 0);
		vmcs_write((enum vmcs_field)(GUEST_ES_LIMIT + step), 0xffffffff);
		vmcs_write((enum vmcs_field)(GUEST_ES_AR + step), DATA);
	}
}

static bool reads_fast(u32 info)
{
	u64 seen[2];

	if (instruction_read_l1(&cpu.vcpu, info, seen, sizeof(seen)) != RESUME) {
		assert_int_equal(slow_reads, 1);
		slow_reads = 0;
		return false;
	}
	assert_int_equal(slow_reads, 0);
	assert_memory_equal(seen, data + (LINEAR & PAGE_MASK), sizeof(seen));
	return true;
}

PROMISE(a_64_bit_operand_is_where_its_registers_say)
{
	start_operand(LINEAR);
	assert_true(reads_fast(SIZE(2) | DS | NO_BASE | NO_INDEX));
	assert_false(reads_fast(SIZE(2) | FS | NO_BASE | NO_INDEX));
	vmcs_write(EXIT_QUALIFICATION, LINEAR - 0x1000 - 8 * 0x55);
	vmcs_write(GUEST_RSP, 0x1000);
	cpu.vcpu.regs.r[RCX] = 0x55;
	assert_true(reads_fast(SIZE(2) | DS | BASE(RSP) | INDEX(RCX) | 3));
	vmcs_write(EXIT_QUALIFICATION, LINEAR | 1ull << 47);
	assert_false(reads_fast(SIZE(2) | DS | NO_BASE | NO_INDEX));
	stop();
}

PROMISE(a_32_bit_operand_is_read_in_a_flat_segment_alone)
{
	static const struct { enum vmcs_field of_es; u64 value; } uneven[] = {
		{ GUEST_ES_BASE, 0x10 }, { GUEST_ES_LIMIT, 0xfffff }, { GUEST_ES_AR, DATA | BIT(16) }, { GUEST_ES_AR, DATA | BIT(3) },
		{ GUEST_ES_AR, DATA | BIT(2) },
	};

	for (u32 i = 0; i <= ARRAY_SIZE(uneven); i++) {
		start_operand((u32)LINEAR - 0x1000);
		vmcs_write(GUEST_EFER, 0);
		vmcs_write((enum vmcs_field)(GUEST_PDPTE0 + 2 * ((u32)LINEAR >> 30)), (uptr)table[2] | P);
		cpu.vcpu.regs.r[RAX] = 0xabcdef0100001000;		/* what is above 32 bits doesn't count */
		if (i < ARRAY_SIZE(uneven))
			vmcs_write((enum vmcs_field)(uneven[i].of_es + SEGMENT_STEP * OPERAND_DS), uneven[i].value);
		assert_int_equal(reads_fast(SIZE(1) | DS | BASE(RAX) | NO_INDEX), i == ARRAY_SIZE(uneven));
		assert_true(reads_fast(SIZE(1) | FS | BASE(RAX) | NO_INDEX));
		assert_false(reads_fast(SIZE(0) | DS | BASE(RAX) | NO_INDEX));
		stop();
	}
}

PROMISE(a_walk_that_came_to_nothing_is_made_again)
{
	start();
	*entry(1) &= ~P;
	assert_false(reads(LINEAR) || reads(LINEAR));
	*entry(1) |= P;
	assert_true(reads(LINEAR));
	vmcs_write(GUEST_PDPTE0, 0);
	vmcs_write(GUEST_CR4, 0);
	vmcs_write(GUEST_EFER, 0);
	assert_false(reads(0) || reads(0));		/* all as in a walk that was never made */
	stop();
}

RUN(T(a_64_bit_operand_is_where_its_registers_say), T(a_32_bit_operand_is_read_in_a_flat_segment_alone),
    T(a_walk_that_came_to_nothing_is_made_again), T(four_levels_lead_to_the_bytes), T(what_a_cpu_would_fault_at_or_mark_is_left_alone),
    T(a_walk_once_made_is_made_again_when_an_entry_changed),
    T(a_user_page_under_smap_and_other_keys_are_left_alone), T(a_range_over_a_page_is_left_alone),
    T(a_large_page_leads_to_the_bytes_and_its_reserved_bits_do_not), T(pae_paging_starts_at_the_registers),
    T(what_ept01_has_there_is_asked_again_when_it_changed), T(a_device_is_left_alone_be_it_asked_for_tables_or_for_data))
