/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets an L2 up: memory, tables, guest state and controls. */
#include "ept.h"
#include "l2.h"

#define PAGE		4096u
#define PTE_LARGE	BIT(7)
#define TABLE		(PTE_P | PTE_W | PTE_U)
#define T_PML4		(L2_TABLES + 0x0000)
#define T_PDPT		(L2_TABLES + 0x1000)
#define T_DIRECTORIES	L2_DIRECTORIES
#define T_DIRECTORY32	L2_DIRECTORY32
#define T_PAE		L2_PDPT
#define VMCALL_HLT	0xf4c1010fu		/* the bytes 0f 01 c1 f4 */
#define HLT		0xf4
#define GATE		0x8e
#define TSS_LIMIT	0x67
#define RFLAGS_ONE	2u
#define RFLAGS_V86	(EFLAGS_VM | 0x3000u | RFLAGS_ONE)	/* IOPL 3 */
#define DR7_RESET	0x400
#define NO_LINK		(~0ull)

extern void l2_exited(void);

const char *const l2_mode_names[L2_MODES] = { "real", "v86", "flat", "paged", "pae", "compat", "long" };

static bool is_low(enum l2_mode mode) { return mode == L2_REAL || mode == L2_V86; }
static bool is_ia32e(enum l2_mode mode) { return mode == L2_COMPAT || mode == L2_LONG; }
static bool is_paged(enum l2_mode mode) { return mode != L2_REAL && mode != L2_FLAT; }

bool l2_can(enum l2_mode mode)
{
	if (is_ia32e(mode))
		return L1_IS_64;
	return is_paged(mode) || CAN_SECONDARY(SECONDARY_EPT | SECONDARY_UNRESTRICTED);
}

static void *at(u32 address)
{
	void *p = (void *)(uptr)address;

	__asm__("" : "+r"(p));		/* the compiler is to forget that no object lies there */
	return p;
}

static void make_tables(void)
{
	u64 *pml4t = at(T_PML4), *pdptt = at(T_PDPT), *pae = at(T_PAE), *directory = at(T_DIRECTORIES);
	u32 *directory_32 = at(T_DIRECTORY32);

	memset(pml4t, 0, 2 * PAGE);
	pml4t[0] = T_PDPT | TABLE;
	for (u32 i = 0; i < 4; i++) {
		pdptt[i] = (T_DIRECTORIES + i * PAGE) | TABLE;
		pae[i] = (T_DIRECTORIES + i * PAGE) | PTE_P;
	}
	for (u32 i = 0; i < 4 * 512; i++)
		directory[i] = (u64)i << 21 | TABLE | PTE_LARGE;
	for (u32 i = 0; i < 1024; i++)
		directory_32[i] = i << 22 | TABLE | PTE_LARGE;
}

static void make_gates(enum l2_mode mode)
{
	u64 *idt_32 = at(L2_IDT);
	u32 *ivt = at(L2_LOW_IDT);
	struct { u64 low, high; } *idt_64 = at(L2_IDT);

	for (u32 i = 0; i < 256; i++) {
		u32 to = L2_HANDLERS + 4 * i;
		u64 gate = (to & 0xffff) | (u64)GATE << 40 | (u64)(to >> 16) << 48;

		((u32 *)at(L2_HANDLERS))[i] = VMCALL_HLT;
		if (is_ia32e(mode)) {
			idt_64[i].low = gate | SEL_CODE64 << 16;
			idt_64[i].high = 0;
		} else {
			idt_32[i] = gate | SEL_CODE32 << 16;
		}
		if (mode == L2_REAL) {
			((u32 *)at(L2_LOW_HANDLERS))[i] = VMCALL_HLT;
			ivt[i] = L2_LOW_HANDLERS + 4 * i;		/* segment 0 */
		}
	}
}

static void make_memory(enum l2_mode mode)
{
	struct tss *tss = at(L2_TSS);
	u64 busy_tss = TSS_LIMIT | (u64)(L2_TSS & 0xffffff) << 16 | (u64)AR_TSS << 40 | (u64)(L2_TSS >> 24) << 56;

	memset(at(L2_AT), HLT, L2_TABLES - L2_AT);
	memset(at(L2_LOW_IDT), HLT, L2_LOW_END - L2_LOW_IDT);
	make_tables();
	make_gates(mode);
	memcpy(at(L2_GDT), gdt, GDT_SIZE);
	memcpy(at(L2_GDT + SEL_TSS), &busy_tss, sizeof(busy_tss));
	memset(at(L2_GDT + SEL_TSS + 8), 0, 8);
	memset(tss, 0, sizeof(*tss));
	tss->esp0 = L2_STACK;
	tss->ss0 = is_ia32e(mode) ? 0 : SEL_DATA32;		/* a 64-bit TSS has the upper half of RSP0 here */
	tss->io_map = sizeof(*tss);
}

