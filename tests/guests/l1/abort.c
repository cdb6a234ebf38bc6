/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMX aborts (SDM 28.7), one on each CPU but the first, which goes on and looks: the indicator stands in the VMCS region, and
 * the CPU never runs again, whatever it is sent. Bare Bochs does neither.
 */
#include "l2.h"
#include "rows.h"

#define ABSENT_MSR	0x12345u
#define MSR_SMBASE	0x9eu
#define MSR_X2APIC_ID	0x802u
#define MARK		0x5a5a5a5au
#define PDPTE_RESERVED	BIT(1)
#define ALIVE_VECTOR	0x41u

struct kind { const char *name, *sentence; u32 indicator; void (*prepare)(void); };

static struct l2 l2;
static volatile u32 ready, alive;
static const struct kind *kind;

static void entry(enum vmcs_field address, enum vmcs_field count, u32 msr, u32 reserved)
{
	volatile struct msr_entry *e = (volatile struct msr_entry *)(uptr)ROW_PAGE(3);

	e->index = msr;
	e->reserved = reserved;
	vmcs_set(address, ROW_PAGE(3));
	vmcs_set(count, 1);
}

static void store_of(u32 msr, u32 reserved) { entry(EXIT_MSR_STORE_ADDR, EXIT_MSR_STORE_COUNT, msr, reserved); }
static void store(void) { store_of(ABSENT_MSR, 0); }
static void store_reserved(void) { store_of(MSR_SYSENTER_CS, 1); }
static void store_smbase(void) { store_of(MSR_SMBASE, 0); }
static void store_x2apic(void) { store_of(MSR_X2APIC_ID, 0); }
static void load(void) { entry(EXIT_MSR_LOAD_ADDR, EXIT_MSR_LOAD_COUNT, ABSENT_MSR, 0); }

/* A host with PAE paging whose PDPTEs are bad. */
static void bad_pdpte(void)
{
	u64 *table = page_take();

	memcpy(table, (void *)READ_CR(3), 4 * sizeof(u64));
	table[3] |= PDPTE_RESERVED;
	vmcs_set(HOST_CR3, physical(table));
}

static const struct kind kinds[] = {
	{ "store", "an MSR that can't be stored aborts: indicator 1", 1, store },
	{ "store_reserved", "an entry to store with bits 63:32 set aborts", 1, store_reserved },
	{ "store_smbase", "storing IA32_SMBASE aborts", 1, store_smbase },
	{ "store_x2apic", "storing an x2APIC register aborts", 1, store_x2apic },
	{ "load", "an MSR that can't be loaded aborts: indicator 4", 4, load },
	{ "pdpte", "bad PDPTEs of a PAE host abort: indicator 2", 2, bad_pdpte },
};

L2_CODE(call, 32, "vmcall\n hlt");

static void on_interrupt(struct frame *f)
{
	(void)f;
	alive++;
	apic_write(APIC_EOI, 0);
}

static void aborts(void)
{
	l1_begin_ap();
	apic_enable();
	vmx_enable();
	l2_setup(&l2, L2_NATIVE, 0);
	l2_code(&l2, call, call_end);
	kind->prepare();
	((volatile u32 *)l2.vmcs)[1] = MARK;
	ready = 1;
	l2_run(&l2);
	alive++;
	for (;;)
		pause();
}

/* After all that could wake it. */
static bool stays_down(u32 cpu)
{
	ipi(cpu, ICR_FIXED | ALIVE_VECTOR);
	ipi(cpu, ICR_NMI);
	spin(100000);
	ipi(cpu, ICR_INIT);
	spin(100000);
	ap_prepare(aborts);
	ipi(cpu, ICR_SIPI | AP_PAGE >> 12);
	spin(100000);
	return !alive && ap_starts[cpu] == 1;
}

void guest_main(void)
{
	u32 count = ARRAY_SIZE(kinds) - (L1_IS_64 ? 1 : 0);	/* a 64-bit host has no PDPTEs */

	if (!l1_begin())
		return;
	handlers[ALIVE_VECTOR] = on_interrupt;
	handlers[NMI_TRAP] = on_interrupt;
	for (u32 i = 0; i < count; i++) {
		u32 cpu = i + 1;
		volatile u32 *region;
		bool down;

		kind = &kinds[i];
		ready = alive = 0;
		l2.vmcs = NULL;
		expect(ap_run(cpu, aborts) && wait_until(&ready, 1), "CPU %u doesn't start", cpu);
		region = l2.vmcs;
		expect(wait_until(&region[1], kind->indicator), "indicator 0x%x", region[1]);
		down = stays_down(cpu);
		expect(down, "it runs: %u, %u starts", alive, ap_starts[cpu]);
		kept(kind->name, kind->sentence);
	}
	vmx_enable();			/* this CPU's VMX goes on */
	l2.vmcs = NULL;
	l2_setup(&l2, L2_NATIVE, 0);
	l2_code(&l2, call, call_end);
	expect(l2_run(&l2).kind == VMX_OK && exit_reason() == EXIT_VMCALL, "exit %u", exit_reason());
	kept("others", "the other CPUs go on");
}
