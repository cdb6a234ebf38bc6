/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes behind the runtime that the secure loader uses: six tables, four pages of stack. */
#define SCRATCH_SIZE	0xa000
#define IMAGE_SIZE		12	/* offset in struct image_header */
#define RUNTIME_MEMORY_SIZE	8	/* offset in struct runtime_header */
