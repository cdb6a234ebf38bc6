/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies the Multiboot information out. Everything in it came from outside: each address
 * is mapped with its length before a byte is read, and each list has an end.
 */
#include "multiboot.h"
#include "string.h"

#define MMAP_BYTES_MAX	(64u << 10)	/* more is no memory map */

struct parser {
	const struct physmem *mem;
	struct boot_info *out;
};

/* Maps [at, at + length) and notes it as occupied. */
static const void *take(struct parser *p, u32 at, u32 length)
{
	const void *bytes = physmem_map(p->mem, at, length);

	if (bytes != NULL)
		p->out->occupied[p->out->occupied_count++] = (struct mem_range){ at, length };
	return bytes;
}

/* Copies the string at @at, which must end within @size bytes with its NUL. */
static bool take_string(struct parser *p, u32 at, char *to, u32 size)
{
	for (u32 n = 0; n < size; n++) {
		const char *c = physmem_map(p->mem, (u64)at + n, 1);

		if (c == NULL)
			return false;
		to[n] = *c;
		if (*c == '\0')
			return take(p, at, n + 1) != NULL;
	}
	return false;
}

static const char *take_mmap(struct parser *p, const struct mb_info *info)
{
	struct e820_map *map = &p->out->map;
	const u8 *bytes;
	u32 left = info->mmap_length;

	if (!(info->flags & MB_MMAP) || left == 0)
		return "the boot loader gave no memory map";
	if (left > MMAP_BYTES_MAX || (bytes = take(p, info->mmap_addr, left)) == NULL)
		return "the memory map is out of reach";
	while (left >= sizeof(struct mb_mmap)) {
		struct mb_mmap e;

		memcpy(&e, bytes, sizeof(e));
		if (e.size < sizeof(e) - sizeof(e.size) || e.size > left - sizeof(e.size))
			return "the memory map has an entry of a wrong size";
		if (!e820_add(map, e.base, e.length, e.type))
			return "the memory map has too many entries";
		bytes += e.size + sizeof(e.size);
		left -= e.size + (u32)sizeof(e.size);
	}
	if (left != 0)
		return "the memory map ends within an entry";
	if (!e820_normalise(map))
		return "the memory map has too many pieces";
	return NULL;
}

static const char *take_modules(struct parser *p, const struct mb_info *info)
{
	struct boot_info *out = p->out;
	const struct mb_module *list;

	if (!(info->flags & MB_MODULES) || info->mods_count == 0)
		return NULL;
	if (info->mods_count > BOOT_MODULES_MAX)
		return "more than 16 modules";
	list = take(p, info->mods_addr, info->mods_count * (u32)sizeof(*list));
	if (list == NULL)
		return "the list of modules is out of reach";
	for (u32 i = 0; i < info->mods_count; i++) {
		struct boot_module *m = &out->module[i];
		struct mb_module raw;

		memcpy(&raw, &list[i], sizeof(raw));
		m->start = raw.start;
		m->end = raw.end;
		if (m->end < m->start)
			return "a module ends before it starts";
		if (m->end != m->start && take(p, m->start, m->end - m->start) == NULL)
			return "a module is out of reach";
		if (raw.string != 0 && !take_string(p, raw.string, m->string, BOOT_STRING_SIZE))
			return "a module's string is out of reach or longer than 247 characters";
	}
	out->module_count = info->mods_count;
	return NULL;
}

static bool is_grub2(const char *name)
{
	return strncmp(name, "GRUB ", 5) == 0 && name[5] != '0';	/* GRUB 1 was 0.9x */
}

/*
 * The specification leaves open whether the command line begins with our file's name: GRUB 1,
 * QEMU and most others put it there, GRUB 2 doesn't. A path is always a name.
 */
static bool has_file_name(const struct boot_info *out)
{
	const char *c = out->cmdline;

	return !is_grub2(out->loader_name) || *c == '/' || *c == '(';
}

/* Removes the first word and the spaces round it. */
static void drop_file_name(char *line)
{
	const char *from = line;

	while (*from == ' ')
		from++;
	while (*from != ' ' && *from != '\0')
		from++;
	while (*from == ' ')
		from++;
	memmove(line, from, strlen(from) + 1);
}

static const char *take_cmdline(struct parser *p, const struct mb_info *info)
{
	struct boot_info *out = p->out;

	/* Which loader it was only decides about the file's name: without its name we guess. */
	if (info->flags & MB_LOADER_NAME &&
	    !take_string(p, info->boot_loader_name, out->loader_name, BOOT_NAME_SIZE))
		out->loader_name[0] = '\0';
	if (!(info->flags & MB_CMDLINE) || info->cmdline == 0)
		return NULL;
	if (!take_string(p, info->cmdline, out->cmdline, BOOT_CMDLINE_SIZE))
		return "the command line is out of reach or longer than 1023 characters";
	if (has_file_name(out))
		drop_file_name(out->cmdline);
	return NULL;
}

const char *mb_parse(const struct physmem *mem, u32 at, struct boot_info *out)
{
	struct parser p = { mem, out };
	const struct mb_info *raw;
	struct mb_info info;
	const char *error;

	memset(out, 0, sizeof(*out));
	raw = take(&p, at, sizeof(info));
	if (raw == NULL)
		return "the Multiboot information is out of reach";
	memcpy(&info, raw, sizeof(info));

	if (info.flags & MB_BOOT_DEVICE) {
		out->has_boot_device = 1;
		out->boot_device = info.boot_device;
	}
	error = take_mmap(&p, &info);
	if (error == NULL)
		error = take_modules(&p, &info);
	if (error == NULL)
		error = take_cmdline(&p, &info);
	return error;
}
