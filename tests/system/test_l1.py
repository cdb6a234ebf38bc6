# SPDX-License-Identifier: BSD-2-Clause
# The L1 programs of tests/guests/l1: each says the same of its L2s, line for line, on the bare emulator and on the
# hypervisor, but for what the emulator does wrong.

import functools
import re

import pytest

import harness

SECONDS = 120           # a run takes 2
TICKS = 4_000_000_000

# By the ids of Bochs' faults: what differs, as patterns of whole lines. One that nothing matches fails the test.
DIFFERS = {
    "vmx_hello": {},
    "vmx_ept": {
        "E2": r"R .*, large page 18010b7( memory)?: .*",     # bit 12 is reserved in an entry that maps 2 MiB
    },
}
RUNS = [(name, subarch, bits) for name in DIFFERS for subarch, bits in (("amd64", 64), ("amd64", 32), ("i386", 32))]


def results(lab, name, bits, over=()):
    disk = harness.guest_disk(name if bits == 32 else f"{name}64")
    result = lab.run([*over, disk], ["^DONE", "panic: "], SECONDS, ips=10_000_000, max_ticks=TICKS)
    harness.assert_said(result, "DONE")
    return re.findall(r"^R .+?(?=\s*$)", harness.plain(result.serial), re.M)


@functools.cache
def bare(name, bits):
    return results(harness.Lab(f"l1_on_bare-{name}-{bits}"), name, bits)


@pytest.mark.parametrize(("name", "subarch", "bits"), RUNS, ids=[f"{name}-{bits}bit-{subarch}" for name, subarch, bits in RUNS])
def test_l2s_do_on_us_what_they_do_on_the_bare_machine(lab, name, subarch, bits):
    ours, oracle = results(lab, name, bits, [harness.grub_disk(subarch)]), bare(name, bits)
    assert oracle and len(ours) == len(oracle)
    differing = {line for pair in zip(ours, oracle) if pair[0] != pair[1] for line in pair}
    assert [line for line in sorted(differing) if not any(re.fullmatch(p, line) for p in DIFFERS[name].values())] == []
    assert [fault for fault, p in DIFFERS[name].items() if not any(re.fullmatch(p, line) for line in differing)] == []
