/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The secure loader: the first code that may be trusted. It checks the runtime against the hash that the
 * build put into it, clears BSS, relocates, and hands over. The loader's word counts for nothing here: that the range in the
 * hand-over holds all of us is checked too.
 */
#include "lib/console.h"
#include "lib/handoff.h"
#include "lib/reloc.h"
#include "lib/string.h"

extern const u8 runtime_hash[SHA256_SIZE];	/* made by the build */

uptr sl_main(struct handoff *h, u8 *base);

#define die(...) console_die("secure loader", __VA_ARGS__)

static void relocate(u8 *runtime, const struct runtime_header *r)
{
	size_t size = r->relocations_end - r->relocations;
	enum reloc_result result;

	if (sizeof(uptr) == 8)
		result = reloc_apply64(runtime, r->memory_size, (uptr)runtime, (const void *)(runtime + r->relocations), size);
	else
		result = reloc_apply32(runtime, r->memory_size, (u32)(uptr)runtime, (const void *)(runtime + r->relocations), size);
	if (result != RELOC_OK)
		die("the runtime has a relocation that can't be applied (%d): rebuild it", result);
}

uptr sl_main(struct handoff *h, u8 *base)
{
	const struct image_header *image = (const void *)base;
	u8 *runtime = base + image->size;
	const struct runtime_header *r = (const void *)runtime;
	const char *problem = handoff_problem(h, (uptr)h, (uptr)base, image->size, r->memory_size);
	u8 digest[SHA256_SIZE];

	console_init(&h->options.serial, DEFAULT_VGA);
	if (problem)
		die("the loader's hand-over is damaged (%s): use the loader of the same build", problem);
	if (r->magic != RUNTIME_MAGIC || r->file_size > r->memory_size)
		die("the runtime's header is damaged");
	sha256(runtime, r->file_size, digest);
	if (memcmp(digest, runtime_hash, SHA256_SIZE))
		die("the runtime's SHA-256 is wrong: the image was changed after it was built");
	memset(runtime + r->file_size, 0, r->memory_size - r->file_size);
	relocate(runtime, r);
	return (uptr)runtime + r->entry;
}
