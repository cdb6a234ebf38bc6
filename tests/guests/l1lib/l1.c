/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine as an L1 finds it: capabilities, VMX on and off, pages, and how results are said. */
#include <stdarg.h>
#include "vmx.h"

#define PAGES_AT	0x2000000u	/* 32 MiB: RAM in every machine of the tests, and the hypervisor is above */
#define PAGES_END	0x8000000u
#define PAGE		4096u
#define LARGE_PAGE	0x200000u
#define LEAF1_VMX	BIT(5)
#define CONTROL_LOCK	BIT(0)
#define CONTROL_VMX	BIT(2)
#define LEAF_WIDTHS	0x80000008u

u64 caps[MSR_VMX_VMFUNC - MSR_VMX_BASIC + 1];
bool has_debugctl;
static u32 next_page = PAGES_AT;
static void *vmxon_regions[CPUS_MAX];
static u64 *split_tables[8 * 512];	/* by 2 MiB */

void *pages_take(u32 count)
{
	void *page = (void *)(uptr)__atomic_fetch_add(&next_page, count * PAGE, __ATOMIC_SEQ_CST);

	if ((uptr)page + count * PAGE > PAGES_END) {
		promise(false, "pages", "there are pages left");
		done();
	}
	return memset(page, 0, count * PAGE);
}

void *page_take(void) { return pages_take(1); }

void *vmcs_region(void)
{
	u32 *page = page_take();

	*page = (u32)CAP(BASIC) & BASIC_REVISION;
	return page;
}

void page_protect(const void *page, u32 bits)
{
	u32 at = (u32)(uptr)page, large = at / LARGE_PAGE;
	u64 *table = split_tables[large];

	if (!table) {
		table = split_tables[large] = page_take();
		for (u32 i = 0; i < 512; i++)
			table[i] = (large * (u64)LARGE_PAGE + i * PAGE) | PTE_P | PTE_W | PTE_U;
		page_directory[large / 512][large % 512] = (uptr)table | PTE_P | PTE_W | PTE_U;
	}
	table[at / PAGE % 512] = (at & ~(PAGE - 1)) | bits;
	WRITE_CR(3, READ_CR(3));
}

u32 physical_bits(void)
{
	return cpuid(0x80000000, 0).eax >= LEAF_WIDTHS ? cpuid(LEAF_WIDTHS, 0).eax & 0xff : 36;
}

u32 vmx_address_bits(void) { return CAP(BASIC) & BASIC_32BIT_ADDRESSES ? 32 : physical_bits(); }

bool l1_first_run(u32 cpu, void (*entry)(void))
{
	return ap_run(cpu, entry) || wait_until(&ap_starts[cpu], 1);
}

static void read_caps(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(caps); i++) {
		u32 msr = MSR_VMX_BASIC + i;
		bool is_true = msr >= MSR_VMX_TRUE_PIN && msr <= MSR_VMX_TRUE_ENTRY;

		if (is_true && !(CAP(BASIC) & BASIC_TRUE_CTRLS))
			caps[i] = caps[MSR_VMX_PIN - MSR_VMX_BASIC + msr - MSR_VMX_TRUE_PIN];
		else if ((msr == MSR_VMX_SECONDARY && !(CAP(PRIMARY) >> 32 & PRIMARY_SECONDARY)) ||
			 (msr == MSR_VMX_EPT_VPID && !CAN_SECONDARY(SECONDARY_EPT) && !CAN_SECONDARY(SECONDARY_VPID)) ||
			 (msr == MSR_VMX_VMFUNC && !CAN_SECONDARY(SECONDARY_VMFUNC)) || try_rdmsr(msr, &caps[i]) != NO_TRAP)
			caps[i] = 0;
	}
}

