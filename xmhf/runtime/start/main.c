/* SPDX-License-Identifier: BSD-2-Clause */
/* The one init order: memory, firmware's word, CPUs, EPT01, hypapp, guest. */
#include "guest/int15.h"
#include "guest/policy.h"
#include "guest/state.h"
#include "hypapp/hypapp.h"
#include "lib/console.h"
#include "machine/cpu_insn.h"
#include "machine/cpu_tables.h"
#include "machine/l1tf.h"
#include "machine/log.h"
#include "machine/machine.h"
#include "memory/ept01.h"
#include "memory/host_map.h"
#include "memory/pool.h"
#include "nested/nested.h"
#include "start/cpus.h"
#include "start/start.h"
#include "vmx/exit.h"
#include "vmx/setup.h"

extern const u8 runtime_start[], runtime_end[];

static void memory_init(void)
{
	const struct handoff *h = &machine.handoff;
	u64 end = h->base + h->size - HANDOFF_ROOM;

	for (u32 i = 0; i < h->module_count; i++)
		end = MIN(end, h->module[i].base);
	machine.ept_pool = (struct mem_range){ end - h->options.ept_pool, h->options.ept_pool };
	pool_add((uptr)runtime_end + SCRATCH_SIZE, machine.ept_pool.base);	/* the scratch pages hold the tables we run on */
	host_map_build();
	host_map_load();
	for (u32 i = 0; i < SCRATCH_SIZE; i += PAGE_SIZE)
		pool_free((void *)((uptr)runtime_end + i));
}

static void banner(void)
{
	const struct handoff *h = &machine.handoff;

	log_info("XMHF %s for %s", XMHF_VERSION, sizeof(uptr) == 8 ? "amd64" : "i386");
	log_info("base 0x%llx, %llu KiB taken, %llu KiB of them free", h->base, h->size >> 10, pool_bytes_free() >> 10);
	log_info("%u CPU%s, %u for the guest", cpus_count(), cpus_count() == 1 ? "" : "s", cpus_served());
	vmx_print_capabilities();
	log_info("L1TF: %s", l1tf_learn());
	log_info("no DMA protection: VT-d isn't used");
}

static bool is_served(u32 apic_id)
{
	for (u32 i = 0; i < cpus_served(); i++)
		if (cpus_get(i)->apic_id == apic_id)
			return true;
	return false;
}

/* A CPU that we don't serve sits in root mode for ever; the guest isn't told of it. */
static void leave_cpus_out(void)
{
	u32 captured = cpus_count() - cpus_served(), untold = cpu_tables_offer(is_served);

	if (captured)
		log_info("%u CPU%s left out by max_cpus=%llu: held in VMX root operation", captured, captured == 1 ? "" : "s",
			 machine.handoff.options.max_cpus);
	if (untold > captured)
		log_warn("%u CPU%s of the firmware's never came up: hidden from the guest", untold - captured,
			 untold - captured == 1 ? "" : "s");
}

/* Continues on the BSP's own stack; see runtime_main. */
static NORETURN void bsp_main(struct vcpu *v)
{
	trap_load(v);
	policy_init();
	host_msrs_init();
	cpus_wake();
	leave_cpus_out();
	ept01_build();
	int15_install();
	state_copy_boot_sector();
	banner();
	hypapp_main();
	ept01_guest_runs();
	log_guest_runs();
	cpus_release();
	start_guest(v);
}

void runtime_main(const struct handoff *h)
{
	struct vcpu *v;

	machine_learn(h);
	console_init(&machine.handoff.options.serial, DEFAULT_VGA);
	log_init((u32)machine.handoff.options.loglvl);
	trap_init();
	memory_init();
	machine_learn_firmware();
	vmx_learn_capabilities();
	nested_init();
	nested_ept_init();
	nested_shadowing_init();
	v = cpus_allocate();
	BUG_ON(!v);
	stack_switch(v, bsp_main);
}

void start_guest(struct vcpu *v)
{
	host_map_load();
	vmx_enable(v);
	if (!v->served) {
		cpus_in_vmx(v);
		cpu_halt_forever();		/* neither INIT nor SIPI wakes it */
	}
	vmx_setup(v);
	state_reset(v, v->index == 0);
	hypapp_start(v);
	cpus_in_vmx(v);
	vm_enter_first(v);
}
