# SPDX-License-Identifier: BSD-2-Clause
# KVM below us: in Bochs runs a Debian, in its QEMU on KVM a stack of our disks. A guest does there what it does without us.

import pytest

import debian_disk
import harness
import test_guests
import test_kvm

GUESTS = ("boot", "cr", "faults", "step", "task", "isolation", "long")
pytestmark = pytest.mark.long("under-kvm")


def test_tiny_guests_keep_their_promises_under_kvm(lab):
    images = {name: harness.guest_disk(name) for name in GUESTS}
    wanted = [stack for name in GUESTS for stack in ([name], ["xmhf", name])]
    said = test_kvm.stacks(lab, "bare", images | {"xmhf": harness.grub_disk("amd64")}, wanted)
    for name, alone, on_us in zip(GUESTS, said[::2], said[1::2]):
        assert "DONE" in alone and "DONE" in on_us, name
        assert set(test_guests.promises(alone)) - {"bare"} <= set(test_guests.promises(on_us)), name
        assert set(test_guests.facts(alone)) == set(test_guests.facts(on_us)), name


@pytest.mark.parametrize("flavour", ["amd64", "686-pae"])
def test_debian_boots_under_kvm(lab, flavour):
    debian = debian_disk.disk(flavour, cmdline="cpus=1", selfcheck="basic")
    said, = test_kvm.stacks(lab, "bare", {"xmhf": harness.grub_disk("amd64"), "debian": debian}, [["xmhf", "debian"]], mib=384)
    assert "PASS selfcheck basic" in said and said.count("xmhf: base 0x") == 1
