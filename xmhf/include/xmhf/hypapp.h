/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a hypapp is: one table of callbacks with the name xmhf_hypapp. Entries that stay NULL cost nothing. A
 * hypapp includes <xmhf/...> alone; what it can ask of the core is in <xmhf/core.h>.
 *
 * Callbacks run in VMX root mode on the CPU whose guest exited, interrupts off, on a stack of about 8 KiB. They may
 * run on several CPUs at once. @v is that CPU: an opaque handle for the calls of core.h.
 */
#ifndef XMHF_HYPAPP_H
#define XMHF_HYPAPP_H

#include <xmhf/types.h>

struct vcpu;

enum xmhf_result {
	XMHF_CHAIN,		/* not for me: go on as if there were no hypapp */
	XMHF_SKIP,		/* done: what the guest asked for is finished */
	XMHF_INJECT,		/* it isn't done, the guest gets the event of an xmhf_inject… call of core.h */
};

struct xmhf_cpuid { u32 eax, ebx, ecx, edx; };

/* One element of one IN, OUT, INS or OUTS. */
struct xmhf_port_access {
	u16 port;
	u8 bytes;		/* 1, 2 or 4 */
	bool write;		/* OUT or OUTS */
	u32 value;		/* what OUT writes; what IN reads is put here */
};

/* An access that EPT01 forbids, SDM table 28-7. */
struct xmhf_violation {
	gpa1_t at;
	gla_t linear;		/* when has_linear */
	bool has_linear;
	bool page_walk;		/* the CPU's own access to a paging structure, not to @linear */
	bool read, write, fetch;
};

/* What L1 will read of an exit. */
struct xmhf_nested_exit {
	u32 reason;		/* SDM volume 3, appendix C, without the bits above the number */
	bool failed;		/* the CPU refused L2's state, or an event came, as L2 was entered: bit 31 of what L1 reads */
	u64 qualification;
	u32 event;		/* interruption information, valid if bit 31 is set */
};

struct xmhf_hypapp {
	const char *name;	/* stands in the log before each of its lines */

	/* Once, on the boot processor, before any CPU runs the guest. All of core.h works. */
	void (*main)(void);

	/* On each CPU, before it first runs the guest. */
	void (*start)(struct vcpu *v);

	/*
	 * VMCALL with EAX = @number in XMHF_CALL_HYPAPP_FIRST..LAST, at any privilege: see xmhf_cpl(). SKIP: answered,
	 * the registers were set. CHAIN: no such call, the guest gets #UD.
	 */
	enum xmhf_result (*hypercall)(struct vcpu *v, u32 number);

	/* CPUID with a leaf in @cpuid_first..@cpuid_last is about to answer @answer, which may be changed. */
	u32 cpuid_first, cpuid_last;
	void (*cpuid)(u32 leaf, u32 subleaf, struct xmhf_cpuid *answer);

	/* WRMSR to an MTRR. SKIP: the write is ignored. */
	enum xmhf_result (*mtrr_write)(struct vcpu *v, u32 msr, u64 value);

	/*
	 * An access that touches a port given to xmhf_intercept_ports(). CHAIN: the machine's own port is accessed.
	 * SKIP: it isn't, @access->value is what the guest reads.
	 */
	enum xmhf_result (*port)(struct vcpu *v, struct xmhf_port_access *access);

	/*
	 * An access that the rights of a page forbid. SKIP: the guest goes on at its RIP, so it tries again unless rights
	 * or RIP were changed. CHAIN: #GP(0), unless the access is allowed by now.
	 */
	enum xmhf_result (*ept_violation)(struct vcpu *v, const struct xmhf_violation *violation);

	/*
	 * An external interrupt, on a CPU where xmhf_take_interrupts() is on. CHAIN: the guest gets it as soon as it
	 * can. SKIP: it doesn't; it is acknowledged at the local APIC if it came from there (else the 8259s are
	 * the hypapp's to acknowledge).
	 */
	enum xmhf_result (*interrupt)(struct vcpu *v, u8 vector);

	/* Asked for by xmhf_ask_interrupt_window(): the guest could take an interrupt now. */
	void (*interrupt_window)(struct vcpu *v);

	/*
	 * A guest hypervisor (L1) enters its guest (L2): its VM entry passed our checks, its MSRs are loaded. Registers and
	 * memory are L2's already, and may be changed. SKIP: L2 doesn't run, L1 sees the entry fail for L2's state (exit
	 * reason 33). Each entry that isn't skipped ends in one nested_exit that L1 sees.
	 */
	enum xmhf_result (*nested_entry)(struct vcpu *v);

	/*
	 * An exit that L1 is to see; registers and memory are L2's still. Exits that end with us aren't told. CHAIN: L1 sees
	 * it. SKIP: L2 goes on instead, and INJECT: with an exception, which L1 sees if it asked for exits by that. Both count for
	 *	an instruction of L2 that exits	SKIP: it is done, RIP goes past it, or stands if it was changed
	 *	an exception, an EPT violation	SKIP: L2 goes on at its RIP, so it tries again unless RIP or what is there was changed
	 * if the CPU made that exit. Everything else is L1's whatever is returned: failed entries (@exit->failed), task switches, APIC
	 * accesses, exits that come of themselves (interrupts, NMIs, INIT, SIPI, windows, timer, monitor trap flag, log full,
	 * virtual APIC, triple fault), and exceptions that are made here, as by INJECT.
	 */
	enum xmhf_result (*nested_exit)(struct vcpu *v, const struct xmhf_nested_exit *exit);

	/*
	 * The guest powers the machine off by ACPI, or resets it: by port CF9h, 92h, the keyboard controller's or ACPI's, by a
	 * triple fault, or by INIT of the boot processor. The last call, unless the machine takes no notice of the port.
	 */
	void (*shutdown)(void);
};

extern const struct xmhf_hypapp xmhf_hypapp;

#endif
