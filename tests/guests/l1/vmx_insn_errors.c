/* SPDX-License-Identifier: BSD-2-Clause */
/* Each VM-instruction error number (SDM 31.4) that software without SMM can meet, and a neighbour that passes. */
#include "ept.h"
#include "l2.h"

#define VMCSS	100

static struct l2 l2;
static const u8 vmcall_hlt[] = { 0x0f, 0x01, 0xc1, 0xf4 };

static void start(u32 with)
{
	l2_setup(&l2, L2_NATIVE, with);
	l2_code(&l2, vmcall_hlt, vmcall_hlt + sizeof(vmcall_hlt));
}

/* Pointers: alignment, width, the VMXON region, no memory there, revision. */
static void bad_pointers(const char *with)
{
	u32 *good = vmcs_region(), *other = vmcs_region();
	u64 end = 1ull << vmx_address_bits();
	struct { const char *name; u64 at; } bad[] = {
		{ "misaligned by 1", physical(good) + 1 }, { "misaligned by 8", physical(good) + 8 },
		{ "misaligned by 0x800", physical(good) + 0x800 }, { "beyond the width", physical(good) | end },
		{ "of bit 63", physical(good) | 1ull << 63 }, { "of ones", ~0ull }, { "of the width's end", end },
	};

	other[0] ^= 1;
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		result_f(vmx_clear(bad[i].at), "VMCLEAR %s, %s", bad[i].name, with);
		result_f(vmx_ptrld(bad[i].at), "VMPTRLD %s, %s", bad[i].name, with);
	}
	result_f(vmx_clear(vmxon_region()), "VMCLEAR of the VMXON region, %s", with);
	result_f(vmx_ptrld(vmxon_region()), "VMPTRLD of the VMXON region, %s", with);
	result_f(vmx_clear(vmxon_region() + 1), "VMCLEAR of the VMXON region and a bit, %s", with);
	result_f(vmx_ptrld(physical(other)), "VMPTRLD with another revision, %s", with);
	result_f(vmx_clear(physical(other)), "VMCLEAR with another revision, %s", with);
	result_f(vmx_clear(physical(good)), "VMCLEAR of a good VMCS, %s", with);
}

static void pointers(void)
{
	u32 *good = vmcs_region(), *other = vmcs_region(), *shadow = vmcs_region();
	u64 current = 0;

	other[0] ^= 1;
	shadow[0] |= BIT(31);
	result("VMPTRLD of a shadow VMCS", vmx_ptrld(physical(shadow)));
	result("VMCLEAR of a shadow VMCS", vmx_clear(physical(shadow)));
	result("VMPTRLD of what was never cleared", vmx_ptrld(physical(good)));
	vmx_ptrst(&current);
	say("R VMPTRST after VMPTRLD: %s\n", current == physical(good) ? "the VMCS" : "another");
	result("VMPTRLD with another revision than the current", vmx_ptrld(physical(other)));
	vmx_ptrst(&current);
	say("R VMPTRST after a VMPTRLD that failed: %s\n", current == physical(good) ? "the VMCS before" : "another");
	result("VMPTRLD of the current VMCS", vmx_ptrld(physical(good)));
	result("VMCLEAR of another VMCS than the current", vmx_clear(physical(other)));
	vmx_ptrst(&current);
	say("R VMPTRST after VMCLEAR of another: %s\n", current == physical(good) ? "the VMCS" : "another");
	result("VMCLEAR of the current VMCS", vmx_clear(physical(good)));
	vmx_ptrst(&current);
	say("R VMPTRST after VMCLEAR of the current: %llx\n", current);
	result("VMCLEAR of it again", vmx_clear(physical(good)));
	result("VMPTRLD of it", vmx_ptrld(physical(good)));
	vmx_clear(physical(good));
}

