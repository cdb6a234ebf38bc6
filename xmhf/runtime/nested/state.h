/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A CPU's nested VMX. The VMCS12s that it used last are cached: a copy of L1's page, the VMCS02 made of it, and,
 * where the CPU has VMCS shadowing, the shadow VMCS through which L1 reaches the hot fields without an exit.
 *
 * Where a field's truth is, while L1 runs: hot fields (shadowed in the field table) of the current VMCS in the shadow
 * VMCS, if there is one, and at times others too (wide.h); guest fields that aren't there in VMCS02, as long as their
 * group's bit is set in @behind; everything else in @m. While L2 runs, all guest fields are in VMCS02.
 */
#ifndef NESTED_STATE_H
#define NESTED_STATE_H

#include "guest/memory.h"
#include "memory/track.h"
#include "nested/checks.h"
#include "nested/ept.h"
#include "nested/nested.h"
#include "nested/peek.h"
#include "nested/vmcs12.h"

#define NESTED_CACHED	4u		/* VMCS12s a CPU */
#define NO_VMCS		(~0ull)
#define NESTED_BITMAPS	3u		/* of L1's, for MSRs and ports */
#define NESTED_VPIDS	16u		/* of the CPU's, for VPID12s */

#define GROUPS_ALL		0x1fu
#define GROUPS_RARE_GUEST	(BIT(GROUP_GUEST) | BIT(GROUP_GUEST_SEG))

/* What an entry has to do beyond what all do, because VMCS02 doesn't keep it or memory may have changed. */
enum each_entry {
	EACH_MSRS = BIT(0), EACH_PDPTES = BIT(1), EACH_TIMER = BIT(2), EACH_PERF = BIT(3), EACH_AREA = BIT(4), EACH_FLUSH = BIT(5),
	EACH_NMIS = BIT(6), EACH_HYPAPP = BIT(7),	/* by controls */
	EACH_LINK = BIT(8), EACH_WAIT = BIT(9),		/* by guest state: a VMCS link pointer, wait-for-SIPI */
	EACH_BY_GUEST = EACH_LINK | EACH_WAIT,
};

/* The same of an exit to L1. */
enum each_exit {
	LEAVE_MSRS = BIT(0), LEAVE_AREAS = BIT(1), LEAVE_FLUSH = BIT(2),		/* before VMCS01 is current; MSRs of L2 go on in L1 */
	LEAVE_IA32E = BIT(3), LEAVE_TIMER = BIT(4), LEAVE_VIRTUAL_INTR = BIT(5), LEAVE_PML = BIT(6),	/* saved */
	LEAVE_NMIS = BIT(7), LEAVE_PDPTES = BIT(8), LEAVE_PERF = BIT(9),	/* blocked as in L2; loaded for L1 */
	LEAVE_WIDE = BIT(10),		/* wide.h */
};

struct nested_vmcs {
	u64 at;				/* L1-physical; NO_VMCS: none */
	u64 cleared;			/* with NO_VMCS there: where L1 cleared it, when its page got what m has; NO_VMCS: unused */
	struct vmcs12 *m;
	struct host_state *host;	/* made of m: host_state.h */
	u64 vmcs02;			/* its region */
	u64 shadow;			/* likewise; 0: no VMCS shadowing */
	u8 *msr_bitmap;			/* L1's merged with ours: one page */
	u8 *io_bitmaps;			/* likewise: two */
	const u8 *l1_bitmaps[NESTED_BITMAPS];	/* L1's pages that they were merged from, */
	struct watch watches[NESTED_BITMAPS];	/* and who tells of writes to them: */
	const u64 *marks[NESTED_BITMAPS];	/* bitmaps.h */
	u32 track_changes;
	u32 pages_seen;			/* nested_pages_generation() when VMCS02 got the addresses of L1's pages; 0: it has to */
	u32 primary12;			/* PRIMARY_CTRLS that it was made for */
	u32 dirty;			/* groups that L1 wrote by exits since VMCS02 was made of them */
	u32 changed;			/* hot fields that L1 wrote since */
	bool shadow_is_old;		/* the shadow VMCS hasn't what m has */
	bool wide;			/* it has more than the hot fields: wide.h */
	u32 wide_seen, wide_left;	/* entries that asked for it; that it goes on for */
	u64 wide_news;			/* which of them it doesn't have as m has */
	bool initialised;		/* VMCS02 has what is the same in all */
	u32 pin02, primary02;		/* what VMCS02 has */
	u64 eptp02, perf02;		/* likewise; perf02: IA32_PERF_GLOBAL_CTRL */
	u16 vpid02;
	u32 vpid_moves;			/* nested->vpid_moves when it was so; 0: look again */
	u32 primary_base;		/* without windows of ours */
	u32 each_entry, each_exit;	/* enum each_entry, each_exit */
	u32 behind_after;		/* what is behind after an exit, by m's controls */
	bool takes_more;		/* likewise: hot fields are in use that aren't always, or wide ones; */
	bool loads_again;		/* MSRs are loaded that exits don't save */
	u32 seen_at;			/* place of ept02 among nested->ept.seen, perhaps */
	uptr cd_nw;			/* of L2's CR0, where VMCS02 has 0 */
	u32 behind;			/* groups of which VMCS02 has newer values than m */
	u32 used;			/* when, by nested->clock */
	const u64 *generation;		/* of @ept02, whose pointer VMCS02 has for eptp12; */
	u64 generation_ready;		/* if it is this, this CPU has flushed what isn't there any more */
	u64 eptp12;			/* L2 runs on now: EPTP, or what VMFUNC made of it; 0: EPT is off; nested_use_eptp12() */
	u64 fault_at;			/* L1 was told of an EPT violation there at the last exit, */
	u32 fault_want;			/* for this access; 0: it wasn't */
	struct ept02_table *ept02;	/* its shadow, held; NULL: none yet, or EPT off */
};

