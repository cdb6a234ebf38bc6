/* SPDX-License-Identifier: BSD-2-Clause */
/* On the testapp, with two CPUs: what the first CPU has the hypapp take is taken from the other CPU's L2, which runs all the time. */
#include "hyp.h"

enum { R = 1, PAGE = 4096 };
#define PORT		0x560u
#define PATIENCE	5000u			/* times 100 spins: EPT02 may have to be filled anew for each page that L2 uses */
#define VAPIC		0x1d00000u
#define APIC_ACCESS	0x1d01000u
#define APIC_TPR	0x80u

/* The words that L2 counts in, polls and is stopped by. */
#define COUNTER		0x1e00000u
#define STOP		0x1e01000u
#define LOOP(body)	"1:\n" body "\n lock incl 0x1e01004\n cmpl $0, 0x1e01000\n je 1b\n xor %eax, %eax\n vmcall\n hlt"
L2_CODE(count_loop, 32, LOOP("lock incl 0x1e00000"));
L2_CODE(port_loop, 32, LOOP("mov $0x560, %edx\n in %dx, %al"));
L2_CODE(tpr_loop, 32, LOOP("movl $0x40, 0x1d01080"));

struct work { const u8 *code, *end; u32 with; bool io_bitmaps, apic, sipi, in_l1; };
static volatile const struct work *work;
static volatile u32 *const stop = (volatile u32 *)STOP, *const turns = (volatile u32 *)(STOP + 4);
static volatile u32 *const counter = (volatile u32 *)COUNTER;
static volatile u32 reason;

/* In L1 what count_loop does in L2. */
static void go_round(void)
{
	*stop = *turns = 0;
	do {
		(*counter)++;
		(*turns)++;
	} while (!*stop);
}

/* 32-bit code in either: a 64-bit L1 runs it in compatibility mode. */
static void run_work(void)
{
	const struct work *w = (const struct work *)work;

	l2_setup(&l2, L1_IS_64 ? L2_COMPAT : L2_PAE, w->with);
	l2_code(&l2, w->code, w->end);
	if (w->io_bitmaps) {
		vmcs_on(PRIMARY_CTRLS, PRIMARY_IO_BITMAPS);
		vmcs_set(IO_BITMAP_A, physical(page_take()));
		vmcs_set(IO_BITMAP_B, physical(page_take()));
	}
	if (w->apic) {
		vmcs_on(PRIMARY_CTRLS, PRIMARY_TPR_SHADOW);
		secondary_on(SECONDARY_APIC_ACCESS);
		vmcs_set(VIRTUAL_APIC_ADDR, VAPIC);
		vmcs_set(APIC_ACCESS_ADDR, APIC_ACCESS);
	}
	if (w->sipi)
		vmcs_set(GUEST_ACTIVITY_STATE, ACTIVITY_WAIT_FOR_SIPI);
	if (w->in_l1)
		*stop = 1;
	reason = l2_run(&l2).kind == VMX_OK ? exit_reason() : ~0u;
	if (w->in_l1)
		go_round();
	work = NULL;
}

static void other_cpu(void)
{
	l1_begin_ap();
	vmx_enable();
	for (;;) {
		while (!work)
			pause();
		run_work();
	}
}

static void begin(const struct work *w)
{
	*stop = *turns = 0;
	work = w;
	while (*turns < 10 || *stop)
		pause();
}

static void end(const char *what)
{
	*stop = 1;
	while (work)
		pause();
	expect(reason == EXIT_VMCALL, "%s: L2 ended by exit %u", what, reason);
}

/* L2 goes round so often again. */
static bool goes_on(void)
{
	u32 before = *turns;

	for (u32 i = 0; i < PATIENCE; i++) {
		spin(100);
		if (*turns - before > 10)
			return true;
	}
	return false;
}

