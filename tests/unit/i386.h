/* SPDX-License-Identifier: BSD-2-Clause */
/* What follows is compiled as the i386 hypervisor is: natural width is 32 bits. Only for code that makes no pointer of a uptr. */
#ifndef TESTS_UNIT_I386_H
#define TESTS_UNIT_I386_H

#include "lib/types.h"

#pragma GCC diagnostic ignored "-Wpointer-to-int-cast"
#pragma GCC diagnostic ignored "-Wint-to-pointer-cast"
#define uptr u32

#endif
