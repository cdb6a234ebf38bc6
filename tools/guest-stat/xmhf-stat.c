/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xmhf-stat: what the hypervisor below this Linux tells of itself.
 *	xmhf-stat		version, memory, exits by reason and ticks in root mode of each CPU, and exits of guests
 *				that this Linux runs itself, kept by the hypervisor or reflected to this Linux
 *	xmhf-stat log		its log
 * The hypervisor answers user programs only with the option stat_user=1. Static and without a C library, so that it
 * can be built for 32 and 64 bits alike and runs in any initramfs.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xmhf/hypercall.h>

#define STDOUT		1
#define STDERR		2
#define SIGILL		4
#define SA_RESTORER	0x04000000ul
#define LOG_PIECE	4096u
#define NAME_WIDTH	24u

#ifdef __x86_64__
#define NR_WRITE	1
#define NR_EXIT		60
#define NR_SIGACTION	13
#else
#define NR_WRITE	4
#define NR_EXIT		1
#define NR_SIGACTION	174
#endif

/* SDM volume 3, appendix C. */
static const char *const reasons[XMHF_STAT_REASONS] = {
	[0] = "exception or NMI", "external interrupt", "triple fault", "INIT", "SIPI", "I/O SMI", "other SMI",
	"interrupt window", "NMI window", "task switch", "CPUID", "GETSEC", "HLT", "INVD", "INVLPG", "RDPMC", "RDTSC", "RSM",
	"VMCALL", "VMCLEAR", "VMLAUNCH", "VMPTRLD", "VMPTRST", "VMREAD", "VMRESUME", "VMWRITE", "VMXOFF", "VMXON",
	"control registers", "debug registers", "I/O", "RDMSR", "WRMSR", "bad guest state", "bad MSR load",
	[36] = "MWAIT", "monitor trap flag", [39] = "MONITOR", "PAUSE", "machine check at entry", [43] = "TPR threshold", "APIC access",
	"virtual EOI", "GDTR or IDTR", "LDTR or TR", "EPT violation", "EPT misconfiguration", "INVEPT", "RDTSCP",
	"preemption timer", "INVVPID", "WBINVD", "XSETBV", "APIC write", "RDRAND", "INVPCID", "VMFUNC", "ENCLS", "RDSEED",
	"page-modification log", "XSAVES", "XRSTORS", "PCONFIG", "sub-page permission", "UMWAIT", "TPAUSE", "LOADIWKEY",
};

/* ---- Linux ---- */

static long syscall4(long number, long a, long b, long c, long d)
{
	long result;

#ifdef __x86_64__
	register long r10 __asm__("r10") = d;

	__asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
#else
	__asm__ volatile("int $0x80" : "=a"(result) : "0"(number), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
#endif
	return result;
}

static void leave(int status) __attribute__((noreturn));
static void leave(int status)
{
	for (;;)
		syscall4(NR_EXIT, status, 0, 0, 0);
}

static void write_all(int to, const char *text, size_t length)
{
	while (length) {
		long n = syscall4(NR_WRITE, to, (long)text, (long)length, 0);

		if (n <= 0)
			leave(1);
		text += n;
		length -= (size_t)n;
	}
}

static size_t length_of(const char *text)
{
	size_t n = 0;

	while (text[n])
		n++;
	return n;
}

static void fail(const char *why) __attribute__((noreturn));
static void fail(const char *why)
{
	write_all(STDERR, "xmhf-stat: ", 11);
	write_all(STDERR, why, length_of(why));
	write_all(STDERR, "\n", 1);
	leave(1);
}

static void refused(int signal)
{
	(void)signal;
	fail("the hypervisor doesn't answer user programs: boot it with stat_user=1");
}

static void never_returns(void) { }

/* The handler never returns, but the kernel wants to know how it would. */
static void catch_refusal(void)
{
	struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} action = { refused, SA_RESTORER, never_returns, 0 };

	syscall4(NR_SIGACTION, SIGILL, (long)&action, 0, sizeof(action.mask));
}

/* ---- text ---- */

static void say(const char *text) { write_all(STDOUT, text, length_of(text)); }

/* By 16 bits at a time: 32-bit code has no 64-bit division without libgcc. Returns the rest. */
static uint32_t divide(uint64_t *value, uint32_t by)
{
	uint64_t quotient = 0;
	uint32_t rest = 0;

	for (int shift = 48; shift >= 0; shift -= 16) {
		uint32_t part = rest << 16 | (uint32_t)(*value >> shift & 0xffff);

		quotient = quotient << 16 | part / by;
		rest = part % by;
	}
	*value = quotient;
	return rest;
}

