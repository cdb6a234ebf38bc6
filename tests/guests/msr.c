/* SPDX-License-Identifier: BSD-2-Clause */
/* Which MSRs there are and what may be written to them; VMX and SMX instructions; cache instructions. */
#include "guest.h"

#define MSR_TSC		0x10
#define MSR_UPDT_TRIG	0x79
#define MSR_MPERF	0xe7
#define MSR_APERF	0xe8
#define MSR_MTRRCAP	0xfe
#define MSR_PHYSBASE7	0x20e
#define MSR_PHYSMASK7	0x20f
#define MSR_FIX4K_C0	0x268
#define MSR_DEF_TYPE	0x2ff
#define MSR_X2APIC_FIRST 0x800
#define MSR_X2APIC_LAST	0x83f
#define EFER_SCE	BIT(0)
#define EFER_NXE	BIT(11)
#define UNKNOWN_CALL	0x12345678u

struct range { u32 first, last; };
static const struct range ranges[] = {
	{ 0, 0x2ff }, { 0x300, 0x4ff }, { 0x560, 0x5ff }, { 0x600, 0x6ff }, { 0x700, 0x83f }, { 0xc80, 0xcff }, { 0xd90, 0xdff },
	{ 0x1fff, 0x2000 }, { 0x40000000, 0x40000010 }, { 0x4b564d00, 0x4b564d08 }, { 0xbfffffff, 0xc0000010 },
	{ 0xc0000080, 0xc0000084 }, { 0xc0000100, 0xc0000104 }, { 0xc0001fff, 0xc0002000 }, { 0xc0010000, 0xc0010020 },
	{ 0xfffffff0, 0xffffffff },
};

static bool moves(u32 msr)	/* its value changes by itself */
{
	return msr == MSR_TSC || msr == MSR_MPERF || msr == MSR_APERF;
}

static bool dangerous(u32 msr)	/* a write of what it reads, or of 0, may have effects */
{
	return msr == MSR_TSC || msr == MSR_UPDT_TRIG || msr == MSR_APIC_BASE;
}

static void tell(u32 msr)
{
	u64 value;
	u32 trap = try_rdmsr(msr, &value);

	if (trap == NO_TRAP)
		fact("rdmsr.%x %llx", msr, moves(msr) ? 0 : value);
	else if (trap != GP_TRAP || this_cpu()->error)
		fact("rdmsr.%x trap %u error %x", msr, trap, this_cpu()->error);
	if (dangerous(msr))
		return;
	trap = try_wrmsr(msr, trap == NO_TRAP ? value : 0);
	if (trap != GP_TRAP || this_cpu()->error)
		fact("wrmsr.%x trap %u", msr, trap);
}

static bool faults(u32 msr, u64 value)
{
	return try_wrmsr(msr, value) == GP_TRAP && !this_cpu()->error;
}

static bool sticks(u32 msr, u64 value)
{
	u64 now = ~value;

	return try_wrmsr(msr, value) == NO_TRAP && try_rdmsr(msr, &now) == NO_TRAP && now == value;
}

