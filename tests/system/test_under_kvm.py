# SPDX-License-Identifier: BSD-2-Clause
# KVM below us: in Bochs runs a Debian, in its QEMU on KVM a stack of our disks. A guest does there what it does without us.

import re

import pytest

import debian_disk
import harness
import test_guests
import test_kvm

# By group the tiny guests, each with what differs by KVM's doing (docs/nesting.md). After LMSW, or a MOV to CR0, a guest's guest
# reads in CR0 what it has in the real one.
GUESTS = {
    "under-kvm": {"step": (), "task": (), "isolation": (), "long": (), "cr": ("lmsw_clts", r"cr0\.et .*")},
    "under-kvm-guests": {
        "boot": (), "memmap": (), "nmi": (), "depth": (), "reset": (),
        "cpuid": (r"cpuid\.80000001\.0 .*", r"cpuid_compat\.80000001 .*"),   # SYSCALL is shown in all modes
        "msr": (r"(rd|wr)msr\.4b564d0\d .*",      # KVM's own MSRs, which we hide with KVM's CPUID leaves
                r"rdmsr\.3a .*"),                 # local machine checks are switched on; we tell what VMX needs of it
    },
}


@pytest.mark.parametrize("guests", [pytest.param(guests, marks=pytest.mark.long(group), id=group) for group, guests in GUESTS.items()])
def test_tiny_guests_keep_their_promises_under_kvm(lab, guests):
    images = {name: harness.guest_disk(name) for name in guests}
    wanted = [stack for name in guests for stack in ([name], ["xmhf", name])]
    said = test_kvm.stacks(lab, "bare", images | {"xmhf": harness.grub_disk("amd64")}, wanted)
    for (name, faults), alone, on_us in zip(guests.items(), said[::2], said[1::2]):
        assert "DONE" in alone and "DONE" in on_us, name
        assert set(test_guests.promises(alone)) - {"bare", *faults} <= set(test_guests.promises(on_us)), name
        hidden = faults + test_guests.BY_NAME[name].differs
        differing = set(test_guests.facts(alone)) ^ set(test_guests.facts(on_us))
        assert not [fact for fact in differing if not any(re.fullmatch(pattern, fact) for pattern in hidden)], name


@pytest.mark.long("under-kvm")
@pytest.mark.parametrize("flavour", ["amd64", "686-pae"])
def test_debian_boots_under_kvm(lab, flavour):
    debian = debian_disk.disk(flavour, cmdline="cpus=1", selfcheck="basic")
    said, = test_kvm.stacks(lab, "bare", {"xmhf": harness.grub_disk("amd64"), "debian": debian}, [["xmhf", "debian"]], mib=384)
    assert "PASS selfcheck basic" in said and said.count("xmhf: base 0x") == 1