static void set_segment(u32 s, u32 selector, u64 base, u32 limit, u32 ar)
{
	vmcs_set(SEG(SELECTOR, s), selector);
	vmcs_set(SEG(BASE, s), base);
	vmcs_set(SEG(LIMIT, s), limit);
	vmcs_set(SEG(AR, s), ar);
}

static void set_segments(enum l2_mode mode)
{
	u32 cs_ar = mode == L2_REAL ? AR_CODE16 : mode == L2_V86 ? AR_V86 : mode == L2_LONG ? AR_CODE64 : AR_CODE32;
	u32 data_ar = mode == L2_REAL ? AR_DATA16 : mode == L2_V86 ? AR_V86 : AR_DATA32;

	for (u32 s = SEG_ES; s <= SEG_GS; s++) {
		u32 ar = s == SEG_CS ? cs_ar : data_ar;
		u32 low = s == SEG_CS ? L2_LOW_CODE : s == SEG_SS ? 0 : L2_LOW_DATA;

		if (is_low(mode))
			set_segment(s, low >> 4, low, 0xffff, ar);
		else
			set_segment(s, s != SEG_CS ? SEL_DATA32 : mode == L2_LONG ? SEL_CODE64 : SEL_CODE32, 0, ~0u, ar);
	}
	set_segment(SEG_LDTR, 0, 0, 0, AR_UNUSABLE | AR_LDT);
	set_segment(SEG_TR, SEL_TSS, L2_TSS, TSS_LIMIT, AR_TSS);
	vmcs_set(GUEST_GDTR_BASE, L2_GDT);
	vmcs_set(GUEST_GDTR_LIMIT, GDT_SIZE - 1);
	vmcs_set(GUEST_IDTR_BASE, mode == L2_REAL ? L2_LOW_IDT : L2_IDT);
	vmcs_set(GUEST_IDTR_LIMIT, mode == L2_REAL ? 0x3ff : 0xfff);
}

static void set_registers(enum l2_mode mode)
{
	u32 cr0 = ALLOWED0(CR0_FIXED0) | CR0_NE | CR0_ET | CR0_PE | CR0_PG, cr4 = ALLOWED0(CR4_FIXED0);
	u32 cr3 = is_ia32e(mode) ? T_PML4 : mode == L2_PAE ? T_PAE : T_DIRECTORY32;

	if (!is_paged(mode))
		cr0 &= ~CR0_PG;
	if (mode == L2_REAL)
		cr0 &= ~CR0_PE;
	cr4 |= mode == L2_PAE || is_ia32e(mode) ? CR4_PAE : CR4_PSE;
	vmcs_set(GUEST_CR0, cr0);
	vmcs_set(GUEST_CR3, is_paged(mode) ? cr3 : 0);
	vmcs_set(GUEST_CR4, cr4);
	for (u32 i = 0; i < 4; i++)
		vmcs_set((enum vmcs_field)(GUEST_PDPTE0 + 2 * i), ((u64 *)at(T_PAE))[i]);
	vmcs_set(GUEST_DR7, DR7_RESET);
	vmcs_set(GUEST_RSP, is_low(mode) ? L2_LOW_STACK : L2_STACK);
	vmcs_set(GUEST_RIP, is_low(mode) ? 0 : L2_CODE_AT);
	vmcs_set(GUEST_RFLAGS, mode == L2_V86 ? RFLAGS_V86 : RFLAGS_ONE);
	vmcs_set(VMCS_LINK_POINTER, NO_LINK);
}

/* Fields of the guest and of events that are 0 in a plain VMCS; VMCLEAR alone leaves a new region's fields undefined. */
static void set_zeros(void)
{
	static const u16 zeros[] = {
		GUEST_DEBUGCTL, GUEST_SYSENTER_CS, GUEST_SYSENTER_ESP, GUEST_SYSENTER_EIP, GUEST_ACTIVITY_STATE,
		GUEST_INTERRUPTIBILITY, GUEST_PENDING_DBG, GUEST_SMBASE, EXCEPTION_BITMAP, PF_ERROR_MASK, PF_ERROR_MATCH,
		CR3_TARGET_COUNT, EXIT_MSR_STORE_COUNT, EXIT_MSR_LOAD_COUNT, ENTRY_MSR_LOAD_COUNT, ENTRY_INTR_INFO,
		ENTRY_ERROR_CODE, ENTRY_INSTR_LEN, TPR_THRESHOLD, CR0_MASK, CR4_MASK, CR0_SHADOW, CR4_SHADOW, TSC_OFFSET,
		VPID, EPTP,
	};

	for (u32 i = 0; i < ARRAY_SIZE(zeros); i++)
		vmcs_set((enum vmcs_field)zeros[i], 0);
	if (CAN_ENTRY(ENTRY_LOAD_PAT) || CAN_EXIT(EXIT_SAVE_PAT))
		vmcs_set(GUEST_PAT, rdmsr(MSR_PAT));
	if (CAN_ENTRY(ENTRY_LOAD_EFER) || CAN_EXIT(EXIT_SAVE_EFER))
		vmcs_set(GUEST_EFER, 0);
}

