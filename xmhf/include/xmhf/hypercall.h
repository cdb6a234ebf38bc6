/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hypercalls as the guest makes them, in C for 32 and 64 bits. VMCALL with the number in EAX:
 *	0x4C415000 to 0x4C4150FF	the hypapp's, at any privilege
 *	0x4C415100 to 0x4C4151FF	the core's, listed here; at CPL 0, or at any with the option stat_user=1
 * Everything else is #UD, as on a CPU that isn't in VMX operation; so is a core call without the privilege.
 *
 * A core call answers its status in EAX. Buffers are given by linear address, and get the page faults that an
 * instruction's operand would get; all but EAX is unchanged then. Registers that aren't named stay as they are.
 */
#ifndef XMHF_HYPERCALL_H
#define XMHF_HYPERCALL_H

#include <stdint.h>

#define XMHF_CALL_HYPAPP_FIRST	0x4c415000u
#define XMHF_CALL_HYPAPP_LAST	0x4c4150ffu

/*
 * RDI: buffer of RSI bytes for a struct xmhf_stat_info. It gets as much of it as fits, ECX says how many
 * bytes: a guest that was built for an older hypervisor than it runs on knows the beginning, a newer one gets less.
 */
#define XMHF_CALL_INFO		0x4c415100u

/* The same for a struct xmhf_stat_cpu; EBX: which CPU, EDX: an enum xmhf_exit_kind. */
#define XMHF_CALL_CPU		0x4c415101u

/*
 * The log, from offset EDX:ECX on: up to RSI bytes of text (4096 at most) to RDI. Answers their number in EBX
 * (0: that was all), the offset behind them in EDX:ECX, and in ESI how many before them are lost.
 */
#define XMHF_CALL_LOG		0x4c415102u

/* The same for u64s by enum xmhf_cost: what all exits so far took, in a build with COUNT_OPS=1; zeros in others. */
#define XMHF_CALL_COST		0x4c415103u

#define XMHF_CALL_CORE_FIRST	0x4c415100u
#define XMHF_CALL_CORE_LAST	0x4c4151ffu

enum xmhf_call_status { XMHF_CALL_OK, XMHF_CALL_UNKNOWN, XMHF_CALL_NO_SUCH_CPU, XMHF_CALL_NO_SUCH_KIND };

/* CPUID leaf with the signature in EBX and ECX, and in EAX how many hypervisors of this kind are stacked. */
#define XMHF_CPUID_LEAF		0x46484d58u
#define XMHF_CPUID_EBX		0x46484d58u
#define XMHF_CPUID_ECX		0x52505648u

/* Exits of the guest, and of guests that it runs itself: those that end with us, and those that it gets to see. */
enum xmhf_exit_kind { XMHF_EXITS_L1, XMHF_EXITS_L2_KEPT, XMHF_EXITS_L2_REFLECTED, XMHF_EXIT_KINDS };

/* Exits, and instructions that we executed: VMREADs with VMWRITEs, INVEPTs with INVVPIDs, RDMSRs with WRMSRs. */
enum xmhf_cost { XMHF_COST_EXIT, XMHF_COST_FIELD, XMHF_COST_VMPTRLD, XMHF_COST_VMCLEAR, XMHF_COST_INVALIDATE, XMHF_COST_MSR, XMHF_COSTS };

#define XMHF_STAT_REASONS	80	/* exit reasons by the SDM's numbers (volume 3, appendix C) */
#define XMHF_STAT_VERSION	1

struct xmhf_stat_info {
	uint32_t version;		/* of these structures */
	uint32_t cpus;			/* that the guest has */
	char release[24];		/* "0.1", ended by a NUL */
	uint64_t memory_base;		/* what we took, in bytes */
	uint64_t memory_size;
	uint64_t memory_free;		/* of that */
	uint64_t touches;		/* of our memory by the guest */
};
_Static_assert(sizeof(struct xmhf_stat_info) == 64, "the same in 32 and 64 bits");

struct xmhf_stat_cpu {
	uint32_t index;
	uint32_t apic_id;
	uint64_t ticks;			/* the TSC now */
	uint64_t root_ticks;		/* ticks of it that were spent in exits */
	uint64_t init_ticks;		/* the longest exit by INIT */
	uint64_t exits[XMHF_STAT_REASONS];
};
_Static_assert(sizeof(struct xmhf_stat_cpu) == 32 + 8 * XMHF_STAT_REASONS, "the same in 32 and 64 bits");

#ifndef __ASSEMBLER__

/* Registers of a call. Pointers go into di as uintptr_t. */
struct xmhf_call { uintptr_t ax, bx, cx, dx, si, di; };

static inline void xmhf_vmcall(struct xmhf_call *c)
{
	__asm__ volatile("vmcall" : "+a"(c->ax), "+b"(c->bx), "+c"(c->cx), "+d"(c->dx), "+S"(c->si), "+D"(c->di)
			 : : "memory", "cc");
}

#endif
#endif