/* VMfailInvalid: no current VMCS. */
static void no_current(void)
{
	uptr value = 0;
	u64 at = 0;

	result("VMREAD without a current VMCS", vmx_read(GUEST_RIP, &value));
	result("VMREAD of no field without a current VMCS", vmx_read(0x7ffe, &value));
	result("VMWRITE without a current VMCS", vmx_write(GUEST_RIP, 0));
	result("VMLAUNCH without a current VMCS", vmx_launch());
	result("VMRESUME without a current VMCS", vmx_resume());
	result("VMCALL without a current VMCS", vmx_call());
	result("VMPTRST without a current VMCS", vmx_ptrst(&at));
	say("R VMPTRST's value without a current VMCS: %llx\n", at);
	result("VMXON in root operation without a current VMCS", vmx_on(vmxon_region()));
	result("VMCLEAR misaligned without a current VMCS", vmx_clear(1));
	result("VMPTRLD misaligned without a current VMCS", vmx_ptrld(1));
	result("INVEPT of no kind without a current VMCS", vmx_invept(0, 0));
	result("INVVPID of no kind without a current VMCS", vmx_invvpid(9, 1, 0));
	result("VMFUNC without a current VMCS", vmx_func(0, 0));
}

static void launch_state(void)
{
	start(0);
	result("VMRESUME of a clear VMCS", l2_enter(&l2, true));
	result("VMREAD of no field", vmx_read(0x6ffe, &(uptr){ 0 }));
	say("R VM-instruction error after it: %llx\n", vmcs_get(VM_INSTR_ERROR));
	result_l2("VMLAUNCH of a clear VMCS", &l2, l2_enter(&l2, false));
	say("R VM-instruction error after a VM exit: %llx\n", vmcs_get(VM_INSTR_ERROR));
	result("VMLAUNCH of a launched VMCS", l2_enter(&l2, false));
	result_l2("VMRESUME of a launched VMCS", &l2, l2_enter(&l2, true));
	vmcs_set(PIN_CTRLS, 0);
	result("VMLAUNCH of a launched VMCS with bad controls", l2_enter(&l2, false));
	result("VMRESUME of a launched VMCS with bad controls", l2_enter(&l2, true));
	start(0);
	vmcs_set(PIN_CTRLS, 0);
	result("VMRESUME of a clear VMCS with bad controls", l2_enter(&l2, true));
	result("VMLAUNCH of a clear VMCS with bad controls", l2_enter(&l2, false));
	vmcs_set(PIN_CTRLS, ALLOWED0(TRUE_PIN));
	result("VMRESUME after a VMLAUNCH that failed on controls", l2_enter(&l2, true));
	vmcs_set(HOST_CR4, 0);
	vmcs_set(GUEST_CR4, 0);
	result("VMLAUNCH with bad host and guest", l2_enter(&l2, false));
	l2_setup_host();
	result_l2("VMLAUNCH with a bad guest", &l2, l2_enter(&l2, false));
	result("VMRESUME after a VMLAUNCH that failed on the guest", l2_enter(&l2, true));
	vmcs_set(GUEST_CR4, READ_CR(4));
	result_l2("VMLAUNCH after one that failed on the guest", &l2, l2_enter(&l2, false));
	vmcs_set(GUEST_CR4, 0);
	result_l2("VMRESUME with a bad guest", &l2, l2_enter(&l2, true));
	vmcs_set(GUEST_CR4, READ_CR(4));
	result("VMLAUNCH after a VMRESUME that failed on the guest", l2_enter(&l2, false));
	vmx_clear(physical(l2.vmcs));
	vmx_ptrld(physical(l2.vmcs));
	result("VMRESUME after VMCLEAR", l2_enter(&l2, true));
	result_l2("VMLAUNCH after VMCLEAR", &l2, l2_enter(&l2, false));
}

