# SPDX-License-Identifier: BSD-2-Clause
# More CPUs than are served: the others are held by us, nothing offers them, nothing starts them.

import re

import pytest

import harness

TICKS = 4_000_000_000
BOUND = 120


def offered(lab, cpus, over=()):
    """How many CPUs MADT and MP table offer; the guest itself checks that those of the MADT, and no other, start."""
    result = lab.run([*over, harness.guest_disk("cpu_tables")], ["^DONE"], BOUND, cpus=cpus, memory_mib=256,
                     ips=10_000_000, max_ticks=TICKS)
    harness.assert_said(result, "PASS broadcast", "PASS one_by_one", "DONE")
    said = harness.plain(result.serial)
    return *(int(re.search(rf"^FACT {what} (\d+)", said, re.M).group(1))
             for what in ("offered", "offered_by_mp_table")), said


def test_bare_cpus_that_are_offered_start(lab):
    assert offered(lab, 4)[:2] == (4, 4)


@pytest.mark.parametrize("subarch, cpus, served", [("amd64", 4, 4), ("amd64", 4, 2), ("amd64", 4, 1),
                                                   ("amd64", 2, 1), ("i386", 4, 1), ("i386", 2, 2)])
def test_only_the_cpus_that_are_served_are_offered_and_start(lab, subarch, cpus, served):
    by_madt, by_mp_table, said = offered(lab, cpus, [harness.grub_disk(subarch, cmdline=f"max_cpus={served}")])
    assert by_madt == served
    left_out = cpus - served
    plural = "s" if left_out > 1 else ""
    told = f"{left_out} CPU{plural} left out by max_cpus={served}: held in VMX root operation"
    assert (told in said) == (left_out > 0), said
    if by_mp_table != served:   # Bochs' MP table lies in write-protected memory, as on most machines
        assert f"the MP table is read-only: it still offers {left_out} CPU{plural} that will not start" in said


def test_max_cpus_beyond_what_is_there_changes_nothing(lab):
    assert offered(lab, 2, [harness.grub_disk(cmdline="max_cpus=64")])[:2] == (2, 2)


def test_without_acpi_cpus_are_counted_by_the_mp_table(lab, tmp_path):
    result = lab.run([harness.grub_disk(), harness.flat_disk("hello.S")], ["PASS hello", "panic: "], BOUND, cpus=2, ips=10_000_000,
                     extra=harness.firmware(tmp_path, rb"RSD (?=\0)", b"XSD "))
    harness.assert_said(result, "MiB, for 2 CPUs", "xmhf: 2 CPUs, 2 for the guest", "PASS hello")


def test_as_many_cpus_as_bochs_can_have(lab):
    result = lab.run([harness.grub_disk(), harness.flat_disk("hello.S")], ["PASS hello", "panic: "], 300, cpus=12, ips=10_000_000)
    harness.assert_said(result, "xmhf: 12 CPUs, 12 for the guest", "PASS hello")


@pytest.mark.parametrize("cpus", [2, pytest.param(4, marks=pytest.mark.long("smp4"))])
def test_debian_comes_up_with_the_one_cpu_that_is_served(lab, cpus):
    result = lab.debian(cpus=cpus, wanted=1, over=[harness.grub_disk(cmdline="max_cpus=1")])
    harness.assert_said(result, "GUEST: Linux", "1 CPUs online")
