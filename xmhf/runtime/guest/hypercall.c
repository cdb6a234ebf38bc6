/* SPDX-License-Identifier: BSD-2-Clause */
/* VMCALL: the hypapp's numbers, the core's (xmhf/hypercall.h), and what a CPU does for the rest. */
#include <xmhf/hypercall.h>
#include "guest/exits.h"
#include "guest/memory.h"
#include "hypapp/hypapp.h"
#include "lib/string.h"
#include "machine/cost.h"
#include "machine/cpu_insn.h"
#include "machine/log.h"
#include "machine/machine.h"
#include "memory/pool.h"
#include "nested/l2_exits.h"
#include "nested/nested.h"
#include "nested/state.h"
#include "start/cpus.h"

u64 costs[XMHF_COSTS];

#define LOG_CHUNK	256u		/* bytes of text on our stack */

_Static_assert(XMHF_STAT_REASONS == EXIT_REASONS, "the counters are copied as they are");

struct core_call {
	struct vcpu *v;
	u64 buffer;			/* linear */
	u32 size;
	enum verdict verdict;		/* INJECT, and no register changed, when the buffer faults */
};

/* The buffer's @offset receives @length bytes; false: the fault of that is the verdict. */
static bool put(struct core_call *c, u32 offset, const void *from, u32 length)
{
	struct guest_fault fault;
	enum guest_access how = guest_write_linear(c->buffer + offset, from, length, &fault);

	if (how == GUEST_DONE)
		return true;
	c->verdict = guest_inject_fault(c->v, how, &fault);
	return false;
}

static void put_structure(struct core_call *c, const void *from, u32 size)
{
	u32 length = MIN(size, c->size);

	if (put(c, 0, from, length)) {
		c->v->regs.rcx = length;
		c->v->regs.rax = XMHF_CALL_OK;
	}
}

static void call_info(struct core_call *c)
{
	struct xmhf_stat_info info = {
		.version = XMHF_STAT_VERSION,
		.cpus = cpus_served(),
		.memory_base = machine.handoff.base,
		.memory_size = machine.handoff.size,
		.memory_free = pool_bytes_free(),
		.touches = guest_touches(),
	};

	str_copy(info.release, sizeof(info.release), XMHF_VERSION);
	put_structure(c, &info, sizeof(info));
}

static const u64 *exits_of(const struct vcpu *cpu, enum xmhf_exit_kind kind)
{
	const u64 *of[] = { cpu->exits, cpu->nested->exits_kept, cpu->nested->exits_reflected };

	return of[kind];
}

static void call_cpu(struct core_call *c)
{
	u32 index = (u32)c->v->regs.rbx, kind = (u32)c->v->regs.rdx;
	struct xmhf_stat_cpu stat;
	const struct vcpu *cpu;

	if (index >= cpus_served() || kind >= XMHF_EXIT_KINDS) {
		c->v->regs.rax = index >= cpus_served() ? XMHF_CALL_NO_SUCH_CPU : XMHF_CALL_NO_SUCH_KIND;
		return;
	}
	cpu = cpus_get(index);
	stat = (struct xmhf_stat_cpu){ cpu->index, cpu->apic_id, rdtsc(), cpu->root_ticks, cpu->init_ticks, { 0 } };
	memcpy(stat.exits, exits_of(cpu, (enum xmhf_exit_kind)kind), sizeof(stat.exits));
	put_structure(c, &stat, sizeof(stat));
}

static void call_cost(struct core_call *c)
{
	u64 now[XMHF_COSTS];

	memcpy(now, costs, sizeof(now));
	put_structure(c, now, sizeof(now));
}

/* In chunks, so registers are written when all of the text has reached the guest. */
static void call_log(struct core_call *c)
{
	union gprs *regs = &c->v->regs;
	u64 at = (u64)(u32)regs->rdx << 32 | (u32)regs->rcx;
	u32 want = MIN(c->size, PAGE_SIZE), done = 0;
	u64 lost = 0;
	char text[LOG_CHUNK];

	while (done < want) {
		u64 next = at, lost_here;
		u32 n = log_read(&next, text, MIN(want - done, LOG_CHUNK), &lost_here);

		if (done && lost_here)			/* a gap ends the text: the next call tells of it */
			break;
		if (!put(c, done, text, n))
			return;
		lost += lost_here;
		done += n;
		at = next;
		if (!n)
			break;
	}
	regs->rbx = done;
	regs->rcx = (u32)at;
	regs->rdx = (u32)(at >> 32);
	regs->rsi = (u32)MIN(lost, 0xffffffffull);
	regs->rax = XMHF_CALL_OK;
}

static void (*const calls[])(struct core_call *c) = {
	[XMHF_CALL_INFO - XMHF_CALL_CORE_FIRST] = call_info,
	[XMHF_CALL_CPU - XMHF_CALL_CORE_FIRST] = call_cpu,
	[XMHF_CALL_LOG - XMHF_CALL_CORE_FIRST] = call_log,
	[XMHF_CALL_COST - XMHF_CALL_CORE_FIRST] = call_cost,
};

/* Everything of a core call but the question whether there is one. */
static NOINLINE enum verdict serve(struct vcpu *v, u32 index)
{
	u64 wide = guest_code_bits() == 64 ? ~0ull : 0xffffffff;
	struct core_call c = { v, v->regs.rdi & wide, (u32)MIN(v->regs.rsi & wide, 0xffffffffull), ADVANCE };

	calls[index](&c);
	return c.verdict;
}

static enum verdict core_call(struct vcpu *v, u32 index)
{
	if (!machine.handoff.options.stat_user && guest_cpl() != 0)
		return nested_vmcall(v);
	if (index < ARRAY_SIZE(calls))
		return serve(v, index);
	v->regs.rax = XMHF_CALL_UNKNOWN;
	return ADVANCE;
}

static NOINLINE enum verdict hypapp_call(struct vcpu *v, u32 number)
{
	enum xmhf_result result = XMHF_CHAIN;

	if (number - XMHF_CALL_HYPAPP_FIRST <= XMHF_CALL_HYPAPP_LAST - XMHF_CALL_HYPAPP_FIRST)
		result = hypapp_hypercall(v, number);
	return result == XMHF_CHAIN ? nested_vmcall(v) : hypapp_verdict(v, result);
}

enum verdict l2_vmcall(struct vcpu *v)
{
	enum xmhf_result result = hypapp_hypercall(v, (u32)v->regs.rax);

	if (result != XMHF_CHAIN)
		return hypapp_verdict(v, result);
	return nested_reflect(v, EXIT_VMCALL, 0);
}

enum verdict guest_vmcall(struct vcpu *v)
{
	u32 number = (u32)v->regs.rax;

	if (number - XMHF_CALL_CORE_FIRST <= XMHF_CALL_CORE_LAST - XMHF_CALL_CORE_FIRST)
		return core_call(v, number - XMHF_CALL_CORE_FIRST);
	return hypapp_call(v, number);
}