static void across_vmxoff(void)
{
	start(0);
	result_l2("VMLAUNCH before VMXOFF", &l2, l2_enter(&l2, false));
	vmx_disable();
	result("VMXON outside VMX operation", vmx_on(vmxon_region()));
	result("VMRESUME after VMXOFF and VMXON without a current VMCS", l2_enter(&l2, true));
	vmx_ptrld(physical(l2.vmcs));
	result_l2("VMRESUME after VMXOFF and VMXON", &l2, l2_enter(&l2, true));
	start(0);
	vmx_disable();
	vmx_enable();
	vmx_ptrld(physical(l2.vmcs));
	result_l2("VMLAUNCH after VMXOFF and VMXON", &l2, l2_enter(&l2, false));
}

/* Error 26, and that it comes after errors of the launch state and before those of the VMCS. */
static struct vmx_result launch_after_mov_ss(void)
{
	uptr flags = 0;
	u32 vector = TRY("push $0x8d7\n\tpopf\n\tmov %%ss, %%ecx\n\tmov %%ecx, %%ss\n\tvmlaunch\n\t" PUSHF "\n\tpop %0",
			 : "+r"(flags) : : "ecx", "memory", "cc");

	return vmx_result_of((u32)flags, vector);
}

static struct vmx_result resume_after_mov_ss(void)
{
	uptr flags = 0;
	u32 vector = TRY("push $0x8d7\n\tpopf\n\tmov %%ss, %%ecx\n\tmov %%ecx, %%ss\n\tvmresume\n\t" PUSHF "\n\tpop %0",
			 : "+r"(flags) : : "ecx", "memory", "cc");

	return vmx_result_of((u32)flags, vector);
}

static void mov_ss(void)
{
	start(0);
	result("VMRESUME of a clear VMCS after MOV SS", resume_after_mov_ss());
	result("VMLAUNCH after MOV SS", launch_after_mov_ss());
	result_l2("VMLAUNCH after that", &l2, l2_enter(&l2, false));
	result("VMLAUNCH of a launched VMCS after MOV SS", launch_after_mov_ss());
	result("VMRESUME after MOV SS", resume_after_mov_ss());
	vmcs_set(PIN_CTRLS, 0);
	result("VMRESUME with bad controls after MOV SS", resume_after_mov_ss());
	vmx_clear(physical(l2.vmcs));
	result("VMLAUNCH without a current VMCS after MOV SS", launch_after_mov_ss());
}

static void invalidations(void)
{
	u64 eptp, end = 1ull << vmx_address_bits();

	start(0);
	eptp = ept_new();
	for (uptr kind = 0; kind < 5; kind++) {
		if (CAN_SECONDARY(SECONDARY_EPT)) {
			result_f(vmx_invept(kind, eptp), "INVEPT %u of an EPTP", (u32)kind);
			result_f(vmx_invept(kind, 0), "INVEPT %u of EPTP 0", (u32)kind);
			result_f(vmx_invept(kind, eptp | 7), "INVEPT %u of an EPTP with a bad type", (u32)kind);
			result_f(vmx_invept(kind, eptp & ~0x38ull), "INVEPT %u of an EPTP with a bad length", (u32)kind);
			result_f(vmx_invept(kind, eptp | 0x80), "INVEPT %u of an EPTP with bit 7", (u32)kind);
			result_f(vmx_invept(kind, eptp | end), "INVEPT %u of an EPTP beyond the width", (u32)kind);
			result_f(vmx_invept(kind, eptp | EPTP_AD), "INVEPT %u of an EPTP with A/D", (u32)kind);
		}
		if (CAN_SECONDARY(SECONDARY_VPID)) {
			result_f(vmx_invvpid(kind, 1, 0), "INVVPID %u of VPID 1", (u32)kind);
			result_f(vmx_invvpid(kind, 0, 0), "INVVPID %u of VPID 0", (u32)kind);
			result_f(vmx_invvpid(kind, 0x10001, 0), "INVVPID %u with reserved bits", (u32)kind);
			result_f(vmx_invvpid(kind, 1 | 1ull << 63, 0), "INVVPID %u with bit 63", (u32)kind);
			result_f(vmx_invvpid(kind, 1, 1ull << 47), "INVVPID %u of a non-canonical address", (u32)kind);
			result_f(vmx_invvpid(kind, 0xffff, ~0ull), "INVVPID %u of the last", (u32)kind);
		}
	}
	result("INVEPT of a large kind", vmx_invept(~(uptr)0, eptp));
	result("INVVPID of a large kind", vmx_invvpid(~(uptr)0, 1, 0));
	if (L1_IS_64) {
		result("INVEPT of a kind with bit 32", vmx_invept((uptr)(1ull << 32 | 1), eptp));
		result("INVVPID of a kind with bit 32", vmx_invvpid((uptr)(1ull << 32 | 1), 1, 0));
	}
}

