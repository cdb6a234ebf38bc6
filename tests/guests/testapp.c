/* SPDX-License-Identifier: BSD-2-Clause */
/* On the testapp, with app.test=ping and a module that begins with MODU: ports, rights, memory, and what is asked once. */
#include "vmcall.h"
#include "../../hypapps/testapp/calls.h"

enum { CHAIN, SKIP, INJECT };					/* enum xmhf_result */
enum { DONE, PAGE_FAULT, NOT_CANONICAL, FORBIDDEN };		/* enum xmhf_access */
enum { R = 1, W = 2, X = 4, RWX = 7 };

#define PORT		0x560u		/* nothing is there */
#define PORTS		8u
#define AREA		0x800000u	/* RAM that nobody uses */
#define PAGE		0x1000u
#define LARGE		0x200000u
#define PTE_PWU		7u
#define PTE_A		BIT(5)
#define PTE_D		BIT(6)
#define ERROR_WRITE	2u
#define ERROR_USER	4u

static volatile u32 *const area = (volatile u32 *)AREA;
static __attribute__((aligned(4096))) volatile u32 table[1024];
static u32 user_cpl;

static void ask_at_3(void) { user_cpl = vmcall(CALL_ABOUT, 0, 0, 0).bx; }

static void once(void)
{
	struct call c = vmcall(CALL_ABOUT, 9, 9, 9);
	u32 flags, leaf;

	expect(c.bx == 0 && c.cx == 32 && c.dx == 0 && c.si >= 1, "cpl %u bits %u cpu %u of %u", c.bx, c.cx, c.dx, c.si);
	__asm__ volatile("clc; vmcall; pushf; pop %0" : "=r"(flags) : "a"(CALL_ABOUT) : "ebx", "ecx", "edx", "esi", "cc");
	expect(flags & 1, "flags 0x%x", flags);
	user_call(ask_at_3);
	expect(user_cpl == 3, "cpl %u", user_cpl);
	kept("hypercall", "the hypapp sees CPL, code size and CPU, and sets registers and flags");

	expect(vmcall(CALL_NONE, 0, 0, 0).trap == UD_TRAP, "no #UD");
	expect(vmcall(XMHF_CALL_HYPAPP_LAST, 0, 0, 0).trap == UD_TRAP, "no #UD");
	kept("chained", "a hypercall that the hypapp doesn't know is #UD");

	leaf = cpuid(TESTAPP_LEAF, 7).eax;
	expect(cpuid(TESTAPP_LEAF, 7).eax == leaf + 1 && cpuid(TESTAPP_LEAF, 7).ebx == 7, "leaf %u", leaf);
	kept("cpuid", "the hypapp answers its leaf");

	c = vmcall(CALL_COUNTS, 0, 0, 0);
	expect(c.bx == 1 && c.cx == vmcall(CALL_ABOUT, 0, 0, 0).si, "main %u start %u", c.bx, c.cx);
	kept("start", "main ran once, start on each CPU");

	c = vmcall(CALL_OPTION, 0, 0, 0);
	expect(c.bx == 0x676e6970 && c.cx == 1 && c.dx == 0x55444f4d && c.ax == 0, "%x %u %x %u", c.bx, c.cx, c.dx, c.ax);
	kept("options", "the hypapp has its option and its module");

	expect(vmcall(CALL_HEAP, 0, 0, 0).ax == 0 && vmcall(CALL_HEAP, 0, 0, 0).ax == 0, "broken");
	kept("heap", "pieces of memory are zeroed, aligned and apart");
}

/* ---- ports ---- */

static void seen(u32 count, u32 port, u32 value, u32 bytes, u32 write)
{
	struct call c = vmcall(CALL_PORT_SEEN, 0, 0, 0);

	expect(c.ax == count && c.bx == port && c.cx == value && c.dx == bytes && c.si == write,
	       "access %u: port 0x%x value 0x%x bytes %u write %u, wanted %u 0x%x 0x%x %u %u", c.ax, c.bx, c.cx, c.dx, c.si,
	       count, port, value, bytes, write);
}

