/* SPDX-License-Identifier: BSD-2-Clause */
/* The core's services for memory: rights, bytes, pages. */
#include <xmhf/core.h>
#include "guest/memory.h"
#include "hypapp/heap.h"
#include "hypapp/hypapp.h"
#include "memory/ept01.h"
#include "memory/pool.h"
#include "nested/nested.h"

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
	ept01_restricted = true;
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

bool xmhf_read_physical(gpa1_t at, void *to, size_t length) { return guest_peek(at, to, length); }
bool xmhf_write_physical(gpa1_t at, const void *from, size_t length) { return guest_poke(at, from, length); }

typedef bool (*piece_action)(gpa1_t at, void *data, size_t length);

static bool is_there(gpa1_t at, void *unused, size_t length)
{
	(void)unused;
	return guest_has_physical(at, length);
}

static bool write_piece(gpa1_t at, void *from, size_t length) { return guest_poke(at, from, length); }

static bool each_page_of_l2(struct vcpu *v, gpa2_t at, size_t length, enum ept_rights rights, piece_action action, u8 *data)
{
	while (length) {
		size_t piece = MIN(length, PAGE_SIZE - (size_t)(at.at & PAGE_MASK));
		u64 to = at.at;

		if (!nested_translate(v, &to, rights) || !action((gpa1_t){ to }, data, piece))
			return false;
		at.at += piece;
		data += piece;
		length -= piece;
	}
	return true;
}

/* All pages are tried before anything is done. */
static bool access_l2(struct vcpu *v, gpa2_t at, size_t length, enum ept_rights rights, piece_action action, void *data)
{
	return v->in_l2 && each_page_of_l2(v, at, length, rights, is_there, data) &&
	       each_page_of_l2(v, at, length, rights, action, data);
}

bool xmhf_read_physical_l2(struct vcpu *v, gpa2_t at, void *to, size_t length)
{
	return access_l2(v, at, length, EPT_R, guest_peek, to);
}

bool xmhf_write_physical_l2(struct vcpu *v, gpa2_t at, const void *from, size_t length)
{
	return access_l2(v, at, length, EPT_W, write_piece, (void *)(uptr)from);
}

bool xmhf_translate_l2(struct vcpu *v, gpa2_t at, gpa1_t *to)
{
	struct nested_place place;

	if (!v->in_l2 || !nested_look(v, at, &place))
		return false;
	*to = place.at;
	return true;
}

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
	struct nested_place place = { { result.gpa }, result.page_size, EPT_RWX };

	if (how != GUEST_DONE)
		return outcome(how, &seen, fault);
	if (v->in_l2 && (!nested_look(v, (gpa2_t){ result.gpa }, &place) || !(place.rights & EPT_R)))
		return XMHF_FORBIDDEN;
	*to = (struct xmhf_translation){ place.at, MIN(result.page_size, place.size), result.writable && place.rights & EPT_W,
					 result.user_page, result.executable && place.rights & EPT_X };
	return XMHF_DONE;
}

/* ---- the hypapp's own ---- */

void *xmhf_page(void) { return pool_page(); }
void xmhf_page_free(void *page) { pool_free(page); }
void *xmhf_alloc(size_t size) { return heap_alloc(size); }
void xmhf_free(void *what) { heap_free(what); }
