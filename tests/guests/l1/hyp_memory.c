/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * On the testapp: L2's registers and memory as the hypapp sees them, and pages and ports that it takes from an L2 which has
 * used them before: with L1's EPT and without, by L1's hypercall before the entry and by L2's own, when VMCS02 and EPT02 are live.
 */
#include "hyp.h"

enum { R = 1, W = 2, X = 4, RWX = 7 };

#define LARGE		0x200000u
#define LINEAR		0x3000000u		/* L2's page tables have it at GUEST, EPT12 that at HOST */
#define GUEST		0x2e00000u
#define HOST		0x1d00000u
#define PTE_LARGE	BIT(7)
#define PTE_ALL		7u
#define PAE_DIRECTORIES	(L2_TABLES + 0x2000)	/* of l2_setup(): 2 MiB pages */
#define PORT		0x560u			/* nothing is there */
#define REGISTER_CR0	18u			/* enum xmhf_register */
#define REGISTER_RSP	4u
#define PAGE		4096u
#define APIC_TPR	0x80u

/* A hypercall, then a store to EDI, a load from there, and L1's VMCALL. */
#define CALL_TOUCH	"vmcall\n mov %eax, %ebp\n movl $0x11223344, (%edi)\n mov (%edi), %esi\n xor %eax, %eax\n vmcall\n hlt"
L2_CODE(call_touch32, 32, CALL_TOUCH);
L2_CODE(call_touch64, 64, CALL_TOUCH);
#define STORE_LENGTH	(L1_IS_64 ? 7u : 6u)
#define TOUCHED_AT	(L1_IS_64 ? 17u : 15u)	/* of L1's VMCALL */

/* The same with a port. */
L2_CODE(call_port, 32, "vmcall\n mov %eax, %ebp\n mov $0x560, %edx\n mov $0x5a, %al\n out %al, %dx\n in %dx, %al\n mov %eax, %esi\n"
	"xor %eax, %eax\n vmcall\n hlt");

static volatile u32 *at(u32 address) { return (volatile u32 *)(uptr)address; }

static void start_at(const u8 *code, const u8 *end)
{
	l2_code(&l2, code, end);
	vmcs_set(GUEST_RIP, L2_CODE_AT);
}

/* ---- registers and memory ---- */

static void map_linear(void)
{
	((volatile u64 *)at(PAE_DIRECTORIES))[LINEAR / LARGE] = GUEST | PTE_ALL | PTE_LARGE;
	for (u32 i = 0; i < 3; i++)
		ept_map(l2.eptp, GUEST + i * PAGE, HOST + i * PAGE, EPT_4K, EPT_RWX | EPT_WB);
	ept_map(l2.eptp, GUEST + PAGE, HOST + PAGE, EPT_4K, EPT_R | EPT_WB);
	ept_map(l2.eptp, GUEST + 2 * PAGE, 0, EPT_4K, 0);
	vmx_invept(1, l2.eptp);
}

static void registers(void)
{
	l2_of_hypercalls(L2_NATIVE, 0);
	vmcs_set(CR0_MASK, CR0_TS);
	vmcs_set(CR0_SHADOW, CR0_TS);
	expect(l2_hypercall(CALL_REGISTER, REGISTER_CR0, 0, 0).ax == ((u32)vmcs_get(GUEST_CR0) | CR0_TS), "CR0 0x%x", (u32)l2.bp);
	expect(l2_hypercall(CALL_REGISTER, REGISTER_RSP, 0, 0).ax == L2_STACK, "RSP 0x%x", (u32)l2.bp);
	expect(!(vmcall(CALL_REGISTER, REGISTER_CR0, 0, 0).ax & CR0_TS), "L1's CR0");
	kept("registers", "registers are L2's while it calls");
}

