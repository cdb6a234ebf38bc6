/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What nested operations cost, as L1 sees it: TSC ticks (in Bochs, instructions), and what a hypervisor built to count
 * executed for them. A line for each:
 *	FACT bench NAME n ticks exits fields vmptrlds vmclears invalidations msrs
 * which are totals of n times; tests/bench/bench.py makes its table of them. Then
 *	FACT began NAME tick
 * by which tests/bench/profile.py finds it again.
 */
#include "ept.h"
#include "rounds.h"
#include "../../../xmhf/include/xmhf/hypercall.h"

#define PAGE		4096u
#define LARGE_PAGE	0x200000u
#define PAGES		512u			/* of a table */
#define N		2000u
#define REGIONS		16u
#define ROOTS		8u
#define SMALL_AT	0x40000000u		/* guest-physical, beyond the machine's memory: a table of 4 KiB pages each 2 MiB, */
#define SMALL_AD_AT	0x50000000u
#define RANDOM_AT	0x60000000u
#define ALONE_AT	0x70000000u
#define LARGE_AT	0x80000000u		/* 2 MiB pages, */
#define FIX_AT		0x90000000u		/* absent ones that L1 maps when they are touched, */
#define REMAP_AT	0xa0000000u
#define FAR_AT		0xc0000000u		/* and a GiB of which L2 has touched nothing */
#define WB_RWX		(EPT_RWX | EPT_WB)
#define VECTOR		0x40u
#define TRAP_GATE	(1ull << 40)		/* beside an interrupt gate's type */
#define GATE_QUADS	(L1_IS_64 ? 2 : 1)
#define CPUID_HYPERVISOR (1u << 31)		/* leaf 1, ECX: of any kind */
#define CALL_UNKNOWN	XMHF_CALL_CORE_LAST	/* answered at once: there is no such call */

#ifdef __x86_64__
#define BITS		64
#else
#define BITS		32
#endif
#define CODE_OF(name, bits, text) L2_CODE(name, bits, text)
#define CODE(name, text) CODE_OF(name, BITS, text)

CODE(code_cpuid,  "1: cpuid; jmp 1b");
CODE(code_vmcall, "1: vmcall; jmp 1b");
CODE(code_rdmsr,  "1: rdmsr; jmp 1b");
CODE(code_wrmsr,  "1: wrmsr; jmp 1b");
CODE(code_in,     "1: in $0x80, %al; jmp 1b");
CODE(code_out,    "1: out %al, $0x80; jmp 1b");
CODE(code_hlt,    "1: hlt; jmp 1b");
CODE(code_inject, "mov $0x1808000, %esp; cpuid");	/* also the handler of the interrupt, which comes at CPUID */
CODE(code_touch,  "1: mov %al, (%edi); add $4096, %edi; dec %ecx; jnz 1b; vmcall");
CODE(code_random, "1: lea 1(%eax, %eax, 4), %eax; and $511, %eax; mov %eax, %edx; shl $12, %edx; mov %al, (%edi, %edx);"
		  "dec %ecx; jnz 1b; vmcall");

static struct l2 l2, other;
static u64 eptp;
static u8 *buffer;			/* PAGES pages, on a large page */

/* ---- measuring ---- */

struct measure { u64 began; u32 ticks; u64 costs[XMHF_COSTS]; };

static void costs_now(u64 *costs)
{
	struct xmhf_call c = { .ax = XMHF_CALL_COST, .si = XMHF_COSTS * sizeof(u64), .di = (uptr)costs };

	if (on_us())
		xmhf_vmcall(&c);
}

static void begin(struct measure *m)
{
	*m = (struct measure){ 0 };
	costs_now(m->costs);
	m->began = rdtsc();
}

static struct measure end(const struct measure *from)
{
	static struct measure none;		/* what measuring itself takes */
	struct measure now = { .began = from->began, .ticks = (u32)(rdtsc() - from->began) };

	costs_now(now.costs);
	for (u32 i = 0; i < XMHF_COSTS; i++)
		now.costs[i] -= from->costs[i] + none.costs[i];
	now.ticks -= none.ticks;
	if (!none.ticks)
		none = now;
	return now;
}

static void tell(const char *name, u32 n, const struct measure *m)
{
	say("FACT bench %s %u %u", name, n, m->ticks);
	for (u32 i = 0; i < XMHF_COSTS; i++)
		say(" %u", (u32)m->costs[i]);
	say("\nFACT began %s %llx\n", name, m->began);
}

