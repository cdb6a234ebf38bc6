# SPDX-License-Identifier: BSD-2-Clause
# An L1 that misbehaves, tests/guests/l1/vmx_misbehave.c, with two CPUs: the hypervisor and the other CPU go on. Its random
# operations are 5,000 here, and 1,200,000 in the long run.

import pytest

import bochs
import harness

SECONDS = 900
TICKS = 400_000_000_000
PROMISES = ("ones", "pointers", "misplaced", "written", "loops", "self_map", "garbage", "random")
KINDS = [("amd64", 64), ("amd64", 32), ("i386", 32)]
LONG_OPERATIONS = 200_000
LONG_SEEDS = (2, 3)


def misbehave(lab, subarch, bits, disk, model=bochs.Machine.model):
    result = lab.run([harness.grub_disk(subarch), disk], ["^DONE", "panic: "], SECONDS, cpus=2, memory_mib=256,
                     model=model, ips=10_000_000, max_ticks=TICKS, extra=("cpu: ignore_bad_msrs=0",))
    harness.assert_said(result, *(f"PASS {promise}: " for promise in PROMISES), "DONE")
    assert "panic: " not in harness.plain(result.serial)


def image(bits):
    return harness.guest_disk("vmx_misbehave" + ("64" if bits == 64 else ""))


@pytest.mark.parametrize("subarch, bits", KINDS)
def test_an_l1_that_misbehaves_hurts_nobody(lab, subarch, bits):
    misbehave(lab, subarch, bits, image(bits))


@pytest.mark.long("misbehave")
@pytest.mark.parametrize("seed", LONG_SEEDS)
@pytest.mark.parametrize("subarch, bits", KINDS)
def test_many_random_operations(lab, subarch, bits, seed):
    misbehave(lab, subarch, bits, harness.ordered_disk(image(bits), "operations here:", seed, LONG_OPERATIONS))