static void linear(void)
{
	struct call c;

	l2_of_hypercalls(L2_NATIVE, L2_WITH_EPT);
	map_linear();
	*at(HOST + 8) = 0x12345678;
	c = l2_hypercall(CALL_READ_LINEAR, LINEAR + 8, 0, 0);
	expect(c.ax == DONE && c.cx == 0x12345678, "read: %u 0x%x", c.ax, c.cx);
	c = l2_hypercall(CALL_WRITE_LINEAR, LINEAR + PAGE - 2, 0xaaaabbbb, 0);
	expect(c.ax == FORBIDDEN && (u16)*at(HOST + PAGE - 4) != 0xbbbb, "into a page that EPT12 forbids: %u", c.ax);
	c = l2_hypercall(CALL_WRITE_LINEAR, LINEAR + 12, 0x55aa, 0);
	expect(c.ax == DONE && *at(HOST + 12) == 0x55aa, "write: %u", c.ax);
	expect(l2_hypercall(CALL_READ_LINEAR, LINEAR + 2 * PAGE, 0, 0).ax == FORBIDDEN, "a page that EPT12 lacks");
	c = l2_hypercall(CALL_TRANSLATE, LINEAR + 5, 0, 0);
	expect(c.ax == DONE && c.cx == HOST + 5 && c.dx == PAGE && c.si == 7, "translated: %u 0x%x 0x%x %u", c.ax, c.cx, c.dx, c.si);
	c = l2_hypercall(CALL_TRANSLATE, LINEAR + PAGE, 0, 0);
	expect(c.ax == DONE && c.cx == HOST + PAGE && c.si == 2, "read-only: %u 0x%x %u", c.ax, c.cx, c.si);
	expect(l2_hypercall(CALL_TRANSLATE, LINEAR + 2 * PAGE, 0, 0).ax == FORBIDDEN, "translated a page that EPT12 lacks");
	c = l2_hypercall(CALL_TRANSLATE, L2_DATA, 0, 0);
	expect(c.ax == DONE && c.cx == L2_DATA && c.dx == LARGE, "a large page: 0x%x 0x%x", c.cx, c.dx);
	kept("linear", "linear addresses go through L2's paging and EPT12");
}

static void physical_l2(void)
{
	struct call c;
	bool marks = CAP(EPT_VPID) & EPT_CAP_AD;

	l2_of_hypercalls(L2_NATIVE, L2_WITH_EPT);
	map_linear();
	if (marks)
		vmcs_set(EPTP, l2.eptp | EPTP_AD);
	*at(HOST + 16) = 0x600d;
	c = l2_hypercall(CALL_READ_L2, GUEST + 16, 0, 0);
	expect(c.ax == 1 && c.cx == 0x600d, "read: %u 0x%x", c.ax, c.cx);
	expect(!(*ept_entry(l2.eptp, GUEST, EPT_4K) & EPT_D), "a read made it dirty");
	expect(!marks || *ept_entry(l2.eptp, GUEST, EPT_4K) & EPT_A, "a read didn't set A");
	c = l2_hypercall(CALL_WRITE_L2, GUEST + 16, 0xbeef, 0);
	expect(c.ax == 1 && *at(HOST + 16) == 0xbeef, "write: %u", c.ax);
	expect(!marks || *ept_entry(l2.eptp, GUEST, EPT_4K) & EPT_D, "a write didn't set D");
	c = l2_hypercall(CALL_WRITE_L2, GUEST + PAGE - 2, 0x11112222, 0);
	expect(c.ax == 0 && *at(HOST + PAGE - 4) >> 16 != 0x2222, "half a write");
	expect(l2_hypercall(CALL_READ_L2, GUEST + PAGE, 0, 0).ax == 1, "a page without W");
	expect(l2_hypercall(CALL_READ_L2, GUEST + 2 * PAGE, 0, 0).ax == 0, "a page that EPT12 lacks");
	c = l2_hypercall(CALL_TRANSLATE_L2, GUEST + PAGE + 7, 0, 0);
	expect(c.ax == 1 && c.cx == HOST + PAGE + 7, "translated: %u 0x%x", c.ax, c.cx);
	expect(l2_hypercall(CALL_TRANSLATE_L2, GUEST + 2 * PAGE, 0, 0).ax == 0, "translated a page that EPT12 lacks");
	expect(vmcall(CALL_READ_L2, GUEST, 0, 0).ax == 0 && vmcall(CALL_TRANSLATE_L2, GUEST, 0, 0).ax == 0, "from L1");

	l2_of_hypercalls(L2_NATIVE, 0);
	c = l2_hypercall(CALL_TRANSLATE_L2, HOST + 3, 0, 0);
	expect(c.ax == 1 && c.cx == HOST + 3, "without EPT: %u 0x%x", c.ax, c.cx);
	expect(l2_hypercall(CALL_READ_L2, HOST + 16, 0, 0).cx == 0xbeef, "without EPT");
	kept("physical", "L2-physical addresses go through EPT12, which is marked as by L2");
}

