# SPDX-License-Identifier: BSD-2-Clause
# L1s that misbehave, with two CPUs: the hypervisor and the other CPU go on. tests/guests/l1/vmx_misbehave.c does the worst
# one by one, vmx_random_ops.c 5,000 random operations, and 1,200,000 in the long run.

import pytest

import harness

SECONDS = 900
TICKS = 400_000_000_000
PROMISES = {
    "vmx_misbehave": ("ones", "pointers", "misplaced", "written", "loops", "self_map", "garbage"),
    "vmx_random_ops": ("random",),
}
KINDS = [("amd64", 64), ("amd64", 32), ("i386", 32)]
LONG_OPERATIONS = 200_000
LONG_SEEDS = (2, 3)


def hurts_nobody(lab, subarch, program, disk):
    result = lab.run([harness.grub_disk(subarch), disk], ["^DONE", "panic: ", "VMX abort"], SECONDS, cpus=2, memory_mib=256,
                     ips=10_000_000, max_ticks=TICKS, extra=("cpu: ignore_bad_msrs=0",))
    harness.assert_said(result, *(f"PASS {promise}: " for promise in PROMISES[program]), "DONE")
    assert "panic: " not in harness.plain(result.serial)


def image(program, bits):
    return harness.guest_disk(program + ("64" if bits == 64 else ""))


@pytest.mark.parametrize("program", PROMISES)
@pytest.mark.parametrize("subarch, bits", KINDS)
def test_an_l1_that_misbehaves_hurts_nobody(lab, subarch, bits, program):
    hurts_nobody(lab, subarch, program, image(program, bits))


@pytest.mark.long("misbehave")
@pytest.mark.parametrize("seed", LONG_SEEDS)
@pytest.mark.parametrize("subarch, bits", KINDS)
def test_many_random_operations(lab, subarch, bits, seed):
    disk = harness.ordered_disk(image("vmx_random_ops", bits), "operations here:", seed, LONG_OPERATIONS)
    hurts_nobody(lab, subarch, "vmx_random_ops", disk)
