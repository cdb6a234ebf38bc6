# SPDX-License-Identifier: BSD-2-Clause
# What operations of a guest, most of them nested VMX, cost may not grow: bounds a little above what `make bench` prints, in
# instructions and, for amd64, in what a hypervisor that counts (COUNT_OPS=1) executed for them.

import functools
import pathlib
import sys

import pytest

import bochs
import harness
from test_nested_diff import IVY_BRIDGE

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
import bench  # noqa: E402

pytestmark = pytest.mark.xdist_group("nested_cost")     # all ask for the same few runs

STRAY = 0.01    # of an operation's counts: what an average over thousands has beside it. Bounds of a page have it in them
ROUND_TRIP = (2, 61, 4, 0, 0, 0)
HOT = ("vmread_exit_reason", "vmread_guest_rip", "vmwrite_guest_rip", "vmwrite_entry_intr_info")
# Instructions, then exits, VMREADs and VMWRITEs, VMPTRLDs, VMCLEARs, INVEPTs and INVVPIDs, RDMSRs and WRMSRs.
BOUNDS = {
    "cpuid_full": (645, *ROUND_TRIP),
    "vmcall_full": (660, *ROUND_TRIP),
    "rdmsr_full": (670, *ROUND_TRIP),
    "wrmsr_full": (670, *ROUND_TRIP),
    "io_in_full": (685, 2, 63, 4, 0, 0, 0),
    "io_out_full": (685, 2, 63, 4, 0, 0, 0),
    "hlt_full": (655, *ROUND_TRIP),
    "inject_extint_cpuid": (650, *ROUND_TRIP),
    "cpuid_full_tsc_offset": (2750, 3, 170, 7, 0, 0, 0),
    "cpuid_full_guest_state": (1400, 2, 175, 4, 0, 0, 0),
    "cpuid_full_plain": (1250, 2, 80, 5, 0, 2, 0),
    "l1_cpuid": (120, 1, 7, 0, 0, 0, 0),
    "l1_cpuid_leaf1": (215, 1, 7, 0, 0, 0, 0),
    "l1_vmcall": (120, 1, 7, 0, 0, 0, 0),
    "vmread_exit_reason": (3, 0, 0, 0, 0, 0, 0),
    "vmread_guest_rip": (3, 0, 0, 0, 0, 0, 0),
    "vmwrite_guest_rip": (3, 0, 0, 0, 0, 0, 0),
    "vmwrite_entry_intr_info": (3, 0, 0, 0, 0, 0, 0),
    "vmread_guest_efer": (145, 1, 9, 0, 0, 0, 0),
    "vmread_guest_ds_base": (145, 1, 9, 0, 0, 0, 0),
    "vmread_host_rip": (145, 1, 9, 0, 0, 0, 0),
    "vmwrite_tsc_offset": (150, 1, 9, 0, 0, 0, 0),
    "vmwrite_host_rsp": (150, 1, 9, 0, 0, 0, 0),
    "vmwrite_eptp": (150, 1, 9, 0, 0, 0, 0),
    "invept_single": (420, 1, 14, 0, 0, 0, 0),
    "invvpid_single": (300, 1, 14, 0, 0, 1, 0),
    "vmclear_vmptrld_vmlaunch": (2300, 4, 150, 7, 0, 0, 0),
    "vmptrld_resume_switch": (1200, 3, 90, 5, 0, 0, 0),
    "ept_first_touch_4k_per_page": (25, 0.01, 0.2, 0.01, 0, 0, 0),
    "ept_first_touch_4k_random_per_page": (70, 0.1, 0.6, 0.01, 0, 0, 0),
    "ept_first_touch_4k_alone": (900, 1, 6, 0, 0, 0, 0),
    "ept_first_touch_4k_alone_far": (1400, 1, 6, 0, 0, 0, 0),
    "ept_first_touch_4k_ad_per_page": (450, 1.01, 5.2, 0.01, 0, 0, 0),
    "ept_first_touch_2m_per_region": (2900, 2.1, 65, 4, 0, 0, 0),
    "ept_touch_after_invept_per_page": (10, 3 / 512, 80 / 512, 4 / 512, 0, 1 / 512, 0),
    "remap1_invept_touch_total": (2650, 3, 76, 4, 0, 2, 0),
    "ept_violation_fix": (1400, 2.1, 68, 4, 0, 0, 0),
    "ept_violation_fix_invept": (2900, 3.1, 82, 4, 0, 1.1, 0),
}