static void tell_difference(const char *name, u32 n, const struct measure *m, const struct measure *without)
{
	struct measure d = { .began = m->began, .ticks = m->ticks > without->ticks ? m->ticks - without->ticks : 0 };

	for (u32 i = 0; i < XMHF_COSTS; i++)
		d.costs[i] = m->costs[i] > without->costs[i] ? m->costs[i] - without->costs[i] : 0;
	tell(name, n, &d);
}

/* An instruction, which may change these registers, in a loop of three. */
#define MEASURE_CHANGING(changed, name, insn, ...) do {						\
	struct measure from_, m_;								\
	u32 n_ = N;										\
	begin(&from_);										\
	__asm__ volatile("1: " insn "; dec %0; jnz 1b" : "+r"(n_) : __VA_ARGS__ : changed, "memory", "cc"); \
	m_ = end(&from_);									\
	tell(name, N, &m_); } while (0)

#define MEASURE(name, insn, ...) MEASURE_CHANGING(R_AX, name, insn, __VA_ARGS__)

/* ---- L2 ---- */

static u32 expected, unexpected;	/* an exit reason, and how often it was another */

static void exit_is(u32 reason) { unexpected += vmread(EXIT_REASON) != reason; }

static u32 advance(void)
{
	uptr rip = vmread(GUEST_RIP);

	exit_is(expected);
	vmwrite(GUEST_RIP, rip + vmread(EXIT_INSTR_LEN));
	return 0;
}

static u32 again(void) { return 0; }

static struct measure rounds(u32 n, u32 (*each)(void))
{
	struct measure from;

	begin(&from);
	unexpected += l2_rounds(&l2, n, each);
	return end(&from);
}

static void tell_rounds(const char *name, u32 (*each)(void))
{
	struct measure m = rounds(10, each);		/* warm */

	m = rounds(N, each);
	tell(name, N, &m);
}

static void *ones(void) { return memset(page_take(), 0xff, PAGE); }

/* As hypervisors do: all that can be loaded and saved is, and bitmaps are in use. */
static void setup(struct l2 *l)
{
	static void *bitmap;

	if (!bitmap)
		bitmap = ones();
	l2_setup(l, L2_NATIVE, L2_WITH_EPT | L2_WITH_VPID);
	vmcs_on(EXIT_CTRLS, EXIT_SAVE_DEBUG | (ALLOWED1(TRUE_EXIT) & (EXIT_SAVE_PAT | EXIT_LOAD_PAT | EXIT_SAVE_EFER | EXIT_LOAD_EFER)));
	vmcs_on(ENTRY_CTRLS, ENTRY_LOAD_DEBUG | (ALLOWED1(TRUE_ENTRY) & (ENTRY_LOAD_PAT | ENTRY_LOAD_EFER)));
	vmcs_on(PRIMARY_CTRLS, PRIMARY_HLT | PRIMARY_MSR_BITMAPS | PRIMARY_IO_BITMAPS);
	vmcs_set(MSR_BITMAP, physical(bitmap));
	vmcs_set(IO_BITMAP_A, physical(bitmap));
	vmcs_set(IO_BITMAP_B, physical(bitmap));
}

/* L2 has made its first exit, by VMCALL, and goes on with this code. */
static void start(const u8 *code, const u8 *end_)
{
	setup(&l2);
	l2_code(&l2, code_vmcall, code_vmcall_end);
	(void)l2_rounds_setup(&l2);
	l2_code(&l2, code, end_);
	vmcs_set(GUEST_RIP, L2_CODE_AT);
}

/* ---- the operations ---- */

static const struct full { const char *name; const u8 *code, *end; u32 reason, cx; } fulls[] = {
	{ "cpuid_full",  code_cpuid,  code_cpuid_end,  EXIT_CPUID,  0 },
	{ "vmcall_full", code_vmcall, code_vmcall_end, EXIT_VMCALL, 0 },
	{ "rdmsr_full",  code_rdmsr,  code_rdmsr_end,  EXIT_RDMSR,  MSR_SYSENTER_CS },
	{ "wrmsr_full",  code_wrmsr,  code_wrmsr_end,  EXIT_WRMSR,  MSR_SYSENTER_CS },
	{ "io_in_full",  code_in,     code_in_end,     EXIT_IO,     0 },
	{ "io_out_full", code_out,    code_out_end,    EXIT_IO,     0 },
	{ "hlt_full",    code_hlt,    code_hlt_end,    EXIT_HLT,    0 },
};

static void full(const struct full *f)
{
	start(f->code, f->end);
	l2.cx = f->cx;
	expected = f->reason;
	tell_rounds(f->name, advance);
}

/* L1 writes a control on the way, as it does where it moves L2 to another CPU; L2's clock stays. */
static u32 advance_with_control(void)
{
	vmwrite(TSC_OFFSET, 0);
	return advance();
}

