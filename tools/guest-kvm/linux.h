/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linux without a C library, for small static programs of 32 and 64 bits: system calls and text on the standard output.
 */
#ifndef GUEST_KVM_LINUX_H
#define GUEST_KVM_LINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#ifdef __x86_64__
#define NR_WRITE		1
#define NR_OPEN			2
#define NR_CLOSE		3
#define NR_MMAP			9	/* its offset counts bytes */
#define NR_MUNMAP		11
#define NR_SIGACTION		13
#define NR_IOCTL		16
#define NR_SCHED_YIELD		24
#define NR_SETITIMER		38
#define NR_CLONE		56
#define NR_EXIT			60
#define NR_SCHED_SETAFFINITY	203
#else
#define NR_WRITE		4
#define NR_OPEN			5
#define NR_CLOSE		6
#define NR_MMAP			192	/* its offset counts pages */
#define NR_MUNMAP		91
#define NR_SIGACTION		174
#define NR_IOCTL		54
#define NR_SCHED_YIELD		158
#define NR_SETITIMER		104
#define NR_CLONE		120
#define NR_EXIT			1
#define NR_SCHED_SETAFFINITY	241
#endif

#define EINTR			4
#define PAGE			4096ul

/* A negative result is an error number. */
long syscall6(long number, long a, long b, long c, long d, long e, long f);
#define sys(number, ...)	sys_(number, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define sys_(n, a, b, c, d, e, f, ...)	syscall6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

void leave(int status) __attribute__((noreturn));
/* Zeroed pages, or what `fd` maps there; NULL if there are none. */
void *map(size_t size, int fd);
void unmap(void *at, size_t size);
/* SIGALRM after `microseconds`, once; all it does is to interrupt a system call. */
void alarm_after(long microseconds);
/* A thread on `stack_top` that runs f(argument); *running becomes 0 when it has ended. */
bool thread_start(void (*f)(void *), void *argument, u8 *stack_top, volatile u32 *running);
/* Whether this thread now runs on that CPU. */
bool run_on(unsigned cpu);

void say(const char *text);
void say_number(u64 value, u32 base);

int main(int argc, const char *const *argv);

#endif
