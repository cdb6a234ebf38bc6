/* SPDX-License-Identifier: BSD-2-Clause */
/* Entries and the canonical record of the exit that ends them. */
#include "l2.h"

#define CR0_LOADED	(~(uptr)(CR0_ET | CR0_CD | CR0_NW))	/* what a VM exit sets (28.5.1); ET is 1 */
#define DR7_RESET	0x400
#define QUALIFIED_LINEAR BIT(7)		/* of an EPT violation: the linear address is valid */
#define OPERAND_REGISTER BIT(10)	/* in the instruction information */
#define IO_STRING	BIT(4)		/* of an I/O exit */
#define CR_IS_LMSW(q)	(((q) & 0x70) == 0x70)	/* with a memory operand */

/* What beside the qualification an exit with this reason has (28.2). */
enum { LENGTH = 1, INFO = 2, EVENT_INFO = 4, PHYSICAL = 8, EPT_LINEAR = 16, STRING = 32 };
static const u8 defined[EXIT_REASONS] = {
	[EXIT_EXCEPTION] = EVENT_INFO, [EXIT_EXTINT] = EVENT_INFO, [EXIT_CPUID] = LENGTH, [EXIT_GETSEC] = LENGTH,
	[EXIT_HLT] = LENGTH, [EXIT_INVD] = LENGTH, [EXIT_INVLPG] = LENGTH, [EXIT_RDPMC] = LENGTH, [EXIT_RDTSC] = LENGTH,
	[EXIT_VMCALL] = LENGTH, [EXIT_VMCLEAR] = LENGTH | INFO, [EXIT_VMLAUNCH] = LENGTH, [EXIT_VMPTRLD] = LENGTH | INFO,
	[EXIT_VMPTRST] = LENGTH | INFO, [EXIT_VMREAD] = LENGTH | INFO, [EXIT_VMRESUME] = LENGTH,
	[EXIT_VMWRITE] = LENGTH | INFO, [EXIT_VMXOFF] = LENGTH, [EXIT_VMXON] = LENGTH | INFO, [EXIT_CR] = LENGTH,
	[EXIT_DR] = LENGTH, [EXIT_IO] = LENGTH | STRING, [EXIT_RDMSR] = LENGTH, [EXIT_WRMSR] = LENGTH, [EXIT_MWAIT] = LENGTH,
	[EXIT_MONITOR] = LENGTH, [EXIT_PAUSE] = LENGTH, [EXIT_GDTR_IDTR] = LENGTH | INFO, [EXIT_LDTR_TR] = LENGTH | INFO,
	[EXIT_EPT_VIOLATION] = PHYSICAL | EPT_LINEAR, [EXIT_EPT_MISCONFIG] = PHYSICAL, [EXIT_INVEPT] = LENGTH | INFO,
	[EXIT_RDTSCP] = LENGTH, [EXIT_INVVPID] = LENGTH | INFO, [EXIT_WBINVD] = LENGTH, [EXIT_XSETBV] = LENGTH,
	[EXIT_RDRAND] = LENGTH | INFO, [EXIT_INVPCID] = LENGTH | INFO, [EXIT_VMFUNC] = LENGTH, [EXIT_RDSEED] = LENGTH | INFO,
	[EXIT_XSAVES] = LENGTH | INFO, [EXIT_XRSTORS] = LENGTH | INFO,
};

u32 l2_go(struct l2 *l, u32 resume);

struct vmx_result l2_enter(struct l2 *l, bool resume)
{
	u32 flags = l2_go(l, resume);
	struct vmx_result r = vmx_result_of(flags, this_cpu()->vector);

	if (r.kind == VMX_OK)
		l->launched = !(exit_reason() & ENTRY_FAILED) || resume;
	return r;
}

struct vmx_result l2_run(struct l2 *l) { return l2_enter(l, l->launched); }

static void say_event(const char *what, u32 info, enum vmcs_field code)
{
	say(" %s %x", what, info);
	if (info & EVENT_CODE)
		say("/%x", (u32)vmcs_get(code));
}

static bool is_software(u32 info)
{
	u32 type = info >> 8 & 7;

	return type == TYPE_SOFTWARE || type == TYPE_PRIVILEGED || type == TYPE_SOFT_EXCEPTION;
}

static void say_defined(u32 reason, u64 qualification)
{
	u32 has = reason < EXIT_REASONS ? defined[reason] : 0, info = (u32)vmcs_get(EXIT_INTR_INFO);
	u32 vectoring = (u32)vmcs_get(IDT_VECTORING_INFO);

	if (has & LENGTH || (has & EVENT_INFO && is_software(info)))
		say(" len %x", (u32)vmcs_get(EXIT_INSTR_LEN));
	if (has & INFO || (has & STRING && qualification & IO_STRING))
		say(" info %x", (u32)vmcs_get(EXIT_INSTR_INFO));
	if (has & EVENT_INFO)
		say_event("intr", info, EXIT_INTR_ERROR_CODE);
	if (vectoring & EVENT_VALID)
		say_event("idt", vectoring, IDT_VECTORING_ERROR_CODE);
	if (has & PHYSICAL)
		say(" phys %llx", vmcs_get(GUEST_PHYSICAL_ADDR));
	if ((has & EPT_LINEAR && qualification & QUALIFIED_LINEAR) || (has & STRING && qualification & IO_STRING) ||
	    (reason == EXIT_CR && CR_IS_LMSW(qualification)))
		say(" lin %llx", vmcs_get(GUEST_LINEAR_ADDR));
}