static u32 in_with(u32 eax, u32 port, u32 bytes)
{
	if (bytes == 1)
		__asm__ volatile("inb %w1, %b0" : "+a"(eax) : "d"(port));
	else if (bytes == 2)
		__asm__ volatile("inw %w1, %w0" : "+a"(eax) : "d"(port));
	else
		__asm__ volatile("inl %w1, %0" : "+a"(eax) : "d"(port));
	return eax;
}

static void plain_ports(void)
{
	u32 n = vmcall(CALL_PORT_SEEN, 0, 0, 0).ax, value;

	vmcall(CALL_PORT_MODE, SKIP, 0, 0);
	vmcall(CALL_PORTS, PORT, PORTS, 1);
	outb(PORT + 3, 0x12);
	seen(n + 1, PORT + 3, 0x12, 1, 1);
	value = in_with(0x11223344, PORT + 3, 1);
	expect(value == 0x112233ed, "AL in 0x%x", value);
	outl(PORT - 3, 0x89abcdef);
	seen(n + 3, PORT - 3, 0x89abcdef, 4, 1);
	value = in_with(0x11223344, PORT + 7, 2);
	expect(value == 0x11223210, "AX in 0x%x", value);
	value = in_with(0x11223344, PORT, 4);
	expect(value == 0x76543210, "EAX 0x%x", value);
	outl(PORT - 4, 1);
	outl(PORT + PORTS, 1);
	seen(n + 5, PORT, 0x76543210, 4, 0);
	kept("ports", "accesses that touch watched ports go to the hypapp, others don't; widths merge into RAX");

	vmcall(CALL_PORT_MODE, CHAIN, 0, 0);
	value = in_with(0, PORT, 4);
	expect(value == 0xffffffff, "0x%x", value);
	vmcall(CALL_PORT_MODE, INJECT, 0, 0);
	value = TRY("inb $0x80, %%al", : "=a"(value));
	expect(value == NO_TRAP, "trap %u", value);
	value = TRY("inb %%dx, %%al", : "=a"(value) : "d"(PORT));
	expect(value == GP_TRAP && this_cpu()->error == 0, "trap %u", value);
	vmcall(CALL_PORT_MODE, SKIP, 0, 0);
	kept("port_results", "CHAIN reaches the machine's port, INJECT faults");
}

static void string_ports(void)
{
	u32 n = vmcall(CALL_PORT_SEEN, 0, 0, 0).ax, di = AREA + 8, si = AREA, cx = 5, trap;

	memcpy((void *)AREA, "abcdefghijklmnop", 16);
	__asm__ volatile("rep outsb" : "+S"(si), "+c"(cx) : "d"(PORT) : "memory");
	expect(si == AREA + 5 && cx == 0, "ESI 0x%x ECX %u", si, cx);
	seen(n + 5, PORT, 'e', 1, 1);
	cx = 3;
	__asm__ volatile("std; rep insw; cld" : "+D"(di), "+c"(cx) : "d"(PORT) : "memory");
	expect(di == AREA + 2 && cx == 0 && area[1] == 0xff9aff9a && area[2] == 0x6c6bff9a, "EDI 0x%x: %x %x", di, area[1], area[2]);
	cx = 0;
	__asm__ volatile("rep insl" : "+D"(di), "+c"(cx) : "d"(PORT) : "memory");
	expect(di == AREA + 2, "EDI 0x%x", di);
	seen(n + 8, PORT, 0xffffff9a, 2, 0);
	si = 0x1230000 | 0xffff;
	cx = 0x70002;
	__asm__ volatile("addr16 rep outsb" : "+S"(si), "+c"(cx) : "d"(PORT) : "memory");
	expect(si == 0x1230001 && cx == 0x70000, "ESI 0x%x ECX 0x%x", si, cx);
	kept("strings", "INS and OUTS with REP, DF and 16-bit addresses do what they do on hardware");

	n = vmcall(CALL_PORT_SEEN, 0, 0, 0).ax;
	descriptor_set(SEL_FREE, AREA, 7, 0x93, 4);
	cx = 3;
	di = 0;
	trap = TRY("mov %w4, %%es\n\trep insl", : "+D"(di), "+c"(cx) : "d"(PORT), "0"(di), "r"(SEL_FREE) : "memory");
	__asm__ volatile("mov %0, %%es" : : "r"(SEL_DATA32));
	expect(trap == GP_TRAP && this_cpu()->error == 0 && di == 8 && cx == 1, "trap %u EDI %u ECX %u", trap, di, cx);
	expect(vmcall(CALL_PORT_SEEN, 0, 0, 0).ax == n + 2, "the port was read");
	kept("string_limit", "a string that leaves its segment faults before the port is touched");
}