static void with_control(void)
{
	start(code_cpuid, code_cpuid_end);
	expected = EXIT_CPUID;
	tell_rounds("cpuid_full_tsc_offset", advance_with_control);
}

/* L1 writes segments and control registers on the way, as it does that loads host state for a hypervisor in its guest. */
static const u16 guest_state[] = {
#define OF_GUEST_SEG(encoding)	encoding,
#define OF_GUEST(encoding)
#define OF_CONTROL(encoding)
#define OF_HOST(encoding)
#define OF_EXIT_INFO(encoding)
#define FIELD(name, encoding, width, group, shadowed, exists) OF_##group(encoding)
#include "../../../xmhf/runtime/vmx/vmcs_fields.def"
#undef FIELD
	GUEST_CR0, GUEST_CR3, GUEST_CR4, GUEST_DR7,
};
static uptr guest_values[ARRAY_SIZE(guest_state)];

static u32 advance_with_guest_state(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(guest_state); i++)
		vmwrite(guest_state[i], guest_values[i]);
	return advance();
}

static void with_guest_state(void)
{
	start(code_cpuid, code_cpuid_end);
	expected = EXIT_CPUID;
	for (u32 i = 0; i < ARRAY_SIZE(guest_state); i++)
		guest_values[i] = vmread(guest_state[i]);
	tell_rounds("cpuid_full_guest_state", advance_with_guest_state);
}

/* Only what a VMCS must have; L2 has MSRs of L1's, and no VPID. */
static void plain(void)
{
	l2_setup(&l2, L2_NATIVE, 0);
	l2_code(&l2, code_cpuid, code_cpuid_end);
	(void)l2_rounds_setup(&l2);
	expected = EXIT_CPUID;
	tell_rounds("cpuid_full_plain", advance);
}

static u32 inject(void)
{
	vmwrite(ENTRY_INTR_INFO, EVENT(TYPE_EXTINT, VECTOR));
	exit_is(EXIT_CPUID);
	return 0;
}

static void injection(void)
{
	u64 *gate = (u64 *)(uptr)(L2_IDT + 8 * GATE_QUADS * VECTOR);

	start(code_inject, code_inject_end);
	*gate = (*gate & ~0xffff00000000ffffull) | TRAP_GATE | (L2_CODE_AT & 0xffff) | (u64)(L2_CODE_AT >> 16) << 48;
	vmcs_set(GUEST_RFLAGS, EFLAGS_IF | 2);
	tell_rounds("inject_extint_cpuid", inject);
}

/* What a guest does that is no hypervisor, in loops of five. */
static void l1_exits(void)
{
#define CHANGED	"eax", "ebx", "ecx", "edx"
	MEASURE_CHANGING(CHANGED, "l1_cpuid", "mov %1, %%eax; xor %%ecx, %%ecx; cpuid", "i"(0));
	MEASURE_CHANGING(CHANGED, "l1_cpuid_leaf1", "mov %1, %%eax; xor %%ecx, %%ecx; cpuid", "i"(1));
	if (cpuid(1, 0).ecx & CPUID_HYPERVISOR || on_us())	/* there is nobody to call else */
		MEASURE_CHANGING(CHANGED, "l1_vmcall", "mov %1, %%eax; xor %%ecx, %%ecx; vmcall", "i"(CALL_UNKNOWN));
#undef CHANGED
}

static void fields(void)
{
	static const struct { const char *name; u16 field; } read[] = {
		{ "vmread_exit_reason", EXIT_REASON }, { "vmread_guest_rip", GUEST_RIP }, { "vmread_guest_efer", GUEST_EFER },
		{ "vmread_guest_ds_base", GUEST_DS_BASE }, { "vmread_host_rip", HOST_RIP },
	}, write[] = {
		{ "vmwrite_guest_rip", GUEST_RIP }, { "vmwrite_entry_intr_info", ENTRY_INTR_INFO }, { "vmwrite_tsc_offset", TSC_OFFSET },
		{ "vmwrite_host_rsp", HOST_RSP }, { "vmwrite_eptp", EPTP },
	};

	for (u32 i = 0; i < ARRAY_SIZE(read); i++)
		MEASURE(read[i].name, "vmread %1, %%" R_AX, "r"((uptr)read[i].field));
	for (u32 i = 0; i < ARRAY_SIZE(write); i++)
		MEASURE(write[i].name, "vmwrite %2, %1", "r"((uptr)write[i].field), "r"(vmread(write[i].field)));
}

