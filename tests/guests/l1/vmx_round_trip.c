/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a hypervisor below could save at a round trip from L2 to L1 and back, and must not: everything that changes between two
 * entries, or between two exits, by a way that few go. Another CPU changes L1's bitmaps too.
 */
#include "ept.h"
#include "l2.h"

#define PAGE		4096u
#define PORT		0x80u
#define MSR		MSR_SYSENTER_CS		/* in the bitmap for low MSRs */
#define VMCALL_BYTES	0x90c1010fu
#define VMCSS		7u			/* more than anybody keeps at hand */
#define HLT_BYTE	0xf4
#define AP		1

L2_CODE(rdmsr_call, 32, "rdmsr; vmcall");
L2_CODE(in_call, 32, "in $0x80, %al; vmcall");
L2_CODE(set_bit_rdmsr, 32, "orb $0x10, (%edi); rdmsr; vmcall");
L2_CODE(clear_bit_rdmsr, 32, "andb $0xef, (%edi); rdmsr; vmcall");
L2_CODE(write_call, 32, "mov %eax, (%edi); vmcall");
L2_CODE(cpuid_call, 32, "cpuid; vmcall");
L2_CODE(undefined, 32, "ud2");
L2_CODE(call, 32, "vmcall; vmcall");

static struct l2 l2, many[VMCSS];
static u8 *msrs, *ports;

static void run(const char *name, const u8 *code, const u8 *end)
{
	l2_code(&l2, code, end);
	vmcs_set(GUEST_RIP, L2_CODE_AT);
	vmcs_set(GUEST_RSP, L2_STACK);
	l2.cx = MSR;
	result_l2(name, &l2, l2_run(&l2));
}
#define RUN(name, code) run(name, code, code##_end)

static void begin(void)
{
	l2_setup(&l2, L2_PAE, L2_WITH_EPT);
	vmcs_on(PRIMARY_CTRLS, PRIMARY_MSR_BITMAPS | PRIMARY_IO_BITMAPS);
	memset(msrs, 0, PAGE);
	memset(ports, 0, PAGE);
	vmcs_set(MSR_BITMAP, physical(msrs));
	vmcs_set(IO_BITMAP_A, physical(ports));
	vmcs_set(IO_BITMAP_B, physical(ports));
}

static void set(u8 *bitmap, u32 bit, bool on)
{
	volatile u8 *byte = &bitmap[bit / 8];

	*byte = (u8)(on ? *byte | BIT(bit % 8) : *byte & ~BIT(bit % 8));
}

/* ---- bitmaps ---- */

static void bitmaps(void)
{
	u8 *other = page_take();

	begin();
	for (u32 i = 0; i < 6; i++) {
		set(msrs, MSR, i & 1);
		RUN("RDMSR, bit flipped in memory", rdmsr_call);
		RUN("RDMSR, once more", rdmsr_call);
		set(ports, PORT, i & 2);
		RUN("IN, bit flipped in memory", in_call);
		RUN("IN, once more", in_call);
	}
	set(other, MSR, true);
	vmcs_set(MSR_BITMAP, physical(other));
	RUN("RDMSR, another page", rdmsr_call);
	set(msrs, MSR, false);
	vmcs_set(MSR_BITMAP, physical(msrs));
	RUN("RDMSR, the first page again", rdmsr_call);
	vmcs_off(PRIMARY_CTRLS, PRIMARY_MSR_BITMAPS);
	RUN("RDMSR, bitmaps off", rdmsr_call);
	vmcs_on(PRIMARY_CTRLS, PRIMARY_MSR_BITMAPS);
	RUN("RDMSR, bitmaps on", rdmsr_call);
}

/* L2 has L1's bitmap in its memory, and writes there. */
static void bitmaps_of_l2(void)
{
	begin();
	l2.di = (uptr)msrs + MSR / 8;
	RUN("L2 writes to its bitmap, no bit of it", clear_bit_rdmsr);
	RUN("L2 sets its own bit", set_bit_rdmsr);
	RUN("L2's bit stays", rdmsr_call);
	RUN("L2 clears its own bit", clear_bit_rdmsr);
	set(msrs, MSR, true);
	RUN("L1 sets it again", rdmsr_call);
	set(msrs, MSR, false);
	RUN("L1 clears it again", rdmsr_call);
	RUN("L2 sets it once more", set_bit_rdmsr);
}

static volatile u32 asked, done_;

static void flip_bits(void)
{
	for (u32 i = 1;; i++) {
		while (asked != i)
			pause();
		set(msrs, MSR, i & 1);
		done_ = i;
	}
}

static void bitmaps_of_another_cpu(void)
{
	begin();
	if (!l1_first_run(AP, flip_bits))
		return;
	for (u32 i = 1; i <= 6; i++) {
		asked = i;
		(void)wait_until(&done_, i);
		RUN("RDMSR, bit flipped by another CPU", rdmsr_call);
		RUN("RDMSR, once more after it", rdmsr_call);
	}
}

