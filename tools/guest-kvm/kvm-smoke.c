/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kvm-smoke [NAME...]: whether KVM works, tried by /dev/kvm itself, in seconds and without QEMU. A line PASS or FAIL for each
 * check of smoke.h; the exit status is the number of failures. Static and without a C library.
 */
#include "smoke.h"

static const struct {
	const char *name, *promise;
	bool irqchip;
	bool (*keeps)(struct vm *m);
} checks[] = {
#define CHECK(name, irqchip, promise)	{ #name, promise, irqchip, check_##name },
	CHECKS
#undef CHECK
};

static bool equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static bool wanted(const char *name, int argc, const char *const *argv)
{
	bool found = argc < 2;

	for (int i = 1; i < argc; i++)
		found |= equal(name, argv[i]);
	return found;
}

static bool try(size_t i)
{
	struct vm m;
	bool kept = vm_open(&m, checks[i].irqchip) && checks[i].keeps(&m);

	say(kept ? "PASS kvm-smoke " : "FAIL kvm-smoke ");
	say(checks[i].name);
	say(": ");
	say(checks[i].promise);
	say("\n");
	vm_close(&m);
	return kept;
}

int main(int argc, const char *const *argv)
{
	int failures = 0;

	for (size_t i = 0; i < COUNT(checks); i++)
		if (wanted(checks[i].name, argc, argv))
			failures += !try(i);
	return failures;
}