/* What L1 is told of an exit of L2's, where that isn't what VMCS02 has. */
struct l2_exit {
	u32 reason;			/* with the entry-failure bit */
	bool made_up;			/* no exit of VMCS02's: interruption and IDT-vectoring information aren't valid */
	bool untold;			/* the hypapp never heard of the entry */
	bool has_addresses;		/* with @made_up: the two below */
	u64 qualification, physical, linear;
	u32 intr_info, intr_error;	/* with @made_up */
	u32 vectoring, vectoring_error;	/* likewise: the event on its way to L2; */
	u32 instr_len;			/* of a software event's instruction */
};

/* While it is found out whether an INIT is pending for an L2 that a SIPI ended: events.c. */
struct nested_sipi {
	bool asks;
	u64 vector;
	u32 activity;			/* as the exit saved it */
};

struct nested {
	bool on;			/* in VMX operation, */
	uptr operands;			/* mask: 64 bits in IA-32e mode, which L1 can't leave or enter there; else 32 */
	bool init_pending;		/* an INIT arrived in VMX root operation */
	bool nmi_waits;			/* one is L1's, when it can be */
	bool event_after_entry;		/* L2 exits when it was entered: events.c */
	u32 timer_left;			/* meanwhile: VMCS02's preemption timer */
	struct nested_sipi sipi;
	bool nmi_blocked;		/* NMIs are, all of L2's time: NMI exiting without virtual NMIs */
	/* What VMCS01 has, while L2 runs: */
	u32 primary01, blocking01;	/* blocking01: interruptibility */
	u64 perf01;
	u64 vmxon_at;			/* L1-physical */
	const struct nested_vmcs *host_msrs_of;	/* whose host state VMCS01 has of host_msrs.c's; NULL: something else */
	struct nested_vmcs *current;	/* NULL: none */
	u32 clock;
	u64 vmwrites, vmresumes;	/* exits of L1's when wide_judge() looked last */
	bool wide01;			/* what VMCS01 has */
	u64 exits_kept[EXIT_REASONS], exits_reflected[EXIT_REASONS];
	u16 vpid12[NESTED_VPIDS];	/* vpid.c; 0: nobody's */
	u32 vpid_moves;			/* goes up, from 1, when one of them gets another holder */
	struct l2_exit exit;		/* with verdict REFLECT */
	struct ept02_fault refused;	/* what EPT12 refused of an access on L2's behalf, */
	enum ept12_status refusal;	/* and why; EPT12_OK: nothing */
	bool refused_walk;		/* it was one to L2's paging structures */
	struct nested_vmcs cached[NESTED_CACHED];
	struct nested_ept_cpu ept;
	struct peek peek;
};

/* Constant once the guest runs. */
extern struct vmcs12_map nested_map;
extern struct ept12_rules nested_ept12_rules;
extern bool nested_shadowing;			/* the CPU has VMCS shadowing that serves us: */
extern u8 *nested_vmread_bitmap[2], *nested_vmwrite_bitmap[2];	/* for hot fields, and wide */

/* ---- current.c: the cache ---- */

/*
 * The VMCS12 at @at from the cache, read from L1's page if it wasn't there (the least recently used one goes back to
 * L1's memory for it) or had been cleared and is another now. It isn't current yet. Guests may name any address: where
 * there is no memory of L1's it reads as ones and writes are lost.
 */