static void root_operation(void)
{
	start(0);
	result("VMXON in root operation", vmx_on(vmxon_region()));
	result("VMXON in root operation, misaligned", vmx_on(1));
	result_l2("VMLAUNCH before VMCALL in root operation", &l2, l2_run(&l2));
	result("VMCALL in root operation", vmx_call());		/* with a clear VMCS the emulator gives up here */
	result("VMFUNC in root operation", vmx_func(0, 0));
	result("VMWRITE of a field there is", vmx_write(GUEST_RIP, 0));
	result("VMWRITE of a field there isn't", vmx_write(0x6ffe, 0));
	result("VMWRITE of a read-only field", vmx_write(EXIT_REASON, 0x12));
	say("R the read-only field after VMWRITE: %llx\n", vmcs_get(EXIT_REASON));
	result("VMREAD of a field there is", vmx_read(GUEST_RIP, &(uptr){ 0 }));
	result("VMREAD of a field there isn't", vmx_read(0x6ffe, &(uptr){ 0 }));
}

/* ---- RFLAGS afterwards (31.2), where all arithmetic flags were set before and where none was ---- */

#define FLAGS_AFTER(insn, with, ...) do {								\
		for (u32 set_ = 0; set_ < 2; set_++) {							\
			uptr flags_ = set_ ? 2 | FLAGS_VMX : 2;						\
			u32 vector_ = TRY("push %0\n\tpopf\n\t" insn "\n\t" PUSHF "\n\tpop %0",		\
					  : "+r"(flags_) __VA_ARGS__ : "memory", "cc");			\
													\
			say("R flags after %s, %s, %s before: ", insn, with, set_ ? "set" : "clear");	\
			if (vector_ == NO_TRAP)								\
				say("%x\n", (u32)flags_);						\
			else										\
				say("fault %u\n", vector_);						\
		}											\
	} while (0)

static void flags_of_failures(const char *with)
{
	const struct invalidation bad = { ~0ull, 0 };
	const uptr no_field = 0x6ffe, no_kind = 9;
	const u64 misaligned = 1, region = vmxon_region();
	uptr value = 0;

	FLAGS_AFTER("vmxon %1", with, : "m"(region));
	FLAGS_AFTER("vmclear %1", with, : "m"(misaligned));
	FLAGS_AFTER("vmptrld %1", with, : "m"(misaligned));
	FLAGS_AFTER("vmread %2, %1", with, , "+r"(value) : "r"(no_field));
	FLAGS_AFTER("vmwrite %1, %2", with, : "r"(value), "r"(no_field));
	FLAGS_AFTER("vmlaunch", with, :);
	FLAGS_AFTER("vmresume", with, :);
	FLAGS_AFTER("vmcall", with, :);
	if (CAN_SECONDARY(SECONDARY_EPT))
		FLAGS_AFTER("invept %1, %2", with, : "m"(bad), "r"(no_kind));
	if (CAN_SECONDARY(SECONDARY_VPID))
		FLAGS_AFTER("invvpid %1, %2", with, : "m"(bad), "r"(no_kind));
}

