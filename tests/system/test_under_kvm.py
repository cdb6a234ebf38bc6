# SPDX-License-Identifier: BSD-2-Clause
# KVM below us: in Bochs runs a Debian, in its QEMU on KVM a stack of our disks. A guest does there what it does without us.

import re

import pytest

import debian_disk
import harness
import test_guests
import test_kvm

# By group the tiny guests, each with what KVM makes wrong itself for a guest's guest and not for a guest: LMSW, and a MOV to CR0,
# leave in the CR0 that it reads what the guest has in the real one (docs/nesting.md).
GUESTS = {
    "under-kvm": {"step": (), "task": (), "isolation": (), "long": (), "cr": ("lmsw_clts", r"cr0\.et .*")},
    "under-kvm-guests": {"boot": (), "memmap": (), "faults": (), "cpuid": (), "msr": (), "nmi": (), "depth": (), "reset": ()},
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
