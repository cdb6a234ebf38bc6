/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whom a flush takes out of its guest, and who has it to do.
 * Links: xmhf/runtime/vmx/flush.c
 */
#include "fake_cpu.h"

#include "memory/ept01.h"
#include "start/cpus.h"
#include "vmx/flush.h"
#include "vmx/nmi.h"

#define OTHERS	5u

struct ept ept01;
#define EPT01		0x105eu

static struct vcpu others[OTHERS];
static bool kicked[OTHERS], asked[OTHERS];	/* has it taken its kick? */
static enum invept_kind flushed;		/* here; 0: nothing was */
static u64 flushed_pointer;

u64 ept_pointer(const struct ept *ept) { return EPT01; }
NORETURN void panic(const char *format, ...) { fail(); abort(); }

u32 cpus_served(void) { return 1 + OTHERS; }
struct vcpu *cpus_get(u32 index) { return index ? &others[index - 1] : &cpu.vcpu; }

bool vmx_invept(enum invept_kind kind, u64 eptp)
{
	flushed = kind;
	flushed_pointer = eptp;
	return true;
}

static u32 index_of(const struct vcpu *v)
{
	assert_true(v != &cpu.vcpu);		/* nobody kicks himself or waits for that */
	return (u32)(v - others);
}

/* It finds its work at once. */
void nmi_kick(struct vcpu *v)
{
	assert_int_not_equal(v->work, 0);
	assert_false(kicked[index_of(v)]);
	kicked[index_of(v)] = true;
}

/* Not at the first look. */
bool nmi_kick_arrived(const struct vcpu *v)
{
	bool arrived = !kicked[index_of(v)] || asked[index_of(v)];

	asked[index_of(v)] = true;
	return arrived;
}

void nmi_kick_others(void) { fail(); }

/* One of each kind, and one that waits for SIPI. */
enum { IN_L1, IN_L2, IN_L2_NO_EPT, WAITS, WAITS_IN_L2 };

static void start(void)
{
	static const enum urgent urgent[OTHERS] = { URGENT_IN_L1, URGENT_IN_L2, URGENT_IN_L2_NO_EPT, URGENT_IN_L1, URGENT_IN_L2 };

	cpu_reset();
	memset(others, 0, sizeof(others));
	memset(kicked, 0, sizeof(kicked));
	memset(asked, 0, sizeof(asked));
	flushed = 0;
	urgent_set(&cpu.vcpu, URGENT_IN_L1);
	for (u32 i = 0; i < OTHERS; i++)
		urgent_set(&others[i], urgent[i]);
	others[WAITS].waits_for_sipi = others[WAITS_IN_L2].waits_for_sipi = true;
}

static void expect(enum work work, bool l1, bool l2, bool l2_no_ept)
{
	assert_int_equal(cpu.vcpu.work, 0);
	for (u32 i = 0; i < OTHERS; i++)
		assert_int_equal(others[i].work, work);
	assert_int_equal(kicked[IN_L1], l1);
	assert_int_equal(kicked[IN_L2], l2);
	assert_int_equal(kicked[IN_L2_NO_EPT], l2_no_ept);
	assert_false(kicked[WAITS] || kicked[WAITS_IN_L2]);
	for (u32 i = 0; i < OTHERS; i++)
		assert_true(!kicked[i] || asked[i]);		/* was waited for */
}

PROMISE(a_flush_of_ept01_is_everybodys_but_leaves_an_l2_on_ept02_alone)
{
	start();
	flush_all(NULL);
	expect(WORK_FLUSH_EPT, true, false, true);
	assert_int_equal(flushed, INVEPT_SINGLE);
	assert_true(flushed_pointer == EPT01);
}

PROMISE(a_flush_of_ept02_is_everybodys_but_leaves_l1_alone)
{
	start();
	flush_all_contexts(NULL);
	expect(WORK_FLUSH_EPT02, false, true, true);
	assert_int_equal(flushed, INVEPT_ALL);
}

PROMISE(to_stop_them_everybody_is_taken_out)
{
	start();
	flush_quiesce();
	expect(WORK_QUIESCE, true, true, true);
	flush_resume();
}

RUN(T(a_flush_of_ept01_is_everybodys_but_leaves_an_l2_on_ept02_alone), T(a_flush_of_ept02_is_everybodys_but_leaves_l1_alone),
    T(to_stop_them_everybody_is_taken_out))
