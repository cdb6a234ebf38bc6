/* SPDX-License-Identifier: BSD-2-Clause */
/* The testapp's hypercalls, for it and for the guest that checks it. EBX, ECX, EDX, ESI take and give 32-bit values. */
#ifndef TESTAPP_CALLS_H
#define TESTAPP_CALLS_H

#define TESTAPP_FIRST	0x4c415000u

enum testapp_call {
	/* testapp.c */
	CALL_ABOUT = TESTAPP_FIRST,	/* EBX: CPL, ECX: code bits, EDX: CPU index, ESI: CPUs, EAX: RIP; sets CF */
	CALL_COUNTS,			/* EBX: main() calls, ECX: start() calls */
	CALL_OPTION,			/* EBX: first 4 characters of app.test, ECX: modules, EDX: first 4 bytes of the first */
	CALL_HEAP,			/* EAX: 0 if the heap kept its promises, else which it broke */
	CALL_REBOOT,
	CALL_PORTS,			/* EBX: first, ECX: count, EDX: intercept? */
	CALL_PORT_MODE,			/* EBX: enum xmhf_result */
	CALL_PORT_SEEN,			/* EAX: accesses, EBX: port, ECX: value, EDX: bytes, ESI: write? of the last */
	CALL_MTRR_MODE,			/* EBX: enum xmhf_result; EAX: writes so far */
	CALL_QUIESCE,			/* EBX: physical address of a counter; EAX: by how much it grew in quiescence, ECX: after */
	CALL_NONE,			/* answered CHAIN */
	CALL_BREAK,			/* breaks the hypervisor by an undefined instruction: its panic is wanted */
	CALL_MACHINE_CHECK,		/* what a machine check does that finds the CPU in the hypervisor */

	/* memory.c */
	CALL_PROTECT,			/* EBX: page, ECX: rights, EDX: bytes; EAX: done? */
	CALL_UNPROTECT,			/* EBX: page, EDX: bytes; EAX: done? */
	CALL_RIGHTS,			/* EBX: page; EAX */
	CALL_VIOLATION_MODE,		/* EBX: enum testapp_violation, ECX: its argument */
	CALL_VIOLATIONS,		/* EAX: so far, EBX: physical, ECX: linear, EDX: 1 read, 2 write, 4 fetch, 8 walk of the last */
	CALL_READ_PHYSICAL,		/* EBX: address; EAX: done?, ECX: value */
	CALL_WRITE_PHYSICAL,		/* EBX: address, ECX: value; EAX: done? */
	CALL_READ_LINEAR,		/* EBX: address; EAX: enum xmhf_access, ECX: value, EDX: error code, ESI: where */
	CALL_WRITE_LINEAR,		/* EBX: address, ECX: value; the same */
	CALL_READ_OR_FAULT,		/* EBX: address; ECX: value, or the fault that the guest's access gets */
	CALL_TRANSLATE,			/* EBX: address; EAX: enum xmhf_access, ECX: physical, EDX: page size, ESI: 1 w, 2 u, 4 x */

	/* events.c */
	CALL_INJECT,			/* EBX: vector, ECX: error code, or -1 */
	CALL_INTERRUPTS,		/* EBX: take them? ECX: enum xmhf_result for each */
	CALL_INTERRUPTS_SEEN,		/* EAX: so far, EBX: the last vector */
	CALL_INJECT_INTERRUPT,		/* EBX: vector */
	CALL_ASK_WINDOW,
	CALL_WINDOWS_SEEN,		/* EAX */

	/* nested.c */
	CALL_NESTED_COUNTS,		/* since the last call: EAX: entries, EBX: exits, ECX: their reasons, two digits each; EDX: does L2 call? */
	CALL_NESTED_LAST,		/* EAX: reason, EBX: failed?, ECX: qualification, EDX: event, ESI: RIP of the last exit told */
	CALL_NESTED_ENTRY,		/* EBX: enum xmhf_result of the next entry */
	CALL_NESTED_EXIT,		/* EBX: reason for which exits are answered ECX, enum xmhf_result, after RIP grew by EDX; INJECT: #UD */
	CALL_REGISTER,			/* EBX: enum xmhf_register; EAX */
	CALL_READ_L2,			/* EBX: L2-physical address; EAX: done?, ECX: value */
	CALL_WRITE_L2,			/* EBX: L2-physical address, ECX: value; EAX: done? */
	CALL_TRANSLATE_L2,		/* EBX: L2-physical address; EAX: done?, ECX: L1-physical */
	CALL_END
};

enum testapp_violation { VIOLATION_CHAIN, VIOLATION_ALLOW, VIOLATION_STEP_OVER, VIOLATION_PAGE_FAULT, VIOLATION_CHAIN_ALLOW };

/* CPUID: EAX: so many leaves were asked for, EBX: the subleaf. */
#define TESTAPP_LEAF	0x4c415001u

#endif