/* ---- pages ---- */

static u32 violations(void) { return vmcall(CALL_VIOLATIONS, 0, 0, 0).ax; }

static void expect_violation(const char *what, u32 seen, u32 physical_at, u32 linear_at, u32 kind)
{
	struct call c = vmcall(CALL_VIOLATIONS, 0, 0, 0);

	expect(c.ax == seen + 1 && c.bx == physical_at && c.cx == linear_at && c.dx == kind, "%s: %u violations, 0x%x 0x%x %u", what,
	       c.ax - seen, c.bx, c.cx, c.dx);
}

/* L2 makes a hypercall and touches the page. */
static void call_touch(u32 page, u32 number, u32 bx, u32 cx, u32 dx)
{
	start_at(L1_IS_64 ? call_touch64 : call_touch32, L1_IS_64 ? call_touch64_end : call_touch32_end);
	l2.di = page;
	l2_call(number, bx, cx, dx);
}

/* @linear_at is what L2 uses, @page where that is. */
static void page_is_taken(const char *what, u32 linear_at, u32 page)
{
	u32 seen;

	vmcall(CALL_VIOLATION_MODE, 0, 0, 0);
	call_touch(linear_at, CALL_ABOUT, 0, 0, 0);		/* it is in use from now on */
	expect_vmcall(what, L2_CODE_AT + TOUCHED_AT);
	seen = violations();

	vmcall(CALL_PROTECT, page, R, PAGE);
	call_touch(linear_at, CALL_ABOUT, 0, 0, 0);
	expect_violation("protected by L1", seen++, page, linear_at, 2);
	expect_vmcall("#GP for L2", L2_HANDLERS + 4 * GP_TRAP);

	vmcall(CALL_UNPROTECT, page, 0, PAGE);
	call_touch(linear_at, CALL_PROTECT, page, 0, PAGE);	/* by L2 itself, who goes on at once */
	expect_violation("protected by L2", seen++, page, linear_at, 2);
	expect_vmcall("#GP for L2", L2_HANDLERS + 4 * GP_TRAP);

	vmcall(CALL_VIOLATION_MODE, 1, 0, 0);			/* is given back */
	call_touch(linear_at, CALL_ABOUT, 0, 0, 0);
	expect_violation("given back", seen++, page, linear_at, 2);
	expect_vmcall("given back", L2_CODE_AT + TOUCHED_AT);
	expect((u32)l2.si == 0x11223344 && *at(page) == 0x11223344, "stored 0x%x", *at(page));

	vmcall(CALL_VIOLATION_MODE, 2, STORE_LENGTH, 0);	/* is stepped over */
	call_touch(linear_at, CALL_PROTECT, page, R, PAGE);
	expect_violation("stepped over", seen++, page, linear_at, 2);
	expect_vmcall("stepped over", L2_CODE_AT + TOUCHED_AT);
	vmcall(CALL_UNPROTECT, page, 0, PAGE);
	vmcall(CALL_VIOLATION_MODE, 0, 0, 0);
}

