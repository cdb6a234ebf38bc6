/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * INIT and SIPI to a CPU in VMX operation, and NMIs where it waits for SIPI: in root operation, in each activity state,
 * with each of L1's NMI settings. The second CPU is the subject; the first one sends, and says if the other is lost
 * (waits for SIPI outside VMX operation) once the row is over and VMXOFF was executed.
 */
#include "ept.h"
#include "l2.h"

#define VECTOR		0x12
#define SIPI		(ICR_SIPI | VECTOR)
#define SENDS		3
#define EXITS		4
#define TICKS		3000000u	/* of the preemption timer that ends what nothing else ends */
#define BETWEEN		20000		/* spins */
#define FOREVER		9		/* wait_until()s */
#define UNBLOCK		0x81

#ifdef __x86_64__
L2_CODE(loops, 64, "movl $1, (%rsi); 1: pause; jmp 1b");
#else
L2_CODE(loops, 32, "movl $1, (%esi); 1: pause; jmp 1b");
#endif

static const struct row {
	const char *name;
	u8 activity;
	enum { IN_L2, IN_ROOT, IN_ROOT_THEN_OFF } where;	/* when it is sent */
	u32 pin, event, sends[SENDS];
	bool fails;						/* the first entry does */
	bool first_flushes;					/* the first CPU changes its EPT meanwhile */
} rows[] = {
	{ "INIT to L2", .sends = { ICR_INIT } },
	{ "SIPI to L2", .sends = { SIPI } },
	{ "INIT, SIPI, SIPI to L2", .sends = { ICR_INIT, SIPI, SIPI } },
	{ "INIT to L2 in HLT", ACTIVITY_HLT, .sends = { ICR_INIT } },
	{ "SIPI to L2 in HLT", ACTIVITY_HLT, .sends = { SIPI } },
	{ "INIT to L2 in shutdown", ACTIVITY_SHUTDOWN, .sends = { ICR_INIT } },
	{ "SIPI to L2 in shutdown", ACTIVITY_SHUTDOWN, .sends = { SIPI } },
	{ "SIPI to L2 that waits for it", ACTIVITY_WAIT_FOR_SIPI, .sends = { SIPI } },
	{ "two SIPIs to L2 that waits for one", ACTIVITY_WAIT_FOR_SIPI, .sends = { SIPI, ICR_SIPI | 0x55 } },
	{ "INIT, SIPI to L2 that waits for SIPI", ACTIVITY_WAIT_FOR_SIPI, .sends = { ICR_INIT, SIPI } },
	{ "INIT, SIPI to L2 that waits for SIPI, exiting", ACTIVITY_WAIT_FOR_SIPI, .pin = PIN_NMI, .sends = { ICR_INIT, SIPI } },
	{ "NMI to L2 that waits for SIPI, neither", ACTIVITY_WAIT_FOR_SIPI, .sends = { ICR_NMI, SIPI } },
	{ "NMI to L2 that waits for SIPI, exiting", ACTIVITY_WAIT_FOR_SIPI, .pin = PIN_NMI, .sends = { ICR_NMI, SIPI } },
	{ "NMI to L2 that waits for SIPI, virtual", ACTIVITY_WAIT_FOR_SIPI, .pin = PIN_NMI | PIN_VIRTUAL_NMIS,
	  .sends = { ICR_NMI, SIPI } },
	{ "SIPI, NMI to L2 that waits for SIPI", ACTIVITY_WAIT_FOR_SIPI, .sends = { SIPI, ICR_NMI } },
	{ "EPT flushed while L2 waits for SIPI", ACTIVITY_WAIT_FOR_SIPI, .sends = { SIPI }, .first_flushes = true },
	{ "INIT in root", .where = IN_ROOT, .sends = { ICR_INIT } },
	{ "INIT in root, then VMXOFF", .where = IN_ROOT_THEN_OFF, .sends = { ICR_INIT } },
	{ "INIT, SIPI in root", .where = IN_ROOT, .sends = { ICR_INIT, SIPI } },
	{ "SIPI in root", .where = IN_ROOT, .sends = { SIPI } },
	{ "SIPI in root, then VMXOFF", .where = IN_ROOT_THEN_OFF, .sends = { SIPI } },
	{ "INIT in root, L2 in HLT", ACTIVITY_HLT, .where = IN_ROOT, .sends = { ICR_INIT } },
	{ "INIT in root, inject #UD", .where = IN_ROOT, .event = EVENT(TYPE_HARDWARE, UD_TRAP), .sends = { ICR_INIT } },
	{ "INIT in root, inject NMI, exiting", .where = IN_ROOT, .pin = PIN_NMI, .event = EVENT(TYPE_NMI, NMI_TRAP),
	  .sends = { ICR_INIT } },
	{ "INIT in root, entry fails", .where = IN_ROOT, .fails = true, .sends = { ICR_INIT } },
	{ "INIT and NMI in root, exiting", .where = IN_ROOT, .pin = PIN_NMI, .sends = { ICR_INIT, ICR_NMI } },
};

