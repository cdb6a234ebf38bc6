/* SPDX-License-Identifier: BSD-2-Clause */
/* On the default hypapp: its hypercall and its CPUID leaf. */
#include "vmcall.h"

#define HELLO_LEAF	0x4c415010u
#define HELLO_EBX	0x6f6c6568u
#define HELLO_ECX	0x6c727720u

void guest_main(void)
{
	struct call c = vmcall(XMHF_CALL_HYPAPP_FIRST, 0, 0, 0);
	struct cpuid_regs leaf = cpuid(HELLO_LEAF, 0);

	expect(c.trap == NO_TRAP && c.ax == 0 && c.bx == HELLO_EBX && c.cx == HELLO_ECX, "trap %u EBX 0x%x", c.trap, c.bx);
	expect(vmcall(XMHF_CALL_HYPAPP_FIRST + 1, 0, 0, 0).trap == UD_TRAP, "the next one is answered");
	kept("hypercall", "helloworld answers its one hypercall");
	expect(leaf.eax == HELLO_LEAF && leaf.ebx == HELLO_EBX && leaf.ecx == HELLO_ECX, "EBX 0x%x", leaf.ebx);
	expect(cpuid(HELLO_LEAF - 1, 0).ebx != HELLO_EBX && cpuid(HELLO_LEAF + 1, 0).ebx != HELLO_EBX, "neighbours");
	kept("leaf", "helloworld answers its CPUID leaf, and no other");
	done();
}
