/* SPDX-License-Identifier: BSD-2-Clause */
/* VMX on, and the constant half of VMCS01: controls (SDM 25.6 to 25.8) and host state (25.5). */
#include "guest/policy.h"
#include "machine/log.h"
#include "machine/trap.h"
#include "memory/ept01.h"
#include "memory/host_map.h"
#include "nested/nested.h"
#include "vmx/exit.h"
#include "vmx/setup.h"

#define BASIC_TRUE_CONTROLS	BIT64(55)

#define WANT_PIN	(PIN_NMI | PIN_VIRTUAL_NMIS)
#define WANT_PRIMARY	(PRIMARY_MSR_BITMAPS | PRIMARY_IO_BITMAPS | PRIMARY_SECONDARY)
#define WANT_SECONDARY	(SECONDARY_EPT | SECONDARY_UNRESTRICTED | SECONDARY_VPID | SECONDARY_RDTSCP | \
			 SECONDARY_INVPCID | SECONDARY_XSAVES | SECONDARY_USER_WAIT)
#define WANT_EXIT	(EXIT_SAVE_DEBUG | EXIT_SAVE_PAT | EXIT_LOAD_PAT | EXIT_SAVE_EFER | EXIT_LOAD_EFER | \
			 EXIT_LOAD_PERF | EXIT_CLEAR_LBR | \
			 (sizeof(uptr) == 8 ? EXIT_HOST_64 : 0))
#define WANT_ENTRY	(ENTRY_LOAD_DEBUG | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER | \
			 ENTRY_LOAD_PERF | ENTRY_LOAD_LBR)

#define PAT_RESET	0x0007040600070406ull	/* SDM 12.12.4 */

struct vmx_caps vmx_caps;

/* Two controls of which one is no use without the other. */
static void pair(u32 exit, u32 entry)
{
	if (!(vmx_caps.exit & exit) || !(vmx_caps.entry & entry)) {
		vmx_caps.exit &= ~exit;
		vmx_caps.entry &= ~entry;
	}
}

void vmx_learn_capabilities(void)
{
	struct vmx_caps *c = &vmx_caps;
	bool true_controls;
	u64 pin;

	c->basic = rdmsr(MSR_VMX_BASIC);
	c->misc = rdmsr(MSR_VMX_MISC);
	c->ept_vpid = rdmsr(MSR_VMX_EPT_VPID_CAP);
	c->cr0_fixed0 = rdmsr(MSR_VMX_CR0_FIXED0);
	c->cr0_fixed1 = rdmsr(MSR_VMX_CR0_FIXED1);
	c->cr4_fixed0 = rdmsr(MSR_VMX_CR4_FIXED0);
	c->cr4_fixed1 = rdmsr(MSR_VMX_CR4_FIXED1);
	true_controls = c->basic & BASIC_TRUE_CONTROLS;
	pin = rdmsr(true_controls ? MSR_VMX_TRUE_PIN_CTRLS : MSR_VMX_PIN_CTRLS);
	c->pin = vmx_fit(WANT_PIN, pin);
	c->timer = vmx_fit(PIN_PREEMPTION_TIMER, pin) & PIN_PREEMPTION_TIMER;
	c->primary = vmx_fit(WANT_PRIMARY, rdmsr(true_controls ? MSR_VMX_TRUE_PRIMARY_CTRLS : MSR_VMX_PRIMARY_CTRLS));
	c->secondary = vmx_fit(WANT_SECONDARY, rdmsr(MSR_VMX_SECONDARY_CTRLS));
	c->exit = vmx_fit(WANT_EXIT, rdmsr(true_controls ? MSR_VMX_TRUE_EXIT_CTRLS : MSR_VMX_EXIT_CTRLS));
	c->entry = vmx_fit(WANT_ENTRY, rdmsr(true_controls ? MSR_VMX_TRUE_ENTRY_CTRLS : MSR_VMX_ENTRY_CTRLS));
	pair(EXIT_LOAD_PERF, ENTRY_LOAD_PERF);
	pair(EXIT_CLEAR_LBR, ENTRY_LOAD_LBR);
}

void vmx_print_capabilities(void)
{
	const struct vmx_caps *c = &vmx_caps;

	log_info("controls pin 0x%x primary 0x%x secondary 0x%x exit 0x%x entry 0x%x, EPT/VPID 0x%llx",
		 c->pin, c->primary, c->secondary, c->exit, c->entry, c->ept_vpid);
}

