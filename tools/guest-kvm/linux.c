/* SPDX-License-Identifier: BSD-2-Clause */
/* See linux.h. */
#include "linux.h"

#define STDOUT			1
#define SIGALRM			14
#define SA_RESTORER_SIGINFO	0x04000004ul
#define PROT_READ_WRITE		3
#define MAP_SHARED		1
#define MAP_PRIVATE_ANONYMOUS	0x22
#define THREAD_FLAGS		0x00250f00l	/* memory, files, signals, thread group; 0 into *running at the end */
#define MICROSECONDS		1000000l

long syscall6(long number, long a, long b, long c, long d, long e, long f)
{
	long result;

#ifdef __x86_64__
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
#else
	long last[2] = { number, f };

	/* All registers are taken: the last argument and the number come through EAX's pointer. */
	__asm__ volatile("pushl %%ebp; movl 4(%%eax), %%ebp; movl (%%eax), %%eax; int $0x80; popl %%ebp"
			 : "=a"(result) : "0"(last), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
#endif
	return result;
}

void leave(int status)
{
	for (;;)
		sys(NR_EXIT, status);
}

void *map(size_t size, int fd)
{
	long at = sys(NR_MMAP, 0, size, PROT_READ_WRITE, fd < 0 ? MAP_PRIVATE_ANONYMOUS : MAP_SHARED, fd, 0);

	return at < 0 && at > -(long)PAGE ? NULL : (void *)at;
}

void unmap(void *at, size_t size)
{
	sys(NR_MUNMAP, at, size);
}

static void interrupted(int signal)
{
	(void)signal;
}

#ifdef __x86_64__
__asm__("from_signal: mov $15, %eax; syscall");
#else
__asm__("from_signal: mov $173, %eax; int $0x80");
#endif
void from_signal(void);

void alarm_after(long microseconds)
{
	struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		u64 mask;
	} action = { interrupted, SA_RESTORER_SIGINFO, from_signal, 0 };
	long timer[4] = { 0, 0, microseconds / MICROSECONDS, microseconds % MICROSECONDS };

	sys(NR_SIGACTION, SIGALRM, &action, 0, sizeof(action.mask));
	sys(NR_SETITIMER, 0, timer, 0);
}

struct beginning {	/* what a thread finds on its stack */
	void (*f)(void *);
	void *argument;
};

__attribute__((noreturn, used)) static void thread(struct beginning *b)
{
	b->f(b->argument);
	leave(0);
}

bool thread_start(void (*f)(void *), void *argument, u8 *stack_top, volatile u32 *running)
{
	struct beginning *b = (struct beginning *)(void *)(stack_top - 64);
	long id;

	*b = (struct beginning){ f, argument };
	*running = 1;
#ifdef __x86_64__
	register long r10 __asm__("r10") = (long)running;
	register long r8 __asm__("r8") = 0;

	__asm__ volatile("syscall; test %%rax, %%rax; jnz 1f; mov %%rsp, %%rdi; and $-16, %%rsp; call thread; 1:"
			 : "=a"(id) : "0"((long)NR_CLONE), "D"(THREAD_FLAGS), "S"(b), "d"(0l), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
#else
	__asm__ volatile("int $0x80; test %%eax, %%eax; jnz 1f; mov %%esp, %%eax; and $-16, %%esp; sub $12, %%esp;"
			 " push %%eax; call thread; 1:"
			 : "=a"(id) : "0"(NR_CLONE), "b"(THREAD_FLAGS), "c"(b), "d"(0), "S"(0), "D"(running) : "memory");
#endif
	return id > 0;
}

bool run_on(unsigned cpu)
{
	u64 mask = 1ull << cpu;

	return sys(NR_SCHED_SETAFFINITY, 0, sizeof(mask), &mask) >= 0;
}

static void write_all(const char *text, size_t length)
{
	while (length) {
		long n = sys(NR_WRITE, STDOUT, text, length);

		if (n <= 0)
			leave(2);
		text += n;
		length -= (size_t)n;
	}
}

void say(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	write_all(text, length);
}

/* By 16 bits at a time: 32-bit code has no 64-bit division without libgcc. Returns the rest. */
static u32 divide(u64 *value, u32 by)
{
	u64 quotient = 0;
	u32 rest = 0;

	for (int shift = 48; shift >= 0; shift -= 16) {
		u32 part = rest << 16 | (u32)(*value >> shift & 0xffff);

		quotient = quotient << 16 | part / by;
		rest = part % by;
	}
	*value = quotient;
	return rest;
}

void say_number(u64 value, u32 base)
{
	char digits[24];
	size_t at = sizeof(digits);

	do
		digits[--at] = "0123456789abcdef"[divide(&value, base)];
	while (value);
	write_all(digits + at, sizeof(digits) - at);
}

/* gcc makes calls of these, whatever it is told. */
void *memset(void *to, int value, size_t size);
void *memset(void *to, int value, size_t size)
{
	void *at = to;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(size) : "a"(value) : "memory");
	return to;
}

void *memcpy(void *to, const void *from, size_t size);
void *memcpy(void *to, const void *from, size_t size)
{
	void *at = to;

	__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(size) : : "memory");
	return to;
}

/* The stack as the kernel leaves it: argc, then argv. */
__attribute__((noreturn, used)) static void start(const long *stack)
{
	leave(main((int)stack[0], (const char *const *)(stack + 1)));
}

#ifdef __x86_64__
__asm__(".globl _start\n_start: mov %rsp, %rdi; and $-16, %rsp; call start; ud2");
#else
__asm__(".globl _start\n_start: mov %esp, %eax; and $-16, %esp; push %eax; push %eax; call start; ud2");
#endif
