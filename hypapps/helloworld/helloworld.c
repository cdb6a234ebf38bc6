/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The smallest hypapp that does something: says hello when it starts, answers one hypercall and one CPUID leaf.
 * Copy this folder to begin your own; docs/hypapps.md goes on from here.
 */
#include <xmhf/core.h>

#define HELLO_CALL	XMHF_CALL_HYPAPP_FIRST	/* answers EAX = 0, EBX and ECX as the leaf does */
#define HELLO_LEAF	0x4c415010u		/* CPUID: EBX:ECX = "helo wrl" */
#define HELLO_EBX	0x6f6c6568u		/* "helo" */
#define HELLO_ECX	0x6c727720u		/* " wrl" */

static void hello_main(void)
{
	char who[32] = "world";

	xmhf_option("who", who, sizeof(who));
	xmhf_log(XMHF_INFO, "hello %s, from under %u CPU%s", who, xmhf_cpu_count(), xmhf_cpu_count() == 1 ? "" : "s");
}

static enum xmhf_result hello_hypercall(struct vcpu *v, u32 number)
{
	if (number != HELLO_CALL)
		return XMHF_CHAIN;
	xmhf_set(v, XMHF_RAX, 0);
	xmhf_set(v, XMHF_RBX, HELLO_EBX);
	xmhf_set(v, XMHF_RCX, HELLO_ECX);
	return XMHF_SKIP;
}

static void hello_cpuid(u32 leaf, u32 subleaf, struct xmhf_cpuid *answer)
{
	(void)subleaf;
	if (leaf == HELLO_LEAF)
		*answer = (struct xmhf_cpuid){ HELLO_LEAF, HELLO_EBX, HELLO_ECX, 0 };
}

const struct xmhf_hypapp xmhf_hypapp = {
	.name = "helloworld",
	.main = hello_main,
	.hypercall = hello_hypercall,
	.cpuid_first = HELLO_LEAF,
	.cpuid_last = HELLO_LEAF,
	.cpuid = hello_cpuid,
};
