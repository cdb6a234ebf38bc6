/* SPDX-License-Identifier: BSD-2-Clause */
/* The core's services for memory: rights, bytes, pages. */
#include <xmhf/core.h>
#include "guest/memory.h"
#include "hypapp/heap.h"
#include "hypapp/hypapp.h"
#include "memory/ept01.h"
#include "memory/pool.h"

_Static_assert((int)XMHF_R == EPT_R && (int)XMHF_W == EPT_W && (int)XMHF_X == EPT_X, "rights are EPT's");
_Static_assert((int)XMHF_DONE == GUEST_DONE && (int)XMHF_PAGE_FAULT == GUEST_PAGE_FAULT &&
	       (int)XMHF_NOT_CANONICAL == GUEST_NOT_CANONICAL && (int)XMHF_FORBIDDEN == GUEST_FORBIDDEN, "ends are memory.h's");

/* ---- rights ---- */

static struct xmhf_flush debt(struct flush owed) { return (struct xmhf_flush){ owed.ept, owed.failed }; }
static struct flush debt_in(struct xmhf_flush owed) { return (struct flush){ owed.owed, owed.failed }; }

struct xmhf_flush xmhf_protect(gpa1_t from, u64 length, enum xmhf_rights rights)
{
	struct flush owed;

	lock_take(&ept01_lock);
	owed = ept_protect(&ept01, from, length, (enum ept_rights)rights);
	if (length && !owed.failed)
		ept01_changed(from, length);
	lock_drop(&ept01_lock);
	return debt(owed);
}

struct xmhf_flush xmhf_unprotect(gpa1_t from, u64 length)
{
	struct flush owed;

	lock_take(&ept01_lock);
	owed = ept_unprotect(&ept01, from, length);
	if (length && !owed.failed)
		ept01_changed(from, length);
	lock_drop(&ept01_lock);
	return debt(owed);
}

struct xmhf_flush xmhf_flush_join(struct xmhf_flush a, struct xmhf_flush b)
{
	return debt(flush_join(debt_in(a), debt_in(b)));
}

bool xmhf_flush_discharge(struct xmhf_flush *owed)
{
	struct flush now = debt_in(*owed);

	lock_take(&ept01_lock);
	flush_discharge(&now);
	lock_drop(&ept01_lock);
	*owed = debt(now);
	return !owed->failed;
}

enum xmhf_rights xmhf_rights(gpa1_t at)
{
	struct ept_leaf leaf;
	bool mapped;

	lock_take(&ept01_lock);
	mapped = ept_lookup(&ept01, at, &leaf);
	lock_drop(&ept01_lock);
	return mapped ? (enum xmhf_rights)leaf.rights : XMHF_RWX;	/* mapped at its first use */
}

/* ---- bytes ---- */

bool xmhf_read_physical(gpa1_t at, void *to, size_t length) { return guest_read_physical(at, to, length); }
bool xmhf_write_physical(gpa1_t at, const void *from, size_t length) { return guest_write_physical(at, from, length); }

static enum xmhf_access outcome(enum guest_access how, const struct guest_fault *seen, struct xmhf_page_fault *fault)
{
	if (how == GUEST_PAGE_FAULT)
		*fault = (struct xmhf_page_fault){ { seen->linear }, seen->error_code };
	return (enum xmhf_access)how;
}

enum xmhf_access xmhf_read_linear(struct vcpu *v, gla_t at, void *to, size_t length, struct xmhf_page_fault *fault)
{
	struct guest_fault seen;

	(void)v;
	return outcome(guest_read_linear(at.at, to, length, &seen), &seen, fault);
}

enum xmhf_access xmhf_write_linear(struct vcpu *v, gla_t at, const void *from, size_t length,
				   struct xmhf_page_fault *fault)
{
	struct guest_fault seen;

	(void)v;
	return outcome(guest_write_linear(at.at, from, length, &seen), &seen, fault);
}

enum xmhf_access xmhf_translate(struct vcpu *v, gla_t at, struct xmhf_translation *to, struct xmhf_page_fault *fault)
{
	struct walk_result result;
	struct guest_fault seen;
	enum guest_access how = guest_translate(at.at, &result, &seen);

	(void)v;
	if (how == GUEST_DONE)
		*to = (struct xmhf_translation){ { result.gpa }, result.page_size, result.writable, result.user_page,
						 result.executable };
	return outcome(how, &seen, fault);
}

/* ---- the hypapp's own ---- */

void *xmhf_page(void) { return pool_page(); }
void xmhf_page_free(void *page) { pool_free(page); }
void *xmhf_alloc(size_t size) { return heap_alloc(size); }
void xmhf_free(void *what) { heap_free(what); }
