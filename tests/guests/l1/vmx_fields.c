/* SPDX-License-Identifier: BSD-2-Clause */
/* VMREAD and VMWRITE of every encoding: which fields exist, how wide they are, which are read-only. */
#include "vmx.h"

#define ENCODINGS	(FIELD_LAST + 1)
#define PATTERN		0x5aa5c33c96690ff0ull

struct answer { struct vmx_result read, write; };

static struct answer ask(uptr encoding)
{
	uptr value = 0;
	struct answer a;

	a.read = vmx_read(encoding, &value);
	a.write = vmx_write(encoding, value);
	return a;
}

static bool same(struct vmx_result a, struct vmx_result b) { return a.kind == b.kind && a.number == b.number && a.flags == b.flags; }

static void say_answer(struct answer a)
{
	say(": vmread ");
	say_result(a.read);
	say(" vmwrite ");
	say_result(a.write);
}

static uptr keeps(uptr encoding, uptr value)		/* what a field makes of it */
{
	uptr now = 0;

	vmx_write(encoding, value);
	vmx_read(encoding, &now);
	return now;
}

static void say_width(uptr encoding)
{
	uptr ones = keeps(encoding, ~(uptr)0), pattern = keeps(encoding, (uptr)PATTERN), zero = keeps(encoding, 0);

	say(" keeps %llx %llx %llx", (u64)ones, (u64)pattern, (u64)zero);
}

/* One line for each field, one for each run of encodings between them. */
static void every_encoding(void)
{
	for (u32 first = 0, next; first < ENCODINGS; first = next) {
		struct answer a = ask(first);

		next = first + 1;
		if (a.read.kind == VMX_OK) {
			say("R encoding %04x", first);
			say_answer(a);
			if (a.write.kind == VMX_OK)
				say_width(first);
			say("\n");
			continue;
		}
		for (; next < ENCODINGS; next++) {
			struct answer b = ask(next);

			if (!same(a.read, b.read) || !same(a.write, b.write))
				break;
		}
		say("R encodings %04x to %04x", first, next - 1);
		say_answer(a);
		say("\n");
	}
}

static void beyond(void)
{
	static const u64 encodings[] = {
		0x7000, 0x7fff, 0x8000, 0xe81e, 0x10000, 0x1681e, 0x80000000, 0x8000681e, 0xffffffff, 0x10000681eull,
		0x800000000000681eull, ~0ull,
	};

	for (u32 i = 0; i < ARRAY_SIZE(encodings); i++) {
		if ((uptr)encodings[i] != encodings[i])
			continue;
		say("R encoding %llx", encodings[i]);
		say_answer(ask((uptr)encodings[i]));
		say("\n");
	}
}

/* The halves of a 64-bit field are one value. */
static void halves(void)
{
	static const u16 fields[] = { TSC_OFFSET, VMCS_LINK_POINTER, EPTP, GUEST_PDPTE3, EXIT_MSR_LOAD_ADDR, GUEST_DEBUGCTL };

	for (u32 i = 0; i < ARRAY_SIZE(fields); i++) {
		uptr low = 0, high = 0;

		if (vmx_read(fields[i], &low).kind != VMX_OK)
			continue;
		vmx_write(fields[i], (uptr)0x1111222233334444ull);
		vmx_write(fields[i] | FIELD_HIGH, (uptr)0xaaaabbbbccccddddull);
		vmx_read(fields[i], &low);
		vmx_read(fields[i] | FIELD_HIGH, &high);
		say("R halves of %04x high last: %llx %llx\n", fields[i], (u64)low, (u64)high);
		vmx_write(fields[i], (uptr)0x5555666677778888ull);
		vmx_read(fields[i], &low);
		vmx_read(fields[i] | FIELD_HIGH, &high);
		say("R halves of %04x low last: %llx %llx\n", fields[i], (u64)low, (u64)high);
	}
}

void guest_main(void)
{
	u32 *region;

	if (!l1_begin())
		return;
	vmx_enable();
	say("R no current VMCS");
	say_answer(ask(GUEST_RIP));
	say("\nR no current VMCS, no such field");
	say_answer(ask(0x6ffe));
	say("\n");
	region = vmcs_region();
	vmx_clear(physical(region));
	vmx_ptrld(physical(region));
	every_encoding();
	beyond();
	halves();
	vmx_disable();
}