static void say_if(const char *what, enum vmcs_field field)
{
	u64 value = vmcs_get(field);

	if (value)
		say(" %s %llx", what, value);
}

void say_exit(void)
{
	u32 reason = exit_reason();
	u64 qualification = vmcs_get(EXIT_QUALIFICATION);
	const char *damage = host_damage();

	if (reason == EXIT_EPT_VIOLATION)
		qualification &= ~QUALIFICATION_ADVANCED;
	if ((reason == EXIT_VMREAD || reason == EXIT_VMWRITE) && vmcs_get(EXIT_INSTR_INFO) & OPERAND_REGISTER)
		qualification = 0;		/* a displacement otherwise: undefined */
	say("exit %u%s q %llx", reason & ~ENTRY_FAILED, reason & ENTRY_FAILED ? " (entry failed)" : "", qualification);
	if (!(reason & ENTRY_FAILED)) {
		say_defined(reason, qualification);
		say(" rip %llx flags %llx", vmcs_get(GUEST_RIP), vmcs_get(GUEST_RFLAGS));
		say_if("act", GUEST_ACTIVITY_STATE);
		say_if("int", GUEST_INTERRUPTIBILITY);
		say_if("dbg", GUEST_PENDING_DBG);
	}
	if (damage)
		say(" HOST %s", damage);
}

void say_entry(struct vmx_result r)
{
	if (r.kind == VMX_OK)
		say_exit();
	else
		say_result(r);
}

void result_l2(const char *name, struct l2 *l, struct vmx_result r)
{
	(void)l;
	result_l2_f(r, "%s", name);
}

static const char *segment_damage(void)
{
	static const char *const names[] = { "ES", "CS", "SS", "DS", "FS", "GS" };
	u16 now[7];

	__asm__ volatile("mov %%es, %0; mov %%cs, %1; mov %%ss, %2; mov %%ds, %3; mov %%fs, %4; mov %%gs, %5; str %6"
			 : "=m"(now[0]), "=m"(now[1]), "=m"(now[2]), "=m"(now[3]), "=m"(now[4]), "=m"(now[5]), "=m"(now[6]));
	for (u32 s = 0; s < ARRAY_SIZE(names); s++)
		if (now[s] != vmcs_get((enum vmcs_field)(HOST_ES_SELECTOR + 2 * s)))
			return names[s];
	return now[6] != vmcs_get(HOST_TR_SELECTOR) ? "TR" : NULL;
}

static const char *table_damage(void)
{
	struct descriptor_pointer g, i;

	__asm__ volatile("sgdt %0; sidt %1" : "=m"(g), "=m"(i));
	if (g.base != vmcs_get(HOST_GDTR_BASE) || g.limit != 0xffff)
		return "GDTR";
	if (i.base != vmcs_get(HOST_IDTR_BASE) || i.limit != 0xffff)
		return "IDTR";
	return NULL;
}

static const char *msr_damage(void)
{
	if (rdmsr(MSR_SYSENTER_CS) != vmcs_get(HOST_SYSENTER_CS) || rdmsr(MSR_SYSENTER_ESP) != vmcs_get(HOST_SYSENTER_ESP) ||
	    rdmsr(MSR_SYSENTER_EIP) != vmcs_get(HOST_SYSENTER_EIP))
		return "SYSENTER";
	if (has_debugctl && rdmsr(MSR_DEBUGCTL))
		return "DEBUGCTL";
	if (L1_IS_64 && rdmsr(MSR_FS_BASE) != vmcs_get(HOST_FS_BASE))
		return "FS base";
	if (L1_IS_64 && rdmsr(MSR_GS_BASE) != vmcs_get(HOST_GS_BASE))
		return "GS base";
	if (L1_IS_64 && (rdmsr(MSR_EFER) & (EFER_LME | EFER_LMA)) != (EFER_LME | EFER_LMA))
		return "EFER";
	return NULL;
}

const char *host_damage(void)
{
	const char *damage = NULL;

	if ((READ_CR(0) ^ (uptr)vmcs_get(HOST_CR0)) & CR0_LOADED)
		damage = "CR0";
	else if (READ_CR(3) != vmcs_get(HOST_CR3))
		damage = "CR3";
	else if (READ_CR(4) != vmcs_get(HOST_CR4))
		damage = "CR4";
	else if (READ_DR(7) != DR7_RESET)
		damage = "DR7";
	if (!damage)
		damage = segment_damage();
	if (!damage)
		damage = table_damage();
	return damage ? damage : msr_damage();
}