/* ---- fields ---- */

static void read_back(enum vmcs_field field, u64 value, const char *name)
{
	u64 before = vmcs_get(field);

	vmcs_set(field, value);
	say("R %s reads back: %llx\n", name, vmcs_get(field));
	RUN(name, cpuid_call);
	say("R %s after an exit: %llx\n", name, vmcs_get(field));
	vmcs_set(field, before);
}

static void fields(void)
{
	begin();
	RUN("#UD, exception bitmap 0", undefined);
	vmcs_set(EXCEPTION_BITMAP, BIT(UD_TRAP));
	RUN("#UD, exception bitmap set", undefined);
	RUN("CPUID after an exception", cpuid_call);
	vmcs_set(EXCEPTION_BITMAP, 0);
	RUN("#UD, exception bitmap 0 again", undefined);
	read_back(CR0_SHADOW, 0x31, "CR0 shadow");
	read_back(CR4_SHADOW, 0x20, "CR4 shadow");
	read_back(CR0_MASK, 0x8, "CR0 mask");
	read_back(GUEST_SS_AR, AR_DATA32 | AR_DPL(0), "SS rights");
	read_back(GUEST_CS_AR, AR_CODE32, "CS rights");
	read_back(GUEST_ES_SELECTOR, 0x23, "ES selector");
	read_back(GUEST_PENDING_DBG, 0, "pending debug exceptions");
	read_back(ENTRY_ERROR_CODE, 0x1234, "error code without event");
	read_back(ENTRY_INSTR_LEN, 9, "length without event");
	vmcs_set(ENTRY_INTR_INFO, EVENT(TYPE_HARDWARE, UD_TRAP));
	RUN("#UD injected", cpuid_call);
	say("R the event afterwards: %llx %llx %llx\n", vmcs_get(ENTRY_INTR_INFO), vmcs_get(ENTRY_ERROR_CODE), vmcs_get(ENTRY_INSTR_LEN));
	RUN("nothing injected", cpuid_call);
	vmcs_off(PRIMARY_CTRLS, PRIMARY_SECONDARY);
	RUN("no secondary controls", cpuid_call);
	vmcs_on(PRIMARY_CTRLS, PRIMARY_SECONDARY);
	RUN("secondary controls again", cpuid_call);
	vmcs_on(PRIMARY_CTRLS, PRIMARY_HLT);
	*(volatile u8 *)(uptr)L2_DATA = HLT_BYTE;
	vmcs_set(GUEST_RIP, L2_DATA);
	result_l2("HLT exiting switched on", &l2, l2_run(&l2));
}

/* ---- host state ---- */

#define LOAD(segment, value) __asm__ volatile("mov %0, %%" #segment : : "r"(value) : "memory")

static void change_host(u32 what)
{
	struct descriptor_pointer g, i;

	switch (what) {
	case 0:
		if (L1_IS_64)		/* memcpy wants ES else */
			LOAD(es, 0);
		LOAD(fs, 0);
		break;
	case 1:
		__asm__ volatile("sgdt %0; sidt %1" : "=m"(g), "=m"(i));
		g.limit = GDT_SIZE - 1;
		i.limit = 256 * 8 * (L1_IS_64 ? 2 : 1) - 1;
		__asm__ volatile("lgdt %0; lidt %1" : : "m"(g), "m"(i));
		break;
	case 2:
		WRITE_CR(0, READ_CR(0) | CR0_TS);
		WRITE_CR(4, READ_CR(4) | CR4_PGE);
		break;
	case 3:
		__asm__ volatile("mov %0, %%dr7" : : "r"((uptr)0x155));
		break;
	case 4:
		wrmsr(MSR_SYSENTER_CS, 0x50);
		wrmsr(MSR_SYSENTER_ESP, 0x5000);
		wrmsr(MSR_SYSENTER_EIP, 0x6000);
		break;
	case 5:
		wrmsr(MSR_PAT, 0x0007040600070406ull ^ 0x0100000000000000ull);
		break;
	case 6:
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) ^ EFER_SCE);
		break;
	}
}

static void host_state(void)
{
	begin();
	for (u32 what = 0; what < 7; what++) {
		u64 pat = rdmsr(MSR_PAT), efer = rdmsr(MSR_EFER);

		change_host(what);
		RUN("L1 changed a state of its own", cpuid_call);
		say("R MSRs after it %u: %llx %llx %llx\n", what, rdmsr(MSR_PAT), rdmsr(MSR_EFER), rdmsr(MSR_SYSENTER_EIP));
		wrmsr(MSR_PAT, pat);
		wrmsr(MSR_EFER, efer);
	}
	vmcs_set(HOST_SYSENTER_CS, 0x77);
	RUN("another host SYSENTER_CS", cpuid_call);
	say("R SYSENTER_CS of L1: %llx\n", rdmsr(MSR_SYSENTER_CS));
	if (L1_IS_64) {
		vmcs_set(HOST_ES_SELECTOR, 0);
		RUN("host ES without a segment", cpuid_call);
	}
	l2_setup_host();
	RUN("host state as before", cpuid_call);
}