static void pages(void)
{
	l2_of_hypercalls(L2_NATIVE, 0);
	page_is_taken("without EPT", L2_DATA, L2_DATA);
	kept("pages_plain", "a page that the hypapp protects is taken from a running L2, with L1 not using EPT");
	l2_of_hypercalls(L2_NATIVE, L2_WITH_EPT);
	map_linear();
	page_is_taken("with EPT", LINEAR, HOST);
	kept("pages_ept", "a page that the hypapp protects is taken from a running L2, with L1 using EPT");
}

/* ---- faults that the hypapp makes of violations, and L1 takes ---- */

L2_CODE(raise_ud, 32, "ud2");
L2_CODE(raise_int, 32, "int $0x30");
L2_CODE(raise_de, 32, "xor %ecx, %ecx; div %ecx");

#define GP_EXIT		(EVENT(TYPE_HARDWARE, GP_TRAP) | EVENT_CODE)
#define DF_EXIT		(EVENT(TYPE_HARDWARE, DF_TRAP) | EVENT_CODE)
#define PF_EXIT		(EVENT(TYPE_HARDWARE, PF_TRAP) | EVENT_CODE)

/* On L2's stack, to which a handler's frame can't be written. */
static void failed_deliveries(u32 with)
{
	static const struct { const u8 *code, *end; u32 bitmap, info, error, vectoring, length; } all[] = {
		{ raise_ud, raise_ud_end, BIT(GP_TRAP), GP_EXIT, 1, EVENT(TYPE_HARDWARE, UD_TRAP), 0 },
		{ raise_int, raise_int_end, BIT(GP_TRAP), GP_EXIT, 0, EVENT(TYPE_SOFTWARE, 0x30), 2 },
		{ raise_de, raise_de_end, BIT(DF_TRAP) | BIT(GP_TRAP), GP_EXIT, 1, EVENT(TYPE_HARDWARE, DE_TRAP), 0 },
		{ raise_de, raise_de_end, BIT(DF_TRAP), DF_EXIT, 0, 0, 0 },
	};

	l2_of_hypercalls(L2_NATIVE, with);
	vmcall(CALL_VIOLATION_MODE, 0, 0, 0);
	vmcall(CALL_PROTECT, L2_STACK - PAGE, R, PAGE);
	for (u32 i = 0; i < ARRAY_SIZE(all); i++) {
		start_at(all[i].code, all[i].end);
		vmcs_set(EXCEPTION_BITMAP, all[i].bitmap);
		l2_run(&l2);
		expect(exit_reason() == EXIT_EXCEPTION && vmcs_get(EXIT_INTR_INFO) == all[i].info, "delivery %u: exit %u 0x%llx", i,
		       exit_reason(), vmcs_get(EXIT_INTR_INFO));
		expect(vmcs_get(EXIT_INTR_ERROR_CODE) == all[i].error, "delivery %u: error code %llx", i, vmcs_get(EXIT_INTR_ERROR_CODE));
		expect(vmcs_get(IDT_VECTORING_INFO) == all[i].vectoring && (!all[i].length || vmcs_get(EXIT_INSTR_LEN) == all[i].length),
		       "delivery %u: of 0x%llx, length %llu", i, vmcs_get(IDT_VECTORING_INFO), vmcs_get(EXIT_INSTR_LEN));
	}
	vmcall(CALL_UNPROTECT, L2_STACK - PAGE, 0, PAGE);
}

