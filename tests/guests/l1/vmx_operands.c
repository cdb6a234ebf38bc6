/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operands of VMX instructions: every base, index, scale and displacement, every pair of registers, in 64-, 32- and 16-bit
 * code with both address sizes. Each instruction's effect shows which memory or register it took.
 */
#include "ept.h"
#include "probe.h"

#define FILL		0xff		/* makes operands that are bad for every instruction */
#define AREA_PAGES	4
#define ROUND		360		/* targets: multiples of 8 and of all 1 + 2^scale */
#define WRONG_SHOWN	3
#define REGISTERS_FIELD	HOST_SYSENTER_ESP

static u8 *area, *low_area;
static u32 *vmcs_a, *vmcs_b, *vmxon;
static u64 eptp, state = 1;

static u64 random64(void)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return state ^ state >> 29;
}

static void *at(u64 address)
{
	void *p = (void *)(uptr)address;

	__asm__("" : "+r"(p));
	return p;
}

static u64 current(void)
{
	u64 now = 0;

	vmx_ptrst(&now);
	return now;
}

/* ---- what an instruction does with its operand ---- */

static bool uses_field(enum vmx_insn insn) { return insn == VMREAD || insn == VMWRITE; }

/* One that L1 reaches without an exit where there is VMCS shadowing, and one that exits. */
static enum vmcs_field field_of(u32 turn) { return turn & 1 ? GUEST_RSP : REGISTERS_FIELD; }

struct work { enum vmx_insn insn; u32 bits, turn; u64 target, value, sp; };

static u64 register_operand(const struct work *w) { return uses_field(w->insn) ? field_of(w->turn) : 1; }

static void prepare(struct work *w)
{
	u64 operand[2] = { 0, 0 };
	u8 bytes = (u8)vmx_insn_bytes(w->insn, w->bits);

	memset(at(w->target - 8), FILL, 32);
	w->value = bytes == 4 ? (u32)random64() : random64();
	if (w->insn == VMREAD)
		vmx_write(field_of(w->turn), (uptr)w->value);
	if (w->insn == VMREAD || w->insn == VMPTRST)
		return;
	operand[0] = w->insn == VMXON ? physical(vmxon) : w->insn == VMCLEAR ? physical(vmcs_a) : w->insn == VMPTRLD ?
		     physical(vmcs_b) : w->insn == INVEPT ? eptp : w->insn == INVVPID ? 1 : w->value;
	memcpy(at(w->target), operand, bytes);
}

static bool memory_is(const struct work *w, u64 value)
{
	u32 bytes = vmx_insn_bytes(w->insn, w->bits);
	u8 *place = at(w->target);
	bool before = place[-1] == FILL || w->target == w->sp;		/* probe_done pushes there */
	bool good = memcmp(place, &value, bytes) == 0 && before && place[bytes] == FILL;

	memset(place, FILL, 16);
	return good;
}

static bool did(const struct work *w)
{
	uptr value = 0;
	u64 now;

	switch (w->insn) {
	case VMXON:
		return vmx_off().kind == VMX_OK;
	case VMCLEAR:
		now = current();
		vmx_ptrld(physical(vmcs_a));
		return now == ~0ull;
	case VMPTRLD:
		now = current();
		vmx_ptrld(physical(vmcs_a));
		return now == physical(vmcs_b);
	case VMPTRST:
		return memory_is(w, physical(vmcs_a));
	case VMREAD:
		return memory_is(w, w->value);
	case VMWRITE:
		vmx_read(field_of(w->turn), &value);
		return value == (uptr)w->value;
	default:
		return true;
	}
}

/* ---- addresses ---- */

static u32 free_register(const struct form *f)
{
	u32 r = PROBE_DX;

	while (r == f->base || r == f->index || r == PROBE_SP)
		r++;
	return r;
}

static u64 spoil(u64 value, u32 bits) { return bits == 64 ? value : value | random64() << bits; }

static int32_t some_displacement(const struct form *f)
{
	if (f->mod == 0)
		return 0;
	return f->mod == 1 ? (int32_t)(random64() % 128) - 64 : (int32_t)random64();
}