/*
 * Each exit loads the four PDPTEs of a 32-bit L1 from memory (28.5.4), which L1 changed there since: the last of them leads to a
 * GiB of low memory, or to another.
 */
#define LAST_GIB	0xc0000000u

static void host_pdptes(void)
{
	static volatile u32 mark = 0x12345678;
	u64 *table = page_take(), before = vmcs_get(HOST_CR3);

	begin();
	memcpy(table, (void *)(uptr)before, 4 * sizeof(u64));
	vmcs_set(HOST_CR3, physical(table) | 0x18);
	for (u32 i = 0; i < 6; i++) {
		table[3] = table[i % 2];		/* the second GiB has no memory */
		if (i == 4)
			vmcs_set(HOST_CR3, physical(table));
		RUN("L1 changed a PDPTE", cpuid_call);
		say("R the last GiB %u: %x\n", i, *(volatile u32 *)((uptr)&mark + LAST_GIB + i % 2 * 4));
		RUN("L1's PDPTEs as before", cpuid_call);
	}
	table[3] = ((u64 *)(uptr)before)[3];
	l2_setup_host();
	RUN("PDPTEs where they were", cpuid_call);
}

/* ---- VMCSs ---- */

static void vmcss(void)
{
	for (u32 i = 0; i < VMCSS; i++) {
		l2_setup(&many[i], L2_PAE, L2_WITH_EPT);
		l2_code(&many[i], call, call_end);
		vmcs_set(HOST_SYSENTER_CS, 0x100 + i);
		vmcs_set(GUEST_SYSENTER_CS, 0x200 + i);
		vmcs_set(ENTRY_ERROR_CODE, 0x300 + i);
	}
	for (u32 n = 0; n < 3 * VMCSS; n++) {
		struct l2 *l = &many[n * 5 % VMCSS];

		if (n % 4 == 3) {
			result_f(vmx_clear(physical(l->vmcs)), "VMCLEAR %u", n);
			l->launched = false;
		}
		(void)vmx_ptrld(physical(l->vmcs));
		vmcs_set(GUEST_RIP, L2_CODE_AT);
		result_l2_f(l2_run(l), "VMCS %u of many", n);
		say("R VMCS %u has: %llx %llx %llx\n", n, rdmsr(MSR_SYSENTER_CS), vmcs_get(GUEST_SYSENTER_CS), vmcs_get(ENTRY_ERROR_CODE));
	}
}

static void loaded(const char *name, struct l2 *l)
{
	(void)vmx_ptrld(physical(l->vmcs));
	l->launched = false;
	say("R %s has: %llx %llx %llx\n", name, vmcs_get(HOST_SYSENTER_CS), vmcs_get(GUEST_SYSENTER_CS), vmcs_get(ENTRY_ERROR_CODE));
	vmcs_set(GUEST_RIP, L2_CODE_AT);
	result_l2(name, l, l2_run(l));
	say("R %s after an exit: %llx %llx\n", name, rdmsr(MSR_SYSENTER_CS), vmcs_get(GUEST_SYSENTER_CS));
}

/* A VMCS that is clear is what its page says: L1 puts another there, or an older one back. */
static void pages(void)
{
	struct l2 *one = &many[0], *two = &many[1];
	u8 *kept = page_take();

	(void)vmx_clear(physical(one->vmcs));
	(void)vmx_clear(physical(two->vmcs));
	loaded("VMCS as it was cleared", one);
	(void)vmx_clear(physical(one->vmcs));
	memcpy(kept, one->vmcs, PAGE);
	memcpy(one->vmcs, two->vmcs, PAGE);
	loaded("VMCS of another's page", one);
	(void)vmx_clear(physical(one->vmcs));
	memcpy(one->vmcs, kept, PAGE);
	loaded("VMCS of its own page again", one);
	vmcs_set(GUEST_SYSENTER_CS, 0x444);
	(void)vmx_clear(physical(one->vmcs));
	memcpy(one->vmcs, kept, PAGE);
	loaded("VMCS of an older page", one);
}

/*
 * Two L2s with an EPT each, which lead to other pages. Where the hypervisor has little memory for what it makes of them, one takes
 * it from the other.
 */
#define FAR_AT		0x80000000u
#define FAR_REGIONS	96u		/* of 2 MiB, so many tables */

