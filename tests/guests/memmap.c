/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory map by every BIOS call that tells it, from real mode and from V86 tasks; other calls of INT 15h. */
#include "vmcall.h"

#define BUFFER		0x5800u
#define STATISTICS	0x800000u
#define SMAP		0x534d4150u
#define MIB		0x100000ull
#define BDA_KIB		0x413u
#define PCI_BIOS	0xb1
#define ENTRIES_MAX	64

struct entry { u64 base, length; u32 type, attributes; } __attribute__((packed));
static struct entry map[ENTRIES_MAX], other[ENTRIES_MAX];
static u32 count, told_by_88;

typedef bool (*call)(u8 vector, struct bios_regs *regs);

static u32 read_map(call by, struct entry *to, u32 size)
{
	struct bios_regs r = { .ebx = 0 };
	u32 n = 0;

	memset(to, 0, sizeof(map));
	do {
		r.eax = 0xe820;
		r.edx = SMAP;
		r.ecx = size;
		r.edi = BUFFER & 15;
		r.es = BUFFER >> 4;
		memset((void *)BUFFER, 0xcc, sizeof(struct entry));
		if (!by(0x15, &r) || r.eax != SMAP)
			return 0;
		expect(r.ecx == 20 || (r.ecx == 24 && size >= 24), "length %u for size %u", r.ecx, size);
		expect(size > 20 || *(u32 *)(BUFFER + 20) == 0xcccccccc, "bytes behind 20 are written: %x", *(u32 *)(BUFFER + 20));
		memcpy(&to[n++], (void *)BUFFER, 20);
	} while (r.ebx && n < ENTRIES_MAX);
	return n;
}

static bool in_map(u64 at, u64 length, u32 type)
{
	for (u32 i = 0; i < count; i++)
		if (map[i].type == type && map[i].base <= at && at + length <= map[i].base + map[i].length)
			return true;
	return false;
}

static void e820(void)
{
	count = read_map(bios, map, 20);
	expect(count > 2 && count < ENTRIES_MAX, "%u entries", count);
	for (u32 i = 0; i < count; i++)
		say("  %llx %llx %u\n", map[i].base, map[i].length, map[i].type);
	kept("e820", "E820h tells a map by entries of 20 bytes");
	for (u32 i = 0; i + 1 < count; i++)
		expect(map[i].base + map[i].length <= map[i + 1].base, "entry %u reaches into the next", i);
	for (u32 i = 0; i < count; i++)
		expect(map[i].length && map[i].base + map[i].length > map[i].base, "entry %u is empty or wraps", i);
	kept("e820_sorted", "the entries are sorted, not empty and don't overlap");
	expect(read_map(bios, other, 24) == count && !memcmp(map, other, sizeof(map)), "another map");
	kept("e820_24", "entries of 24 bytes tell the same map");
	expect(read_map(bios, other, 48) == count && !memcmp(map, other, sizeof(map)), "another map");
	kept_by_us("e820_48", "a larger buffer is no mistake");
}

static bool refused(u32 ebx, u32 ecx, u32 edx)
{
	struct bios_regs r = { .eax = 0xe820, .ebx = ebx, .ecx = ecx, .edx = edx, .es = BUFFER >> 4 };

	return !bios(0x15, &r) && (r.eax >> 8 & 0xff) == 0x86;
}

static void e820_mistakes(void)
{
	expect(refused(0, 20, SMAP + 1), "EDX");
	if (on_us()) {
		expect(refused(0, 19, SMAP), "ECX 19");
		expect(refused(0, 0, SMAP), "ECX 0");
		expect(refused(count, 20, SMAP), "EBX = count");
		expect(refused(0x10000, 20, SMAP), "EBX 65536");
		expect(refused(0xffffffff, 20, SMAP), "EBX -1");
	}
	kept("e820_mistakes", "bad arguments of E820h answer CF=1, AH=86h");
}

static u64 ram_from(u64 at)
{
	u64 end = at;

	for (u32 i = 0; i < count; i++)
		if (map[i].type == 1 && map[i].base <= end && map[i].base + map[i].length > end)
			end = map[i].base + map[i].length;
	return end - at;
}