struct nested_vmcs *nested_cache(struct vcpu *v, u64 at);

/* The cached VMCS12 at @at, or NULL. */
struct nested_vmcs *nested_cached(struct vcpu *v, u64 at);

/* Makes @c (NULL: none) what VMREAD and VMWRITE mean; with VMCS01 current. */
void nested_make_current(struct vcpu *v, struct nested_vmcs *c);

/* L1's VMCLEAR: writes it to L1's page in whole. It isn't current afterwards, but at hand if L1 loads it again. */
void nested_clear(struct vcpu *v, struct nested_vmcs *c);

/* All of them go to L1's pages, and are forgotten. */
void nested_write_all_back(struct vcpu *v);

/* Fetches the groups of @groups that VMCS02 has newer into c->m; VMCS01 is current before and after. */
void nested_fetch(struct vcpu *v, struct nested_vmcs *c, u32 groups);

/* ---- shadow.c: the hot fields between c->m and the shadow VMCS; VMCS01 is current before and after ---- */

void nested_shadow_in(struct vcpu *v, struct nested_vmcs *c);	/* what L1 wrote there becomes m's, and changed */
void nested_shadow_out(struct vcpu *v, struct nested_vmcs *c, u32 fields);	/* @fields of m; while L2 runs VMCS02 is current */
void nested_shadow_error(struct vcpu *v, struct nested_vmcs *c, u32 error);	/* VM-instruction error, in m too */

/* ---- enter.c ---- */

/* From the next entry on; also when @c's EPT02 was let go of. */
void nested_use_eptp12(struct nested_vmcs *c, u64 eptp12);

/* Last before every entry to L2, with VMCS02 current: EPT pointer and what has to be flushed for it. */
void nested_ready(struct vcpu *v);

/* ---- leave.c ---- */

/* The verdict for an exit of VMCS02's that L1 is to see, with what else VMCS02 says of it. */
static inline enum verdict nested_reflect(struct vcpu *v, u32 reason, u64 qualification)
{
	struct l2_exit *exit = &v->nested->exit;

	exit->reason = reason;
	exit->made_up = exit->untold = exit->has_addresses = false;
	exit->qualification = qualification;
	return REFLECT;
}

/* From L2 to L1 as nested->exit says, or as VMCS02 does; that is current before, VMCS01 after. */
void nested_leave(struct vcpu *v);
void nested_leave_as_told(struct vcpu *v, u32 reason);	/* below EXIT_REASONS: all of the exit reason that it has */

/* ---- hypapp.c: asked if the hypapp has such an entry; with VMCS02 current ---- */

bool nested_hypapp_enters(struct vcpu *v);	/* false: it doesn't let L2 run */
bool nested_hypapp_keeps(struct vcpu *v);	/* true: the exit in nested->exit isn't L1's, and what is to come instead is ready */
void nested_hypapp_refused(struct vcpu *v);	/* the entry ended in VMfail, for a rule of the CPU that we don't know */

/* ---- msr_area.c: the MSR areas of VMCS12 (SDM 27.4, 28.4, 28.6), for what is current ---- */

/* The number of the entry that failed, from 1; 0: none did. */
u32 msr_area_load(u64 at, u32 count);
u32 msr_area_store(u64 at, u32 count);

/* ---- host_msrs.c: MSRs of VMCS01 that host state loads, whose writes exit while L1 is in VMX operation ---- */

void host_msrs_watch(struct vcpu *v, bool on);	/* L1 enters or leaves VMX operation; with VMCS01 current */

/* ---- events.c ---- */

/* Before L2 runs: what waits for L1 lets it exit at once. */
void nested_events_begin(struct vcpu *v, bool may_wait_for_sipi);

/* L2's time is over: what waited goes on to wait for L1. With VMCS02 current. */
void nested_events_end_waiting(struct vcpu *v);
static inline void nested_events_end(struct vcpu *v)
{
	if (v->nested->event_after_entry || v->nested->nmi_waits || v->waits_for_sipi)
		nested_events_end_waiting(v);
}

/* ---- outcome.c: how VMX instructions end (SDM 31.2) ---- */

enum vmfail {
	VMFAIL_VMCALL = 1, VMFAIL_VMCLEAR_ADDRESS, VMFAIL_VMCLEAR_VMXON, VMFAIL_VMLAUNCH_NOT_CLEAR, VMFAIL_VMRESUME_NOT_LAUNCHED,
	VMFAIL_VMRESUME_AFTER_VMXOFF, VMFAIL_CONTROLS, VMFAIL_HOST_STATE, VMFAIL_VMPTRLD_ADDRESS, VMFAIL_VMPTRLD_VMXON,
	VMFAIL_VMPTRLD_REVISION, VMFAIL_NO_SUCH_FIELD, VMFAIL_READ_ONLY_FIELD, VMFAIL_VMXON_IN_ROOT = 15,
	VMFAIL_MOV_SS = 26, VMFAIL_INVALIDATE = 28,
};

