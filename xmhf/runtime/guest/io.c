/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exits by I/O instructions on ports that someone watches: the core those that put the machine to sleep, the
 * hypapp any. An access goes to the hypapp, then by the core's policy to the hardware.
 */
#include "guest/exits.h"
#include "guest/io.h"
#include "guest/io_string.h"
#include "guest/policy.h"
#include "guest/power.h"
#include "hypapp/hypapp.h"
#include "lib/io.h"
#include "vmx/exit_qualification.h"

#define PORTS	0x10000u

static u8 hypapps[PORTS / 8];		/* a bit each: the hypapp asked for this port */

static void watch_power(u16 port) { policy_intercept_ports(port, 1, true); }

void io_policy_init(void)
{
	power_each_port(watch_power);
}

void io_give_to_hypapp(u16 first, u32 count, bool wanted)
{
	for (u32 port = first; port - first < count && port < PORTS; port++) {
		u8 bit = (u8)BIT(port & 7);

		hypapps[port / 8] = (u8)(wanted ? hypapps[port / 8] | bit : hypapps[port / 8] & ~bit);
	}
	policy_intercept_ports(first, count, wanted);
	io_policy_init();
}

static bool is_hypapps(const struct xmhf_port_access *access)
{
	for (u32 i = 0; i < access->bytes; i++) {
		u16 port = (u16)(access->port + i);

		if (hypapps[port / 8] & BIT(port & 7))
			return true;
	}
	return false;
}

static void to_hardware(struct xmhf_port_access *access)
{
	u16 port = access->port;

	switch (access->bytes) {
	case 1:
		if (access->write)
			outb(port, (u8)access->value);
		else
			access->value = inb(port);
		break;
	case 2:
		if (access->write)
			outw(port, (u16)access->value);
		else
			access->value = inw(port);
		break;
	default:
		if (access->write)
			outl(port, access->value);
		else
			access->value = inl(port);
	}
}

/* One element. INJECT: the hypapp wants an event instead; else ADVANCE. */
enum verdict io_access(struct vcpu *v, struct xmhf_port_access *access)
{
	enum xmhf_result result = is_hypapps(access) ? hypapp_port(v, access) : XMHF_CHAIN;

	if (result != XMHF_CHAIN)
		return hypapp_verdict(v, result);
	if (access->write)
		power_filter(access);
	to_hardware(access);
	return ADVANCE;
}

/* IN's result: AL and AX leave the rest of RAX, EAX clears it. */
static void set_rax(struct vcpu *v, const struct xmhf_port_access *access)
{
	uptr mask = access->bytes == 4 ? ~(uptr)0 : BIT(8 * access->bytes) - 1;

	v->regs.rax = (v->regs.rax & ~mask) | (access->value & mask);
}

enum verdict guest_io(struct vcpu *v)
{
	u32 qualification = (u32)vmcs_read(EXIT_QUALIFICATION);
	struct xmhf_port_access access = {
		.port = IO_QUAL_PORT(qualification),
		.bytes = (u8)IO_QUAL_BYTES(qualification),
		.write = !(qualification & IO_QUAL_IN),
	};
	enum verdict verdict;

	if (qualification & IO_QUAL_STRING)
		return io_string(v, &access, qualification);
	if (access.write)
		access.value = access.bytes == 4 ? (u32)v->regs.rax : (u32)v->regs.rax & (BIT(8 * access.bytes) - 1);
	verdict = io_access(v, &access);
	if (!access.write && verdict != INJECT)
		set_rax(v, &access);
	return verdict;
}
