# SPDX-License-Identifier: BSD-2-Clause
# The seeds of tests/guests/l1/vmx_seeds.c in the long run: 100,000 for each kind of L1 and hypervisor, and half as many on a
# newer CPU, each run bare first. test_nested_diff.py has the first of them.

import pytest

import test_nested_diff as diff

SEEDS = {diff.HASWELL: 100_000, diff.SKYLAKE: 50_000}
A_RUN = 10_000
RUNS = [(diff.Program("vmx_seeds", seeds=(first, A_RUN), **diff.TALKS), model)
        for model, count in SEEDS.items() for first in range(1, count, A_RUN)]


def agree(subarch, program, bits, model):
    said = diff.bare(program, bits, model)
    assert len(said) == A_RUN and len(diff.exits(said)) >= diff.SEEDS_ENTER * A_RUN
    assert diff.differences(subarch, program, bits, model) == []


@pytest.mark.long("seeds-64")
@pytest.mark.parametrize("program, model", RUNS, ids=str)
def test_seeds_of_a_64_bit_l1(program, model):
    agree("amd64", program, 64, model)


@pytest.mark.long("seeds-32")
@pytest.mark.parametrize("program, model", RUNS, ids=str)
def test_seeds_of_a_32_bit_l1(program, model):
    agree("amd64", program, 32, model)


@pytest.mark.long("seeds-i386")
@pytest.mark.parametrize("program, model", RUNS, ids=str)
def test_seeds_on_i386(program, model):
    agree("i386", program, 32, model)
