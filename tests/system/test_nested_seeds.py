# SPDX-License-Identifier: BSD-2-Clause
# The seeds of tests/guests/l1/vmx_seeds.c in the long run: 100,000 for each kind of L1 and hypervisor, each run bare
# first. test_nested_diff.py has the first 2,000.

import pytest

import test_nested_diff as diff

SEEDS = 100_000
A_RUN = 10_000
RUNS = [diff.Program("vmx_seeds", seeds=(first, A_RUN), **diff.TALKS) for first in range(1, SEEDS, A_RUN)]


def agree(subarch, program, bits):
    said = diff.bare(program, bits, diff.HASWELL)
    assert len(said) == A_RUN and len(diff.exits(said)) >= diff.SEEDS_ENTER * A_RUN
    assert diff.differences(subarch, program, bits, diff.HASWELL) == []


@pytest.mark.long("seeds-64")
@pytest.mark.parametrize("program", RUNS, ids=str)
def test_seeds_of_a_64_bit_l1(program):
    agree("amd64", program, 64)


@pytest.mark.long("seeds-32")
@pytest.mark.parametrize("program", RUNS, ids=str)
def test_seeds_of_a_32_bit_l1(program):
    agree("amd64", program, 32)


@pytest.mark.long("seeds-i386")
@pytest.mark.parametrize("program", RUNS, ids=str)
def test_seeds_on_i386(program):
    agree("i386", program, 32)