enum verdict nested_fail(struct vcpu *v, enum vmfail error);	/* VMfailValid, or VMfailInvalid without a current VMCS; ADVANCE */
enum verdict nested_fail_invalid(void);
enum verdict nested_fail_valid(void);				/* the error is noted already */

/*
 * What every VMX instruction but VMXON faults for: #UD outside VMX operation, then #GP(0) for CPL > 0. #UD in real,
 * virtual-8086 and compatibility mode comes before their exit (31.3), so the CPU has seen to that; but not VMCALL's.
 */
static inline bool nested_allows(const struct vcpu *v) { return v->nested && v->nested->on && guest_cpl() == 0; }
MUST_CHECK enum verdict nested_refuses_fault(struct vcpu *v);		/* which of the two */

/* The same and that there is a current VMCS, which there is in VMX operation alone. */
static inline bool nested_has_current(const struct vcpu *v) { return v->nested && v->nested->current && guest_cpl() == 0; }
MUST_CHECK enum verdict nested_refuses_current(struct vcpu *v);		/* which of the three: VMfailInvalid is the last */

/* RESUME: neither; else the verdict. */
MUST_CHECK static inline enum verdict nested_refuses(struct vcpu *v)
{
	return nested_allows(v) ? RESUME : nested_refuses_fault(v);
}
MUST_CHECK enum verdict nested_refuses_mode(struct vcpu *v);	/* that by the mode */

/* ---- vpid.c ---- */

/*
 * The CPU's VPID for L2 with @vpid12, to be asked before every entry: another VPID12 may have got it meanwhile. 0 stands for a
 * VMCS12 with VPID off; who enters with that invalidates its translations at every entry and exit.
 */
u16 nested_vpid(struct vcpu *v, u16 vpid12);

/*
 * A transition between L1 and an L2 without VPID drops the translations of both: of each when it is to run again, nobody
 * uses them before.
 */
void nested_vpid_transition(bool to_l2);

/* L1's INVVPID, checked already. */
void nested_vpid_invalidate(struct vcpu *v, enum invvpid_kind kind, u16 vpid12, u64 linear);

/* ---- ept.c: EPT02 and what hardware may do with L1's pages ---- */

/* Lets go of c's EPT02; with the VMCS12 that is dropped, or before another EPTP. */
void nested_ept_put(struct nested_vmcs *c);

/* Held roots are all that can be in the way of new tables: those of this CPU's VMCS12s but the current one aren't needed now. */
void nested_ept_make_room(struct nested *n);

/*
 * The EPT pointer for VMCS02: EPT02's for c->eptp12, which has passed ept12_pointer_fault, or EPT01's while @c has EPT
 * off. Called last before every entry to L2: it flushes what this CPU may not use any more. 0, with which the entry fails: no
 * page even after nested_ept_make_room(); but the pool has room for more roots than all CPUs can hold (lib/ept_pool.h).
 */
u64 nested_ept_pointer(struct vcpu *v, struct nested_vmcs *c);

/* Where hardware may read, or read and write, L1's page at @page: a page of ones or a scratch page if it isn't L1's memory. */
u64 nested_page_to_read(u64 page);
u64 nested_page_to_write(u64 page);
u32 nested_pages_generation(void);	/* above 0; when it moves they may answer otherwise, and every CPU in L2 is kicked; */
extern volatile u32 nested_pages_moves;	/* the same for who has asked already */

/*
 * watch_move() for a page that L2 may write to: it loses that, and who gets it again counts as writing always. False: @w has
 * not moved.
 */
bool nested_watch(struct watch *w, const gpa1_t *page);

/*
 * An EPT violation of L2, who goes on with RESUME once it is filled. REFLECT: nested->exit has reason and qualification.
 * With VMCS02 current.
 */
enum verdict nested_ept_violation(struct vcpu *v);
enum verdict nested_ept_misconfigured(struct vcpu *v);		/* EPT02 itself: ours, and the end */

/* L1 may have mended what it was told of: then L2 needn't come back for it. Before nested_ept_pointer. */
void nested_ept_ahead(struct vcpu *v, struct nested_vmcs *c);

/* L1's INVEPT, checked already. */
void nested_ept_invalidate(struct vcpu *v, enum invept_kind kind, u64 eptp12);

#endif
