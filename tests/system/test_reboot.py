# SPDX-License-Identifier: BSD-2-Clause
# Debian restarts the machine, and it comes up again with the hypervisor under it.

import pytest

import harness


@pytest.mark.parametrize("subarch, flavour, cpus, how", [
    ("amd64", "amd64", 2, ""),
    pytest.param("i386", "686-pae", 1, "", marks=pytest.mark.long("reboot")),
    pytest.param("amd64", "amd64", 1, "reboot=k", marks=pytest.mark.long("reboot")),    # keyboard controller
    pytest.param("amd64", "amd64", 1, "reboot=t", marks=pytest.mark.long("reboot")),    # triple fault
    pytest.param("amd64", "amd64", 1, "reboot=p", marks=pytest.mark.long("reboot")),    # port CF9h
])
def test_debian_on_us_boots_again_after_a_reboot(lab, subarch, flavour, cpus, how):
    result = lab.debian_reboots(flavour, [harness.grub_disk(subarch)], how, cpus=cpus)
    said = harness.plain(result.serial)
    assert said.count(f"xmhf: {cpus} CPU") == 2, said[-3000:]
    assert said.count("GUEST: init reached") == 2