# Instructions on the i386 hypervisor.
BOUNDS_I386 = {
    "cpuid_full": 735,
    "vmcall_full": 750,
    "rdmsr_full": 755,
    "wrmsr_full": 755,
    "io_in_full": 780,
    "io_out_full": 780,
    "hlt_full": 745,
    "inject_extint_cpuid": 745,
    "cpuid_full_tsc_offset": 4150,
    "cpuid_full_guest_state": 1600,
    "cpuid_full_plain": 2300,
    "l1_cpuid": 120,
    "l1_cpuid_leaf1": 230,
    "l1_vmcall": 120,
    "vmread_exit_reason": 3,
    "vmread_guest_rip": 3,
    "vmwrite_guest_rip": 3,
    "vmwrite_entry_intr_info": 3,
    "vmread_guest_efer": 166,
    "vmread_guest_ds_base": 166,
    "vmread_host_rip": 166,
    "vmwrite_tsc_offset": 178,
    "vmwrite_host_rsp": 178,
    "vmwrite_eptp": 178,
    "invept_single": 550,
    "invvpid_single": 400,
    "vmclear_vmptrld_vmlaunch": 2900,
    "vmptrld_resume_switch": 1470,
    "ept_first_touch_4k_per_page": 45,
    "ept_first_touch_4k_random_per_page": 110,
    "ept_first_touch_4k_alone": 1330,
    "ept_first_touch_4k_alone_far": 2000,
    "ept_first_touch_4k_ad_per_page": 720,
    "ept_first_touch_2m_per_region": 3200,
    "ept_touch_after_invept_per_page": 15,
    "remap1_invept_touch_total": 3750,
    "ept_violation_fix": 2000,
    "ept_violation_fix_invept": 4150,
}


# Without VMCS shadowing, in instructions and exits: two exits a round trip, and one for each field that L1 asks for.
BOUNDS_WITHOUT_SHADOWING = {
    "cpuid_full": (700 + 4 * 150, 2 + 3 + 1),
} | {name: (150, 1) for name in (
    "vmread_exit_reason", "vmread_guest_rip", "vmread_guest_efer", "vmread_guest_ds_base", "vmread_host_rip",
    "vmwrite_guest_rip", "vmwrite_entry_intr_info", "vmwrite_tsc_offset", "vmwrite_host_rsp", "vmwrite_eptp")}


@functools.cache
def costs(subarch, model=bochs.Machine.model, **options):
    return bench.nested_costs(harness.Lab(f"nested_cost_{subarch}-{model}"), [harness.grub_disk(subarch, **options)],
                              64 if subarch == "amd64" else 32, model=model)


def within(seen, bounds, stray=STRAY):
    """Instructions to the hundredth, since the one or two that set the loop up are among them, and without any slack."""
    return round(seen[0], 2) <= bounds[0] and all(value <= bound + stray for value, bound in zip(seen[1:], bounds[1:]))


@pytest.mark.parametrize("name", BOUNDS)
def test_operation_is_within_its_bounds(name):
    seen = [costs("amd64")[name][0], *costs("amd64", make=bench.COUNTING)[name][1:]]
    assert within(seen, BOUNDS[name], 0 if name.endswith("_per_page") else STRAY), (seen, BOUNDS[name])


@pytest.mark.parametrize("name", BOUNDS_I386)
def test_operation_is_within_its_bound_on_i386(name):
    seen = costs("i386")[name]
    assert within(seen, (BOUNDS_I386[name],)), (seen, BOUNDS_I386[name])


@pytest.mark.parametrize("name", BOUNDS_WITHOUT_SHADOWING)
def test_operation_is_within_its_bounds_without_vmcs_shadowing(name):
    seen = [costs("amd64", IVY_BRIDGE)[name][0], costs("amd64", IVY_BRIDGE, make=bench.COUNTING)[name][1]]
    assert within(seen, BOUNDS_WITHOUT_SHADOWING[name]), (seen, BOUNDS_WITHOUT_SHADOWING[name])


@pytest.mark.long("kvm-bench")
def test_no_operation_is_dearer_than_on_kvm(lab, tell):
    ours, kvm = costs("amd64"), bench.costs_on_kvm(lab)
    assert ours.keys() == kvm.keys()
    tell(f"{'instructions':36}{'on us':>10}{'on KVM':>10}")
    for name in ours:
        tell(f"{name:36}{ours[name][0]:10.1f}{kvm[name][0]:10.1f}")
    assert [name for name in ours if round(ours[name][0]) > round(kvm[name][0])] == []
    assert [name for name in HOT if round(ours[name][0]) != round(kvm[name][0])] == []