static void invalidations(void)
{
	struct invalidation ept = { eptp, 0 }, vpid = { 1, 0 };

	MEASURE("invept_single", "invept %1, %2", "m"(ept), "r"((uptr)1));
	MEASURE("invvpid_single", "invvpid %1, %2", "m"(vpid), "r"((uptr)1));
}

/* ---- EPT ---- */

static u32 next_at, step, touches;	/* where L2 touches @touches pages next, and how much further the time after */
static uptr roots[ROOTS];
static u32 root_index;

static u32 touch_next(void)
{
	exit_is(EXIT_VMCALL);
	l2.di = next_at += step;
	l2.cx = touches;
	vmwrite(GUEST_RIP, L2_CODE_AT);
	return 0;
}

static u32 touch_with_next_root(void)
{
	vmwrite(EPTP, roots[root_index++ % ROOTS]);
	return touch_next();
}

static u32 touch_after_invept(void)
{
	struct invalidation d = { eptp, 0 };

	__asm__ volatile("invept %0, %1" : : "m"(d), "r"((uptr)1) : "cc", "memory");
	return touch_next();
}

/* The first round ends before L2 touches anything but @at: it is where all begin. */
static void touch_begin(u32 at, u32 step_, u32 count)
{
	l2.ax = 0;
	l2.di = ALONE_AT;		/* somewhere, once */
	l2.cx = 1;
	vmcs_set(GUEST_RIP, L2_CODE_AT);
	next_at = at - step_;
	step = step_;
	touches = count;
	unexpected += l2_rounds(&l2, 1, touch_next);
}

static void touch(const char *name, u32 at, u32 n)
{
	struct measure m;

	touch_begin(at, LARGE_PAGE, PAGES);
	m = rounds(REGIONS, touch_next);
	tell(name, n, &m);
}

/* One page in each region, and the same once more. */
static void touch_alone(void)
{
	struct measure cold, warm;

	touch_begin(ALONE_AT + LARGE_PAGE, LARGE_PAGE, 1);
	cold = rounds(REGIONS - 1, touch_next);
	touch_begin(ALONE_AT + LARGE_PAGE, LARGE_PAGE, 1);
	warm = rounds(REGIONS - 1, touch_next);
	tell_difference("ept_first_touch_4k_alone", REGIONS - 1, &cold, &warm);
}

static void touch_far(void)
{
	struct measure cold, warm;

	for (u32 i = 0; i < ROOTS; i++) {
		roots[i] = (uptr)ept_new();
		ept_identity(roots[i]);
		for (u32 page = 0; page < PAGES; page++)
			ept_map(roots[i], FAR_AT + page * PAGE, physical(buffer) + page * PAGE, EPT_4K, WB_RWX);
	}
	touch_begin(SMALL_AT, 0, 1);
	(void)rounds(ROOTS, touch_with_next_root);	/* all that L2 has beside */
	next_at = FAR_AT;
	unexpected += l2_rounds(&l2, 1, touch_with_next_root);
	cold = rounds(ROOTS, touch_with_next_root);
	warm = rounds(ROOTS, touch_with_next_root);
	vmcs_set(EPTP, eptp);
	tell_difference("ept_first_touch_4k_alone_far", ROOTS, &cold, &warm);
}

static volatile u64 *remap_table;
static u32 remapped;

static u32 remap(void)
{
	struct invalidation d = { eptp, 0 };
	u32 page = ++remapped % PAGES;

	exit_is(EXIT_VMCALL);
	remap_table[page] ^= PAGE;
	__asm__ volatile("invept %0, %1" : : "m"(d), "r"((uptr)1) : "cc", "memory");
	l2.di = REMAP_AT + page * PAGE;
	l2.cx = 1;
	vmwrite(GUEST_RIP, L2_CODE_AT);
	return 0;
}

static u32 fix(void)
{
	uptr at = vmread(GUEST_PHYSICAL_ADDR);

	exit_is(EXIT_EPT_VIOLATION);
	*ept_entry(eptp, at, EPT_4K) = physical(buffer) | WB_RWX;
	return 0;
}

static u32 fix_invept(void)
{
	struct invalidation d = { eptp, 0 };

	(void)fix();
	__asm__ volatile("invept %0, %1" : : "m"(d), "r"((uptr)1) : "cc", "memory");
	return 0;
}

static void violations(const char *name, u32 at, u32 (*each)(void))
{
	struct measure m;

	l2.di = at;
	l2.cx = 4 * PAGES;
	vmcs_set(GUEST_RIP, L2_CODE_AT);
	m = rounds(4, each);
	m = rounds(2 * PAGES, each);
	tell(name, 2 * PAGES, &m);
}

