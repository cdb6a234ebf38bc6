# SPDX-License-Identifier: BSD-2-Clause
# A stock Debian on the hypervisor: boots, checks itself, powers off.

import pytest

import harness

MACHINES = [  # hypervisor, Debian's kernel, CPUs
    ("amd64", "amd64", 1),
]


@pytest.mark.parametrize("subarch, flavour, cpus", MACHINES)
def test_debian_boots_on_the_hypervisor(lab, subarch, flavour, cpus):
    result = lab.debian(flavour, cpus=cpus, over=[harness.grub_disk(subarch)])
    harness.assert_said(result, f"xmhf: {cpus} CPU")


def test_without_vmx_the_loader_says_so(lab):
    disks = [harness.grub_disk(), harness.flat_disk("hello.S")]
    result = lab.run_in_qemu(disks, until=["no VMX"])
    harness.assert_said(result, "loader: error: no VMX")
