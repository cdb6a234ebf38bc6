# SPDX-License-Identifier: BSD-2-Clause
# Stock KVM as the hypervisor that runs in the guest: Debian loads kvm_intel, and then our small program tries /dev/kvm, or
# QEMU runs a boot sector and a Debian to its self-check and power-off. The same must hold bare and on us.

import dataclasses
import re

import pytest

import cache
import harness

FLAVOUR = {"bare": "amd64", "amd64": "amd64", "i386": "686-pae"}   # the Debian that is KVM's host there
SMOKE_TICKS = 15_000_000_000
WITHOUT_TICKS = 40_000_000_000
LINUX_TICKS = 60_000_000_000
SECONDS = 1150          # two such runs at a time fit into 20 minutes

# In Bochs a host's interrupts don't end guest mode while the guest has its own off (docs/testing.md), and a kernel that
# unpacks itself has them off for long. So the watchdogs of KVM's host are patient.
PATIENT = "watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120"

# What kvm_intel makes of the CPU, bare and on us.
PARAMETERS = {
    "ept": "Y", "eptad": "Y", "unrestricted_guest": "Y", "vpid": "Y", "enable_shadow_vmcs": "Y", "enable_apicv": "N",
    "flexpriority": "Y", "vnmi": "Y", "preemption_timer": "Y", "pml": "N", "nested": "Y", "ple_gap": "128",
}
ONLY_64_BIT = ("preemption_timer",)
# What Linux finds of VMX there.
FLAGS = ("vnmi preemption_timer invvpid ept_x_only ept_ad ept_1gb flexpriority tsc_offset vtpr mtf vapic ept vpid unrestricted_guest"
         " vapic_reg vid ple shadow_vmcs")


@dataclasses.dataclass(frozen=True)
class Model:
    """A CPU that has more: posted interrupts and with them all of APICv, PML, TSC scaling."""
    flags: str
    not_offered: tuple      # of the flags, on us (docs/nesting.md has the reasons)
    parameters: dict
    lacks: tuple            # of kvm-smoke's promises, on the bare emulator too


# The emulator wants posted-interrupt descriptors at the start of a page, where KVM's aren't: with APICv it can't enter a
# machine that has KVM's own interrupt controllers.
MODELS = {
    "corei7_skylake_x": Model(
        "vnmi preemption_timer posted_intr invvpid ept_x_only ept_ad ept_1gb flexpriority apicv tsc_offset vtpr mtf vapic ept vpid"
        " unrestricted_guest vapic_reg vid ple shadow_vmcs pml ept_mode_based_exec tsc_scaling", ("ept_mode_based_exec",),
        {"enable_apicv": "Y", "pml": "Y", "preemption_timer": "N"}, ("pit", "apic_timer")),
}
HASWELL = Model(FLAGS, (), {}, ())
# Those parameters that a user may have switched off, and what KVM then switches off itself.
SWITCHES = {
    "ept": ("eptad", "unrestricted_guest"),
    "unrestricted_guest": (),
    "enable_shadow_vmcs": (),
    "vpid": (),
}
# KVM emulates parts of real mode for a guest that isn't unrestricted, and doesn't keep these promises there, bare either.
LACKS = dict.fromkeys(("ept", "unrestricted_guest"), ["triple_fault", "nmi"])


def flags_of(model, place):
    return " ".join(flag for flag in model.flags.split() if place == "bare" or flag not in model.not_offered)


def lacks_of(model, off):
    return () if "enable_apicv" in off else model.lacks


