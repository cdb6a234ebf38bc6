/* SPDX-License-Identifier: BSD-2-Clause */
/* The pages that a CPU needs for nested VMX, and the constant part of VMCS01 for it. */
#include "machine/cpu_insn.h"
#include "machine/log.h"
#include "memory/pool.h"
#include "nested/host_state.h"
#include "vmx/setup.h"

bool nested_shadowing;
u8 *nested_vmread_bitmap[2], *nested_vmwrite_bitmap[2];

#define NESTED_PAGES	((sizeof(struct nested) + PAGE_MASK) >> PAGE_SHIFT)
_Static_assert(NESTED_PAGES == 1, "struct nested is a page");

/* A VMCS region of ours that was never loaded; SDM 25.2. */
static u64 region(u32 indicator)
{
	u32 *page = pool_page();

	if (page)
		*page = ((u32)vmx_caps.basic & 0x7fffffff) | indicator;
	return (uptr)page;
}

_Static_assert(sizeof(struct vmcs12) <= PAGE_SIZE / 2 && sizeof(struct host_state) <= PAGE_SIZE / 2, "both in a page");

static bool allocate(struct nested_vmcs *c)
{
	c->at = c->cleared = NO_VMCS;
	c->m = pool_page();
	c->host = (struct host_state *)(void *)((u8 *)c->m + PAGE_SIZE / 2);
	c->vmcs02 = region(0);
	c->shadow = nested_shadowing ? region(VMCS12_SHADOW) : 0;
	c->msr_bitmap = pool_page();
	c->io_bitmaps = pool_block(2);
	return c->m && c->vmcs02 && c->msr_bitmap && c->io_bitmaps && (c->shadow || !nested_shadowing);
}

bool nested_cpu_init(struct vcpu *v)
{
	v->nested = pool_page();
	if (!v->nested)
		return false;
	v->nested->vpid_moves = 1;
	for (u32 i = 0; i < NESTED_CACHED; i++)
		if (!allocate(&v->nested->cached[i]))
			return false;
	return true;
}

/* We give L1 exit information through it, so the CPU must let us write such fields. */
void nested_shadowing_init(void)
{
	bool has = rdmsr(MSR_VMX_SECONDARY_CTRLS) >> 32 & SECONDARY_VMCS_SHADOWING;

	if (!has || !(vmx_caps.misc & MISC_WRITE_ANY_FIELD))
		return;
	for (u32 wide = 0; wide < 2; wide++) {
		u8 *bitmaps = pool_block(2);

		if (!bitmaps)
			return;
		nested_vmread_bitmap[wide] = bitmaps;
		nested_vmwrite_bitmap[wide] = bitmaps + PAGE_SIZE;
		vmcs12_shadow_bitmaps(&nested_map, wide, bitmaps, bitmaps + PAGE_SIZE);
	}
	vmcs12_map_shadowed(&nested_map);
	nested_shadowing = true;
}

void nested_cpu_setup(struct vcpu *v)
{
	for (u32 i = 0; i < NESTED_CACHED; i++) {
		struct nested_vmcs *c = &v->nested->cached[i];

		if (!vmcs_clear(c->vmcs02) || (c->shadow && !vmcs_clear(c->shadow)))
			panic("CPU %u: VMCLEAR failed", v->index);
	}
	if (nested_shadowing) {
		vmcs_write(VMREAD_BITMAP, (uptr)nested_vmread_bitmap[0]);
		vmcs_write(VMWRITE_BITMAP, (uptr)nested_vmwrite_bitmap[0]);
	}
}
