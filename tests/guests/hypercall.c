/* SPDX-License-Identifier: BSD-2-Clause */
/* The core's hypercalls, and those that nobody answers. FACT user tells whether CPL 3 may call: as stat_user says. */
#include "vmcall.h"

#define BUFFER		0x800000u
#define PAGE		0x1000u
#define PTE_PW		3u
#define EXIT_CPUID	10
#define EXIT_VMCALL	18
#define ERROR_WRITE	2u

static __attribute__((aligned(4096))) volatile u32 table[1024];
static u8 *const buffer = (u8 *)BUFFER;
static u32 user_trap, user_status;

static u32 info_call(u32 at, u32 size) { return vmcall6(XMHF_CALL_INFO, 0, 0, 0, size, at).trap; }

static void information(void)
{
	struct xmhf_stat_info info;
	struct call c;

	memset(buffer, 0x55, 2 * sizeof(info));
	c = vmcall6(XMHF_CALL_INFO, 1, 2, 3, 2 * sizeof(info), BUFFER);
	memcpy(&info, buffer, sizeof(info));
	expect(c.trap == NO_TRAP && c.ax == XMHF_CALL_OK && c.cx == sizeof(info) && c.bx == 1 && c.dx == 3, "%u %u %u", c.trap, c.ax, c.cx);
	expect(buffer[sizeof(info)] == 0x55, "more was written");
	expect(info.version == XMHF_STAT_VERSION && info.cpus >= 1 && info.release[0] != 0, "version %u", info.version);
	expect(info.memory_base && info.memory_size && info.memory_free < info.memory_size && !info.touches, "base 0x%llx size 0x%llx",
	       info.memory_base, info.memory_size);
	memset(buffer, 0x55, sizeof(info));
	c = vmcall6(XMHF_CALL_INFO, 0, 0, 0, 6, BUFFER);
	expect(c.cx == 6 && buffer[5] != 0x55 && buffer[6] == 0x55, "a short buffer: %u", c.cx);
	*(volatile u32 *)(u32)info.memory_base = 1;
	info_call(BUFFER, sizeof(info));
	expect(((struct xmhf_stat_info *)buffer)->touches == 1, "a touch wasn't counted");
	kept("info", "what the hypervisor is and took is told, as much as the buffer holds");
}

static struct xmhf_stat_cpu *cpu_call(u32 cpu, u32 kind)
{
	struct call c = vmcall6(XMHF_CALL_CPU, cpu, 0, kind, PAGE, BUFFER);

	return c.ax == XMHF_CALL_OK && c.cx == sizeof(struct xmhf_stat_cpu) ? (struct xmhf_stat_cpu *)buffer : NULL;
}

static void counters(void)
{
	struct xmhf_stat_cpu *s = cpu_call(0, XMHF_EXITS_L1);
	u32 cpuids = s ? (u32)s->exits[EXIT_CPUID] : 0, calls = s ? (u32)s->exits[EXIT_VMCALL] : 0;
	u64 root = s ? s->root_ticks : 0;

	expect(s && s->index == 0 && root && root < s->ticks, "no counters");
	cpuid(0, 0);
	cpuid(1, 0);
	s = cpu_call(0, XMHF_EXITS_L1);
	expect(s && s->exits[EXIT_CPUID] == cpuids + 2 && s->exits[EXIT_VMCALL] == calls + 1 && s->root_ticks > root, "counters stand still");
	expect(vmcall6(XMHF_CALL_CPU, 99, 0, 0, PAGE, BUFFER).ax == XMHF_CALL_NO_SUCH_CPU, "CPU 99");
	expect(vmcall6(XMHF_CALL_CPU, 0, 0, 7, PAGE, BUFFER).ax == XMHF_CALL_NO_SUCH_KIND, "kind 7");
	kept("counters", "exits are counted by reason, and the ticks spent in them");
}

static void log_ring(void)
{
	struct call c = { .cx = 0, .dx = 0 };
	u32 length = 0, whole;
	const u8 *text = buffer;

	do {			/* in small pieces, then at once */
		c = vmcall6(XMHF_CALL_LOG, 0, c.cx, c.dx, 100, BUFFER + length);
		length += c.bx;
	} while (c.ax == XMHF_CALL_OK && c.bx);
	expect(c.cx == length && c.dx == 0 && !memcmp(text, "xmhf: ", 6) && text[length - 1] == '\n', "%u characters, offset %u", length, c.cx);
	whole = vmcall6(XMHF_CALL_LOG, 0, 0, 0, PAGE, BUFFER + 2 * PAGE).bx;
	expect(whole == length && !memcmp(buffer, buffer + 2 * PAGE, length), "%u at once", whole);
	c = vmcall6(XMHF_CALL_LOG, 0, 0xfffffff0, 0xffffffff, 100, BUFFER);
	expect(c.ax == XMHF_CALL_OK && c.bx == 0 && c.cx == length && c.dx == 0 && c.si == 0, "beyond the end: %u 0x%x", c.bx, c.cx);
	kept("log", "the log is read from any offset on, in pieces of any size");
}

static void faults(void)
{
	struct call c;
	u32 size = sizeof(struct xmhf_stat_info);

	paging_init();
	directory32[BUFFER >> 22] = (u32)table | PTE_PW;
	table[0] = BUFFER | PTE_PW;
	table[1] = 0;
	paging_32();
	memset(buffer + PAGE - 8, 0x55, 8);
	WRITE_CR(2, 0);
	c = vmcall6(XMHF_CALL_INFO, 0, 7, 0, size, BUFFER + PAGE - 8);
	expect(c.trap == PF_TRAP && this_cpu()->error == ERROR_WRITE && READ_CR(2) == BUFFER + PAGE, "trap %u CR2 0x%x", c.trap, READ_CR(2));
	expect(c.ax == XMHF_CALL_INFO && c.cx == 7 && buffer[PAGE - 8] == 0x55, "EAX 0x%x ECX %u", c.ax, c.cx);
	c = vmcall6(XMHF_CALL_LOG, 0, 3, 0, 100, BUFFER + PAGE);
	expect(c.trap == PF_TRAP && c.ax == XMHF_CALL_LOG && c.cx == 3, "trap %u", c.trap);
	expect(info_call(BUFFER, size) == NO_TRAP && table[0] & BIT(6), "a mapped buffer");
	paging_off();
	kept("faults", "a buffer that isn't mapped is a page fault, and nothing was done");
}

static void at_3(void)
{
	struct call c = vmcall6(XMHF_CALL_INFO, 0, 0, 0, sizeof(struct xmhf_stat_info), BUFFER);

	user_trap = c.trap;
	user_status = c.ax;
}

static void others(void)
{
	static const u32 numbers[] = { 0, 1, 0x4c414fff, 0x4c415200, 0x4c4150fe, 0xffffffff };

	for (u32 i = 0; i < ARRAY_SIZE(numbers); i++) {
		u32 eip_of_trap = vmcall(numbers[i], 1, 2, 3).trap;

		expect(eip_of_trap == UD_TRAP, "0x%x: trap %u", numbers[i], eip_of_trap);
	}
	expect(vmcall(XMHF_CALL_CORE_LAST, 0, 0, 0).ax == XMHF_CALL_UNKNOWN, "a core call that isn't there");
	kept("others", "every other VMCALL is #UD, as on a CPU that isn't in VMX operation");
	user_call(at_3);
	fact("user %s", user_trap == NO_TRAP && user_status == XMHF_CALL_OK ? "may" : user_trap == UD_TRAP ? "#UD" : "?");
}

void guest_main(void)
{
	information();
	counters();
	log_ring();
	faults();
	others();
	done();
}
