# SPDX-License-Identifier: BSD-2-Clause
# Hypapps and hypercalls: tiny guests check every callback and service of the testapp, and
# the core's calls on the default build; Debian shows the statistics.

import re

import pytest

import harness
import test_guests
from test_nested_diff import IVY_BRIDGE

TICKS = 4_000_000_000
TESTAPP = ("APPROOT=hypapps/testapp",)
SUBARCHS = pytest.mark.parametrize("subarch", ["amd64", "i386"])


def run(lab, guest, over, cpus=1, **machine):
    disks = [over, harness.guest_disk(guest)]
    result = lab.run(disks, ["^DONE", "panic: "], cpus=cpus, memory_mib=256, ips=10_000_000, max_ticks=TICKS, **machine)
    harness.assert_said(result, "DONE")
    return harness.plain(result.serial)


def disk_with_testapp(subarch, tmp_path):
    module = tmp_path / "module"
    module.write_bytes(b"MODULE")
    return harness.grub_disk(subarch, TESTAPP, cmdline="app.test=ping", module=[module])


@SUBARCHS
def test_services_of_the_core(lab, tmp_path, subarch):
    said = run(lab, "testapp", disk_with_testapp(subarch, tmp_path))
    assert len(test_guests.promises(said)) == 16


@SUBARCHS
@pytest.mark.parametrize("cpus", [1, 2])
def test_events_and_resets(lab, tmp_path, subarch, cpus):
    said = run(lab, "testapp_events", disk_with_testapp(subarch, tmp_path), cpus)
    assert len(test_guests.promises(said)) == 15 + cpus
    assert said.count("testapp: shutdown") == 5     # by all resets but the hypapp's own


L1S = pytest.mark.parametrize(("subarch", "bits"), [("amd64", ""), ("amd64", "64"), ("i386", "")], ids=["amd64-32", "amd64-64", "i386-32"])


@L1S
@pytest.mark.parametrize("guest, cpus, promised", [("hyp_exits", 1, 9), ("hyp_memory", 1, 11), ("hyp_events", 1, 7), ("hyp_smp", 2, 5)])
def test_a_guest_hypervisor_and_its_guest(lab, tmp_path, subarch, bits, guest, cpus, promised):
    said = run(lab, guest + bits, disk_with_testapp(subarch, tmp_path), cpus)
    assert len(test_guests.promises(said)) == promised


@L1S
def test_pages_are_taken_from_l2_on_a_cpu_without_dirty_bits_of_ept(lab, tmp_path, subarch, bits):
    """There EPT01's write protection tells which tables of EPT12 changed."""
    said = run(lab, "hyp_memory" + bits, disk_with_testapp(subarch, tmp_path), model=IVY_BRIDGE)
    assert len(test_guests.promises(said)) == 11


@SUBARCHS
def test_vmx_structures_are_no_way_to_protected_pages(lab, tmp_path, subarch):
    said = run(lab, "testapp_vmx", disk_with_testapp(subarch, tmp_path))
    assert test_guests.promises(said) == ["structures", "free"]


@SUBARCHS
@pytest.mark.parametrize("option, user", [("", "#UD"), ("stat_user=1", "may")])
def test_core_calls(lab, subarch, option, user):
    said = run(lab, "hypercall", harness.grub_disk(subarch, cmdline=option))
    assert f"FACT user {user}" in said
    assert len(test_guests.promises(said)) == 5


@SUBARCHS
def test_the_default_hypapp_answers(lab, subarch):
    said = run(lab, "helloworld", harness.grub_disk(subarch, cmdline="loglvl=7 app.who=reader"))
    assert "helloworld: hello reader, from under 1 CPU" in said
    assert test_guests.promises(said) == ["hypercall", "leaf"]


@SUBARCHS
def test_sleep_is_refused_and_power_off_passes(lab, subarch):
    disks = [harness.grub_disk(subarch, cmdline="loglvl=7"), harness.guest_disk("sleep")]
    result = lab.run(disks, memory_mib=256, ips=10_000_000)
    harness.assert_said(result, "PASS sleep", "xmhf: sleep state S3 refused")
    assert result.end == "power-off", result.end


@pytest.mark.parametrize("subarch, flavour", [("amd64", "amd64"), ("i386", "686-pae")])
def test_debian_shows_the_statistics(lab, subarch, flavour):
    over = [harness.grub_disk(subarch, cmdline="stat_user=1")]
    result = lab.debian(flavour, "stat", over=over)
    harness.assert_said(result, "bytes taken", "ticks in root mode", "exits of L2, reflected", "xmhf: XMHF")


@SUBARCHS
def test_a_panic_tells_where_the_vmcs_and_the_last_exits(lab, tmp_path, subarch):
    disks = [disk_with_testapp(subarch, tmp_path), harness.guest_disk("testapp_break")]
    result = lab.run(disks, ["^xmhf: the machine is stopped"], cpus=2, memory_mib=256, ips=10_000_000)
    harness.assert_said(result, "PASS ready", "xmhf: panic: exception 6, error code 0x0, at runtime+0x", "CPU 0, LAPIC id 0x0",
                        "stack: runtime+0x", "GUEST_RIP ")
    exits = re.findall(r"^exit: (\w+) at 0x", harness.plain(result.serial), re.M)
    assert exits[-4:] == ["CPUID", "CPUID", "CPUID", "VMCALL"]