static void older_calls(void)
{
	struct bios_regs r = { .eax = 0xe801 };
	u64 ram = ram_from(MIB), told;

	expect(bios(0x15, &r), "CF");
	told = (u64)(u16)r.eax << 10;
	if ((u16)r.eax == 15 * 1024)
		told += (u64)(u16)r.ebx << 16;
	expect(told <= ram, "%llx bytes told, %llx in the map", told, ram);
	expect((u16)r.eax == (u16)r.ecx && (u16)r.ebx == (u16)r.edx, "ax %x bx %x cx %x dx %x", r.eax, r.ebx, r.ecx, r.edx);
	expect(told + 0x20000 >= ram || told >= 0xff000000, "%llx bytes told, %llx in the map", told, ram);
	kept_by_us("e801", "E801h agrees with E820h");
	r = (struct bios_regs){ .eax = 0x8800 };
	expect(bios(0x15, &r) && (u64)(u16)r.eax << 10 <= ram && (u16)r.eax >= 15 * 1024, "ax %x", r.eax);
	told_by_88 = (u16)r.eax;
	kept("int15_88", "88h agrees with E820h");
	r = (struct bios_regs){ .eax = 0 };
	bios(0x12, &r);
	expect((u16)r.eax == *(volatile u16 *)BDA_KIB, "ax %x, 40:13 %x", r.eax, *(volatile u16 *)BDA_KIB);
	expect(ram_from(0) >= (u64)(u16)r.eax << 10, "%u KiB, RAM to %llx", (u16)r.eax, ram_from(0));
	kept_by_us("int12", "INT 12h and 40:13 tell no more than E820h's low RAM");
}

static void hook(void)
{
	u32 vector = *(volatile u32 *)(0x15 * 4);
	u32 at = (vector >> 16 << 4) + (u16)vector;

	if (!on_us())
		return;
	expect(in_map(at & ~0xfffu, 0x1000, 2), "hook at %x isn't reserved", at);
	expect(*(volatile u16 *)BDA_KIB * 1024u <= (at & ~0xfffu), "40:13 is %u KiB, hook at %x", *(volatile u16 *)BDA_KIB, at);
	kept("hook_reserved", "the INT 15h hook's page is reserved and above what 40:13 tells");
}

static void other_int15(void)
{
	u64 gdt15[6] = { 0 };
	struct bios_regs r = { .eax = 0xc000 };
	u32 *source = (u32 *)0x5400, *target = (u32 *)0x200000;

	expect(bios(0x15, &r), "C0h: flags %x ax %x", r.flags, r.eax);
	r = (struct bios_regs){ .eax = 0x2402 };
	expect(bios(0x15, &r), "2402h: flags %x ax %x", r.flags, r.eax);
	gdt15[2] = 0x0000930000000000ull | 0xffff | (u64)(u32)source << 16;
	gdt15[3] = 0x0000930000000000ull | 0xffff | (u64)(u32)target << 16;
	memcpy((void *)BUFFER, gdt15, sizeof(gdt15));
	for (u32 i = 0; i < 128; i++)
		source[i] = i * 0x01010101 + 7;
	memset(target, 0, 512);
	r = (struct bios_regs){ .eax = 0x8700, .ecx = 256, .esi = 0, .es = BUFFER >> 4 };
	expect(bios(0x15, &r) && !memcmp(source, target, 512), "87h: flags %x ax %x", r.flags, r.eax);
	r = (struct bios_regs){ .eax = 0xeeee };
	expect(!bios(0x15, &r) && (r.eax >> 8 & 0xff) == 0x86, "EEh: flags %x ax %x", r.flags, r.eax);
	kept("int15_others", "other calls of INT 15h reach the BIOS: C0h, 24h, 87h, one that nobody knows");
}

/* All exits of this CPU so far, those of its VMCALLs included; 0 without the hypervisor. */
static u64 exits(void)
{
	struct xmhf_stat_cpu *s = (struct xmhf_stat_cpu *)STATISTICS;
	u64 sum = 0;

	if (vmcall6(XMHF_CALL_CPU, 0, 0, XMHF_EXITS_L1, sizeof(*s), STATISTICS).trap != NO_TRAP)
		return 0;
	for (u32 i = 0; i < XMHF_STAT_REASONS; i++)
		sum += s->exits[i];
	return sum;
}