static void say_number(uint64_t value, uint32_t base, size_t width)
{
	char digits[24];
	size_t at = sizeof(digits);

	do
		digits[--at] = "0123456789abcdef"[divide(&value, base)];
	while (value);
	while (sizeof(digits) - at < width)
		digits[--at] = ' ';
	write_all(STDOUT, digits + at, sizeof(digits) - at);
}

static void line(const char *name, uint64_t value)
{
	say("  ");
	say(name);
	for (size_t n = length_of(name); n < NAME_WIDTH; n++)
		say(" ");
	say_number(value, 10, 16);
	say("\n");
}

/* ---- hypercalls ---- */

static bool present(void)
{
	uint32_t eax = XMHF_CPUID_LEAF, ebx, ecx = 0, edx;

	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return ebx == XMHF_CPUID_EBX && ecx == XMHF_CPUID_ECX;
}

static void call(struct xmhf_call *c)
{
	xmhf_vmcall(c);
	if ((uint32_t)c->ax != XMHF_CALL_OK)
		fail("the hypervisor refuses a call: is it older than this program?");
}

static struct xmhf_stat_cpu *ask_cpu(uint32_t index, enum xmhf_exit_kind kind)
{
	static struct xmhf_stat_cpu cpu;
	struct xmhf_call c = { XMHF_CALL_CPU, index, 0, kind, sizeof(cpu), (uintptr_t)&cpu };

	call(&c);
	return &cpu;
}

static void show_exits(const struct xmhf_stat_cpu *cpu, const char *all)
{
	uint64_t exits = 0;

	for (uint32_t i = 0; i < XMHF_STAT_REASONS; i++) {
		exits += cpu->exits[i];
		if (cpu->exits[i])
			line(reasons[i] ? reasons[i] : "?", cpu->exits[i]);
	}
	line(all, exits);
}

static void show_cpu(uint32_t index)
{
	const struct xmhf_stat_cpu *cpu = ask_cpu(index, XMHF_EXITS_L1);

	say("CPU ");
	say_number(index, 10, 1);
	say(" (APIC id ");
	say_number(cpu->apic_id, 10, 1);
	say(")\n");
	line("ticks", cpu->ticks);
	line("ticks in root mode", cpu->root_ticks);
	show_exits(cpu, "exits");
	show_exits(ask_cpu(index, XMHF_EXITS_L2_KEPT), "exits of L2, kept");
	show_exits(ask_cpu(index, XMHF_EXITS_L2_REFLECTED), "exits of L2, reflected");
}

static void show(void)
{
	static struct xmhf_stat_info info;
	struct xmhf_call c = { XMHF_CALL_INFO, 0, 0, 0, sizeof(info), (uintptr_t)&info };

	call(&c);
	say("XMHF ");
	say(info.release);
	say(" at 0x");
	say_number(info.memory_base, 16, 1);
	say("\n");
	line("bytes taken", info.memory_size);
	line("bytes of them free", info.memory_free);
	line("touches by the guest", info.touches);
	for (uint32_t i = 0; i < info.cpus; i++)
		show_cpu(i);
}

static void show_log(void)
{
	static char text[LOG_PIECE];
	uint32_t low = 0, high = 0;

	for (;;) {
		struct xmhf_call c = { XMHF_CALL_LOG, 0, low, high, sizeof(text), (uintptr_t)text };

		call(&c);
		if (!c.bx)
			return;
		if (c.si)
			say("[older lines are lost]\n");
		write_all(STDOUT, text, c.bx);
		low = (uint32_t)c.cx;
		high = (uint32_t)c.dx;
	}
}

/* The stack as the kernel leaves it: argc, then argv. */
__attribute__((noreturn, used)) static void start(const long *stack)
{
	const char *const *arguments = (const char *const *)(stack + 1);
	long count = stack[0];
	bool log = count == 2 && length_of(arguments[1]) == 3 && arguments[1][0] == 'l' && arguments[1][1] == 'o' && arguments[1][2] == 'g';

	if (count > 1 && !log)
		fail("usage: xmhf-stat [log]");
	if (!present())
		fail("this machine doesn't run on XMHF");
	catch_refusal();
	if (log)
		show_log();
	else
		show();
	leave(0);
}

#ifdef __x86_64__
__asm__(".globl _start\n_start: mov %rsp, %rdi; and $-16, %rsp; call start; ud2");
#else
__asm__(".globl _start\n_start: mov %esp, %eax; and $-16, %esp; push %eax; push %eax; call start; ud2");
#endif
