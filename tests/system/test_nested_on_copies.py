# SPDX-License-Identifier: BSD-2-Clause
# The differential test through a second level: the programs of tests/guests/l1 are the L1 of a copy of the hypervisor
# that runs on a copy. What they say must be what they say on the bare emulator, but for what nested_accepted.py explains.

import dataclasses

import pytest

import nested_accepted
import test_nested_diff as diff

# In make check: NMIs among CPUs, time with offset and scaling, MSR areas, forms of operands, single steps and MTF, control
# registers, what changes between entries, L1's MSRs among it; all kinds of stacks; and what nested_accepted.py explains for
# copies alone.
REPRESENTATIVES = (
    ("amd64-amd64", "vmx_time", 64, diff.SKYLAKE), ("amd64-amd64", "vmx_msr_areas", 64, diff.HASWELL),
    ("amd64-amd64", "vmx_exit_forms", 64, diff.SKYLAKE), ("amd64-amd64", "vmx_smp", 64, diff.HASWELL),
    ("amd64-i386", "vmx_step", 32, diff.SKYLAKE), ("i386-i386", "vmx_exit_cr", 32, diff.HASWELL),
    ("i386-i386", "vmx_round_trip", 32, diff.IVY_BRIDGE),
)
STACKS_32 = ("amd64-amd64", "amd64-i386", "i386-i386")      # in turn
FEW_SEEDS = 200


def shorter(program):
    return dataclasses.replace(program, seeds=(1, FEW_SEEDS)) if program in (diff.SEEDS, diff.NEWER_SEEDS) else program


def runs():
    """Each program and model with a 64-bit L1 and with a 32-bit one."""
    for number, (program, bits, model) in enumerate(diff.BARE):
        place = "amd64-amd64" if bits == 64 else STACKS_32[number // 2 % len(STACKS_32)]
        yield place, shorter(program), bits, model


def is_representative(on):
    return (on[0], on[1].name, *on[2:]) in REPRESENTATIVES


BY_NAME = {program.name: program for program in diff.PROGRAMS}
IN_CHECK = [(place, BY_NAME[name], bits, model) for place, name, bits, model in REPRESENTATIVES]
LONGER = [on for on in runs() if not is_representative(on)]


def agree(on):
    assert [line for line in diff.differences(*on) if not nested_accepted.accepts(diff.name_of(on), line)] == []


@pytest.mark.parametrize("on", IN_CHECK, ids=map(diff.name_of, IN_CHECK))
def test_program_says_on_two_copies_what_it_says_on_bare(on):
    agree(on)


def test_every_difference_that_is_accepted_on_copies_is_seen():
    lines = [(diff.name_of(on), line) for on in IN_CHECK for line in diff.differences(*on)]
    assert [entry for entry in nested_accepted.ACCEPTED_LATE if not any(entry.explains(*line) for line in lines)] == []


def longer(bits):
    return [pytest.param(on, id=diff.name_of(on)) for on in LONGER if on[2] == bits]


@pytest.mark.long("nesting-diff-64")
@pytest.mark.parametrize("on", longer(64))
def test_each_64_bit_program_says_on_two_copies_what_it_says_on_bare(on):
    agree(on)


@pytest.mark.long("nesting-diff-32")
@pytest.mark.parametrize("on", longer(32))
def test_each_32_bit_program_says_on_two_copies_what_it_says_on_bare(on):
    agree(on)
