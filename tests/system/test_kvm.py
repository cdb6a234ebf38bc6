# SPDX-License-Identifier: BSD-2-Clause
# Stock KVM as the hypervisor that runs in the guest: Debian loads kvm_intel and runs our small program on /dev/kvm, a boot
# sector in QEMU, and a Debian in QEMU to its self-check and power-off. Bare first, then on us: what must hold is the same.

import pytest

import harness

NESTING = ()            # the hypervisors whose guest has VMX: ("amd64", "i386") once it is offered
FLAVOUR = {"amd64": "amd64", "i386": "686-pae"}     # the Debian that runs on each
BOUND = 900             # seconds; bare takes 60 (smoke) to 400 alone on the machine
SMOKE_TICKS = 15_000_000_000
LINUX_TICKS = 60_000_000_000

# In Bochs a host's interrupts don't end guest mode while the guest has its own off (docs/testing.md), and a kernel that unpacks
# itself has them off for long: so its host's watchdogs are patient.
PATIENT = "watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120"


def long(group):
    return pytest.mark.long(group)


def kvm(lab, place, parts, ticks, cpus=1, vcpus=1, parameters=(), flavour=None):
    """Debian as a hypervisor, bare or on the hypervisor `place`; `parameters` are those of kvm_intel."""
    words = [f"kvm={','.join(parts)}", f"vcpus={vcpus}", PATIENT, *(f"kvm_intel.{p}" for p in parameters)]
    over = [] if place == "bare" else [harness.grub_disk(place)]
    result = lab.debian(flavour or FLAVOUR[place], "kvm", cpus, over, timeout=BOUND, userland="kvm",
                        cmdline=" ".join(words), max_ticks=ticks)
    harness.assert_said(result, *(f"PASS kvm: {part}" for part in parts), *(f"GUEST: kvm_intel {p}" for p in as_shown(parameters)))
    return result


def as_shown(parameters):
    """Parameters as the kernel shows them: 0 is N."""
    return [p.replace("=0", "=N").replace("=1", "=Y") for p in parameters]


def test_kvm_on_us_is_used_by_a_small_program():
    pass