/* 16-bit addresses: the r/m field names BX or BP, and SI or DI. */
static u64 aim_16(struct probe *p, struct form *f, u64 target)
{
	static const u8 first[] = { PROBE_BX, PROBE_BX, PROBE_BP, PROBE_BP, PROBE_SI, PROBE_DI, PROBE_BP, PROBE_BX };
	static const u8 second[] = { PROBE_SI, PROBE_DI, PROBE_SI, PROBE_DI };

	if (f->base == NO_REGISTER) {
		f->displacement = (int32_t)target;
		return target;
	}
	f->displacement = some_displacement(f);
	p->r[first[f->base]] = (uptr)random64();
	if (f->base < ARRAY_SIZE(second))
		p->r[second[f->base]] = (uptr)spoil((target - (u64)f->displacement - p->r[first[f->base]]) & 0xffff, 16);
	else
		p->r[first[f->base]] = (uptr)spoil((target - (u64)f->displacement) & 0xffff, 16);
	return target;
}

/* An address without a base. */
static u64 aim_without_base(struct probe *p, struct form *f, u64 target, u32 bits)
{
	u64 index;

	f->displacement = (int32_t)target;
	if (f->index == NO_REGISTER)
		return target;
	index = random64() % 0x100000;
	f->displacement -= (int32_t)(index << f->scale);
	p->r[f->index] = (uptr)spoil(index, bits);
	return target;
}

/* SP isn't free to choose: the target is near it, or the index makes up for it. */
static u64 aim_by_sp(struct probe *p, struct form *f, u64 target, u32 bits)
{
	u64 sp = p->r[PROBE_SP];

	f->displacement = f->mod ? (int32_t)(random64() % 4) * 8 : 0;
	if (f->index == NO_REGISTER)
		return sp + (u64)f->displacement;
	p->r[f->index] = (uptr)((int64_t)(target - sp - (u64)f->displacement) >> f->scale);
	if (bits == 32)
		p->r[f->index] = (uptr)spoil((u32)p->r[f->index], bits);
	return target;
}

/* Registers and displacement that lead to @target, or (what it gives) near it. */
static u64 aim(struct probe *p, struct form *f, u64 target, u32 bits)
{
	u64 index = random64();

	if (bits == 16)
		return aim_16(p, f, target);
	if (f->rip_relative) {
		f->displacement = (int32_t)target;		/* less the instruction's end: run() */
		return target;
	}
	if (f->base == NO_REGISTER)
		return aim_without_base(p, f, target, bits);
	if (f->base == PROBE_SP)
		return aim_by_sp(p, f, target, bits);
	f->displacement = some_displacement(f);
	if (f->index == f->base) {
		int32_t factor = 1 + (1 << f->scale);

		f->displacement = f->mod ? factor * ((int32_t)(random64() % 13) - 6) : 0;
		p->r[f->base] = (uptr)spoil((u32)((u32)target - (u32)f->displacement) / (u32)factor, bits);
		return target;
	}
	if (f->index != NO_REGISTER) {
		p->r[f->index] = (uptr)index;
		target -= index << f->scale;
	} else {
		index = 0;
	}
	p->r[f->base] = (uptr)(target - (u64)(int64_t)f->displacement);
	if (bits == 32)
		p->r[f->base] = (uptr)spoil((u32)p->r[f->base], bits);
	return target + (f->index != NO_REGISTER ? index << f->scale : 0);
}

/* ---- sweeps ---- */

struct tally { u32 of, right, shown; };

static void show_wrong(struct tally *t, const struct form *f, struct vmx_result r)
{
	if (t->shown++ >= WRONG_SHOWN)
		return;
	say("wrong: mod %u base %u index %u scale %u displacement %x: ", f->mod, f->base, f->index, f->scale,
	    (u32)f->displacement);
	say_result(r);
	say("\n");
}

static bool registers_kept(const struct probe *before, const struct probe *after)
{
	return memcmp(before->r, after->r, sizeof(before->r)) == 0;
}

