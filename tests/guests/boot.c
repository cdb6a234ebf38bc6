/* SPDX-License-Identifier: BSD-2-Clause */
/* What a boot sector finds: its registers, the BIOS and its data, A20. */
#include "guest.h"

#define IVT_BYTES	0x400u
#define BIOS_SEGMENT	0xc000u		/* option ROMs and the BIOS lie from here on; our hook below 640 KiB */
#define HOOK_VECTOR	0x15
#define SECTOR_BUFFER	0x5000u
#define BDA_TICKS	0x46cu
#define BDA_COM1	0x400u
#define BOOT_SIGNATURE	0xaa55
#define A20_PROBE	0x5000u
#define MIB		0x100000u
#define PORT_92		0x92
#define KBC_DATA	0x60
#define KBC		0x64
#define DR7_RESET	0x400u

static volatile u16 *low(u32 at)
{
	volatile u16 *p = (volatile u16 *)at;

	__asm__("" : "+r"(p));		/* addresses near 0 are real here */
	return p;
}

static void entry(void)
{
	const struct entry_state *s = &entry_state;

	promise(s->cs == 0 && s->ip == 0x7c00, "cs_ip", "the boot sector starts at 0000:7C00");
	promise((u8)s->edx >= 0x80 && (u8)s->edx < 0x88, "dl", "DL is the BIOS drive of the boot disk");
	if (!on_us())
		return;
	expect(!s->eax && !s->ebx && !s->ecx && !s->esi && !s->edi && !s->ebp, "eax %x ebx %x ecx %x esi %x edi %x ebp %x",
	       s->eax, s->ebx, s->ecx, s->esi, s->edi, s->ebp);
	expect(s->edx < 0x100, "edx %x", s->edx);
	expect(s->esp < 0x10000, "esp %x", s->esp);
	expect(!s->ds && !s->es && !s->fs && !s->gs, "ds %x es %x fs %x gs %x", s->ds, s->es, s->fs, s->gs);
	expect(!READ_CR(2) && !READ_CR(3), "cr2 %x cr3 %x", READ_CR(2), READ_CR(3));
	kept("registers_empty", "nothing of ours is left in the registers on entry");
	expect(!READ_DR(0) && !READ_DR(1) && !READ_DR(2) && !READ_DR(3) && READ_DR(7) == DR7_RESET, "dr0 %x dr1 %x dr2 %x dr3 %x dr7 %x",
	       READ_DR(0), READ_DR(1), READ_DR(2), READ_DR(3), READ_DR(7));
	kept("debug_registers", "the debug registers are as after reset");
}

static void bios_data(void)
{
	for (u32 vector = 0; vector < 0x1d; vector++)
		expect(*low(vector * 4 + 2) >= BIOS_SEGMENT || vector == HOOK_VECTOR, "vector %x: %x:%x", vector, *low(vector * 4 + 2), *low(vector * 4));
	kept("ivt", "interrupt vectors 0 to 1Ch lead into ROM, all but a hooked 15h");
	promise(*low(BDA_COM1) == 0x3f8, "bda", "the BIOS data area names COM1");
}

static void bios_calls(void)
{
	struct bios_regs r = { .eax = 0x0f00 };
	bool ok;
	u32 ticks;

	bios(0x10, &r);
	promise((r.eax & 0xff) == 3 && (r.eax >> 8 & 0xff) == 80, "int10", "INT 10h tells text mode 3 with 80 columns");

	r = (struct bios_regs){ .eax = 0x0201, .ecx = 1, .edx = entry_state.edx & 0xff, .ebx = SECTOR_BUFFER };
	ok = bios(0x13, &r);
	expect(ok && *low(SECTOR_BUFFER + 510) == BOOT_SIGNATURE, "CHS: flags %x ax %x", r.flags, r.eax);
	r = (struct bios_regs){ .eax = 0x0800, .edx = entry_state.edx & 0xff };
	ok = bios(0x13, &r);
	expect(ok && (r.ecx & 63), "parameters: cx %x", r.ecx);
	kept("int13", "INT 13h reads a sector by CHS and tells the geometry");

	r = (struct bios_regs){ .eax = 0x0100 };
	bios(0x16, &r);
	promise(r.flags & 0x40, "int16", "INT 16h finds no key waiting");

	ticks = *low(BDA_TICKS);
	__asm__ volatile("" : : : "memory");
	for (u32 i = 0; i < 100 && *low(BDA_TICKS) == ticks; i++) {
		r = (struct bios_regs){ .eax = 0x8300 };	/* IF=1 in the BIOS lets the timer tick */
		bios(0x60, &r);
	}
	r = (struct bios_regs){ .eax = 0 };
	ok = bios(0x1a, &r);
	promise(ok && *low(BDA_TICKS) != ticks && (u16)r.edx == *low(BDA_TICKS), "int1a", "the timer ticks and INT 1Ah tells the count");
	r = (struct bios_regs){ .eax = 0x0200 };
	promise(bios(0x1a, &r), "int1a_rtc", "INT 1Ah reads the real-time clock");
}

static bool a20_open(void)
{
	*low(A20_PROBE) = 0x1234;
	*low(MIB + A20_PROBE) = 0x4321;
	__asm__ volatile("wbinvd");
	return *low(A20_PROBE) == 0x1234;
}

static void kbc_wait(void)
{
	while (inb(KBC) & 2)
		;
}

static void kbc_output_port(u8 value)
{
	kbc_wait();
	outb(KBC, 0xd1);
	kbc_wait();
	outb(KBC_DATA, value);
	kbc_wait();
}

static void a20(void)
{
	u32 signature = cpuid(1, 0).eax;

	outb(PORT_92, 2);
	expect(a20_open(), "92h = 2: closed");
	outb(PORT_92, 0);
	expect(!a20_open(), "92h = 0: open");
	expect(cpuid(1, 0).eax == signature, "another CPU than before");	/* an exit: our memory has addresses with bit 20 */
	outb(PORT_92, 2);
	expect(a20_open(), "92h = 2 again: closed");
	kept("a20_port_92", "port 92h opens and closes A20");
	kbc_output_port(0xdd);
	expect(!a20_open(), "DDh: open");
	expect(cpuid(1, 0).eax == signature, "another CPU than before");
	kbc_output_port(0xdf);
	expect(a20_open(), "DFh: closed");
	kept("a20_keyboard", "the keyboard controller opens and closes A20");
	outb(PORT_92, 2);
}

/* INT 60h: waits for one hardware interrupt. */
static void install_int60(void)
{
	static const u8 code[] = { 0xfb, 0xf4, 0xfa, 0xcf };	/* sti; hlt; cli; iret */

	memcpy((void *)0x4f00, code, sizeof(code));
	*low(0x60 * 4) = 0x4f00;
	*low(0x60 * 4 + 2) = 0;
}

void guest_main(void)
{
	entry();
	bios_data();
	install_int60();
	bios_calls();
	a20();
}