void vmx_enable(struct vcpu *v)
{
	u64 feature_control;
	u32 revision = (u32)vmx_caps.basic & 0x7fffffff;

	if (rdmsr_safe(MSR_FEATURE_CONTROL, &feature_control) && !(feature_control & FEATURE_CONTROL_LOCK))
		wrmsr(MSR_FEATURE_CONTROL, feature_control | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX);
	*(u32 *)v->vmxon_region = revision;
	*(u32 *)(uptr)v->vmcs01 = revision;
	if (!vmx_on((uptr)v->vmxon_region))
		panic("CPU %u: VMXON failed", v->index);
}

static void write_controls(struct vcpu *v)
{
	v->pin_ctrls = vmx_caps.pin;
	v->primary_base = v->primary_ctrls = vmx_caps.primary;
	vmcs_write(PIN_CTRLS, v->pin_ctrls);
	vmcs_write(PRIMARY_CTRLS, v->primary_ctrls);
	vmcs_write(SECONDARY_CTRLS, vmx_caps.secondary);
	vmcs_write(EXIT_CTRLS, vmx_caps.exit);
	vmcs_write(ENTRY_CTRLS, vmx_caps.entry);
	vmcs_write(EXCEPTION_BITMAP, 0);
	vmcs_write(PF_ERROR_MASK, 0);
	vmcs_write(PF_ERROR_MATCH, 0);
	vmcs_write(CR3_TARGET_COUNT, 0);
	vmcs_write(EXIT_MSR_STORE_COUNT, 0);
	vmcs_write(EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write(ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write(ENTRY_INTR_INFO, 0);
	vmcs_write(EPTP, ept_pointer(&ept01));
	if (vmx_caps.secondary & SECONDARY_VPID)
		vmcs_write(VPID, VPID_L1);
	if (vmx_caps.secondary & SECONDARY_XSAVES)
		vmcs_write(XSS_EXITING_BITMAP, 0);
	vmcs_write(MSR_BITMAP, (uptr)policy_msr_bitmap);
	vmcs_write(IO_BITMAP_A, (uptr)policy_io_bitmap);
	vmcs_write(IO_BITMAP_B, (uptr)policy_io_bitmap + PAGE_SIZE);
}

void vmx_write_host_state(struct vcpu *v, void (*exit_stub)(void))
{
	vmcs_write(HOST_CR0, read_cr0());
	vmcs_write(HOST_CR3, read_cr3());
	vmcs_write(HOST_CR4, read_cr4());
	vmcs_write(HOST_EFER, rdmsr(MSR_EFER));
	vmcs_write(HOST_PAT, PAT_RESET);
	if (vmx_caps.exit & EXIT_LOAD_PERF)
		vmcs_write(HOST_PERF_GLOBAL_CTRL, 0);
	vmcs_write(HOST_CS_SELECTOR, SEL_CODE);
	for (u32 field = HOST_SS_SELECTOR; field <= HOST_DS_SELECTOR; field += 2)
		vmcs_write((enum vmcs_field)field, SEL_DATA);
	vmcs_write(HOST_ES_SELECTOR, SEL_DATA);
	vmcs_write(HOST_FS_SELECTOR, 0);
	vmcs_write(HOST_GS_SELECTOR, 0);
	vmcs_write(HOST_TR_SELECTOR, SEL_TSS);
	vmcs_write(HOST_FS_BASE, 0);
	vmcs_write(HOST_GS_BASE, 0);
	vmcs_write(HOST_TR_BASE, (uptr)v->tss);
	vmcs_write(HOST_GDTR_BASE, (uptr)v->gdt);
	vmcs_write(HOST_IDTR_BASE, (uptr)trap_idt());
	vmcs_write(HOST_SYSENTER_CS, 0);
	vmcs_write(HOST_SYSENTER_ESP, 0);
	vmcs_write(HOST_SYSENTER_EIP, 0);
	vmcs_write(HOST_RSP, (uptr)v + sizeof(v->regs));
	vmcs_write(HOST_RIP, (uptr)exit_stub);
}

void vmx_setup(struct vcpu *v)
{
	if (!vmcs_clear(v->vmcs01) || !vmcs_load(v->vmcs01))
		panic("CPU %u: VMCS01 can't be loaded", v->index);
	write_controls(v);
	vmx_write_host_state(v, vm_exit_stub);
	nested_cpu_setup(v);
}

void vmcs_use_failed(void)
{
	panic("CPU %u: VMPTRLD of a VMCS of ours failed", this_cpu()->index);
}
