/* SPDX-License-Identifier: BSD-2-Clause */
/* EPT01 itself: the one tree of ept.c that all CPUs run L1 on, its lock, and our range in it. */
#ifndef MEMORY_EPT01_H
#define MEMORY_EPT01_H

#include "machine/lock.h"
#include "memory/ept.h"

extern struct ept ept01;
extern struct lock ept01_lock;		/* around every use of ept01 once the guest runs */

/* Has a hypapp ever taken rights from the guest? */
extern bool ept01_restricted;

/* All of memory one to one, our range as a page of ones. */
void ept01_build(void);

/* From now on a change is flushed on all CPUs. */
void ept01_guest_runs(void);

/* A guest write to our page at @page: from now on writes and reads go to a throw-away page. */
void ept01_throw_away(gpa1_t page);

/* After the guest changed machine.mtrr. */
void ept01_retype(void);

/*
 * With the lock held, after any change but a mapping of what was missing: what else was made of EPT01 follows, on all
 * CPUs, before it returns.
 */
void ept01_changed(gpa1_t from, u64 length);

/* Who follows: is called by ept01_changed. */
void ept01_set_follower(void (*follow)(gpa1_t from, u64 length));

#endif
