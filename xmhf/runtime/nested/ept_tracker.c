/* SPDX-License-Identifier: BSD-2-Clause */
/* Which tables of EPT12 changed, for EPT02: they are tracked pages. */
#include "memory/track.h"
#include "nested/ept.h"

static u64 track(void *unused, gpa1_t page)
{
	(void)unused;
	return track_add(page);
}

static void untrack(void *unused, gpa1_t page)
{
	(void)unused;
	track_remove(page);
}

static u32 take_changed(void *unused, gpa1_t *pages, u32 max)
{
	(void)unused;
	return track_take(pages, max);
}

static bool is_watched(void *unused, gpa1_t page)
{
	(void)unused;
	return track_is_watched(page);
}

static void expose(void *unused, gpa1_t page)
{
	(void)unused;
	track_expose(page);
}

const struct ept02_tracker nested_ept02_tracker = { track, untrack, take_changed, is_watched, expose };