def kvm(lab, place, parts, ticks, cpus=1, vcpus=1, off=(), flavour=None, words=(), **machine):
    """KVM's host is bare or on the hypervisor `place` ("amd64-amd64": on a copy on a copy); `off` are parameters of kvm_intel to switch off.

    Returns what was said, by the parameter that was off in a later load of kvm_intel; "" is the first one.
    """
    flavour = flavour or FLAVOUR[place]
    model = MODELS.get(machine.get("model"), HASWELL)
    words = [f"kvm={','.join(parts)}", f"vcpus={vcpus}", PATIENT, *words, *(f"kvm_intel.{name}=0" for name in off)]
    if lacks := lacks_of(model, off):
        words.append(f"lacks={','.join(lacks)}")
    over = [] if place == "bare" else [harness.grub_disk(subarch) for subarch in place.split("-")]
    result = lab.debian(flavour, "kvm", cpus, over, timeout=SECONDS, userland="kvm",
                        cmdline=" ".join(words), max_ticks=ticks, **machine)
    harness.assert_said(result, f"GUEST: vmx flags: {flags_of(model, place)}\n")
    _, _, first, *later = re.split(r"^PASS kvm: kvm_intel ?(?:(\w+)=0)?.*$", harness.plain(result.serial), flags=re.M)
    said = {"": first, **dict(zip(later[::2], later[1::2]))}
    for name, text in said.items():
        assert_parameters(text, flavour, [name] if name else off, model)
    return said


def assert_parameters(said, flavour, off, model):
    seen = dict(re.findall(r"^GUEST: kvm_intel (\w+)=(\w+)$", said, re.M))
    gone = {*off, *(follows for name in off for follows in SWITCHES.get(name, ()))}
    wanted = PARAMETERS | model.parameters | dict.fromkeys(gone, "N")
    if flavour != "amd64":
        wanted = {name: value for name, value in wanted.items() if name not in ONLY_64_BIT}
    assert {name: seen.get(name) for name in wanted} == wanted


def assert_smoke(said, flavour, lacks=()):
    """All checks of kvm-smoke were made, and it lacks what it lacks everywhere."""
    checks = re.findall(r"^\tCHECK(?:_64)?\((\w+),", (cache.REPO / "tools/guest-kvm/smoke.h").read_text(), re.M)
    if flavour != "amd64":
        checks.remove("long_mode")
    assert re.findall(r"^(PASS|LACK) kvm-smoke (\w+):", said, re.M) == \
        [("LACK" if check in lacks else "PASS", check) for check in checks]
    assert "PASS kvm: smoke" in said


def assert_hello(said):
    assert "L2: PASS hello" in said and "PASS kvm: hello" in said


def assert_linux(said, vcpus):
    for line in ("L2: PASS guest:", f"L2: PASS cpus: {vcpus} online", "L2: PASS selfcheck l2", "L2: GUEST: power off",
                 "PASS kvm: linux"):
        assert line in said


def stacks(lab, place, images, wanted, mib=256, **options):
    """QEMU boots stacks of disks, lists of names in `images`; returns for each what was said there."""
    return [text for text, _ in timed_stacks(lab, place, images, wanted, mib, **options)]


def timed_stacks(lab, place, images, wanted, mib=256, **options):
    """The same, and how many seconds of its host's clock each took."""
    words = [f"qemu_mib={mib}", "stacks=" + ",".join("+".join(stack) for stack in wanted)]
    said = kvm(lab, place, ["stacks"], LINUX_TICKS, words=words, images=[(path, name) for name, path in images.items()], **options)[""]
    said = re.sub(r"(?<!L2: )\[ *\d+\.\d{6}\] .*\n", "", said)    # what the host's kernel says can stand amid a line
    _, *parts = re.split(r"^GUEST: stack .*$", said, flags=re.M)
    assert len(parts) == len(wanted) and all("PASS kvm: stack" in part for part in parts)
    return [("".join(re.findall(r"^L2: (.*\n)", part, re.M)), seconds_in_qemu(part)) for part in parts]


def seconds_in_qemu(said):
    began, ended = map(float, re.search(r"^GUEST: QEMU ran from ([\d.]+) s to ([\d.]+) s", said, re.M).groups())
    return ended - began


def smoke(lab, place, flavour, **options):
    assert_smoke(kvm(lab, place, ["smoke"], SMOKE_TICKS, flavour=flavour, **options)[""], flavour)


def without(lab, place, flavour):
    """The small things with one parameter of kvm_intel after the other switched off, in one boot."""
    said = kvm(lab, place, ["without"], WITHOUT_TICKS, flavour=flavour, words=[f"without={','.join(SWITCHES)}"])
    assert list(said) == ["", *SWITCHES]
    for name in SWITCHES:
        assert_smoke(said[name], flavour, LACKS.get(name, ()))
        assert_hello(said[name])