static struct l2 l2, first_l2;
static const struct row *volatile row;
static volatile u32 there, sent, over;
static volatile u32 nmis;
static bool may_fail;

static volatile u32 *word(u32 at) { return (volatile u32 *)(uptr)at; }
static void on_nmi(struct frame *f) { (void)f; nmis++; }
static void on_unblock(struct frame *f) { (void)f; }

static void start(const struct row *r)
{
	l2_setup(&l2, L2_NATIVE, 0);
	l2_code(&l2, loops, loops_end);
	*word(L2_DATA) = 0;
	l2.si = L2_DATA;
	vmcs_on(PIN_CTRLS, r->pin | PIN_TIMER);
	vmcs_set(PREEMPTION_TIMER, TICKS >> (CAP(MISC) & MISC_TIMER_RATE));
	vmcs_set(GUEST_ACTIVITY_STATE, r->activity);
	vmcs_set(ENTRY_INTR_INFO, r->event);
	may_fail = r->fails;
	if (may_fail)
		vmcs_set(GUEST_CR4, 0);
}

/* RIP in the loop isn't told; false: the last one. RF: see vmx_nmi.c. */
static bool say_one(struct vmx_result result)
{
	u64 end = L2_CODE_AT + (u64)(loops_end - loops);
	bool exited = result.kind == VMX_OK;

	if (exited && exit_reason() == EXIT_EXCEPTION)
		vmcs_off(GUEST_RFLAGS, EFLAGS_RF);
	if (exited && vmcs_get(GUEST_RIP) > L2_CODE_AT && vmcs_get(GUEST_RIP) < end)
		vmcs_set(GUEST_RIP, end - 2);
	say_entry(result);
	say(", ");
	if (may_fail) {
		may_fail = false;
		vmcs_set(GUEST_CR4, READ_CR(4));
		return true;
	}
	return exited && !(exit_reason() & ENTRY_FAILED) && exit_reason() != EXIT_TIMER && exit_reason() != EXIT_VMCALL;
}

static void resume_active(void)
{
	vmcs_set(GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
	vmcs_set(GUEST_INTERRUPTIBILITY, 0);
	vmcs_set(PREEMPTION_TIMER, TICKS >> (CAP(MISC) & MISC_TIMER_RATE));
	*word(L2_DATA) = 0;
}

/* The second CPU. */
static void subject(void)
{
	struct vmx_result result;
	u32 exits = 0;

	l1_begin_ap();
	vmx_enable();
	start(row);
	nmis = 0;
	there = 1;
	while (row->where != IN_L2 && !sent)
		pause();
	while (row->where != IN_ROOT_THEN_OFF) {
		result = l2_run(&l2);
		if (row->where == IN_L2)
			while (!sent)
				pause();
		if (exits == 0)
			say("R %s: ", row->name);
		exits++;
		if (!say_one(result) || exits == EXITS)
			break;
		resume_active();
	}
	if (exits == 0)
		say("R %s: ", row->name);
	say("L1's handler %u", nmis);
	__asm__ volatile("int %0" : : "i"(UNBLOCK) : "memory");
	say(" and %u\n", nmis);
	vmx_disable();
	spin(100);
	over = 1;
}

static bool comes(volatile u32 *what)
{
	for (u32 i = 0; i < FOREVER; i++)
		if (wait_until(what, 1))
			return true;
	return false;
}

/* On the first CPU: tables of EPT12 change, which the hypervisor may want to tell all CPUs. */
static void flush(void)
{
	static const u8 vmcall_hlt[] = { 0x0f, 0x01, 0xc1, 0xf4 };
	u32 entered = 0;

	vmx_enable();
	for (u32 i = 0; i < 8; i++) {
		l2_setup(&first_l2, L2_NATIVE, L2_WITH_EPT);
		l2_code(&first_l2, vmcall_hlt, vmcall_hlt + sizeof(vmcall_hlt));
		*ept_entry(first_l2.eptp, L2_CODE_AT, EPT_4K) ^= EPT_W;
		(void)vmx_invept(1, first_l2.eptp);
		entered += l2_run(&first_l2).kind == VMX_OK && exit_reason() == EXIT_VMCALL;
	}
	vmx_disable();
	say("R %s, the first CPU: %u\n", row->name, entered);
}

static void run(const struct row *r)
{
	row = r;
	there = sent = over = 0;
	if (!ap_run(1, subject) || !comes(&there)) {
		say("R %s, start: no\n", r->name);
		return;
	}
	if (r->where == IN_L2 && r->activity == ACTIVITY_ACTIVE)
		comes(word(L2_DATA));
	spin(BETWEEN);
	if (r->first_flushes)
		flush();
	for (u32 i = 0; i < SENDS && r->sends[i]; i++) {
		ipi(1, r->sends[i]);
		spin(BETWEEN);
	}
	sent = 1;
	comes(&over);
	say("R %s, at last: %s\n", r->name, over ? "goes on" : "waits for SIPI");
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	handlers[NMI_TRAP] = on_nmi;
	handlers[UNBLOCK] = on_unblock;
	for (const struct row *r = rows; r < rows + ARRAY_SIZE(rows); r++)
		run(r);
}
