/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI sleep requests by every width of access, then power-off. On us only: a bare machine would sleep. */
#include "guest.h"

#define BIOS_START	0xe0000u
#define BIOS_END	0x100000u
#define RSDT_AT		16		/* in the RSDP */
#define HEADER		36
#define FACP		0x50434146u	/* "FACP" */
#define PM1A_CONTROL_AT	64		/* in the FADT */
#define SLP_EN		0x2000u
#define SLP_TYP(t)	((t) << 10)
#define S3_TYPE		1		/* of Bochs' BIOS */
#define S5_TYPE		0

static u32 pm1a_control(void)
{
	for (u32 at = BIOS_START; at < BIOS_END; at += 16) {
		const u32 *table = NULL, *rsdt;

		if (memcmp((const void *)at, "RSD PTR ", 8))
			continue;
		rsdt = *(const u32 *const *)(at + RSDT_AT);
		for (u32 i = HEADER; i < rsdt[1]; i += 4) {
			table = *(const u32 *const *)((u32)rsdt + i);
			if (table[0] == FACP)
				return *(const u32 *)((u32)table + PM1A_CONTROL_AT);
		}
	}
	return 0;
}

static inline u16 inw(u16 port)
{
	u16 value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void outw(u16 port, u16 value) { __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port)); }

void guest_main(void)
{
	u16 port = (u16)pm1a_control(), word = SLP_EN | SLP_TYP(S3_TYPE) | 1;
	u32 si = (u32)&word, control;

	expect(port, "no PM1a control register");
	outw(port, word);
	outb((u16)(port + 1), word >> 8);
	outl(port, word);
	outl((u16)(port - 1), (u32)word << 8);
	__asm__ volatile("outsw" : "+S"(si) : "d"(port) : "memory");
	control = inw(port);
	expect(!(control & SLP_EN), "PM1a control 0x%x", control);
	kept("sleep", "a request for S3 is refused, however it is written");
	say("\n\n\n");
	spin(100000);
	outw(port, SLP_EN | SLP_TYP(S5_TYPE));
	spin(100000);
	promise(false, "power_off", "S5 powers the machine off");
	done();
}
