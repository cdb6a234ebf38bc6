/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kvm-smoke [NAME...] [-NAME...]: whether KVM works, tried by /dev/kvm itself, in seconds and without QEMU. A line PASS or
 * FAIL for each check of smoke.h; the exit status is the number of failures. -NAME: KVM is known to lack this promise, so
 * that LACK is said, or FAIL if it is kept. Static and without a C library.
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

/* Without names all checks are wanted. */
static bool wanted(const char *name, int argc, const char *const *argv)
{
	bool some = false, found = false;

	for (int i = 1; i < argc; i++) {
		some |= argv[i][0] != '-';
		found |= equal(name, argv[i]);
	}
	return found || !some;
}

static bool lacking(const char *name, int argc, const char *const *argv)
{
	bool found = false;

	for (int i = 1; i < argc; i++)
		found |= argv[i][0] == '-' && equal(name, argv[i] + 1);
	return found;
}

/* How the first CPU's last KVM_RUN ended. */
static void say_end(const struct vm *m)
{
	const struct kvm_run *run = m->cpu[0].run;

	if (!run)
		return;
	say(", last exit ");
	say_number(run->exit_reason, 10);
	if (run->exit_reason != KVM_EXIT_FAIL_ENTRY)
		return;
	say(", entry failed with ");
	say_number(run->fail_entry.hardware_entry_failure_reason, 16);
}

/* Whether it ended as it should. */
static bool try(size_t i, bool lacks)
{
	struct vm m;
	bool kept = vm_open(&m, checks[i].irqchip) && checks[i].keeps(&m);

	say(kept == lacks ? "FAIL" : lacks ? "LACK" : "PASS");
	say(" kvm-smoke ");
	say(checks[i].name);
	say(": ");
	say(checks[i].promise);
	if (!kept)
		say_end(&m);
	say("\n");
	vm_close(&m);
	return kept != lacks;
}

int main(int argc, const char *const *argv)
{
	int failures = 0;

	for (size_t i = 0; i < COUNT(checks); i++)
		if (wanted(checks[i].name, argc, argv))
			failures += !try(i, lacking(checks[i].name, argc, argv));
	return failures;
}
