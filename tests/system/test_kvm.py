# SPDX-License-Identifier: BSD-2-Clause
# Stock KVM as the hypervisor that runs in the guest: Debian loads kvm_intel, and then our small program tries /dev/kvm, or
# QEMU runs a boot sector and a Debian to its self-check and power-off. The same must hold bare and on us.

import re

import pytest

import cache
import harness

NESTING = ()            # the hypervisors that offer VMX: ("amd64", "i386")
FLAVOUR = {"bare": "amd64", "amd64": "amd64", "i386": "686-pae"}   # the Debian that is KVM's host there
SMOKE_TICKS = 15_000_000_000
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
FOLLOW = {  # a parameter that is switched off, and what KVM then switches off itself
    "ept": ("eptad", "unrestricted_guest"),
}


def kvm(lab, place, parts, ticks, cpus=1, vcpus=1, off=(), flavour=None, **machine):
    """KVM's host is bare or on the hypervisor `place`; `off` are parameters of kvm_intel to switch off."""
    words = [f"kvm={','.join(parts)}", f"vcpus={vcpus}", PATIENT, *(f"kvm_intel.{name}=0" for name in off)]
    over = [] if place == "bare" else [harness.grub_disk(place)]
    result = lab.debian(flavour or FLAVOUR[place], "kvm", cpus, over, timeout=SECONDS, userland="kvm",
                        cmdline=" ".join(words), max_ticks=ticks, **machine)
    harness.assert_said(result, *(f"PASS kvm: {part}" for part in parts))
    seen = dict(re.findall(r"^GUEST: kvm_intel (\w+)=(\w+)$", harness.plain(result.serial), re.M))
    gone = {*off, *(name for each in off for name in FOLLOW.get(each, ()))}
    assert {name: seen[name] for name in PARAMETERS} == PARAMETERS | dict.fromkeys(gone, "N")
    return result


def smoke(lab, place, **options):
    result = kvm(lab, place, ["smoke"], SMOKE_TICKS, **options)
    checks = re.findall(r"^\tCHECK(?:_64)?\((\w+),", (cache.REPO / "tools/guest-kvm/smoke.h").read_text(), re.M)
    if FLAVOUR[place] != "amd64":
        checks.remove("long_mode")
    assert re.findall(r"^PASS kvm-smoke (\w+):", harness.plain(result.serial), re.M) == checks


def qemu(lab, place, **options):
    result = kvm(lab, place, ["hello", "linux"], LINUX_TICKS, **options)
    harness.assert_said(result, "L2: PASS hello", "L2: PASS guest:", "L2: PASS selfcheck l2", "L2: GUEST: power off")


# ---- our small program

@pytest.mark.parametrize("place, cpus", [
    *((place, cpus) for place in NESTING for cpus in (1, 2)),
    pytest.param("bare", 1, marks=pytest.mark.long("kvm")),
    pytest.param("bare", 2, marks=pytest.mark.long("kvm")),
])
def test_a_small_program_uses_kvm(lab, place, cpus):
    smoke(lab, place, cpus=cpus)


# ---- QEMU and a Debian in it

@pytest.mark.long("kvm")
@pytest.mark.parametrize("vcpus", [1, 2])
@pytest.mark.parametrize("cpus", [1, 2])
@pytest.mark.parametrize("place", ["bare", *(place for place in NESTING if place == "amd64")])
def test_qemu_runs_a_debian(lab, place, cpus, vcpus):
    qemu(lab, place, cpus=cpus, vcpus=vcpus)


@pytest.mark.long("kvm-variants")
@pytest.mark.parametrize("off", ["ept", "unrestricted_guest", "enable_shadow_vmcs", "vpid"])
@pytest.mark.parametrize("place", ["bare", *(place for place in NESTING if place == "amd64")])
def test_qemu_runs_a_debian_without(lab, place, off):
    qemu(lab, place, off=[off])


@pytest.mark.long("kvm-i386")
@pytest.mark.parametrize("place", ["bare", *NESTING])
def test_qemu_runs_a_32_bit_debian_on_a_32_bit_debian(lab, place):
    qemu(lab, place, flavour="686-pae")


@pytest.mark.long("kvm-i386")
@pytest.mark.parametrize("place", ["bare", *NESTING])
def test_a_small_program_uses_kvm_of_a_32_bit_debian(lab, place):
    smoke(lab, place, flavour="686-pae")