static void page_fault_exits(u32 with)
{
	uptr before = LINEAR;

	l2_of_hypercalls(L2_NATIVE, with);
	vmcall(CALL_VIOLATION_MODE, 3, 2, 0);
	vmcall(CALL_PROTECT, L2_DATA, R, PAGE);
	vmcs_set(EXCEPTION_BITMAP, BIT(PF_TRAP));
	__asm__ volatile("mov %0, %%cr2" : : "r"(before));
	call_touch(L2_DATA + 0x20, CALL_ABOUT, 0, 0, 0);
	expect(exit_reason() == EXIT_EXCEPTION && vmcs_get(EXIT_INTR_INFO) == PF_EXIT && vmcs_get(EXIT_INTR_ERROR_CODE) == 2 &&
	       vmcs_get(EXIT_QUALIFICATION) == L2_DATA + 0x20 && READ_CR(2) == before, "#PF: exit %u 0x%llx at 0x%llx, CR2 0x%llx",
	       exit_reason(), vmcs_get(EXIT_INTR_INFO), vmcs_get(EXIT_QUALIFICATION), (u64)READ_CR(2));
	vmcs_set(EXCEPTION_BITMAP, 0);
	call_touch(L2_DATA + 0x20, CALL_ABOUT, 0, 0, 0);
	expect(exit_reason() == EXIT_VMCALL && READ_CR(2) == L2_DATA + 0x20, "#PF for L2: exit %u, CR2 0x%llx", exit_reason(),
	       (u64)READ_CR(2));
	vmcall(CALL_UNPROTECT, L2_DATA, 0, PAGE);
	vmcall(CALL_VIOLATION_MODE, 0, 0, 0);
}

/* The CPU reaches the virtual-APIC page past EPT, when L2 touches the APIC-access page. */
static void apic_page(u32 with)
{
	u32 vapic = HOST + 8 * PAGE, access = HOST + 9 * PAGE;

	l2_of_hypercalls(L2_NATIVE, with);
	vmcs_on(PRIMARY_CTRLS, PRIMARY_TPR_SHADOW);
	secondary_on(SECONDARY_APIC_ACCESS);
	vmcs_set(VIRTUAL_APIC_ADDR, vapic);
	vmcs_set(APIC_ACCESS_ADDR, access);
	*at(vapic + APIC_TPR) = 0;
	call_touch(access + APIC_TPR, CALL_ABOUT, 0, 0, 0);
	expect((u8)*at(vapic + APIC_TPR) == 0x44, "not virtualised: exit %u, 0x%x", exit_reason(), *at(vapic + APIC_TPR));
	*at(vapic + APIC_TPR) = 0;
	call_touch(access + APIC_TPR, CALL_PROTECT, vapic, 0, PAGE);
	vmcall(CALL_UNPROTECT, vapic, 0, PAGE);
	expect(*at(vapic + APIC_TPR) == 0, "written while protected: 0x%x", *at(vapic + APIC_TPR));
	call_touch(access + APIC_TPR, CALL_ABOUT, 0, 0, 0);
	expect((u8)*at(vapic + APIC_TPR) == 0x44, "not given back: exit %u, 0x%x", exit_reason(), *at(vapic + APIC_TPR));
}

/* What VMX instructions and MSR areas read and write: no way round the hypapp's rights. */
static void vmx_memory(void)
{
	u32 *region = page_take(), area = HOST + 10 * PAGE;

	for (u32 i = 0; i < PAGE / 4; i++)
		region[i] = 0x5a5a5a5a;
	region[0] = (u32)CAP(BASIC) & BASIC_REVISION;
	vmcall(CALL_PROTECT, (u32)(uptr)region, R, PAGE);
	expect(vmx_clear(physical(region)).kind == VMX_OK, "VMCLEAR");
	vmcall(CALL_UNPROTECT, (u32)(uptr)region, 0, PAGE);
	for (u32 i = 1; i < PAGE / 4; i++)
		expect(region[i] == 0x5a5a5a5a, "VMCLEAR wrote at %u", 4 * i);
	vmcall(CALL_PROTECT, (u32)(uptr)region, 0, PAGE);
	expect(vmx_ptrld(physical(region)).number == 11, "VMPTRLD reads");
	vmcall(CALL_UNPROTECT, (u32)(uptr)region, 0, PAGE);

	l2_of_hypercalls(L2_NATIVE, 0);
	vmcs_set(GUEST_SYSENTER_CS, 0x99);
	*at(area) = MSR_SYSENTER_CS;
	*at(area + 4) = 0;
	*at(area + 8) = 0x77;
	vmcs_set(EXIT_MSR_STORE_ADDR, area);
	vmcs_set(EXIT_MSR_STORE_COUNT, 1);
	vmcall(CALL_PROTECT, area, R, PAGE);
	l2_hypercall(0, 0, 0, 0);
	vmcall(CALL_UNPROTECT, area, 0, PAGE);
	expect(exit_reason() == EXIT_VMCALL && *at(area + 8) == 0x77, "stored 0x%x", *at(area + 8));
	l2_hypercall(0, 0, 0, 0);
	expect(*at(area + 8) == 0x99, "not stored: 0x%x", *at(area + 8));
	kept("vmx_memory", "VMX instructions and MSR areas have the rights of L1's code");
}