static void string_fault(void)
{
	u32 n = vmcall(CALL_PORT_SEEN, 0, 0, 0).ax, di = AREA + PAGE - 2, cx = 4, trap;

	paging_init();
	directory32[AREA >> 22] = (u32)table | PTE_PWU;
	table[0] = AREA | PTE_PWU;
	table[1] = 0;
	paging_32();
	trap = TRY("rep insb", : "+D"(di), "+c"(cx) : "d"(PORT) : "memory");
	expect(trap == PF_TRAP && this_cpu()->error == ERROR_WRITE && READ_CR(2) == AREA + PAGE, "trap %u error %u CR2 0x%x", trap,
	       this_cpu()->error, READ_CR(2));
	expect(di == AREA + PAGE && cx == 2, "EDI 0x%x ECX %u", di, cx);
	paging_off();
	expect(vmcall(CALL_PORT_SEEN, 0, 0, 0).ax == n + 2, "the port was read");
	vmcall(CALL_PORTS, PORT, PORTS, 0);
	outb(PORT, 1);
	expect(vmcall(CALL_PORT_SEEN, 0, 0, 0).ax == n + 2, "the port is still watched");
	kept("string_fault", "INS into a page that isn't there is #PF before the port is touched");
}

/* ---- rights ---- */

static u32 try_write(u32 at, u32 value)
{
	return TRY("movl %1, (%0)", : : "r"(at), "r"(value) : "memory");
}

static struct call violations(void) { return vmcall(CALL_VIOLATIONS, 0, 0, 0); }

