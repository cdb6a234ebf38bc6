# SPDX-License-Identifier: BSD-2-Clause
# The tiny guests of tests/guests: first on the bare emulator, which is the oracle, then on the
# hypervisor. A guest keeps its promises in both places, and the facts it tells are the same.

import dataclasses
import functools
import re

import pytest

import bochs
import cache
import harness

SECONDS = 120           # a run takes 1 to 5
TICKS = 4_000_000_000
BAD_MSRS_FAULT = ("cpu: ignore_bad_msrs=0",)    # as on a CPU; Bochs reads 0 else

# Capabilities of VMX that differ: our revision identifier, no SMM controls, the highest field of those offered;
# without long mode also what belongs to it, and the width of VMX addresses.
VMX_DIFFERS = r"(484|48a|490)"
VMX_DIFFERS_I386 = r"(48[2358ef])"


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
        r"cpuid\.40000000\.0 .*",               # zeros: nobody's
    ), differs_i386=(r"cpuid\.80000001\.0 .*", r"cpuid(64|_compat)\..*")),
    Guest("msr", differs=(r"rdmsr\.480 .*", rf"rdmsr\.{VMX_DIFFERS} .*"), differs_i386=(rf"rdmsr\.{VMX_DIFFERS_I386} .*",)),
    Guest("cr"),
    Guest("vmx", differs=(
        rf"capability {VMX_DIFFERS} .*",
        r"operand\.bad_type_first .*",          # INVEPT's type comes before its descriptor (SDM 31.3), but in Bochs
    ), differs_i386=(rf"capability {VMX_DIFFERS_I386} .*",)),
    Guest("faults"),
    Guest("step"),
    Guest("task"),
    Guest("smp", cpus=(2, 4)),
    Guest("apic", cpus=(2,)),
    Guest("apic_id", cpus=(2,)),
    Guest("nmi", cpus=(1, 2)),
    Guest("reset"),
    Guest("depth", cpus=(1, 2), differs=(r"depth .*", r"init window .*")),
    Guest("long", memory_mib=4608, differs_i386=(r"above_4g .*",)),
)
BY_NAME = {guest.name: guest for guest in GUESTS}


def run(test, guest, cpus, over=()):
    result = harness.Lab(test).run([*over, harness.guest_disk(guest.name)], ["^DONE", "panic: "], SECONDS, cpus=cpus, model=guest.model,
                     memory_mib=guest.memory_mib, ips=10_000_000, max_ticks=TICKS, extra=BAD_MSRS_FAULT)
    harness.assert_said(result, "DONE")
    return harness.plain(result.serial)


def promises(said):
    return re.findall(r"^PASS (\S+):", said, re.M)


def facts(said):
    return re.findall(r"^FACT (.+?)\s*$", said, re.M)


@functools.cache
def bare(name, cpus):
    """What the guest says on the bare emulator; kept in the cache, for it is always the same."""
    guest, disk = BY_NAME[name], harness.guest_disk(name)

    def ask(out):
        out.write_text(run(f"guest_on_bare-{name}-{cpus}", guest, cpus))
    key = cache.key(disk, cpus, guest.memory_mib, guest.model, BAD_MSRS_FAULT, bochs.installed().name)
    return cache.made(f"guest-oracle/{name}-{cpus}-{key}", ask).read_text()


def on_us(guest, subarch, cpus):
    test = f"guest_on_{subarch}-{guest.name}-{cpus}"
    return harness.once(test, lambda: run(test, guest, cpus, [harness.grub_disk(subarch)]))


def cases(guests):
    return [(guest, cpus) for guest in guests for cpus in guest.cpus]


@pytest.mark.parametrize(("guest", "cpus"), cases(GUESTS),
                         ids=[f"{guest.name}-{cpus}cpu" for guest, cpus in cases(GUESTS)])
def test_guest_on_bare(guest, cpus):
    assert promises(bare(guest.name, cpus))


ON_US = [(guest, subarch, cpus) for guest, cpus in cases(GUESTS) for subarch in guest.subarchs]


@pytest.mark.parametrize(("guest", "subarch", "cpus"), ON_US,
                         ids=[f"{guest.name}-{subarch}-{cpus}cpu" for guest, subarch, cpus in ON_US])
def test_guest_on_us(guest, subarch, cpus):
    said = on_us(guest, subarch, cpus)
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
def test_cpuid_differs_from_bare_only_in_what_is_hidden(subarch):
    said = on_us(BY_NAME["cpuid"], subarch, 1)
    oracle = bare("cpuid", 1)
    differs = [a ^ b for a, b in zip(leaf(said, r"80000001\.0"), leaf(oracle, r"80000001\.0"))]
    assert differs == [0, 0, 0, 1 << 29 if subarch == "i386" else 0]    # long mode


def capabilities(said):
    return {int(msr, 16): int(value, 16) for msr, value in re.findall(r"^FACT rdmsr\.(48.|49[01]) (\S+)", said, re.M)}


@pytest.mark.parametrize("subarch", ["amd64", "i386"])
def test_vmx_offers_nothing_that_the_cpu_lacks(subarch):
    said = on_us(BY_NAME["msr"], subarch, 1)
    ours, oracle = capabilities(said), capabilities(bare("msr", 1))
    assert ours.keys() == oracle.keys()
    assert ours[0x480] & 0xffffffff == 0x464d4858       # our revision identifier
    for msr in (0x481, 0x482, 0x483, 0x484, 0x48b, 0x48d, 0x48e, 0x48f, 0x490):
        assert not ours[msr] >> 32 & ~(oracle[msr] >> 32), hex(msr)
        assert ours[msr] & 0xffffffff == oracle[msr] & 0xffffffff, hex(msr)
    for msr in (0x48c, 0x491):
        assert not ours[msr] & ~oracle[msr], hex(msr)
