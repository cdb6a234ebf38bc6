/* SPDX-License-Identifier: BSD-2-Clause */
/* The hand-over as the secure loader may believe it: the loader that wrote it isn't trusted. */
#ifndef XMHF_LIB_HANDOFF_H
#define XMHF_LIB_HANDOFF_H

#include "lib/image.h"

/*
 * NULL when the runtime can rely on @h (at address @at), of the image at @base with a secure loader of @image_size bytes
 * and a runtime that takes @memory_size; else what is wrong. Everything that must be out of the guest's reach then lies
 * within the range, and no count leads out of its array.
 */
const char *handoff_problem(const struct handoff *h, u64 at, u64 base, u32 image_size, u32 memory_size);

#endif
