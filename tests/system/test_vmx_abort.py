# SPDX-License-Identifier: BSD-2-Clause
# VMX aborts of L1 hypervisors: they stop one CPU of the guest, and nothing else. The bare emulator is no oracle: it gives
# other indicators, and INIT and SIPI start the CPU again.

import pytest

import harness
import nested_accepted
import test_guests


@pytest.mark.parametrize(("subarch", "bits", "kinds"), [("amd64", "", 6), ("amd64", "64", 5), ("i386", "", 6)],
                         ids=["amd64-32", "amd64-64", "i386-32"])
def test_a_vmx_abort_stops_its_cpu_alone(lab, subarch, bits, kinds):
    result = lab.run([harness.grub_disk(subarch, cmdline="loglvl=7"), harness.guest_disk("abort" + bits)], ["^DONE", "panic: "],
                     cpus=kinds + 1, memory_mib=256, ips=10_000_000, max_ticks=4_000_000_000, extra=test_guests.BAD_MSRS_FAULT)
    harness.assert_said(result, "DONE")
    said = harness.plain(result.serial)
    assert len(test_guests.promises(said)) == kinds + 1
    assert {*nested_accepted.RULES_OF_ABORTS.values()} < {*test_guests.promises(said)}
    assert said.count("the CPU stops") == kinds
