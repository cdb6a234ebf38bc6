/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checks of kvm-smoke: each makes a machine, runs a few instructions in it, and tells whether KVM kept a promise.
 */
#ifndef GUEST_KVM_SMOKE_H
#define GUEST_KVM_SMOKE_H

#include "vm.h"

/* CHECK(name, irqchip, promise): the function check_NAME gets an open machine. */
#define CHECKS											\
	CHECK(out, false, "each OUT exits with its byte, HLT ends the program")			\
	CHECK(in, false, "IN gets what the program gives")					\
	CHECK(string, false, "OUTSB of a string arrives whole")					\
	CHECK(cpuid, false, "CPUID a thousand times is this CPU's")				\
	CHECK(mmio, false, "writes and reads where no memory is reach the program")		\
	CHECK(slots, false, "memory that is taken away, replaced and moved is seen at once")	\
	CHECK(read_only, false, "read-only memory is read, a write exits")			\
	CHECK(dirty, false, "the dirty log has the pages that were written, and no others")	\
	CHECK(paging, false, "32-bit paging: 4 MiB and 4 KiB pages, a page moved, a page fault")	\
	CHECK_64(long_mode, false, "64-bit mode: 4 KiB pages, a page moved, a page fault")	\
	CHECK(mode_switches, false, "real mode to protected mode with paging and back, a hundred times")	\
	CHECK(triple_fault, false, "a triple fault is a shutdown")				\
	CHECK(exceptions, false, "#DE, #UD, INT3 and INT n reach the guest's handlers")		\
	CHECK(interrupts, false, "interrupts wait for STI and are taken in turn")		\
	CHECK(nmi, false, "an NMI is taken once, also with interrupts off")			\
	CHECK(step, false, "single-stepping stops after each instruction")			\
	CHECK(breakpoint, false, "a hardware breakpoint stops before its instruction")		\
	CHECK(signal, false, "a timer's signal ends an endless loop")				\
	CHECK(pit, true, "HLT wakes for the timer of KVM's own interrupt controller")		\
	CHECK(apic_timer, true, "the local APIC's timer interrupts, by its page and EOI")	\
	CHECK(msrs, false, "MSRs written from outside are read inside, and the other way round")	\
	CHECK(tsc, false, "the TSC goes on from where it was set")				\
	CHECK(alternate, false, "two CPUs in turn keep their own registers")			\
	CHECK(migrate, false, "a CPU goes on wherever its thread is moved")			\
	CHECK(threads, false, "two CPUs in two threads hand a token to each other")

/* KVM of a 32-bit kernel has no 64-bit mode. */
#ifdef __x86_64__
#define CHECK_64	CHECK
#else
#define CHECK_64(name, irqchip, promise)
#endif

#define CHECK(name, irqchip, promise)	bool check_##name(struct vm *m);
CHECKS
#undef CHECK

#define COUNT(array)	(sizeof(array) / sizeof(*(array)))

#endif