void l1_begin_ap(void)
{
	if (!L1_IS_64)
		paging_pae();
	WRITE_CR(0, (READ_CR(0) | (uptr)CAP(CR0_FIXED0)) & (uptr)CAP(CR0_FIXED1) & ~(uptr)(CR0_CD | CR0_NW));
	WRITE_CR(4, (READ_CR(4) | (uptr)CAP(CR4_FIXED0)) & (uptr)CAP(CR4_FIXED1));
}

bool l1_begin(void)
{
	u64 control;

	if (!(cpuid(1, 0).ecx & LEAF1_VMX)) {
		promise(false, "vmx", "the CPU has VMX");
		return false;
	}
	if (try_rdmsr(MSR_FEATURE_CONTROL, &control) == NO_TRAP && !(control & CONTROL_LOCK))
		wrmsr(MSR_FEATURE_CONTROL, control | CONTROL_LOCK | CONTROL_VMX);
	has_debugctl = try_rdmsr(MSR_DEBUGCTL, &control) == NO_TRAP;
	read_caps();
	apic_enable();			/* masks the PICs: no interrupt but those that an experiment asks for */
	l1_begin_ap();
	return true;
}

void vmx_enable(void)
{
	void **region = &vmxon_regions[cpu_number()];
	struct vmx_result r;

	if (!*region)
		*region = vmcs_region();
	r = vmx_on(physical(*region));
	if (r.kind != VMX_OK)
		result("VMXON", r);
}

void vmx_disable(void) { vmx_off(); }

u64 vmxon_region(void) { return physical(vmxon_regions[cpu_number()]); }

struct vmx_result vmx_result_of(u32 flags, u32 vector)
{
	struct vmx_result r = { VMX_OK, 0, 0, flags & FLAGS_VMX };
	uptr number = 0;

	if (vector != NO_TRAP)
		return (struct vmx_result){ VMX_FAULT, vector, this_cpu()->error, 0 };
	if (flags & FLAG_CF) {
		r.kind = VMX_INVALID;
	} else if (flags & FLAG_ZF) {
		r.kind = VMX_VALID;
		vmx_read(VM_INSTR_ERROR, &number);
		r.number = (u32)number;
	}
	return r;
}

bool vmcs_try_get(enum vmcs_field field, u64 *value)
{
	uptr low = 0, high = 0;
	bool good = vmx_read(field, &low).kind == VMX_OK;

	if (!L1_IS_64 && FIELD_IS_64(field))
		vmx_read(field | FIELD_HIGH, &high);
	*value = low | (u64)high << 32;
	return good;
}

u64 vmcs_get(enum vmcs_field field)
{
	u64 value;

	vmcs_try_get(field, &value);
	return value;
}

bool vmcs_set(enum vmcs_field field, u64 value)
{
	bool good = vmx_write(field, (uptr)value).kind == VMX_OK;

	if (!L1_IS_64 && FIELD_IS_64(field))
		vmx_write(field | FIELD_HIGH, (uptr)(value >> 32));
	return good;
}

static const char *flags_besides(struct vmx_result r)	/* SDM 31.2: the other flags are cleared */
{
	u32 one = r.kind == VMX_INVALID ? FLAG_CF : r.kind == VMX_VALID ? FLAG_ZF : 0;

	return r.kind == VMX_FAULT || r.flags == one ? "" : " and other flags";
}

void say_result(struct vmx_result r)
{
	switch (r.kind) {
	case VMX_OK:
		say("ok%s", flags_besides(r));
		break;
	case VMX_INVALID:
		say("invalid%s", flags_besides(r));
		break;
	case VMX_VALID:
		say("valid %u%s", r.number, flags_besides(r));
		break;
	case VMX_FAULT:
		say("fault %u 0x%x", r.number, r.code);
		if (r.number == PF_TRAP)
			say(" cr2 %llx", (u64)READ_CR(2));
		break;
	}
}

void result(const char *name, struct vmx_result r)
{
	say("R %s: ", name);
	say_result(r);
	say("\n");
}
