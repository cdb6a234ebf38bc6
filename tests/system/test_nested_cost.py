# SPDX-License-Identifier: BSD-2-Clause
# What operations of nested VMX cost may not grow: bounds a little above what `make bench` prints, in instructions and, for
# amd64, in what a hypervisor that counts (COUNT_OPS=1) executed for them.

import functools
import pathlib
import sys

import pytest

import harness

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
import bench  # noqa: E402

STRAY = 0.01    # of an operation: what an average over thousands has of interrupts
ROUND_TRIP = (2, 61, 4, 0, 0, 0)
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
    "vmread_exit_reason": (3, 0, 0, 0, 0, 0, 0),
    "vmwrite_guest_rip": (3, 0, 0, 0, 0, 0, 0),
    "vmread_guest_efer": (145, 1, 9, 0, 0, 0, 0),
    "vmread_host_rip": (145, 1, 9, 0, 0, 0, 0),
    "vmwrite_tsc_offset": (150, 1, 9, 0, 0, 0, 0),
    "vmwrite_host_rsp": (150, 1, 9, 0, 0, 0, 0),
    "invept_single": (420, 1, 14, 0, 0, 0, 0),
    "invvpid_single": (300, 1, 14, 0, 0, 1, 0),
    "vmclear_vmptrld_vmlaunch": (2300, 4, 150, 7, 0, 0, 0),
    "vmptrld_resume_switch": (1200, 3, 90, 5, 0, 0, 0),
    "ept_first_touch_4k_per_page": (25, 0.02, 0.3, 0.02, 0, 0, 0),
    "ept_first_touch_4k_random_per_page": (70, 0.1, 1, 0.02, 0, 0, 0),
    "ept_first_touch_4k_alone": (900, 1, 6, 0, 0, 0, 0),
    "ept_first_touch_4k_alone_far": (1400, 1, 6, 0, 0, 0, 0),
    "ept_first_touch_4k_ad_per_page": (450, 1.01, 6, 0.02, 0, 0, 0),
    "ept_first_touch_2m_per_region": (2900, 2.1, 65, 4, 0, 0, 0),
    "ept_touch_after_invept_per_page": (15, 0.02, 0.3, 0.02, 0, 0, 0),
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
    "vmread_guest_efer": 166,
    "vmread_host_rip": 166,
    "vmwrite_tsc_offset": 178,
    "vmwrite_host_rsp": 178,
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


@functools.cache
def costs(subarch, **options):
    return bench.nested_costs(harness.Lab(f"nested_cost_{subarch}"), [harness.grub_disk(subarch, **options)],
                              64 if subarch == "amd64" else 32)


@pytest.mark.parametrize("name", BOUNDS)
def test_operation_is_within_its_bounds(name):
    seen = [costs("amd64")[name][0], *costs("amd64", make=bench.COUNTING)[name][1:]]
    assert all(value <= bound + STRAY for value, bound in zip(seen, BOUNDS[name])), (seen, BOUNDS[name])


@pytest.mark.parametrize("name", BOUNDS_I386)
def test_operation_is_within_its_bound_on_i386(name):
    assert costs("i386")[name][0] <= BOUNDS_I386[name] + STRAY
