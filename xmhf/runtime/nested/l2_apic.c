/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L2's MSR accesses to an x2APIC that L1 virtualises (SDM 30.5). The CPU does them by itself unless they exit; while one of
 * L1's bitmaps is blind (bitmaps.c) all do, and what isn't L1's is done here. Pending interrupts are evaluated by the entry.
 */
#include "nested/l2_apic.h"
#include "nested/state.h"
#include "vmx/exit.h"

#define MSR_TPR		0x808u
#define MSR_EOI		0x80bu
#define MSR_SELF_IPI	0x83fu

#define VTPR		0x80u		/* offsets in the virtual-APIC page */
#define VPPR		0xa0u
#define VISR		0x100u		/* eight words, 16 bytes apart; VIRR likewise */
#define VIRR		0x200u
#define OFFSET_OF(msr)	(((msr) & 0xff) << 4)

#define PRIORITY(vector) ((vector) & 0xf0)
#define NUMBER(byte)	((u8)(byte))	/* RVI is the low byte of the interrupt status, SVI the other one */

static u32 *at(const struct vcpu *v, u32 offset)
{
	return (u32 *)(uptr)(nested_page_to_write(v->nested->current->m->VIRTUAL_APIC_ADDR) + offset);
}

static u32 *word_of(const struct vcpu *v, u32 set, u8 vector) { return at(v, set + vector / 32 * 16); }

static bool uses(const struct vcpu *v, u32 secondary) { return secondary_controls(v->nested->current->m) & secondary; }

static u8 highest_in_service(const struct vcpu *v)
{
	for (u32 i = 8; i-- > 0;) {
		u32 word = *word_of(v, VISR, (u8)(32 * i));

		if (word)
			return (u8)(32 * i + 31 - (u32)__builtin_clz(word));
	}
	return 0;
}

/* 30.1.3 */
static void virtualise_ppr(const struct vcpu *v, u8 svi)
{
	u32 tpr = *at(v, VTPR);

	*at(v, VPPR) = PRIORITY(tpr) >= PRIORITY(svi) ? tpr & 0xff : PRIORITY((u32)svi);
}

/* The instruction is done, and then L2 exits. */
static enum verdict exit_after(struct vcpu *v, enum exit_reason reason, u64 qualification)
{
	exit_advance(v);
	v->nested->exit = (struct l2_exit){ .reason = reason, .made_up = true, .qualification = qualification };
	return REFLECT;
}

/* 30.1.2 */
static enum verdict virtualise_tpr(struct vcpu *v)
{
	if (uses(v, SECONDARY_VIRTUAL_INTR))
		virtualise_ppr(v, NUMBER(vmcs_read32(GUEST_INTR_STATUS) >> 8));
	else if (PRIORITY(*at(v, VTPR)) >> 4 < (vmcs_read32(TPR_THRESHOLD) & 15))
		return exit_after(v, EXIT_TPR_THRESHOLD, 0);
	return ADVANCE;
}

/* 30.1.4 */
static enum verdict virtualise_eoi(struct vcpu *v)
{
	u32 status = vmcs_read32(GUEST_INTR_STATUS);
	u8 vector = NUMBER(status >> 8), svi;
	enum vmcs_field bitmap = (enum vmcs_field)(EOI_EXIT_BITMAP0 + 2 * (vector / 64));

	*word_of(v, VISR, vector) &= ~BIT(vector % 32);
	svi = highest_in_service(v);
	vmcs_write(GUEST_INTR_STATUS, NUMBER(status) | (u32)svi << 8);
	virtualise_ppr(v, svi);
	return vmcs_read(bitmap) >> vector % 64 & 1 ? exit_after(v, EXIT_EOI, vector) : ADVANCE;
}

/* 30.1.5; L1 on another CPU may request interrupts meanwhile. */
static enum verdict virtualise_self_ipi(struct vcpu *v, u8 vector)
{
	u32 status = vmcs_read32(GUEST_INTR_STATUS);

	(void)__atomic_or_fetch(word_of(v, VIRR, vector), BIT(vector % 32), __ATOMIC_SEQ_CST);
	vmcs_write(GUEST_INTR_STATUS, (status & 0xff00) | MAX(NUMBER(status), vector));
	return ADVANCE;
}

static bool is_virtual(const struct vcpu *v, u32 msr)
{
	return msr - MSR_X2APIC_FIRST < 0x100 && uses(v, SECONDARY_X2APIC);
}

bool l2_apic_reads(const struct vcpu *v, u32 msr, u64 *value)
{
	if (!is_virtual(v, msr) || (msr != MSR_TPR && !uses(v, SECONDARY_APIC_REGS)))
		return false;
	*value = *at(v, OFFSET_OF(msr)) | (u64)*at(v, OFFSET_OF(msr) + 4) << 32;
	return true;
}

bool l2_apic_writes(struct vcpu *v, u32 msr, u64 value, enum verdict *verdict)
{
	bool is_tpr = msr == MSR_TPR;

	if (!is_virtual(v, msr) || !(is_tpr || (uses(v, SECONDARY_VIRTUAL_INTR) && (msr == MSR_EOI || msr == MSR_SELF_IPI))))
		return false;
	if (value > (msr == MSR_EOI ? 0 : 0xff)) {
		*verdict = inject(v, GP_FAULT, 0);
		return true;
	}
	*at(v, OFFSET_OF(msr)) = (u32)value;
	*at(v, OFFSET_OF(msr) + 4) = 0;
	if (is_tpr)
		*verdict = virtualise_tpr(v);
	else if (msr == MSR_EOI)
		*verdict = virtualise_eoi(v);
	else if (PRIORITY(value))
		*verdict = virtualise_self_ipi(v, (u8)value);
	else
		*verdict = exit_after(v, EXIT_APIC_WRITE, OFFSET_OF(msr));
	return true;
}
