# SPDX-License-Identifier: BSD-2-Clause
# The tiny guests of tests/guests: first on the bare emulator, which is the oracle, then on the
# hypervisor. A guest keeps its promises in both places, and the facts it tells are the same.

import dataclasses
import functools
import re

import pytest

import bochs
import harness

SECONDS = 120           # a run takes 1 to 5
TICKS = 4_000_000_000
BAD_MSRS_FAULT = ("cpu: ignore_bad_msrs=0",)    # as on a CPU; Bochs reads 0 else

VMX_MSRS = r"(rd|wr)msr\.(48[0-9a-f]|49[0-3]) .*"


@dataclasses.dataclass(frozen=True)
class Guest:
    name: str
    cpus: tuple = (1,)
    subarchs: tuple = ("amd64", "i386")
    memory_mib: int = 256
    model: str = bochs.Machine.model
    differs: tuple = ()         # facts that differ on us, and why, as patterns of whole facts
    differs_i386: tuple = ()    # on the i386 hypervisor too: it has no long mode


GUESTS = (
    Guest("boot"),
    Guest("memmap"),
    Guest("isolation"),
    Guest("cpuid", differs=(
        r"cpuid\.1\.0 .*",                      # VMX and SMX: compared below, but for these bits
        r"cpuid\.40000000\.0 .*",               # zeros: nobody's
    ), differs_i386=(r"cpuid\.80000001\.0 .*", r"cpuid(64|_compat)\..*")),
    Guest("msr", differs=(
        VMX_MSRS,                               # VMX isn't offered
        r"rdmsr\.3a .*",                        # FEATURE_CONTROL: locked, VMX off
    )),
    Guest("cr"),
    Guest("faults"),
    Guest("step"),
    Guest("task"),
    Guest("smp", cpus=(2, 4)),
    Guest("apic", cpus=(2,)),
    Guest("apic_id", cpus=(2,)),
    Guest("nmi", cpus=(1, 2)),
    Guest("reset"),
    Guest("long", memory_mib=4608, differs_i386=(r"above_4g .*",)),
)
BY_NAME = {guest.name: guest for guest in GUESTS}


def run(lab, guest, cpus, over=()):
    result = lab.run([*over, harness.guest_disk(guest.name)], ["^DONE", "panic: "], SECONDS, cpus=cpus, model=guest.model,
                     memory_mib=guest.memory_mib, ips=10_000_000, max_ticks=TICKS, extra=BAD_MSRS_FAULT)
    harness.assert_said(result, "DONE")
    return harness.plain(result.serial)


def promises(said):
    return re.findall(r"^PASS (\S+):", said, re.M)


def facts(said):
    return re.findall(r"^FACT (.+?)\s*$", said, re.M)


@functools.cache
def bare(name, cpus):
    return run(harness.Lab(f"guest_on_bare-{name}-{cpus}"), BY_NAME[name], cpus)


def cases(guests):
    return [(guest, cpus) for guest in guests for cpus in guest.cpus]


@pytest.mark.parametrize(("guest", "cpus"), cases(GUESTS),
                         ids=[f"{guest.name}-{cpus}cpu" for guest, cpus in cases(GUESTS)])
def test_guest_on_bare(guest, cpus):
    assert promises(bare(guest.name, cpus))


ON_US = [(guest, subarch, cpus) for guest, cpus in cases(GUESTS) for subarch in guest.subarchs]


@pytest.mark.parametrize(("guest", "subarch", "cpus"), ON_US,
                         ids=[f"{guest.name}-{subarch}-{cpus}cpu" for guest, subarch, cpus in ON_US])
def test_guest_on_us(lab, guest, subarch, cpus):
    said = run(lab, guest, cpus, [harness.grub_disk(subarch)])
    oracle = bare(guest.name, cpus)
    hidden = guest.differs + (guest.differs_i386 if subarch == "i386" else ())
    lost = [name for name in promises(oracle) if name not in promises(said)]
    if subarch == "amd64":
        assert lost in ([], ["bare"])
    differing = set(facts(oracle)) ^ set(facts(said))
    assert [fact for fact in sorted(differing) if not any(re.fullmatch(p, fact) for p in hidden)] == []


def leaf(said, number):
    words = re.search(rf"^FACT cpuid\.{number} (\S+) (\S+) (\S+) (\S+)", said, re.M).groups()
    return [int(word, 16) for word in words]


@pytest.mark.parametrize("subarch", ["amd64", "i386"])
def test_cpuid_differs_from_bare_only_in_what_is_hidden(lab, subarch):
    said = run(lab, BY_NAME["cpuid"], 1, [harness.grub_disk(subarch)])
    oracle = bare("cpuid", 1)
    differs = [a ^ b for a, b in zip(leaf(said, r"1\.0"), leaf(oracle, r"1\.0"))]
    assert differs == [0, 0, 1 << 5, 0]         # VMX; the model has no SMX
    differs = [a ^ b for a, b in zip(leaf(said, r"80000001\.0"), leaf(oracle, r"80000001\.0"))]
    assert differs == [0, 0, 0, 1 << 29 if subarch == "i386" else 0]    # long mode


def test_msrs_of_vmx_are_hidden(lab):
    said = run(lab, BY_NAME["msr"], 1, [harness.grub_disk("amd64")])
    assert "rdmsr.3a 1" in facts(said)
    assert not [fact for fact in facts(said) if re.fullmatch(VMX_MSRS, fact)]
