/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The integer types of the project and the four kinds of physical address.
 * An address kind is a struct so that mixing two of them doesn't compile.
 */
#ifndef XMHF_TYPES_H
#define XMHF_TYPES_H

/* Everything is in one image: nobody needs a GOT, not even for what the linker script defines. */
#if !__STDC_HOSTED__
#pragma GCC visibility push(hidden)
#endif

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;	/* %llu in both widths */
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef long long s64;
typedef uintptr_t uptr;		/* as wide as a pointer: natural width of VMCS fields too */

typedef struct { u64 at; } hpa_t;	/* host physical: what the CPU below us drives onto the bus */
typedef struct { u64 at; } gpa1_t;	/* L1 physical: what our guest calls physical */
typedef struct { u64 at; } gpa2_t;	/* L2 physical */
typedef struct { u64 at; } gla_t;	/* linear address of whichever guest runs */

#define PAGE_SHIFT	12
#define PAGE_SIZE	4096u
#define PAGE_MASK	4095u
#define SIZE_2M		(1ull << 21)
#define SIZE_1G		(1ull << 30)
#define SIZE_4G		(1ull << 32)

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define BIT(n)		(1u << (n))
#define BIT64(n)	(1ull << (n))
#define MIN(a, b)	((a) < (b) ? (a) : (b))
#define MAX(a, b)	((a) > (b) ? (a) : (b))

#define PACKED		__attribute__((packed))
#define MUST_CHECK	__attribute__((warn_unused_result))
#define NORETURN	__attribute__((noreturn))
#define ALWAYS_INLINE	inline __attribute__((always_inline))
#define NOINLINE	__attribute__((noinline))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* @align is a power of two. */
static inline u64 round_down(u64 x, u64 align) { return x & ~(align - 1); }
static inline u64 round_up(u64 x, u64 align) { return (x + align - 1) & ~(align - 1); }

#endif