static void page(const char *what, u32 with, bool in_l1)
{
	const struct work w = { .code = count_loop, .end = count_loop_end, .with = with, .in_l1 = in_l1 };
	u32 seen = vmcall(CALL_VIOLATIONS, 0, 0, 0).ax, value;
	struct call c;

	vmcall(CALL_VIOLATION_MODE, 1, 0, 0);		/* the page is given back */
	begin(&w);
	for (u32 i = 1; i <= 5; i++) {
		vmcall(CALL_PROTECT, COUNTER, R, PAGE);
		expect(goes_on(), "%s: L2 stands still", what);
		c = vmcall(CALL_VIOLATIONS, 0, 0, 0);
		expect(c.ax == seen + i && c.bx == COUNTER, "%s: %u violations of %u, at 0x%x", what, c.ax - seen, i, c.bx);
	}
	value = *counter;
	expect(goes_on() && *counter != value, "%s: the page isn't given back", what);
	end(what);
}

static void port(const char *what, bool io_bitmaps)
{
	const struct work w = { .code = port_loop, .end = port_loop_end, .io_bitmaps = io_bitmaps };
	u32 before;

	vmcall(CALL_PORT_MODE, SKIP, 0, 0);
	begin(&w);
	before = vmcall(CALL_PORT_SEEN, 0, 0, 0).ax;
	expect(goes_on() && vmcall(CALL_PORT_SEEN, 0, 0, 0).ax == before, "%s: taken too early", what);
	vmcall(CALL_PORTS, PORT, 1, 1);
	expect(goes_on() && vmcall(CALL_PORT_SEEN, 0, 0, 0).ax > before, "%s: isn't taken", what);
	vmcall(CALL_PORTS, PORT, 1, 0);
	before = vmcall(CALL_PORT_SEEN, 0, 0, 0).ax;
	expect(goes_on() && vmcall(CALL_PORT_SEEN, 0, 0, 0).ax == before, "%s: isn't given back", what);
	end(what);
}

static void apic_page(void)
{
	const struct work w = { .code = tpr_loop, .end = tpr_loop_end, .apic = true };
	volatile u32 *tpr = (volatile u32 *)(VAPIC + APIC_TPR);

	begin(&w);
	expect(*tpr == 0x40, "isn't virtualised: 0x%x", *tpr);
	vmcall(CALL_PROTECT, VAPIC, R, PAGE);		/* L1 too may only read it */
	vmcall(CALL_WRITE_PHYSICAL, VAPIC + APIC_TPR, 0, 0);
	expect(goes_on() && *tpr == 0, "written while protected: 0x%x", *tpr);
	vmcall(CALL_UNPROTECT, VAPIC, 0, PAGE);
	end("APIC page");
}

/* No kick reaches such a CPU, so nobody may wait for it. */
static void waiting_for_sipi(void)
{
	const struct work w = { .code = count_loop, .end = count_loop_end, .sipi = true };
	u32 turn = 0;

	*turns = 0;
	reason = ~0u;
	work = &w;
	spin(20000);
	expect(vmcall(CALL_QUIESCE, STOP, 0, 0).ax == 0, "quiescence");
	vmcall(CALL_PROTECT, COUNTER, R, PAGE);
	vmcall(CALL_UNPROTECT, COUNTER, 0, PAGE);
	expect(*turns == 0 && work, "L2 runs, or has ended by exit %u", reason);
	ipi(1, ICR_SIPI | 0x12);
	while (work && turn++ < 1000)
		spin(100);
	expect(!work && reason == EXIT_SIPI, "exit %u", reason);
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	expect(ap_run(1, other_cpu), "no other CPU");
	page("without EPT", 0, false);
	page("with EPT", L2_WITH_EPT, false);
	kept("pages", "a page is taken from an L2 that another CPU runs, and given back to it");
	page("after an L2 with EPT", L2_WITH_EPT, true);
	kept("pages_of_l1", "and from a CPU that goes on without its L2");
	port("without bitmaps", false);
	port("with bitmaps", true);
	kept("ports", "so is a port");
	if (CAN_SECONDARY(SECONDARY_APIC_ACCESS)) {
		apic_page();
		kept("apic_page", "so is a virtual-APIC page");
	}
	if (CAP(MISC) & MISC_WAIT_FOR_SIPI) {
		waiting_for_sipi();
		kept("wait_for_sipi", "nobody waits for a CPU whose L2 waits for SIPI");
	}
}
