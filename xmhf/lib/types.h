/* SPDX-License-Identifier: BSD-2-Clause */
/* The project's types are those that hypapps see. */
#include "../include/xmhf/types.h"