static void flags_of_successes(void)
{
	const char *with = "good";
	const struct invalidation none = { 0, 0 };
	const uptr field = GUEST_RSP, slow_field = HOST_SYSENTER_ESP, all = 2;
	const u64 vmcs = physical(l2.vmcs), other = physical(vmcs_region()), region = vmxon_region();
	u64 at = 0;
	uptr value = 0;

	FLAGS_AFTER("vmclear %1", with, : "m"(other));
	FLAGS_AFTER("vmptrld %1", with, : "m"(vmcs));
	FLAGS_AFTER("vmptrst %1", with, , "+m"(at) :);
	FLAGS_AFTER("vmread %2, %1", with, , "+r"(value) : "r"(field));
	FLAGS_AFTER("vmread %2, %1", with, , "+m"(value) : "r"(slow_field));
	FLAGS_AFTER("vmwrite %1, %2", with, : "r"(value), "r"(field));
	FLAGS_AFTER("vmwrite %1, %2", with, : "m"(value), "r"(slow_field));
	if (CAN_SECONDARY(SECONDARY_EPT))
		FLAGS_AFTER("invept %1, %2", with, : "m"(none), "r"(all));
	if (CAN_SECONDARY(SECONDARY_VPID))
		FLAGS_AFTER("invvpid %1, %2", with, : "m"(none), "r"(all));
	FLAGS_AFTER("vmxoff; vmxon %1", with, : "m"(region));
	vmx_disable();
	FLAGS_AFTER("vmxon %1; vmxoff", with, : "m"(region));
	vmx_enable();
}

static void flags(void)
{
	start(0);
	result_l2("VMLAUNCH before looks at flags", &l2, l2_run(&l2));
	flags_of_successes();
	vmx_ptrld(physical(l2.vmcs));
	vmcs_set(PIN_CTRLS, 0);
	flags_of_failures("with a current VMCS");
	vmx_clear(physical(l2.vmcs));
	flags_of_failures("no current VMCS");
}

/* Any number of VMCSs, each with its own state. */
static void many(void)
{
	static struct l2 ls[VMCSS];
	u32 wrong = 0, entered = 0;

	for (u32 i = 0; i < VMCSS; i++) {
		l2_setup(&ls[i], L2_NATIVE, 0);
		vmcs_set(GUEST_SYSENTER_CS, i + 1);
	}
	l2_code(&ls[0], vmcall_hlt, vmcall_hlt + sizeof(vmcall_hlt));
	for (u32 round = 0; round < 3; round++) {
		for (u32 n = 0; n < VMCSS; n++) {
			u32 i = round == 1 ? VMCSS - 1 - n : n;

			vmx_ptrld(physical(ls[i].vmcs));
			wrong += vmcs_get(GUEST_SYSENTER_CS) != i + 1 + round;
			vmcs_set(GUEST_SYSENTER_CS, i + 2 + round);
			vmcs_set(GUEST_RIP, L2_CODE_AT);
			entered += l2_run(&ls[i]).kind == VMX_OK && exit_reason() == EXIT_VMCALL;
		}
		say("R %u VMCSs round %u: %u entered, %u wrong\n", VMCSS, round, entered, wrong);
	}
	for (u32 i = 0; i < VMCSS; i++)
		vmx_clear(physical(ls[i].vmcs));
	vmx_ptrld(physical(ls[7].vmcs));
	say("R a VMCS keeps its fields over VMCLEAR: %llx\n", vmcs_get(GUEST_SYSENTER_CS));
	result("VMRESUME of one of many after VMCLEAR", l2_enter(&ls[7], true));
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	no_current();
	bad_pointers("no current VMCS");
	pointers();
	start(0);
	bad_pointers("with a current VMCS");
	launch_state();
	across_vmxoff();
	mov_ss();
	invalidations();
	root_operation();
	flags();
	many();
	vmx_disable();
}
