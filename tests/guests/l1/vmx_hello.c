/* SPDX-License-Identifier: BSD-2-Clause */
/* One L2 of each mode makes a VMCALL: what every other L1 program rests on. */
#include "l2.h"

L2_CODE(call_16, 16, "mov $0x1234, %ax; vmcall; mov $0x5678, %bx; vmcall; ud2");
L2_CODE(call_32, 32, "mov $0x12345678, %eax; vmcall; mov $0x5678, %ebx; vmcall; ud2");
L2_CODE(call_64, 64, "mov $0x123456789abcdef0, %rax; vmcall; mov %rax, %r15; vmcall; ud2");

static void run(enum l2_mode mode, u32 with)
{
	static struct l2 l2;

	l2_setup(&l2, mode, with);
	if (mode == L2_REAL || mode == L2_V86)
		l2_code(&l2, call_16, call_16_end);
	else if (mode == L2_LONG)
		l2_code(&l2, call_64, call_64_end);
	else
		l2_code(&l2, call_32, call_32_end);
	for (u32 i = 0; i < 3; i++) {
		result_l2_f(l2_run(&l2), "%s with %x entry %u", l2_mode_names[mode], with, i);
		say("R %s with %x registers %u: %llx %llx\n", l2_mode_names[mode], with, i, (u64)l2.ax, (u64)l2.bx);
		vmcs_set(GUEST_RIP, vmcs_get(GUEST_RIP) + vmcs_get(EXIT_INSTR_LEN));
	}
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	for (enum l2_mode mode = 0; mode < L2_MODES; mode++)
		for (u32 with = 0; with < 4; with++)
			if (l2_can(mode))
				run(mode, with);
	vmx_disable();
}