static void rights(void)
{
	u32 n = violations().ax, trap;
	struct call c;

	area[0] = 5;
	expect(vmcall(CALL_PROTECT, AREA, R | X, PAGE).ax == 1, "not protected");
	expect(vmcall(CALL_RIGHTS, AREA, 0, 0).ax == (R | X) && vmcall(CALL_RIGHTS, AREA + PAGE, 0, 0).ax == RWX, "rights");
	expect(area[0] == 5 && violations().ax == n, "reading violates");
	vmcall(CALL_VIOLATION_MODE, VIOLATION_STEP_OVER, 2, 0);
	__asm__ volatile(".byte 0x89, 0x08" : : "a"(AREA), "c"(6) : "memory");	/* MOV [EAX], ECX: two bytes */
	c = violations();
	expect(c.ax == n + 1 && c.bx == AREA && c.cx == AREA && c.dx == 2 && area[0] == 5, "%u: 0x%x 0x%x %u", c.ax, c.bx, c.cx, c.dx);
	vmcall(CALL_VIOLATION_MODE, VIOLATION_PAGE_FAULT, 3, 0);
	trap = try_write(AREA + 4, 7);
	expect(trap == PF_TRAP && this_cpu()->error == 3 && READ_CR(2) == AREA + 4, "trap %u", trap);
	vmcall(CALL_VIOLATION_MODE, VIOLATION_CHAIN, 0, 0);
	trap = try_write(AREA, 7);
	expect(trap == GP_TRAP && this_cpu()->error == 0 && area[0] == 5, "trap %u", trap);
	vmcall(CALL_VIOLATION_MODE, VIOLATION_ALLOW, 0, 0);
	trap = try_write(AREA, 8);
	expect(trap == NO_TRAP && area[0] == 8 && violations().ax == n + 4, "trap %u", trap);
	expect(vmcall(CALL_PROTECT, AREA, R, PAGE).ax == 1, "not protected");
	vmcall(CALL_VIOLATION_MODE, VIOLATION_CHAIN_ALLOW, 0, 0);
	trap = try_write(AREA, 9);
	expect(trap == NO_TRAP && area[0] == 9 && violations().ax == n + 5, "trap %u", trap);
	kept("rights", "a write to a protected page goes to the hypapp, and ends as it says");

	expect(vmcall(CALL_PROTECT, AREA - LARGE, R | W, 2 * LARGE).ax == 1, "not protected");
	vmcall(CALL_VIOLATION_MODE, VIOLATION_CHAIN, 0, 0);
	trap = TRY("jmp *%0", : : "r"(AREA) : "memory");
	c = violations();
	expect(trap == GP_TRAP && c.dx == 4 && c.bx == AREA, "trap %u kind %u at 0x%x", trap, c.dx, c.bx);
	expect(vmcall(CALL_UNPROTECT, AREA - LARGE, 0, 2 * LARGE).ax == 1 && vmcall(CALL_RIGHTS, AREA, 0, 0).ax == RWX, "still");
	expect(vmcall(CALL_PROTECT, AREA, 0, PAGE).ax == 1, "not protected");
	trap = TRY("movl (%0), %%eax", : : "r"(AREA) : "eax");
	expect(trap == GP_TRAP && violations().dx == 1, "trap %u kind %u", trap, violations().dx);
	vmcall(CALL_UNPROTECT, AREA, 0, PAGE);
	kept("no_rights", "fetches and reads can be taken away too, in large ranges");
}

/* ---- bytes ---- */

static void bytes(void)
{
	struct xmhf_stat_info info;
	struct call c;

	vmcall6(XMHF_CALL_INFO, 0, 0, 0, sizeof(info), (u32)&info);
	area[0] = 0x1234;
	vmcall(CALL_PROTECT, AREA, 0, PAGE);
	c = vmcall(CALL_READ_PHYSICAL, AREA, 0, 0);
	expect(c.ax == 1 && c.cx == 0x1234, "%u 0x%x", c.ax, c.cx);
	expect(vmcall(CALL_READ_LINEAR, AREA, 0, 0).ax == FORBIDDEN && vmcall(CALL_WRITE_LINEAR, AREA - 2, 5, 0).ax == FORBIDDEN, "allowed");
	expect(vmcall(CALL_READ_OR_FAULT, AREA, 0, 0).trap == GP_TRAP, "no #GP");
	vmcall(CALL_UNPROTECT, AREA, 0, PAGE);
	expect(area[-1] == 0, "the half before was written: 0x%x", area[-1]);
	expect(vmcall(CALL_WRITE_PHYSICAL, AREA, 0x5678, 0).ax == 1 && area[0] == 0x5678, "0x%x", area[0]);
	expect(vmcall(CALL_READ_PHYSICAL, (u32)info.memory_base, 0, 0).ax == 0 &&
	       vmcall(CALL_WRITE_PHYSICAL, (u32)info.memory_base - 2, 0, 0).ax == 0, "our memory at 0x%x", (u32)info.memory_base);
	c = vmcall(CALL_READ_LINEAR, (u32)info.memory_base, 0, 0);
	expect(c.ax == DONE && c.cx == 0xffffffff, "our memory: %u 0x%x", c.ax, c.cx);
	kept("physical", "the hypapp reaches protected pages by physical, not by linear address; ours by neither");
}

static u32 fault_at, fault_error, fault_trap;