/* ---- ports ---- */

static void call_port_as(const char *what, u32 number, u32 bx, u32 cx, u32 dx, u32 taken, u32 al)
{
	u32 before = vmcall(CALL_PORT_SEEN, 0, 0, 0).ax;

	start_at(call_port, call_port_end);
	l2_call(number, bx, cx, dx);
	expect(exit_reason() == EXIT_VMCALL && vmcall(CALL_PORT_SEEN, 0, 0, 0).ax - before == taken && (u8)l2.si == al,
	       "%s: exit %u, %u accesses, AL 0x%x", what, exit_reason(), vmcall(CALL_PORT_SEEN, 0, 0, 0).ax - before, (u32)l2.si & 0xff);
}

static void ports(bool bitmaps)
{
	u8 *a = page_take(), *b = page_take();

	l2_of_hypercalls(L2_NATIVE, 0);
	if (bitmaps) {
		vmcs_on(PRIMARY_CTRLS, PRIMARY_IO_BITMAPS);
		vmcs_set(IO_BITMAP_A, physical(a));
		vmcs_set(IO_BITMAP_B, physical(b));
	}
	vmcall(CALL_PORT_MODE, SKIP, 0, 0);
	call_port_as("free", CALL_ABOUT, 0, 0, 0, 0, 0xff);
	vmcall(CALL_PORTS, PORT, 1, 1);
	call_port_as("taken by L1", CALL_ABOUT, 0, 0, 0, 2, 0xa5);
	call_port_as("given back by L2", CALL_PORTS, PORT, 1, 0, 0, 0xff);
	call_port_as("taken by L2", CALL_PORTS, PORT, 1, 1, 2, 0xa5);
	vmcall(CALL_PORT_MODE, INJECT, 0, 0);
	start_at(call_port, call_port_end);
	l2_call(CALL_ABOUT, 0, 0, 0);
	expect_vmcall("#GP for L2", L2_HANDLERS + 4 * GP_TRAP);
	if (bitmaps) {
		a[PORT / 8] = BIT(PORT % 8);
		start_at(call_port, call_port_end);
		l2_call(CALL_ABOUT, 0, 0, 0);
		expect(exit_reason() == EXIT_IO, "L1's too: exit %u", exit_reason());
	}
	vmcall(CALL_PORTS, PORT, 1, 0);
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	registers();
	linear();
	physical_l2();
	pages();
	failed_deliveries(0);
	failed_deliveries(L2_WITH_EPT);
	kept("failed_deliveries", "a #GP on the way to L2's handler is L1's with the event, a #DF without");
	page_fault_exits(0);
	page_fault_exits(L2_WITH_EPT);
	kept("page_faults", "a #PF from the hypapp is an exit with its address, or L2's with CR2");
	if (CAN_SECONDARY(SECONDARY_APIC_ACCESS)) {
		apic_page(0);
		apic_page(L2_WITH_EPT);
		kept("apic_page", "a virtual-APIC page that the hypapp protects isn't written any more");
	}
	vmx_memory();
	ports(false);
	kept("ports_plain", "a port that the hypapp takes is taken from a running L2");
	ports(true);
	kept("ports_bitmaps", "so it is where L1 has I/O bitmaps; a port of both is L1's");
	vmx_disable();
}