static void mtrrs(void)
{
	static const u8 bad_types[] = { 2, 3, 7, 8, 0xff };
	u64 base = rdmsr(MSR_PHYSBASE7), mask = rdmsr(MSR_PHYSMASK7), fixed = rdmsr(MSR_FIX4K_C0), def = rdmsr(MSR_DEF_TYPE);

	for (u32 i = 0; i < sizeof(bad_types); i++) {
		expect(faults(MSR_PHYSBASE7, bad_types[i]), "PHYSBASE with type %x", bad_types[i]);
		expect(faults(MSR_FIX4K_C0, (u64)bad_types[i] << 24), "FIX4K with type %x", bad_types[i]);
		expect(faults(MSR_DEF_TYPE, (def & ~0xffull) | bad_types[i]), "DEF_TYPE with type %x", bad_types[i]);
	}
	expect(faults(MSR_PHYSBASE7, 1ull << 60), "PHYSBASE above the physical addresses");
	expect(faults(MSR_PHYSMASK7, 1ull << 60), "PHYSMASK above the physical addresses");
	expect(faults(MSR_PHYSBASE7, 0x100), "PHYSBASE bit 8");
	expect(faults(MSR_PHYSMASK7, 1), "PHYSMASK bit 0");
	expect(faults(MSR_DEF_TYPE, def | 0x100), "DEF_TYPE bit 8");
	expect(faults(MSR_MTRRCAP, rdmsr(MSR_MTRRCAP)), "MTRRCAP");
	expect(rdmsr(MSR_PHYSBASE7) == base && rdmsr(MSR_PHYSMASK7) == mask && rdmsr(MSR_FIX4K_C0) == fixed &&
	       rdmsr(MSR_DEF_TYPE) == def, "a refused write changed something");
	kept("mtrr_bad", "MTRRs refuse bad types and reserved bits");
	expect(sticks(MSR_PHYSBASE7, 0x08000001), "PHYSBASE");
	expect(sticks(MSR_PHYSMASK7, 0xff000800 | (mask & ~0xffffffffull)), "PHYSMASK");
	expect(sticks(MSR_FIX4K_C0, 0x0504010006050401ull & ~0x0ull), "FIX4K");
	expect(sticks(MSR_DEF_TYPE, def ^ 0xc00), "DEF_TYPE off");
	expect(sticks(MSR_DEF_TYPE, 0xc06), "DEF_TYPE on, WB");
	*(volatile u32 *)0x08001000 = 0x600df00d;
	expect(*(volatile u32 *)0x08001000 == 0x600df00d, "memory of a new type");
	expect(sticks(MSR_PHYSMASK7, mask) && sticks(MSR_PHYSBASE7, base) && sticks(MSR_FIX4K_C0, fixed) && sticks(MSR_DEF_TYPE, def), "back");
	kept("mtrr_good", "MTRRs keep what is written");
}

static void others(void)
{
	u64 pat = rdmsr(MSR_PAT), efer = rdmsr(MSR_EFER);

	expect(faults(MSR_PAT, (pat & ~0xffull) | 2) && faults(MSR_PAT, (pat & ~0xff00ull) | 3 << 8) && faults(MSR_PAT, 1ull << 63), "bad type");
	expect(sticks(MSR_PAT, 0x0001040506070007ull) && sticks(MSR_PAT, pat), "good ones");
	kept("pat", "PAT refuses bad types and keeps good ones");
	expect(faults(MSR_EFER, efer | BIT(1)) && faults(MSR_EFER, efer | BIT(9)) && faults(MSR_EFER, efer | 1ull << 40), "reserved bits");
	expect(sticks(MSR_EFER, efer | EFER_NXE) && sticks(MSR_EFER, efer), "NXE");
	if (has_long_mode())
		expect(sticks(MSR_EFER, efer | EFER_SCE) && sticks(MSR_EFER, efer | EFER_LME) && sticks(MSR_EFER, efer), "SCE, LME");
	else
		expect(faults(MSR_EFER, efer | EFER_LME), "LME without long mode");
	kept("efer", "EFER refuses reserved bits and keeps the others");
}

#define UNDEFINED(insn, ...) expect(TRY(insn, ##__VA_ARGS__) == UD_TRAP, "%s", insn)

