/* SPDX-License-Identifier: BSD-2-Clause */
/* IA32_VMX_EPT_VPID_CAP (48Ch, SDM A.10): what a CPU's EPT can do. */
#ifndef XMHF_LIB_EPT_CAPS_H
#define XMHF_LIB_EPT_CAPS_H

#include "lib/types.h"

#define EPT_CAP_EXECUTE_ONLY	BIT64(0)
#define EPT_CAP_4_LEVELS	BIT64(6)
#define EPT_CAP_POINTER_UC	BIT64(8)
#define EPT_CAP_POINTER_WB	BIT64(14)
#define EPT_CAP_2M		BIT64(16)
#define EPT_CAP_1G		BIT64(17)
#define EPT_CAP_INVEPT		BIT64(20)
#define EPT_CAP_ACCESSED_DIRTY	BIT64(21)
#define EPT_CAP_INVEPT_SINGLE	BIT64(25)
#define EPT_CAP_INVEPT_ALL	BIT64(26)

#endif