static void run(struct tally *t, enum vmx_insn insn, u32 bits, struct form f)
{
	u32 address_bits = probe_address_bits(bits, &f), length, reg = free_register(&f);
	struct work w = { .insn = insn, .bits = bits, .turn = t->of };
	struct probe p = probe_begin(bits), before;
	u8 code[PROBE_INSN_MAX];
	struct vmx_result r;
	u64 target = address_bits == 16 ? (uptr)low_area : (uptr)area;

	if (address_bits == 16)
		reg = PROBE_CX;
	w.target = aim(&p, &f, target, address_bits);
	w.sp = p.r[PROBE_SP];
	length = probe_encode(code, insn, bits, &f, (u8)reg);
	if (f.rip_relative) {
		f.displacement -= (int32_t)(PROBE_CODE + length);
		probe_encode(code, insn, bits, &f, (u8)reg);
	}
	if (vmx_insns[insn].digit == NO_DIGIT)
		p.r[reg] = (uptr)register_operand(&w);
	prepare(&w);
	before = p;
	r = probe_run(&p, code, length);
	t->of++;
	if (r.kind == VMX_OK && r.flags == 0 && did(&w) && registers_kept(&before, &p))
		t->right++;
	else
		show_wrong(t, &f, r);
	memset(at(w.target), FILL, 16);
}

static void say_tally(enum vmx_insn insn, u32 bits, u32 address_bits, const char *what, const struct tally *t)
{
	say("R %s in %u-bit code, %u-bit addresses, %s: %u of %u right\n", vmx_insns[insn].name, bits, address_bits, what,
	    t->right, t->of);
}

static void sweep_16(enum vmx_insn insn, u32 bits, bool other_size)
{
	for (u8 mod = 0; mod < 3; mod++) {
		struct tally t = { 0 };

		for (u8 rm = 0; rm < 8; rm++)
			for (u32 n = 0; n < 4; n++)
				run(&t, insn, bits, (struct form){ .other_size = other_size, .mod = mod, .index = NO_REGISTER,
					.base = mod == 0 && rm == 6 ? NO_REGISTER : rm });
		say_tally(insn, bits, 16, mod == 0 ? "no displacement" : mod == 1 ? "8 bits" : "16 bits", &t);
	}
}

/* BP and R13 without a displacement have no encoding of their own. */
static bool encodable(u8 mod, u8 base) { return mod != 0 || (base & 7) != PROBE_BP; }

static void sweep_bases(enum vmx_insn insn, u32 bits, bool other_size)
{
	static const char *const names[] = { "base", "base and 8 bits", "base and 32 bits" };
	u32 registers = bits == 64 ? 16 : 8;

	for (u8 mod = 0; mod < 3; mod++) {
		struct tally t = { 0 };

		for (u8 base = 0; base < registers; base++)
			for (u32 sib = 0; sib < 2; sib++)
				if (encodable(mod, base))
					run(&t, insn, bits, (struct form){ .other_size = other_size, .mod = mod, .base = base,
						.index = NO_REGISTER, .with_sib = sib });
		say_tally(insn, bits, other_size ? 32 : bits, names[mod], &t);
	}
}

static void sweep_indexes(enum vmx_insn insn, u32 bits, bool other_size)
{
	static const char *const names[] = { "base and index", "base, index and 8 bits", "base, index and 32 bits" };
	u8 registers = bits == 64 ? 16 : 8;

	for (u8 mod = 0; mod < 3; mod++) {
		struct tally t = { 0 };

		for (u8 base = 0; base < registers; base++)
			for (u8 index = 0; index < registers; index++)
				for (u8 scale = 0; scale < 4; scale++)
					if (index != PROBE_SP && encodable(mod, base))
						run(&t, insn, bits, (struct form){ .other_size = other_size, .mod = mod,
							.base = base, .index = index, .scale = scale });
		say_tally(insn, bits, other_size ? 32 : bits, names[mod], &t);
	}
}

static void sweep_baseless(enum vmx_insn insn, u32 bits, bool other_size)
{
	struct tally t = { 0 };

	for (u8 index = 0; index < (bits == 64 ? 16 : 8); index++)
		for (u8 scale = 0; scale < 4; scale++)
			if (index != PROBE_SP)
				run(&t, insn, bits, (struct form){ .other_size = other_size, .base = NO_REGISTER, .index = index,
					.scale = scale });
	run(&t, insn, bits, (struct form){ .other_size = other_size, .base = NO_REGISTER, .index = NO_REGISTER });
	if (bits == 64)
		run(&t, insn, bits, (struct form){ .other_size = other_size, .base = NO_REGISTER, .index = NO_REGISTER,
			.rip_relative = true });
	say_tally(insn, bits, other_size ? 32 : bits, "no base", &t);
}

