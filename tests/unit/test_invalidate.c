/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L1's INVEPT and INVVPID: what is refused and in which order (SDM 31.3), and what of the rest gets done. No emulator keeps
 * translations long enough to show an INVVPID that does nothing.
 * Links: xmhf/runtime/nested/invalidate.c xmhf/runtime/nested/ept12_walk.c xmhf/lib/walk.c
 */
#include "fake_cpu.h"

#include "guest/state.h"
#include "nested/ept12_walk.h"
#include "nested/instructions.h"

#define KINDS		5u		/* one more than there are */
#define REGISTER	3u		/* has the kind; information field: reg2 */
#define EPTP_GOOD	0x1234501eull	/* write-back, 4 levels */
#define CANONICAL	0x7ffffffff000ull
#define NOT_CANONICAL	0x800000000000ull
#define ALL_KINDS	(EPT_VPID_INVVPID | 0xfull << 40 | EPT_CAP_INVEPT | 6ull << 24)

struct vmx_caps_offered nested_caps;
struct ept12_rules nested_ept12_rules;
static struct nested nested;
static u64 descriptor[2];
static bool descriptor_faults;
static u32 reads, failed;
static struct { u32 count; u32 kind; u16 vpid; u64 what; } done;

bool nested_is_on(const struct vcpu *v) { return v->nested->on; }
uptr state_cr4(void) { return 0; }

enum verdict nested_refuses_fault(struct vcpu *v)
{
	return v->nested->on ? inject(v, GP_FAULT, 0) : inject(v, UD_FAULT, -1);
}

enum verdict nested_fail(struct vcpu *v, enum vmfail error)
{
	failed = error;
	return ADVANCE;
}

enum verdict instruction_read_l1(struct vcpu *v, u32 info, void *to, u32 bytes)
{
	assert_int_equal(bytes, sizeof(descriptor));
	reads++;
	memcpy(to, descriptor, bytes);
	return descriptor_faults ? inject(v, PF_FAULT, 0) : RESUME;
}

void nested_ept_invalidate(struct vcpu *v, enum invept_kind kind, u64 eptp12)
{
	done.count++;
	done.kind = kind;
	done.what = eptp12;
}

void nested_vpid_invalidate(struct vcpu *v, enum invvpid_kind kind, u16 vpid12, u64 linear)
{
	done.count++;
	done.kind = kind;
	done.vpid = vpid12;
	done.what = linear;
}

/* In VMX operation, in 64-bit mode at CPL 0. */
static void start(void)
{
	cpu_reset();
	memset(&nested, 0, sizeof(nested));
	memset(&done, 0, sizeof(done));
	reads = failed = 0;
	descriptor_faults = false;
	cpu.vcpu.nested = &nested;
	nested.on = true;
	nested.operands = ~0ull;
	nested_caps.msr[CAP_EPT_VPID] = ALL_KINDS;
	nested_ept12_rules = (struct ept12_rules){ .caps = EPT_CAP_POINTER_WB, .maxphyaddr = 40 };
	vmcs_write(GUEST_SS_AR, 0x93);
	vmcs_write(EXIT_INSTR_INFO, REGISTER << 28);
}

typedef enum verdict instruction(struct vcpu *v);

static enum verdict runs(instruction *insn, u64 kind, u64 low, u64 high)
{
	memset(&done, 0, sizeof(done));
	failed = 0;
	cpu.vcpu.regs.r[REGISTER] = (uptr)kind;
	descriptor[0] = low;
	descriptor[1] = high;
	return insn(&cpu.vcpu);
}

static bool refused(instruction *insn, u64 kind, u64 low, u64 high)
{
	return runs(insn, kind, low, high) == ADVANCE && failed == VMFAIL_INVALIDATE && done.count == 0;
}

/* It succeeds, and asks for this once. */
static bool does(instruction *insn, u64 kind, u64 low, u64 high)
{
	return runs(insn, kind, low, high) == SUCCEED && failed == 0 && done.count == 1 && done.kind == kind &&
	       done.what == (insn == nested_invvpid ? high : low) && (insn != nested_invvpid || done.vpid == low);
}

