/* SPDX-License-Identifier: BSD-2-Clause */
/* Page-modification log and #VE, done for L1 as a CPU does them. */
#include "nested/ept_event.h"

#define LOG_ENTRIES	512u
#define VE_BUSY		0xffffffffu

/* Table 26-1. */
struct ve_information {
	u32 reason, busy;
	u64 qualification, linear, physical;
	u16 eptp_index;
} PACKED;
_Static_assert(offsetof(struct ve_information, physical) == 24 && offsetof(struct ve_information, eptp_index) == 32,
	       "SDM table 26-1");

static bool has_room(void *ctx)
{
	const struct ept_log *log = ctx;

	return log->m->GUEST_PML_INDEX < LOG_ENTRIES;
}

static void dirtied(void *ctx, gpa2_t page)
{
	struct vmcs12 *m = ((struct ept_log *)ctx)->m;
	void *entry;

	if (nested_memory((gpa1_t){ m->PML_ADDR + m->GUEST_PML_INDEX * sizeof(u64) }, EPT_RW, &entry))
		*(u64 *)entry = page.at;
	m->GUEST_PML_INDEX--;
}

struct ept12_log ept_event_log(struct ept_log *log)
{
	return (struct ept12_log){ has_room, dirtied, log };
}

bool ept_event_is_ve(const struct vmcs12 *m, const struct ept02_fault *f)
{
	return secondary_controls(m) & SECONDARY_EPT_VE && !(f->at.at >> EPT_GPA_BITS) &&
	       !(f->ept12.entry[f->ept12.level] & EPT12_SUPPRESS_VE);
}

bool ept_event_write_ve(const struct vmcs12 *m, const struct ept02_fault *f, u64 qualification, u64 linear)
{
	struct ve_information *area;
	void *place;
	bool free;

	lock_take(&ept01_lock);
	free = nested_memory((gpa1_t){ m->VE_INFO_ADDR }, EPT_RW, &place);
	area = place;
	free = free && area->busy == 0;
	if (free)
		*area = (struct ve_information){ EXIT_EPT_VIOLATION, VE_BUSY, qualification, linear, f->at.at, m->EPTP_INDEX };
	lock_drop(&ept01_lock);
	return free;
}