L2_CODE(read_regions, 32, "1: mov (%edi), %eax; add $0x200000, %edi; dec %ecx; jnz 1b; vmcall");

static void rivals(void)
{
	static struct l2 two[2];

	for (u32 i = 0; i < 2; i++) {
		u32 *page = page_take();

		*page = 0x1000 + i;
		l2_setup(&two[i], L2_PAE, L2_WITH_EPT);
		l2_code(&two[i], read_regions, read_regions_end);
		for (u32 r = 0; r < FAR_REGIONS; r++)
			ept_map(two[i].eptp, FAR_AT + r * 0x200000, physical(page), EPT_4K, EPT_RWX | EPT_WB);
	}
	for (u32 n = 0; n < 12; n++) {
		struct l2 *l = &two[n % 2];

		(void)vmx_ptrld(physical(l->vmcs));
		vmcs_set(GUEST_RIP, L2_CODE_AT);
		l->di = FAR_AT + n / 2 * 0x200000;
		l->cx = n % 4 == 1 ? FAR_REGIONS - n : 2;
		result_l2_f(l2_run(l), "rival %u", n);
		say("R rival %u reads: %x\n", n, (u32)l->ax);
	}
}

/* ---- EPT: violations that L1 mends in odd ways, and tables that it frees ---- */

static void write_page(const char *name, u32 at)
{
	l2.di = at;
	l2.ax = 0x12345678;
	RUN(name, write_call);
}

static void violations(bool marks)
{
	volatile u64 *entry;
	u64 *table, freed;

	begin();
	vmcs_set(EPTP, l2.eptp | (marks ? EPTP_AD : 0));
	entry = ept_entry(l2.eptp, L2_DATA, EPT_4K);
	*entry = 0;
	(void)vmx_invept(2, 0);
	write_page("page absent", L2_DATA);
	*entry = L2_DATA | EPT_RWX | EPT_WB;
	result_l2("mapped, no INVEPT", &l2, l2_run(&l2));
	say("R marks of it: %llx\n", (u64)*entry & (EPT_A | EPT_D));
	*entry = 0;
	(void)vmx_invept(2, 0);
	write_page("absent again", L2_DATA);
	*entry = L2_DATA | EPT_R | EPT_WB;
	result_l2("mapped read-only, no INVEPT", &l2, l2_run(&l2));
	say("R marks of the read-only page: %llx\n", (u64)*entry & (EPT_A | EPT_D));
	*entry = L2_DATA | EPT_RWX | EPT_WB;
	RUN("mapped, but L2 goes another way", cpuid_call);
	say("R marks of what wasn't touched: %llx\n", (u64)*entry & (EPT_A | EPT_D));
	*entry = 0;
	(void)vmx_invept(2, 0);
	write_page("absent a third time", L2_DATA);
	*entry = L2_DATA | EPT_RWX | EPT_WB | 7 << 3;
	result_l2("misconfigured instead", &l2, l2_run(&l2));
	*entry = L2_DATA | EPT_RWX | EPT_WB;

	/* The table is freed, and becomes a page of L2's. */
	entry = ept_entry(l2.eptp, L2_DATA, EPT_2M);
	freed = *entry & EPT_ADDRESS;
	table = page_take();
	memcpy(table, (void *)(uptr)freed, PAGE);
	*entry = physical(table) | EPT_RWX;
	(void)vmx_invept(2, 0);
	write_page("the page by another table", L2_DATA);
	for (u32 i = 0; i < 3; i++) {
		write_page("L2 writes to what was a table", (u32)freed + 8 * i);
		say("R it reads there: %x\n", *(volatile u32 *)(uptr)(freed + 8 * i));
	}
	(void)vmx_invept(1, l2.eptp | (marks ? EPTP_AD : 0));
	write_page("the page after it", L2_DATA);
	write_page("L2 writes to its table", (u32)physical(table) + 8 * ((L2_DATA >> 12 & 511) + 1));
	(void)vmx_invept(1, l2.eptp | (marks ? EPTP_AD : 0));
	write_page("the page that it changed", L2_DATA + PAGE);
	ept_map(l2.eptp, L2_DATA + PAGE, L2_DATA + PAGE, EPT_4K, EPT_RWX | EPT_WB);
	(void)vmx_invept(2, 0);
}

void guest_main(void)
{
	if (!l1_begin())
		return;
	vmx_enable();
	msrs = page_take();
	ports = page_take();
	bitmaps();
	bitmaps_of_l2();
	fields();
	host_state();
	if (!L1_IS_64)
		host_pdptes();
	vmcss();
	pages();
	rivals();
	violations(false);
	if (CAP(EPT_VPID) & EPT_CAP_AD)
		violations(true);
	bitmaps_of_another_cpu();
	vmx_disable();
}