static void map_small(u64 root, u32 at)
{
	for (u32 page = 0; page < REGIONS * PAGES; page++)
		ept_map(root, at + page * PAGE, physical(buffer) + page % PAGES * PAGE, EPT_4K, WB_RWX);
}

static void map(void)
{
	map_small(eptp, SMALL_AT);
	map_small(eptp, SMALL_AD_AT);
	map_small(eptp, RANDOM_AT);
	map_small(eptp, ALONE_AT);
	map_small(eptp, REMAP_AT);
	for (u32 i = 0; i < REGIONS; i++)
		ept_map(eptp, LARGE_AT + i * LARGE_PAGE, physical(buffer), EPT_2M, WB_RWX);
	for (u32 page = 0; page < REGIONS * PAGES; page++)
		*ept_entry(eptp, FIX_AT + page * PAGE, EPT_4K) = 0;
	remap_table = ept_entry(eptp, REMAP_AT, EPT_4K);
}

static void ept(void)
{
	struct measure m;

	map();
	(void)vmx_invept(2, 0);
	start(code_touch, code_touch_end);
	touch("ept_first_touch_4k_per_page", SMALL_AT, REGIONS * PAGES);
	touch("ept_first_touch_2m_per_region", LARGE_AT, REGIONS);
	touch_begin(SMALL_AT, 0, PAGES);
	m = rounds(REGIONS, touch_after_invept);
	tell("ept_touch_after_invept_per_page", REGIONS * PAGES, &m);
	touch_alone();
	touch_begin(REMAP_AT, 0, PAGES);
	(void)rounds(2, touch_next);
	m = rounds(10, remap);
	m = rounds(PAGES, remap);
	tell("remap1_invept_touch_total", PAGES, &m);
	violations("ept_violation_fix", FIX_AT, fix);
	violations("ept_violation_fix_invept", FIX_AT + 8 * LARGE_PAGE, fix_invept);
	start(code_random, code_random_end);
	touch("ept_first_touch_4k_random_per_page", RANDOM_AT, REGIONS * PAGES);
	start(code_touch, code_touch_end);
	if (CAP(EPT_VPID) & EPT_CAP_AD) {
		vmcs_set(EPTP, eptp | EPTP_AD);
		touch("ept_first_touch_4k_ad_per_page", SMALL_AD_AT, REGIONS * PAGES);
		vmcs_set(EPTP, eptp);
	}
	touch_far();
}

/* ---- VMCSs ---- */

static u64 regions[2];
static bool launched[2];
static u32 turn;			/* which is current; or how many are still to be cleared */

static u32 clear_and_load(void)
{
	if (--turn == 0)
		return 0;
	__asm__ volatile("vmclear %0; vmptrld %0" : : "m"(regions[0]) : "cc", "memory");
	return 1;
}

static u32 switch_over(void)
{
	bool launch;

	turn ^= 1;
	__asm__ volatile("vmptrld %0" : : "m"(regions[turn]) : "cc", "memory");
	launch = !launched[turn];
	launched[turn] = true;
	return launch;
}

static void vmcss(void)
{
	struct measure m;

	start(code_vmcall, code_vmcall_end);
	regions[0] = physical(l2.vmcs);
	tell_rounds("vmcall_bare", again);		/* without a handler of L1's */
	m = rounds(turn = 10, clear_and_load);
	m = rounds(turn = N, clear_and_load);
	tell("vmclear_vmptrld_vmlaunch", N, &m);
}

static void switching(void)
{
	setup(&other);
	l2_code(&other, code_vmcall, code_vmcall_end);
	turn = 0;
	(void)l2_rounds_setup(&other);
	start(code_vmcall, code_vmcall_end);
	regions[0] = physical(l2.vmcs);
	regions[1] = physical(other.vmcs);
	launched[0] = launched[1] = true;
	tell_rounds("vmptrld_resume_switch", switch_over);
}

void guest_main(void)
{
	struct measure nothing;

	if (!l1_begin())
		return;
	vmx_enable();
	begin(&nothing);
	nothing = end(&nothing);
	l1_exits();
	buffer = pages_take(2 * PAGES);
	buffer = (u8 *)(((uptr)buffer + LARGE_PAGE - 1) & ~(uptr)(LARGE_PAGE - 1));
	start(code_vmcall, code_vmcall_end);
	eptp = l2.eptp;
	for (u32 i = 0; i < ARRAY_SIZE(fulls); i++)
		full(&fulls[i]);
	fields();
	with_control();
	with_guest_state();
	plain();
	injection();
	invalidations();
	vmcss();
	switching();
	ept();
	promise(unexpected == 0, "exits", "all exits were those that were measured");
	vmx_disable();
}
