/* SPDX-License-Identifier: BSD-2-Clause */
/* The real header; RDMSR, WRMSR and the instruction CPUID are fake_cpu.h's, CR2 that of the test that needs it. */
#ifndef MOCK_CPU_INSN_H
#define MOCK_CPU_INSN_H

#define rdmsr hardware_rdmsr
#define wrmsr hardware_wrmsr
#define write_cr2 hardware_write_cr2
#include_next "machine/cpu_insn.h"
#undef rdmsr
#undef wrmsr
#undef write_cr2

u64 rdmsr(u32 msr);
void wrmsr(u32 msr, u64 value);
void write_cr2(uptr value);

/* For the assembler a macro goes before an instruction of the same name: sources with CPUID in them stay as they are. */
__asm__(".macro cpuid\n"
	"	mov %eax, fake_cpuid_leaf(%rip)\n"
	"	mov %ecx, fake_cpuid_subleaf(%rip)\n"
	"	mov fake_cpuid_eax(%rip), %eax\n"
	"	mov fake_cpuid_ebx(%rip), %ebx\n"
	"	mov fake_cpuid_ecx(%rip), %ecx\n"
	"	mov fake_cpuid_edx(%rip), %edx\n"
	".endm");

#endif
