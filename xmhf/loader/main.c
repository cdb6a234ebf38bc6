/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loader, in the order of things: read what GRUB says, check CPU and image, choose a base, copy the
 * image and the hand-over there, jump. Everything it needs of GRUB's is copied before the first write.
 */
#include "lib/console.h"
#include "lib/cpu_checks.h"
#include "lib/ept_pool.h"
#include "lib/string.h"
#include "lib/table_room.h"
#include "loader/loader.h"

#define die(...) console_die("loader", __VA_ARGS__)

#define IMAGE_MODULE	0
#define GUEST_MODULE	1
#define APP_MODULE	2	/* and following */

#define RANGE_FIXED	(6ull << 20)		/* bytes beside the runtime, for tables */
#define RANGE_PER_CPU	(256ull << 10)
#define IMAGE_MAX	(8u << 20)		/* bytes: no image of ours is larger */

static struct boot_info boot;
static struct boot_options options;

static const void *map_low(void *unused, u64 at, u64 length)
{
	(void)unused;
	return at < SIZE_4G && length <= SIZE_4G - at ? (const void *)(uptr)at : NULL;
}

static void read_options(u32 info)
{
	const struct physmem memory = { map_low, NULL };
	struct cmdline_report report;
	const char *problem = mb_parse(&memory, info, &boot);

	if (problem)
		die("the boot loader's information is unusable: %s", problem);
	if (!cmdline_parse(boot.cmdline, &options, &report))
		die("bad option: %s", report.error);
	console_init(&options.serial, DEFAULT_VGA);
	if (report.notice[0])
		console_print("loader: %s\n", report.notice);
}

static const struct image_header *check_image(void)
{
	const struct boot_module *m = &boot.module[IMAGE_MODULE];
	const struct image_header *image = (const void *)(uptr)m->start;
	u8 digest[SHA256_SIZE];

	if (boot.module_count <= IMAGE_MODULE)
		die("module 0 is missing: add \"module /hypervisor-x86-%s.bin.gz\" to the GRUB entry",
		    SUBARCH_BITS == 64 ? "amd64" : "i386");
	if (m->end - m->start < sizeof(*image) || m->end - m->start > IMAGE_MAX || image->magic != IMAGE_MAGIC)
		die("module 0 isn't a hypervisor image: it must be hypervisor-x86-%s.bin or .bin.gz",
		    SUBARCH_BITS == 64 ? "amd64" : "i386");
	if (image->bits != SUBARCH_BITS)
		die("module 0 is the %u-bit hypervisor and this is the %u-bit loader: use files of one build",
		    image->bits, SUBARCH_BITS);
	sha256(image, m->end - m->start, digest);
	if (memcmp(digest, image_hash, SHA256_SIZE))
		die("module 0 is corrupt or of another build: its SHA-256 isn't the one this loader was built with");
	return image;
}

static const u8 *check_guest(void)
{
	const struct boot_module *m = &boot.module[GUEST_MODULE];
	const u8 *sector = (const u8 *)(uptr)m->start;

	if (boot.module_count <= GUEST_MODULE)
		die("module 1 is missing: add \"module --nounzip (hd1)+1\", the guest's boot sector, to the GRUB entry");
	if (m->end - m->start < 512 || sector[510] != 0x55 || sector[511] != 0xaa)
		die("module 1 isn't a boot sector: it has no 55 AA signature; is the guest's disk there?");
	return sector;
}

/* Hypapp modules go right below the hand-over, each on pages of its own. */
static u64 app_modules_size(void)
{
	u64 size = 0;

	for (u32 i = APP_MODULE; i < boot.module_count; i++)
		size += round_up(boot.module[i].end - boot.module[i].start, PAGE_SIZE);
	return size;
}

static void copy_app_modules(struct handoff *h)
{
	u64 at = (uptr)h - app_modules_size();

	for (u32 i = APP_MODULE; i < boot.module_count; i++) {
		u32 size = boot.module[i].end - boot.module[i].start;

		memcpy((void *)(uptr)at, (const void *)(uptr)boot.module[i].start, size);
		h->module[h->module_count++] = (struct mem_range){ at, size };
		at += round_up(size, PAGE_SIZE);
	}
}

/* That the guest will have. */
static u64 ram_bytes(void)
{
	struct e820_map map = boot.map;

	if (SUBARCH_BITS == 32)
		(void)e820_hide_above_4g(&map);
	return e820_ram_bytes(&map);
}

/* Bytes of our range, in whole 2 MiB. Decides on EPT02's pool if the command line doesn't. */
static u64 range_size(const struct image_header *image, const struct cpu_facts *facts, u32 cpus)
{
	const struct runtime_header *runtime = (const void *)((const u8 *)image + image->size);
	u64 size = image->size + runtime->memory_size + HANDOFF_ROOM + app_modules_size() + RANGE_FIXED + cpus * RANGE_PER_CPU;

	options.ept_pool = ept_pool_bytes(&options, ram_bytes(), cpus);
	size += options.ept_pool + table_room_bytes(facts, e820_top_of_ram(&boot.map, ~0ull), SUBARCH_BITS);
	return round_up(size, SIZE_2M);
}

static u32 guest_drive(void)
{
	if (options.boot_drive != BOOT_DRIVE_UNSET)
		return (u32)options.boot_drive;
	return boot.has_boot_device ? boot.boot_device >> 24 : 0x80;
}

void loader_main(u32 magic, u32 info)
{
	struct cpu_facts facts;

	cmdline_defaults(&options);
	options.sl_base = CONFIGURED_SL_BASE;
	options.serial.port = DEFAULT_SERIAL;
	console_init(&options.serial, DEFAULT_VGA);
	console_print("loader: XMHF %s for %s\n", XMHF_VERSION, SUBARCH_BITS == 64 ? "amd64" : "i386");
	if (magic != MB_BOOT_MAGIC)
		die("not started by a Multiboot loader: use GRUB's multiboot command");
	read_options(info);

	cpu_read_facts(&facts);
	const char *complaint = cpu_complaint(&facts, SUBARCH_BITS);
	if (complaint)
		die("%s", complaint);

	const struct image_header *image = check_image();
	const u8 *boot_sector = check_guest();
	const struct boot_module *m = &boot.module[IMAGE_MODULE];
	u64 rsdp = find_rsdp();
	u32 cpus = count_cpus(rsdp);
	u64 size = range_size(image, &facts, cpus);
	u64 base = place_range(&boot, options.sl_base, size);
	struct handoff *h = (void *)(uptr)(base + size - HANDOFF_ROOM);

	console_print("loader: base 0x%llx, %llu MiB, for %u CPU%s\n", base, size >> 20, cpus, cpus == 1 ? "" : "s");
	memset((void *)(uptr)base, 0, (size_t)size);
	memcpy((void *)(uptr)base, image, m->end - m->start);
	h->magic = HANDOFF_MAGIC;
	h->cpus_expected = cpus;
	h->base = base;
	h->size = size;
	h->rsdp = rsdp;
	h->boot_drive = guest_drive();
	h->map = boot.map;
	h->options = options;
	memcpy(h->boot_sector, boot_sector, sizeof(h->boot_sector));
	copy_app_modules(h);
	enter_secure_loader((u32)base + image->entry, h);
}