static bool faults(instruction *insn, enum vector vector)
{
	return runs(insn, 1, EPTP_GOOD, 0) == INJECT && cpu.vcpu.event_info == vector && done.count == 0;
}

PROMISE(every_kind_of_invvpid_reaches_the_vpid_that_it_names)
{
	start();
	for (u32 kind = 0; kind < KINDS - 1; kind++) {
		assert_true(does(nested_invvpid, kind, 1, CANONICAL));
		assert_true(does(nested_invvpid, kind, 0xffff, 0));
	}
	assert_true(does(nested_invvpid, INVVPID_ALL, 0, NOT_CANONICAL));
	assert_true(does(nested_invvpid, INVVPID_SINGLE, 7, NOT_CANONICAL));
	assert_true(does(nested_invvpid, INVVPID_SINGLE_KEEP_GLOBAL, 7, NOT_CANONICAL));
}

PROMISE(vpid_0_reserved_bits_and_addresses_that_are_not_canonical_are_refused)
{
	start();
	for (u32 kind = 0; kind < KINDS - 1; kind++) {
		assert_true(refused(nested_invvpid, kind, 0x10001, 0));
		assert_true(refused(nested_invvpid, kind, 1ull << 63 | 1, 0));
		assert_true(kind == INVVPID_ALL || refused(nested_invvpid, kind, 0, 0));
	}
	assert_true(refused(nested_invvpid, INVVPID_ADDRESS, 7, NOT_CANONICAL));
}

PROMISE(invept_of_one_looks_at_its_pointer_and_of_all_does_not)
{
	start();
	assert_true(does(nested_invept, INVEPT_SINGLE, EPTP_GOOD, ~0ull));
	assert_true(refused(nested_invept, INVEPT_SINGLE, EPTP_GOOD | 0x80, 0));
	assert_true(refused(nested_invept, INVEPT_SINGLE, EPTP_GOOD | 1ull << 40, 0));
	assert_true(refused(nested_invept, INVEPT_SINGLE, 0, 0));
	assert_true(does(nested_invept, INVEPT_ALL, 0, 0));
}

PROMISE(a_kind_that_l1_lacks_is_refused_before_memory_is_read)
{
	start();
	for (u64 kind = 0; kind <= 1ull << 32; kind = kind < KINDS ? kind + 1 : kind << 1) {
		nested_caps.msr[CAP_EPT_VPID] = kind < 4 ? ALL_KINDS & ~(1ull << (40 + kind) | 1ull << (24 + kind)) : ALL_KINDS;
		assert_true(refused(nested_invvpid, kind, 1, 0));
		assert_true(refused(nested_invept, kind, EPTP_GOOD, 0));
	}
	assert_int_equal(reads, 0);
}

PROMISE(a_32_bit_l1_has_no_upper_half_of_the_kind)
{
	start();
	nested.operands = ~0u;
	assert_int_equal(runs(nested_invvpid, 1ull << 32 | INVVPID_SINGLE, 9, 0), SUCCEED);
	assert_int_equal(done.kind, INVVPID_SINGLE);
}

PROMISE(faults_come_in_their_order_and_nothing_is_done)
{
	instruction *const both[] = { nested_invept, nested_invvpid };

	for (u32 i = 0; i < ARRAY_SIZE(both); i++) {
		start();
		descriptor_faults = true;
		assert_true(faults(both[i], PF_FAULT));
		vmcs_write(GUEST_SS_AR, 0xf3);		/* CPL 3 */
		assert_true(faults(both[i], GP_FAULT));
		nested.on = false;
		assert_true(faults(both[i], UD_FAULT));
		start();
		vmcs_write(GUEST_SS_AR, 0xf3);
		nested_caps.msr[CAP_EPT_VPID] = 0;
		assert_true(faults(both[i], UD_FAULT));
	}
}

RUN(T(every_kind_of_invvpid_reaches_the_vpid_that_it_names),
    T(vpid_0_reserved_bits_and_addresses_that_are_not_canonical_are_refused),
    T(invept_of_one_looks_at_its_pointer_and_of_all_does_not), T(a_kind_that_l1_lacks_is_refused_before_memory_is_read),
    T(a_32_bit_l1_has_no_upper_half_of_the_kind), T(faults_come_in_their_order_and_nothing_is_done))