def linux(lab, place, vcpus=1, **options):
    said = kvm(lab, place, ["hello", "linux"], LINUX_TICKS, vcpus=vcpus, **options)[""]
    assert_hello(said)
    assert_linux(said, vcpus)


def linux_boots(lab, place, cpus, vcpus):
    """As far as several CPUs in Bochs let it come, bare or not: to its first process (docs/testing.md)."""
    said = kvm(lab, place, ["hello", "boot"], LINUX_TICKS, cpus=cpus, vcpus=vcpus)[""]
    assert_hello(said)
    assert re.search(rf"^L2: GUEST: Linux .*, {vcpus} CPUs online", said, re.M)
    assert "PASS kvm: boot" in said


# ---- our small program

@pytest.mark.parametrize("cpus", [1, 2])
def test_a_small_program_uses_kvm(lab, cpus):
    smoke(lab, "amd64", "amd64", cpus=cpus)


@pytest.mark.long("kvm")
@pytest.mark.parametrize("cpus", [1, 2])
def test_a_small_program_uses_kvm_on_bare(lab, cpus):
    smoke(lab, "bare", "amd64", cpus=cpus)


@pytest.mark.long("kvm-models")
@pytest.mark.parametrize("off", [(), ("enable_apicv",)], ids=str)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("place", ["bare", "amd64"])
def test_a_small_program_uses_kvm_of_a_newer_cpu(lab, place, model, off):
    said = kvm(lab, place, ["smoke"], SMOKE_TICKS, flavour="amd64", off=off, model=model)[""]
    assert_smoke(said, "amd64", lacks_of(MODELS[model], off))


@pytest.mark.long("kvm-variants")
@pytest.mark.parametrize("place", ["bare", "amd64"])
def test_small_programs_use_kvm_without(lab, place):
    without(lab, place, "amd64")


@pytest.mark.long("kvm-i386")
@pytest.mark.parametrize("cpus", [1, 2])
@pytest.mark.parametrize("place", ["bare", "i386"])
def test_a_small_program_uses_kvm_of_a_32_bit_debian(lab, place, cpus):
    smoke(lab, place, "686-pae", cpus=cpus)


@pytest.mark.long("kvm-i386")
@pytest.mark.parametrize("place", ["bare", "i386"])
def test_small_programs_use_kvm_of_a_32_bit_debian_without(lab, place):
    without(lab, place, "686-pae")


# ---- QEMU and a Debian in it

@pytest.mark.long("kvm")
@pytest.mark.parametrize("vcpus", [1, 2])
@pytest.mark.parametrize("place", ["bare", "amd64"])
def test_qemu_runs_a_debian(lab, place, vcpus):
    linux(lab, place, vcpus=vcpus)


@pytest.mark.long("kvm-smp")
@pytest.mark.parametrize("vcpus", [1, 2])
@pytest.mark.parametrize("place", ["bare", "amd64"])
def test_qemu_boots_a_debian_on_two_cpus(lab, place, vcpus):
    linux_boots(lab, place, 2, vcpus)


# With APICv Bochs can't enter a machine with KVM's own interrupt controllers, bare either (see MODELS); PML and TSC scaling stay on.
@pytest.mark.long("kvm-models")
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("place", ["bare", "amd64"])
def test_qemu_runs_a_debian_on_a_newer_cpu(lab, place, model):
    linux(lab, place, off=["enable_apicv"], model=model)


@pytest.mark.long("kvm-variants")
@pytest.mark.parametrize("off", SWITCHES)
@pytest.mark.parametrize("place", ["bare", "amd64"])
def test_qemu_runs_a_debian_without(lab, place, off):
    linux(lab, place, off=[off])


@pytest.mark.long("kvm-i386")
@pytest.mark.parametrize("place", ["bare", "i386"])
def test_qemu_runs_a_32_bit_debian_on_a_32_bit_debian(lab, place):
    linux(lab, place, flavour="686-pae")
