/* SPDX-License-Identifier: BSD-2-Clause */
/* A fault met while an event was being delivered (SDM vol. 3, 7.15, table 7-5). Pure. */
#ifndef GUEST_DOUBLE_FAULT_H
#define GUEST_DOUBLE_FAULT_H

#include "lib/types.h"

enum double_fault { FAULT_ALONE, FAULT_DOUBLE, FAULT_SHUTDOWN };

/* What becomes of fault @second met on the way that @vectoring (IDT-vectoring information) tells of. */
enum double_fault double_fault_of(u32 vectoring, u32 second);

#endif
