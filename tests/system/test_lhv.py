# SPDX-License-Identifier: BSD-2-Clause
# The light hypervisor, tests/guests/lhv: an L1 that runs an L2 on every CPU. The bare emulator is the oracle; then
# it is the hypervisor's guest. Every option is tried alone, and then those that go together.

import re

import pytest

import bochs
import cache
import harness
import multiboot_disk

SECONDS = 300           # a boot with all runs takes 5 to 20
TICKS = 20_000_000_000
COUNT = 6               # iterations of a run: each way to take an interrupt comes twice
MEMORY_MIB = 256

OPTIONS = {
    0x1: "msr_lists", 0x2: "no_if", 0x4: "ept", 0x8: "ept_switch", 0x10: "vpid", 0x20: "unrestricted",
    0x40: "user", 0x80: "vmxoff", 0x100: "large", 0x200: "no_interrupts", 0x400: "msr_bitmap",
    0x800: "l2_user", 0x1000: "mouse",
}
NEED_EPT = 0x8 | 0x20 | 0x100
TOGETHER = 0xDFD
# Each boot makes all these runs: none, each alone, and sets. In the last two all are on that can be, with and without IF.
RUNS = (0, *OPTIONS, TOGETHER, 0x1DFF, 0x1DFD)

# What lhv runs on: nothing, or the hypervisor of a subarch.
UNDER = ("bare", "amd64", "i386")
# An i386 hypervisor has no 64-bit guests.
PAIRS = [(under, lhv) for under in UNDER for lhv in ("amd64", "i386") if (under, lhv) != ("i386", "amd64")]


def disk(subarch, runs, cpus, count, more):
    kernel = harness.light_hypervisor(subarch)
    words = f"lhv={','.join(map(hex, runs))} count={count} cpus={cpus}{more}"

    def build(out):
        multiboot_disk.build(out, kernel, words)
    sources = (kernel, cache.REPO / "tools/multiboot_disk.py", cache.REPO / "tools/diskimage.py")
    return cache.made(f"disks/lhv-{cache.key(*sources, words)}.img", build)


def machine(under, subarch, runs, cpus, count, more=""):
    """What bochs.Machine wants: lhv's disk, and the hypervisor's before it."""
    below = [] if under == "bare" else [harness.grub_disk(under)]
    return {"disks": [*below, disk(subarch, runs, cpus, count, more)], "cpus": cpus, "memory_mib": MEMORY_MIB,
            "ips": 10_000_000, "max_ticks": TICKS}


def expected(run):
    """The promises that a run must keep."""
    names = {name for bit, name in OPTIONS.items() if run & bit} | {"enter"}
    if run & NEED_EPT:
        names.add("ept")
    if not run & 0x10:
        names.add("flush")
    if not run & 0x200:
        names.add("interrupts")
    return names


def assert_kept(result, runs, cpus, count):
    harness.assert_said(result, "DONE")
    said = harness.plain(result.serial).split("\nLHV run ")[1:]
    assert [int(text.split(":")[0], 16) for text in said] == list(runs)
    for run, text in zip(runs, said):
        kept = re.findall(rf"^PASS lhv {run:#x} (\w+): .* \([1-9]\d* checks\)", text, re.M)
        assert sorted(kept) == sorted(expected(run)), f"run {run:#x}"
        for cpu in range(cpus):
            lines = re.findall(rf"^LHV cpu {cpu} iteration (\d+) of {count}:", text, re.M)
            assert lines == [str(n) for n in range(1, count + 1)], f"run {run:#x}, CPU {cpu}"


def check(lab, under, subarch, cpus, count):
    result = lab.run(until=["^DONE", "panic: "], timeout=SECONDS, **machine(under, subarch, RUNS, cpus, count))
    assert_kept(result, RUNS, cpus, count)


@pytest.mark.parametrize(("under", "subarch"), PAIRS)
def test_every_option_alone_and_together(lab, under, subarch):
    check(lab, under, subarch, 2, COUNT)


@pytest.mark.long("lhv")
@pytest.mark.parametrize("cpus", (1, 2, 4))
@pytest.mark.parametrize(("under", "subarch"), PAIRS)
def test_every_option_for_long(lab, under, subarch, cpus):
    check(lab, under, subarch, cpus, 10 * COUNT)


@pytest.mark.parametrize("under", UNDER)
def test_typed_keys_interrupt_lhv(lab, under):
    """A user's keys come between the answers that lhv asks the keyboard for; it goes on until it has them."""
    keys = 2 * len("lhv")       # each goes down and up
    with bochs.Machine(**machine(under, "i386", [0], 1, 1, f" keys={keys}")).start(lab.live) as session:
        assert session.expect("^LHV cpu 0 iteration 1 ", SECONDS), session.seen[-3000:]
        session.keyboard().type("lhv")
        assert session.expect("^DONE", SECONDS), session.seen[-3000:]
        result = session.finish("matched", lab.keep)
    harness.assert_said(result, "PASS lhv 0x0 interrupts: ")
    other = re.search(r"^LHV keyboard: \d+ answers, (\d+) other bytes", harness.plain(result.serial), re.M)[1]
    assert int(other) >= keys


def test_an_unknown_option_is_refused(lab):
    result = lab.run(until=["^DONE"], timeout=SECONDS, **machine("bare", "i386", [0x2000], 1, 1))
    assert "FAIL lhv: cpu 0: lhv=0x2000: there is no such option" in harness.plain(result.serial)
