/* SPDX-License-Identifier: BSD-2-Clause */
/* EPT01: pages from the pool, types from the MTRRs, flushes by kicks. */
#include "lib/string.h"
#include "machine/log.h"
#include "machine/machine.h"
#include "memory/ept01.h"
#include "memory/pool.h"
#include "vmx/flush.h"
#include "vmx/setup.h"

struct ept ept01;
struct lock ept01_lock;
bool ept01_restricted;

static void *ones, *throw_away;
static u32 memory_bits;

static void *page_alloc(void *unused)
{
	(void)unused;
	return pool_page();
}

static void page_free(void *unused, void *page)
{
	(void)unused;
	pool_free(page);
}

static enum memory_type type_of(void *unused, u64 at, u64 *same_until)
{
	(void)unused;
	return mtrr_type_of(&machine.mtrr, memory_bits, at, same_until);
}

static void follow_nobody(gpa1_t from, u64 length) { (void)from, (void)length; }
static void (*follower)(gpa1_t from, u64 length) = follow_nobody;

void ept01_set_follower(void (*follow)(gpa1_t from, u64 length)) { follower = follow; }
void ept01_changed(gpa1_t from, u64 length) { follower(from, length); }

static void flush_nobody(void *unused) { (void)unused; }

/* Until the guest runs there is nobody to flush. */
static struct ept_ops ops = { page_alloc, page_free, flush_nobody, type_of };

static gpa1_t gpa1(u64 at) { return (gpa1_t){ at }; }

static void redirect_our_range(void)
{
	const struct handoff *h = &machine.handoff;

	for (u64 at = h->base; at < h->base + h->size; at += PAGE_SIZE) {
		struct flush owed = ept_redirect(&ept01, gpa1(at), (hpa_t){ (uptr)ones }, EPT_R, MEMTYPE_WB);

		BUG_ON(owed.failed);
		flush_discharge(&owed);
	}
}

void ept01_build(void)
{
	u64 top = MAX(SIZE_4G, e820_top_of_ram(&machine.handoff.map, ~0ull));

	ones = pool_page();
	throw_away = pool_page();
	BUG_ON(!ones || !throw_away);
	memset(ones, 0xff, PAGE_SIZE);
	memory_bits = machine_memory_bits();
	BUG_ON(!ept_init(&ept01, &ops, NULL, vmx_caps.ept_vpid, memory_bits));
	if (!ept_map_identity(&ept01, gpa1(0), gpa1(round_up(top, PAGE_SIZE))))
		panic("no memory for EPT01");
	redirect_our_range();
}

void ept01_guest_runs(void)
{
	ops.flush_now = flush_all;
}

void ept01_throw_away(gpa1_t page)
{
	struct flush owed = ept_redirect(&ept01, page, (hpa_t){ (uptr)throw_away }, EPT_RW, MEMTYPE_WB);

	flush_discharge(&owed);
	ept01_changed(page, PAGE_SIZE);
}

void ept01_retype(void)
{
	struct flush owed;

	lock_take(&ept01_lock);
	owed = ept_retype(&ept01, gpa1(0), gpa1(ept01.limit));
	flush_discharge(&owed);
	ept01_changed(gpa1(0), ept01.limit);
	lock_drop(&ept01_lock);
}
