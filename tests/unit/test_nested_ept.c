/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPT02's roots as VMCS12s hold them: who lets go of one has to ask for it again, and makes room before an entry fails.
 * Links: xmhf/runtime/nested/ept.c
 */
#include "fake_cpu.h"

#include "machine/log.h"
#include "machine/machine.h"
#include "memory/ept01.h"
#include "memory/pool.h"
#include "memory/track.h"
#include "nested/state.h"

#define POINTER(eptp12)	((eptp12) + 0x100000)

struct machine machine;
struct vmx_caps_offered nested_caps;
struct ept ept01;
struct lock ept01_lock;
const struct ept02_ops nested_ept02_ops;
const struct ept02_tracker nested_ept02_tracker;

static struct nested nested;
static struct vmcs12 vmcs12[NESTED_CACHED];
static struct { u64 eptp12; u32 users; } roots[NESTED_CACHED + 2];
static u32 room;		/* so many roots may be held */

/* A root is its place above. */
static u32 place_of(const struct ept02_table *root) { return (u32)((uptr)root >> 4) - 1; }
static struct ept02_table *root_at(u32 i) { return (struct ept02_table *)((uptr)(i + 1) << 4); }

static u32 held(void)
{
	u32 count = 0;

	for (u32 i = 0; i < ARRAY_SIZE(roots); i++)
		count += roots[i].users > 0;
	return count;
}

struct ept02_table *ept02_get(struct ept02 *e, u64 eptp12)
{
	u32 i = (u32)(eptp12 >> 12);

	if (!roots[i].users && held() >= room)
		return NULL;
	roots[i].eptp12 = eptp12;
	roots[i].users++;
	return root_at(i);
}

void ept02_put(struct ept02_table *root)
{
	assert_true(roots[place_of(root)].users > 0);
	roots[place_of(root)].users--;
}

bool ept02_is_of(const struct ept02_table *root, u64 eptp12) { return roots[place_of(root)].eptp12 == eptp12; }
u64 ept02_pointer(const struct ept02_table *root) { return POINTER(roots[place_of(root)].eptp12); }
bool vmx_invept(enum invept_kind kind, u64 eptp) { return true; }
u64 ept02_generation(const struct ept02_table *root) { return 0; }

/* What else is in the file. */
struct ept02_flush ept02_drop(struct ept02 *e, gpa1_t from, u64 length) { abort(); }
void ept02_flush_discharge(struct ept02_flush *owed) { abort(); }
void ept02_keep_off(struct ept02 *e, gpa1_t page) { abort(); }
bool ept02_init(struct ept02 *e, const struct ept02_ops *ops, const struct ept02_tracker *tracker, void *ctx,
		const struct ept12_rules *rules, u64 caps, void *memory, size_t bytes) { abort(); }
void ept02_sync(struct ept02 *e) { abort(); }
void ept12_rules_init(struct ept12_rules *rules, u64 caps, u32 maxphyaddr) { abort(); }
void watch_move(struct watch *w, const gpa1_t *to) { abort(); }
void track_init(void *memory, u32 pages, u32 watches, u64 caps) { abort(); }
size_t track_bytes(u32 pages) { abort(); }
void *pool_page(void) { abort(); }
u64 ept_pointer(const struct ept *e) { abort(); }
void ept01_set_follower(void (*follow)(gpa1_t from, u64 length)) { abort(); }
bool nested_memory(gpa1_t at, enum ept_rights rights, void **place) { abort(); }
void panic(const char *format, ...) { abort(); }

/* As enter.c has them. */
static const u64 no_generation = ~0ull, a_generation = 5;

void nested_use_eptp12(struct nested_vmcs *c, u64 eptp12)
{
	c->eptp12 = eptp12;
	c->generation = &no_generation;
	c->generation_ready = 0;
}

static bool is_ready(const struct nested_vmcs *c) { return *c->generation == c->generation_ready; }

/* VMCS12 @i has an EPT12 of its own. */
static void start(u32 roots_held)
{
	cpu_reset();
	memset(&nested, 0, sizeof(nested));
	memset(vmcs12, 0, sizeof(vmcs12));
	memset(roots, 0, sizeof(roots));
	room = roots_held;
	cpu.vcpu.nested = &nested;
	for (u32 i = 0; i < NESTED_CACHED; i++) {
		struct nested_vmcs *c = &nested.cached[i];

		vmcs12[i].PRIMARY_CTRLS = PRIMARY_SECONDARY;
		vmcs12[i].SECONDARY_CTRLS = SECONDARY_EPT;
		c->m = &vmcs12[i];
		nested_use_eptp12(c, (u64)i << 12 | 0x1e);
	}
}

static bool enters(u32 i)
{
	struct nested_vmcs *c = &nested.cached[i];

	nested.current = c;
	if (is_ready(c)) {
		assert_non_null(c->ept02);
		return true;
	}
	if (nested_ept_pointer(&cpu.vcpu, c) != POINTER(c->eptp12))
		return false;
	c->generation = &a_generation;
	c->generation_ready = a_generation;
	return true;
}

PROMISE(who_let_go_of_a_root_asks_for_it_again)
{
	start(NESTED_CACHED);
	assert_true(enters(0));
	nested_ept_put(&nested.cached[0]);
	assert_false(is_ready(&nested.cached[0]));
	assert_int_equal(held(), 0);
	assert_true(enters(0));
	assert_int_equal(held(), 1);
}

PROMISE(room_for_one_is_made_of_the_others_and_they_know)
{
	start(NESTED_CACHED);
	for (u32 i = 0; i < NESTED_CACHED; i++)
		assert_true(enters(i));
	assert_int_equal(held(), NESTED_CACHED);
	nested.current = &nested.cached[2];
	nested_ept_make_room(&nested);
	assert_int_equal(held(), 1);
	for (u32 i = 0; i < NESTED_CACHED; i++)
		assert_true(is_ready(&nested.cached[i]) == (i == 2));
	for (u32 i = 0; i < NESTED_CACHED; i++)
		assert_true(enters(i));
}

PROMISE(an_entry_makes_room_for_its_root_before_it_fails)
{
	start(1);
	for (u32 i = 0; i < 3 * NESTED_CACHED; i++) {
		assert_true(enters(i * 7 % NESTED_CACHED));
		assert_int_equal(held(), 1);
	}
	start(0);
	assert_false(enters(0));
	assert_null(nested.cached[0].ept02);
}

RUN(T(who_let_go_of_a_root_asks_for_it_again), T(room_for_one_is_made_of_the_others_and_they_know),
    T(an_entry_makes_room_for_its_root_before_it_fails))
