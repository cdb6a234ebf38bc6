/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tests and fuzzers of the nested checks start from: a CPU with all of VMX, and a valid VMCS12 for each kind of
 * guest.
 */
#ifndef TESTS_NESTED_MODEL_H
#define TESTS_NESTED_MODEL_H

#include "nested/caps.h"
#include "nested/checks.h"
#include "nested/vmcs12.h"

#define MODEL_WIDTH	40u		/* MAXPHYADDR */
#define MODEL_VMCS12	0x7000ull
#define MODEL_LINKED	0x8000ull	/* a VMCS with our revision id */
#define MODEL_VAPIC	0x9000ull
#define MODEL_CR3	0xa000ull

/* Every control may be 1 and, unless it is default1, 0. */
static const u64 model_hardware[CAPS] = {
	[CAP_BASIC] = 0x12 | 0x1000ull << 32 | 6ull << 50 | BASIC_INS_OUTS | BASIC_TRUE_CTRLS,
	[CAP_PIN] = 0xffffffff00000016, [CAP_TRUE_PIN] = 0xffffffff00000016,
	[CAP_PRIMARY] = 0xffffffff0401e172, [CAP_TRUE_PRIMARY] = 0xffffffff04006172,
	[CAP_EXIT] = 0xffffffff00036dff, [CAP_TRUE_EXIT] = 0xffffffff00036dfb,
	[CAP_ENTRY] = 0xffffffff000011ff, [CAP_TRUE_ENTRY] = 0xffffffff000011fb,
	[CAP_MISC] = 5 | MISC_STORES_LMA | MISC_HLT | MISC_SHUTDOWN | MISC_WAIT_FOR_SIPI | 4 << 16 | MISC_WRITE_ANY_FIELD |
		     MISC_ZERO_LENGTH,
	[CAP_CR0_FIXED0] = 0x80000021, [CAP_CR0_FIXED1] = 0xffffffff,
	[CAP_CR4_FIXED0] = 0x2000, [CAP_CR4_FIXED1] = 0x1fff7fff,
	[CAP_VMCS_ENUM] = 0x32, [CAP_SECONDARY] = 0xffffffff00000000, [CAP_EPT_VPID] = ~0ull, [CAP_VMFUNC] = ~0ull,
};

struct model {
	struct vmcs12 vmcs;
	struct vmx_caps_offered caps;
	struct entry_facts facts;
	/* L1's memory, as far as it is read */
	u32 revision, vtpr;
	u64 pdpte[4];
};

static inline void model_read(void *ctx, gpa1_t at, void *to, u32 size)
{
	const struct model *m = ctx;

	memset(to, 0xff, size);
	if (at.at == MODEL_VAPIC + 0x80)
		memcpy(to, &m->vtpr, size);
	else if (at.at == MODEL_CR3)
		memcpy(to, m->pdpte, size);
	else if (at.at == MODEL_LINKED || at.at == MODEL_VMCS12)
		memcpy(to, &m->revision, size);
}

static inline void model_host(struct vmcs12 *v)
{
	v->PIN_CTRLS = 0x16;
	v->PRIMARY_CTRLS = 0x04006172 | PRIMARY_SECONDARY;
	v->EXIT_CTRLS = 0x36dfb | EXIT_HOST_64;
	v->ENTRY_CTRLS = 0x11fb | ENTRY_IA32E;
	v->HOST_CR0 = 0x80010021;
	v->HOST_CR4 = 0x2020;
	v->HOST_CR3 = 0x1000;
	v->HOST_CS_SELECTOR = v->HOST_SS_SELECTOR = 8;
	v->HOST_TR_SELECTOR = 0x18;
	v->HOST_RIP = (vmcs12_WNAT)0xffff800000001000;
}

/* A 64-bit guest without EPT. */
static inline void model_64bit_guest(struct vmcs12 *v)
{
	v->VMCS_LINK_POINTER = ~0ull;
	v->GUEST_CR0 = 0x80010021;
	v->GUEST_CR4 = 0x2020;
	v->GUEST_CR3 = MODEL_CR3;
	v->GUEST_CS_SELECTOR = 8;
	v->GUEST_TR_SELECTOR = 0x18;
	v->GUEST_CS_AR = 0xa09b;
	v->GUEST_SS_AR = v->GUEST_DS_AR = v->GUEST_ES_AR = v->GUEST_FS_AR = v->GUEST_GS_AR = 0xc093;
	v->GUEST_LDTR_AR = 0x10000;
	v->GUEST_TR_AR = 0x8b;
	v->GUEST_CS_LIMIT = v->GUEST_SS_LIMIT = v->GUEST_DS_LIMIT = v->GUEST_ES_LIMIT = v->GUEST_FS_LIMIT =
		v->GUEST_GS_LIMIT = 0xffffffff;
	v->GUEST_TR_LIMIT = 0x67;
	v->GUEST_RFLAGS = 2;
	v->GUEST_RIP = 0x100000;
	v->GUEST_DR7 = 0x400;
}

enum model_kind { LONG_MODE, PROTECTED_MODE, PAE_MODE, V86_MODE, REAL_MODE, MODEL_KINDS };

static inline void model_32bit_guest(struct vmcs12 *v)
{
	v->ENTRY_CTRLS &= ~(u32)ENTRY_IA32E;
	v->GUEST_CR4 = 0x2000;
	v->GUEST_CS_AR = 0xc09b;
}

static inline void model_v86_guest(struct vmcs12 *v)
{
	model_32bit_guest(v);
	v->GUEST_RFLAGS |= 1 << 17;
	v->GUEST_CS_BASE = (u64)v->GUEST_CS_SELECTOR << 4;
	v->GUEST_CS_LIMIT = v->GUEST_SS_LIMIT = v->GUEST_DS_LIMIT = v->GUEST_ES_LIMIT = v->GUEST_FS_LIMIT =
		v->GUEST_GS_LIMIT = 0xffff;
	v->GUEST_CS_AR = v->GUEST_SS_AR = v->GUEST_DS_AR = v->GUEST_ES_AR = v->GUEST_FS_AR = v->GUEST_GS_AR = 0xf3;
}

/* Needs unrestricted guest, hence EPT. */
static inline void model_real_mode_guest(struct vmcs12 *v)
{
	model_32bit_guest(v);
	v->SECONDARY_CTRLS = SECONDARY_EPT | SECONDARY_UNRESTRICTED;
	v->EPTP = 0x1e;
	v->GUEST_CR0 = 0x20;
	v->GUEST_CS_AR = 0x93;
	v->GUEST_CS_LIMIT = 0xffff;
}

static inline void model_start(struct model *m, enum model_kind kind)
{
	memset(m, 0, sizeof(*m));
	caps_offer(model_hardware, true, &m->caps);
	m->facts = (struct entry_facts){
		.maxphyaddr = MODEL_WIDTH, .linear_bits = 48, .long_mode_active = true,
		.efer_valid = 0xd01, .debugctl_valid = 0xdfc3, .perf_global_ctrl_valid = 0x70000000f,
		.current_vmcs = MODEL_VMCS12, .read = model_read, .ctx = m,
	};
	m->revision = VMCS12_REVISION;
	model_host(&m->vmcs);
	model_64bit_guest(&m->vmcs);
	if (kind == PROTECTED_MODE || kind == PAE_MODE)
		model_32bit_guest(&m->vmcs);
	if (kind == PAE_MODE)
		m->vmcs.GUEST_CR4 |= 0x20;
	if (kind == V86_MODE)
		model_v86_guest(&m->vmcs);
	if (kind == REAL_MODE)
		model_real_mode_guest(&m->vmcs);
}

#endif
