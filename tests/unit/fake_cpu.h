/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU that the headers of mock/ reach instead of the hardware: MSRs, a VMCS, CPUID, the vcpu with its injection.
 */
#ifndef TESTS_UNIT_FAKE_CPU_H
#define TESTS_UNIT_FAKE_CPU_H

#include "unit.h"

#include "machine/cpu_insn.h"
#include "machine/trap.h"
#include "vmx/setup.h"

#define FAKE_MSRS	1024u
#define FAKE_FIELDS	0x7000u		/* above all encodings */

static struct fake_cpu {
	struct { u32 msr; u64 value; } msrs[FAKE_MSRS];
	u32 msr_count;
	u32 msr_writes;
	bool (*takes)(u32 msr, u64 before, u64 value);	/* NULL: any value */
	u64 fields[FAKE_FIELDS];
	bool written[FAKE_FIELDS];
	struct vcpu vcpu;
} cpu;

struct vmx_caps vmx_caps;

/* What the next CPUID answers, and what the last one was asked. */
u32 fake_cpuid_leaf, fake_cpuid_subleaf;
u32 fake_cpuid_eax, fake_cpuid_ebx, fake_cpuid_ecx, fake_cpuid_edx;

static inline void cpu_reset(void)
{
	memset(&cpu, 0, sizeof(cpu));
	memset(&vmx_caps, 0, sizeof(vmx_caps));
}

/* ---- MSRs: those that a test adds exist ---- */

static inline u64 *cpu_msr(u32 msr)
{
	for (u32 i = 0; i < cpu.msr_count; i++)
		if (cpu.msrs[i].msr == msr)
			return &cpu.msrs[i].value;
	return NULL;
}

static inline void cpu_add_msr(u32 msr, u64 value)
{
	assert_true(cpu.msr_count < FAKE_MSRS);
	cpu.msrs[cpu.msr_count].msr = msr;
	cpu.msrs[cpu.msr_count++].value = value;
}

bool rdmsr_safe(u32 msr, u64 *value)
{
	const u64 *place = cpu_msr(msr);

	*value = place ? *place : 0;
	return place != NULL;
}

bool wrmsr_safe(u32 msr, u64 value)
{
	u64 *place = cpu_msr(msr);

	if (!place || (cpu.takes && !cpu.takes(msr, *place, value)))
		return false;
	*place = value;
	cpu.msr_writes++;
	return true;
}

u64 rdmsr(u32 msr)
{
	u64 value;

	assert_true(rdmsr_safe(msr, &value));
	return value;
}

void wrmsr(u32 msr, u64 value) { assert_true(wrmsr_safe(msr, value)); }

/* ---- the VMCS: what is read must have been written ---- */

u64 vmcs_read(enum vmcs_field field)
{
	assert_true(cpu.written[field]);
	return cpu.fields[field];
}

u32 vmcs_read32(enum vmcs_field field) { return (u32)vmcs_read(field); }
uptr vmcs_read_natural(enum vmcs_field field) { return (uptr)vmcs_read(field); }

void vmcs_write(enum vmcs_field field, u64 value)
{
	cpu.fields[field] = value;
	cpu.written[field] = true;
}

/* ---- the vcpu ---- */

struct vcpu *this_cpu(void) { return &cpu.vcpu; }

enum verdict inject(struct vcpu *v, enum vector vector, int error)
{
	assert_ptr_equal(v, &cpu.vcpu);
	v->event_info = vector;
	v->event_error = (u32)error;
	return INJECT;
}

/* Did the handler advance? Else it injected #GP(0). */
static inline bool cpu_advances(enum verdict verdict)
{
	if (verdict == ADVANCE)
		return true;
	assert_int_equal(verdict, INJECT);
	assert_int_equal(cpu.vcpu.event_info, GP_FAULT);
	assert_int_equal(cpu.vcpu.event_error, 0);
	return false;
}

#endif