static void no_exits(void)
{
	static const u32 functions[] = { 0xe820, 0xe801, 0x8800, 0xc000, 0x2402, 0x4f00, 0xeeee };

	if (!on_us())
		return;
	for (u32 i = 0; i < ARRAY_SIZE(functions); i++) {
		struct bios_regs r = { .eax = functions[i], .edx = SMAP, .ecx = 20, .edi = BUFFER };
		u64 before = exits();

		bios(0x15, &r);
		expect(exits() == before + 1, "%xh: exits", functions[i]);
	}
	kept("int15_no_exits", "INT 15h costs no exit, whether the hook answers or the BIOS");
}

static void in_v86(const char *name, const char *sentence)
{
	struct bios_regs r = { .eax = 0x8800 };

	expect(read_map(v86_int, other, 20) == count && !memcmp(map, other, sizeof(map)), "another map");
	expect(v86_int(0x15, &r) && (u16)r.eax == told_by_88, "88h: %x", r.eax);
	r = (struct bios_regs){ .eax = 0xc000 };
	expect(v86_int(0x15, &r), "C0h: flags %x", r.flags);
	r = (struct bios_regs){ .eax = 0xe820, .edx = 1, .ecx = 20 };
	expect(!v86_int(0x15, &r) && (r.eax >> 8 & 0xff) == 0x86, "bad EDX: flags %x ax %x", r.flags, r.eax);
	kept(name, sentence);
}

static void pci_bios(void)
{
	struct bios_regs r = { .eax = PCI_BIOS << 8 | 1 };

	expect(bios(0x1a, &r) && r.edx == 0x20494350, "B101h: flags %x edx %x", r.flags, r.edx);
	r = (struct bios_regs){ .eax = PCI_BIOS << 8 | 9, .ebx = 0, .edi = 0 };
	expect(bios(0x1a, &r) && (u16)r.ecx == 0x8086, "B109h: flags %x cx %x", r.flags, r.ecx);
	outl(0xcf8, 0x80000000);
	expect((u16)inl(0xcfc) == (u16)r.ecx, "ports say %x", inl(0xcfc));
	kept("pci_bios", "PCI BIOS calls of INT 1Ah work and agree with the ports");
}

/* The 32-bit BIOS (BIOS32 service directory, PCI BIOS 2.1): called in protected mode, as drivers did. */
struct bios32 { u8 signature[4]; u32 entry; } __attribute__((packed));

static const struct bios32 *find_bios32(void)
{
	for (u32 at = 0xe0000; at < MIB; at += 16)
		if (!memcmp((void *)at, "_32_", 4))
			return (void *)at;
	return NULL;
}

static void far_call(u32 at, struct bios_regs *r)
{
	__asm__ volatile("push %%cs; call *%5" : "+a"(r->eax), "+b"(r->ebx), "+c"(r->ecx), "+d"(r->edx), "+D"(r->edi)
			 : "S"(at) : "memory", "cc");
}

static void pci_bios32(void)
{
	const struct bios32 *directory = find_bios32();
	struct bios_regs r = { .eax = 0x49435024 };	/* "$PCI" */

	if (!directory) {
		expect(false, "no BIOS32 service directory");
		kept("bios32", "the 32-bit BIOS finds its PCI services");
		return;
	}
	far_call(directory->entry, &r);
	expect((u8)r.eax == 0, "al %x", r.eax);
	kept("bios32", "the 32-bit BIOS finds its PCI services");
	u32 entry = r.ebx + r.edx;
	r = (struct bios_regs){ .eax = PCI_BIOS << 8 | 1 };
	far_call(entry, &r);
	expect(r.edx == 0x20494350 && !(r.eax & 0xff00), "B101h: edx %x ax %x", r.edx, r.eax);
	r = (struct bios_regs){ .eax = PCI_BIOS << 8 | 9 };
	far_call(entry, &r);
	expect((u16)r.ecx == 0x8086, "B109h: cx %x", r.ecx);
	kept("pci_bios32", "PCI BIOS calls in protected mode work");
}

void guest_main(void)
{
	e820();
	e820_mistakes();
	older_calls();
	hook();
	other_int15();
	no_exits();
	in_v86("v86", "a V86 task gets the same answers");
	paging_32();
	in_v86("v86_paged", "a V86 task under 32-bit paging gets the same answers");
	paging_off();
	paging_pae();
	in_v86("v86_pae", "a V86 task under PAE paging gets the same answers");
	paging_off();
	pci_bios();
	pci_bios32();
}