static void vmx_instructions(void)
{
	static u64 memory[2];

	memory[0] = 0x5000;
	UNDEFINED("vmxon %0", : : "m"(memory[0]) : "memory");
	UNDEFINED("vmcall", : : "a"(UNKNOWN_CALL) : "memory");
	UNDEFINED("vmlaunch", :);
	UNDEFINED("vmresume", :);
	UNDEFINED("vmxoff", :);
	UNDEFINED("vmptrld %0", : : "m"(memory[0]) : "memory");
	UNDEFINED("vmptrst %0", : : "m"(memory[0]) : "memory");
	UNDEFINED("vmclear %0", : : "m"(memory[0]) : "memory");
	UNDEFINED("vmread %0, %1", : : "r"(0), "r"(0) : "memory");
	UNDEFINED("vmwrite %0, %1", : : "r"(0), "r"(0) : "memory");
	UNDEFINED("invept %0, %1", : : "m"(memory[0]), "r"(1) : "memory");
	UNDEFINED("invvpid %0, %1", : : "m"(memory[0]), "r"(2) : "memory");
	UNDEFINED("vmfunc", : : "a"(0), "c"(0) : "memory");
	UNDEFINED("getsec", : : "a"(0), "b"(0) : "memory");
}

static void at_user(void)
{
	UNDEFINED("vmcall", : : "a"(UNKNOWN_CALL) : "memory");
	UNDEFINED("vmlaunch", :);
	UNDEFINED("vmxoff", :);
	expect(TRY("rdmsr", : : "c"(MSR_PAT) : "eax", "edx") == GP_TRAP, "rdmsr");
	expect(TRY("wbinvd", :) == GP_TRAP, "wbinvd");
	expect(TRY("invd", :) == GP_TRAP, "invd");
	expect(TRY("mov %%cr0, %%eax", : : : "eax") == GP_TRAP, "mov cr0");
	expect(TRY("hlt", :) == GP_TRAP, "hlt");
	expect(TRY("pushal; cpuid; popal", :) == NO_TRAP, "cpuid");
}

static void caches(void)
{
	expect(TRY("wbinvd", :) == NO_TRAP, "WBINVD");
	__asm__ volatile("wbinvd");
	expect(TRY("invd", :) == NO_TRAP, "INVD");
	kept("caches", "INVD and WBINVD run");
}

/* What needs a VM-execution control where CPUID shows it: compared with the bare machine. */
static void conditional(void)
{
	static u64 memory[2];

	fact("insn.rdtscp %u", TRY("rdtscp", : : : "eax", "edx", "ecx"));
	fact("insn.invpcid %u", TRY("invpcid %0, %1", : : "m"(memory[0]), "r"(2) : "memory"));
	fact("insn.rdrand %u", TRY("rdrand %%eax", : : : "eax"));
	fact("insn.rdseed %u", TRY("rdseed %%eax", : : : "eax"));
	fact("insn.rdpmc %u", TRY("rdpmc", : : "c"(0) : "eax", "edx"));
	fact("insn.rdpmc.bad %u", TRY("rdpmc", : : "c"(0x1234) : "eax", "edx"));
	fact("insn.monitor %u", TRY("monitor", : : "a"(memory), "c"(0), "d"(0)));
	fact("insn.monitor.bad %u", TRY("monitor", : : "a"(memory), "c"(1), "d"(0)));
	fact("insn.xgetbv %u", TRY("xgetbv", : : "c"(0) : "eax", "edx"));
	fact("insn.tpause %u", TRY("tpause %%ecx", : : "c"(1), "a"(0), "d"(0)));
	fact("insn.pconfig %u", TRY("pconfig", : : "a"(99)));
	fact("insn.encls %u", TRY("encls", : : "a"(99)));
	fact("insn.rsm %u", TRY("rsm", :));
	fact("insn.ud2 %u", TRY("ud2", :));
}

void guest_main(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(ranges); i++)
		for (u32 msr = ranges[i].first; ; msr++) {
			tell(msr);
			if (msr == ranges[i].last)
				break;
		}
	mtrrs();
	others();
	vmx_instructions();
	kept("vmx_undefined", "VMX instructions, GETSEC and unknown VMCALLs are #UD");
	user_call(at_user);
	kept("user", "at CPL 3 VMX instructions are #UD and privileged ones #GP");
	caches();
	conditional();
}