static bool has(enum vmx_insn insn)
{
	if (insn == INVEPT)
		return CAN_SECONDARY(SECONDARY_EPT);
	return insn != INVVPID || CAN_SECONDARY(SECONDARY_VPID);
}

static void sweep(enum vmx_insn insn, u32 bits)
{
	for (u32 other_size = 0; other_size < 2; other_size++) {
		struct form f = { .other_size = other_size };

		if (probe_address_bits(bits, &f) == 16) {
			sweep_16(insn, bits, other_size);
			continue;
		}
		sweep_bases(insn, bits, other_size);
		sweep_indexes(insn, bits, other_size);
		sweep_baseless(insn, bits, other_size);
	}
}

/* ---- register operands of VMREAD and VMWRITE ---- */

static bool pair(enum vmx_insn insn, u32 bits, u8 value_in, u8 field_in, u32 turn)
{
	struct form f = { .mod = 3, .base = value_in, .index = NO_REGISTER };
	struct probe p = probe_begin(bits), before;
	u64 stack = p.r[PROBE_SP];
	uptr now = 0, value = value_in == PROBE_SP ? (uptr)stack : (uptr)random64();
	u8 code[PROBE_INSN_MAX];
	u32 length = probe_encode(code, insn, bits, &f, field_in);
	struct vmx_result r;

	if (insn == VMREAD)
		vmx_write(field_of(turn), value);
	else
		p.r[value_in] = value;
	p.r[field_in] = field_of(turn);
	before = p;
	r = probe_run(&p, code, length);
	if (insn == VMREAD) {
		before.r[value_in] = value;
	} else {
		vmx_read(field_of(turn), &now);
		if (now != before.r[value_in])
			return false;
	}
	return r.kind == VMX_OK && r.flags == 0 && registers_kept(&before, &p);
}

static void register_pairs(enum vmx_insn insn, u32 bits)
{
	u8 registers = bits == 64 ? 16 : 8;
	u32 right = 0, of = 0;

	for (u8 value_in = 0; value_in < registers; value_in++)
		for (u8 field_in = 0; field_in < registers; field_in++)
			for (u32 turn = 0; turn < 2; turn++, of++)
				right += pair(insn, bits, value_in, field_in, turn);
	say("R %s in %u-bit code, pairs of registers: %u of %u right\n", vmx_insns[insn].name, bits, right, of);
}

static void setup(void)
{
	u8 *pages = pages_take(AREA_PAGES);

	low_area = at(PROBE_LOW + 0x800);
	memset(at(PROBE_LOW), FILL, 4096);
	memset(pages, FILL, AREA_PAGES * 4096);
	area = pages + 4096 + ROUND - (u32)(uptr)(pages + 4096) % ROUND;
	vmcs_a = vmcs_region();
	vmcs_b = vmcs_region();
	vmxon = vmcs_region();
	eptp = CAN_SECONDARY(SECONDARY_EPT) ? ept_new() : 0;
}

void guest_main(void)
{
	static const u8 sizes[2] = { L1_IS_64 ? 64 : 32, 16 };
	u32 kinds = L1_IS_64 ? 1 : 2;

	if (!l1_begin())
		return;
	setup();
	for (u32 n = 0; n < kinds; n++)
		sweep(VMXON, sizes[n]);
	vmx_enable();
	vmx_clear(physical(vmcs_a));
	vmx_clear(physical(vmcs_b));
	vmx_ptrld(physical(vmcs_a));
	for (u32 n = 0; n < kinds; n++) {
		for (enum vmx_insn insn = VMCLEAR; insn < VMX_INSNS; insn++)
			if (has(insn))
				sweep(insn, sizes[n]);
		register_pairs(VMREAD, sizes[n]);
		register_pairs(VMWRITE, sizes[n]);
	}
	vmx_disable();
}