static void read_at_3(void)
{
	struct call c = vmcall(CALL_READ_LINEAR, AREA + PAGE, 0, 0);

	fault_trap = c.ax;
	fault_error = c.dx;
	fault_at = c.si;
}

static void linear(void)
{
	struct call c;

	paging_init();
	directory32[AREA >> 22] = (u32)table | PTE_PWU;
	table[0] = AREA | PTE_PWU;
	table[1] = (AREA + 8 * PAGE) | (PTE_PWU & ~4u);		/* supervisor */
	table[2] = (AREA + 9 * PAGE) | (PTE_PWU & ~2u);		/* read-only */
	table[3] = 0;
	area[8 * PAGE / 4] = 0x888;
	paging_32();
	c = vmcall(CALL_READ_LINEAR, AREA + PAGE, 0, 0);
	expect(c.ax == DONE && c.cx == 0x888 && table[1] & PTE_A && !(table[1] & PTE_D), "%u 0x%x 0x%x", c.ax, c.cx, table[1]);
	c = vmcall(CALL_WRITE_LINEAR, AREA + PAGE - 2, 0xaaaabbbb, 0);
	expect(c.ax == DONE && table[0] & PTE_D && table[1] & PTE_D && *(volatile u16 *)(AREA + PAGE) == 0xaaaa, "%u", c.ax);
	c = vmcall(CALL_WRITE_LINEAR, AREA + 2 * PAGE, 1, 0);
	expect(c.ax == DONE, "without CR0.WP: %u", c.ax);
	WRITE_CR(0, READ_CR(0) | CR0_WP);
	c = vmcall(CALL_WRITE_LINEAR, AREA + 2 * PAGE - 2, 0, 0);
	expect(c.ax == PAGE_FAULT && c.dx == 3 && c.si == AREA + 2 * PAGE, "%u error %u at 0x%x", c.ax, c.dx, c.si);
	WRITE_CR(0, READ_CR(0) & ~CR0_WP);
	c = vmcall(CALL_READ_LINEAR, AREA + 3 * PAGE - 2, 0, 0);
	expect(c.ax == PAGE_FAULT && c.dx == 0 && c.si == AREA + 3 * PAGE, "%u error %u at 0x%x", c.ax, c.dx, c.si);
	user_call(read_at_3);
	expect(fault_trap == PAGE_FAULT && fault_error == (ERROR_USER | 1) && fault_at == AREA + PAGE, "%u error %u at 0x%x", fault_trap,
	       fault_error, fault_at);
	WRITE_CR(2, 0);
	c = vmcall(CALL_READ_OR_FAULT, AREA + 3 * PAGE, 0, 0);
	expect(c.trap == PF_TRAP && this_cpu()->error == 0 && READ_CR(2) == AREA + 3 * PAGE && c.ax == CALL_READ_OR_FAULT, "trap %u", c.trap);
	kept("linear", "linear accesses have the guest's rights, faults, and A and D flags");

	c = vmcall(CALL_TRANSLATE, AREA + 2 * PAGE + 5, 0, 0);
	expect(c.ax == DONE && c.cx == AREA + 9 * PAGE + 5 && c.dx == PAGE && c.si == 6, "%u 0x%x 0x%x %u", c.ax, c.cx, c.dx, c.si);
	c = vmcall(CALL_TRANSLATE, AREA + 4 * LARGE + 5, 0, 0);
	expect(c.ax == DONE && c.cx == AREA + 4 * LARGE + 5 && c.dx == 2 * LARGE && c.si == 7, "%u 0x%x 0x%x %u", c.ax, c.cx, c.dx, c.si);
	expect(vmcall(CALL_TRANSLATE, AREA + 3 * PAGE, 0, 0).ax == PAGE_FAULT, "translated");
	paging_off();
	kept("translate", "a linear address leads where the guest's tables say");
}

void guest_main(void)
{
	once();
	plain_ports();
	string_ports();
	string_fault();
	rights();
	bytes();
	linear();
	done();
}