static void set_controls(struct l2 *l, u32 with)
{
	u32 secondary = ALLOWED0(SECONDARY);

	if (l->mode == L2_REAL || l->mode == L2_FLAT) {
		secondary |= SECONDARY_UNRESTRICTED;
		with |= L2_WITH_EPT;
	}
	if (with & L2_WITH_EPT) {
		secondary |= SECONDARY_EPT;
		if (!l->eptp) {
			l->eptp = ept_new();
			ept_identity(l->eptp);
		}
		vmcs_set(EPTP, l->eptp);
	}
	if (with & L2_WITH_VPID) {
		secondary |= SECONDARY_VPID;
		vmcs_set(VPID, 1);
	}
	vmcs_set(PIN_CTRLS, ALLOWED0(TRUE_PIN));
	vmcs_set(PRIMARY_CTRLS, ALLOWED0(TRUE_PRIMARY) | (secondary ? PRIMARY_SECONDARY : 0));
	vmcs_set(SECONDARY_CTRLS, secondary);
	vmcs_set(EXIT_CTRLS, ALLOWED0(TRUE_EXIT) | (L1_IS_64 ? EXIT_HOST_64 : 0));
	vmcs_set(ENTRY_CTRLS, ALLOWED0(TRUE_ENTRY) | (is_ia32e(l->mode) ? ENTRY_IA32E : 0));
	if (is_ia32e(l->mode) && CAN_ENTRY(ENTRY_LOAD_EFER))
		vmcs_set(GUEST_EFER, EFER_LME | EFER_LMA);
}

void l2_setup_host(void)
{
	vmcs_set(HOST_CR0, READ_CR(0));
	vmcs_set(HOST_CR3, READ_CR(3));
	vmcs_set(HOST_CR4, READ_CR(4));
	for (u32 s = SEG_ES; s <= SEG_FS; s++)
		vmcs_set((enum vmcs_field)(HOST_ES_SELECTOR + 2 * s), SEL_DATA32);
	vmcs_set(HOST_CS_SELECTOR, L1_IS_64 ? SEL_CODE64 : SEL_CODE32);
	vmcs_set(HOST_GS_SELECTOR, SEL_CPU0 + 8 * cpu_number());
	vmcs_set(HOST_TR_SELECTOR, L1_IS_64 ? SEL_TSS64 : SEL_TSS);
	vmcs_set(HOST_FS_BASE, 0);
	vmcs_set(HOST_GS_BASE, (uptr)this_cpu());
	vmcs_set(HOST_TR_BASE, tss_base());
	vmcs_set(HOST_GDTR_BASE, (uptr)gdt);
	vmcs_set(HOST_IDTR_BASE, idt_pointer.base);
	vmcs_set(HOST_SYSENTER_CS, 0);
	vmcs_set(HOST_SYSENTER_ESP, 0);
	vmcs_set(HOST_SYSENTER_EIP, 0);
	if (CAN_EXIT(EXIT_LOAD_EFER))
		vmcs_set(HOST_EFER, rdmsr(MSR_EFER));
	if (CAN_EXIT(EXIT_LOAD_PAT))
		vmcs_set(HOST_PAT, rdmsr(MSR_PAT));
	vmcs_set(HOST_RIP, (uptr)l2_exited);
}

void l2_reset(struct l2 *l)
{
	u64 vpid = vmcs_get(VPID), eptp = vmcs_get(EPTP);

	set_zeros();
	set_segments(l->mode);
	set_registers(l->mode);
	vmcs_set(VPID, vpid);
	vmcs_set(EPTP, eptp);
	if (is_ia32e(l->mode) && CAN_ENTRY(ENTRY_LOAD_EFER))
		vmcs_set(GUEST_EFER, EFER_LME | EFER_LMA);
}

void l2_setup(struct l2 *l, enum l2_mode mode, u32 with)
{
	struct vmx_result r;

	if (!l->vmcs)
		l->vmcs = vmcs_region();
	l->mode = mode;
	l->launched = false;
	r = vmx_clear(physical(l->vmcs));
	if (r.kind == VMX_OK)
		r = vmx_ptrld(physical(l->vmcs));
	if (r.kind != VMX_OK)
		result("l2_setup", r);
	make_memory(mode);
	set_zeros();
	set_segments(mode);
	set_registers(mode);
	set_controls(l, with);
	l2_setup_host();
}

void l2_code(const struct l2 *l, const void *code, const void *end)
{
	memcpy(at(is_low(l->mode) ? L2_LOW_CODE : L2_CODE_AT), code, (size_t)((const u8 *)end - (const u8 *)code));
}

void vmcs_on(enum vmcs_field field, u64 bits) { vmcs_set(field, vmcs_get(field) | bits); }
void vmcs_off(enum vmcs_field field, u64 bits) { vmcs_set(field, vmcs_get(field) & ~bits); }

void secondary_on(u32 bits)
{
	vmcs_on(PRIMARY_CTRLS, PRIMARY_SECONDARY);
	vmcs_on(SECONDARY_CTRLS, bits);
}
