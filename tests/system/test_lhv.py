# SPDX-License-Identifier: BSD-2-Clause
# The light hypervisor, tests/guests/lhv: an L1 that runs an L2 on every CPU. The bare emulator is the oracle; then
# it is the hypervisor's guest. Every option is tried alone, and then the set that belongs together.

import re

import pytest

import cache
import harness
import multiboot_disk

SECONDS = 120           # a run takes 3 to 10
TICKS = 8_000_000_000
COUNT = 6               # iterations: each way to take an interrupt comes twice
MEMORY_MIB = 256

OPTIONS = {
    0x1: "msr_lists", 0x2: "no_if", 0x4: "ept", 0x8: "ept_switch", 0x10: "vpid", 0x20: "unrestricted",
    0x40: "user", 0x80: "vmxoff", 0x100: "large", 0x200: "no_interrupts", 0x400: "msr_bitmap",
    0x800: "l2_user", 0x1000: "mouse",
}
NEED_EPT = 0x8 | 0x20 | 0x100
TOGETHER = 0xDFD

# What lhv runs on. The hypervisor's subarchs join when it offers VMX to its guest.
UNDER = ("bare",)
# An i386 hypervisor has no 64-bit guests.
PAIRS = [(under, lhv) for under in UNDER for lhv in ("amd64", "i386") if (under, lhv) != ("i386", "amd64")]

# One representative of each family: (under, lhv) are all PAIRS.
CHECKED = ((TOGETHER, 2), (0x2, 1), (0x200, 1), (0x1000, 1))


def disk(subarch, options, cpus, count=COUNT):
    kernel = harness.light_hypervisor(subarch)
    words = f"lhv={options:#x} count={count} cpus={cpus}"

    def build(out):
        multiboot_disk.build(out, kernel, words)
    sources = (kernel, cache.REPO / "tools/multiboot_disk.py", cache.REPO / "tools/diskimage.py")
    return cache.made(f"disks/lhv-{cache.key(*sources, words)}.img", build)


def over(under):
    """The disks below lhv's own."""
    return [] if under == "bare" else [harness.grub_disk(under)]


def expected(options):
    """The promises that must be kept."""
    if options & NEED_EPT:
        options |= 0x4
    names = {name for bit, name in OPTIONS.items() if options & bit} | {"enter"}
    if options & 0x200:
        names -= {"mouse"}
    else:
        names |= {"interrupts"}
    return names if options & 0x10 else names | {"flush"}


def assert_kept(result, options, cpus, count=COUNT):
    harness.assert_said(result, "DONE")
    said = harness.plain(result.serial)
    kept = re.findall(r"^PASS lhv (\w+): .* \([1-9]\d* checks\)", said, re.M)
    assert sorted(kept) == sorted(expected(options))
    for cpu in range(cpus):
        lines = re.findall(rf"^LHV cpu {cpu} iteration (\d+) of {count}:", said, re.M)
        assert lines == [str(n) for n in range(1, count + 1)], f"CPU {cpu}"


def check(lab, under, subarch, options, cpus):
    result = lab.run([*over(under), disk(subarch, options, cpus)], ["^DONE", "panic: "], SECONDS, cpus=cpus,
                     memory_mib=MEMORY_MIB, ips=10_000_000, max_ticks=TICKS)
    assert_kept(result, options, cpus)


@pytest.mark.parametrize(("options", "cpus"), CHECKED, ids=lambda n: f"{n:#x}")
@pytest.mark.parametrize(("under", "subarch"), PAIRS)
def test_lhv(lab, under, subarch, options, cpus):
    check(lab, under, subarch, options, cpus)


@pytest.mark.long("lhv")
@pytest.mark.parametrize("options", (0, *OPTIONS, TOGETHER, 0x1fff & ~0x200, 0x1fff & ~0x202), ids=hex)
@pytest.mark.parametrize("cpus", (1, 2, 4))
@pytest.mark.parametrize(("under", "subarch"), PAIRS)
def test_every_option(lab, under, subarch, cpus, options):
    check(lab, under, subarch, options, cpus)


@pytest.mark.parametrize("under", UNDER)
def test_typed_keys_interrupt_lhv(lab, under):
    """Keys of a user come between the answers that lhv asks the keyboard for; both levels are interrupted by them."""
    import bochs
    count = 40
    machine = bochs.Machine([*over(under), disk("i386", 0, 1, count)], memory_mib=MEMORY_MIB, ips=10_000_000, max_ticks=TICKS)
    with machine.start(lab.live) as session:
        assert session.expect("^LHV cpu 0 iteration 1 ", SECONDS), session.seen[-3000:]
        session.keyboard().type("lhv")
        assert session.expect("^DONE", SECONDS), session.seen[-3000:]
        result = session.finish("matched", lab.keep)
    assert_kept(result, 0, 1, count)
    other = int(re.search(r"^LHV keyboard: \d+ answers, (\d+) other bytes", result.serial, re.M)[1])
    assert other >= 2 * len("lhv")      # each key down and up


def test_an_unknown_option_is_refused(lab):
    result = lab.run([disk("i386", 0x2000, 1)], ["^DONE"], SECONDS, memory_mib=MEMORY_MIB, ips=10_000_000, max_ticks=TICKS)
    assert "FAIL lhv: cpu 0: lhv=0x2000 count=6: there is no such option" in harness.plain(result.serial)
