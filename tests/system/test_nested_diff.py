# SPDX-License-Identifier: BSD-2-Clause
# The differential test of nested VMX: each program of tests/guests/l1 is an L1 hypervisor that does many small
# experiments and says a line "R name: result" for each. What it says on the bare emulator is the oracle; what it says
# on the hypervisor must be the same, but for the differences that nested_accepted.py explains.

import dataclasses
import functools
import pathlib
import re

import pytest

import bochs
import cache
import harness
import nested_accepted
import nested_rules

SECONDS = 300           # a run takes 1 to 20, one of a long test 70
TICKS = 8_000_000_000
BAD_MSRS_FAULT = ("cpu: ignore_bad_msrs=0",)    # as on a CPU; Bochs reads 0 else
RESULTS = 1500          # at least so many different experiments, seeds not counted
SEEDS_ENTER = 0.3       # at least this part of the seeds gets into L2
SEEDS_REASONS = 10      # and they leave it for at least so many reasons

HASWELL = bochs.Machine.model
SKYLAKE = "corei7_skylake_x"
ARROW_LAKE = "arrow_lake"
IVY_BRIDGE = "corei7_ivy_bridge_3770k"      # no VMCS shadowing, no VMWRITE to any field, no accessed and dirty flags
TALKS = {"ips": 2_000_000}                  # thousands of lines: a byte on the serial line takes fewer instructions then


@dataclasses.dataclass(frozen=True)
class Program:
    name: str
    models: tuple = (HASWELL,)
    long_models: tuple = ()     # those that take too long for make check
    cpus: int = 1
    ips: int = 10_000_000
    seeds: tuple = ()       # the first and their number, for vmx_seeds: instead of its own

    def __str__(self):
        return "-".join(map(str, (self.name, *self.seeds)))


ELSEWHERE = {"vmx_misbehave", "vmx_random_ops"}      # test_nested_misbehave.py has it
SEEDS = Program("vmx_seeds", **TALKS)
ROUND_TRIP = Program("vmx_round_trip", models=(IVY_BRIDGE, HASWELL), cpus=2)
NEWER_SEEDS = Program("vmx_seeds", models=(SKYLAKE,), seeds=(1, 1000), **TALKS)    # with PML, posted interrupts, TSC scaling, XSAVES
PROGRAMS = (
    Program("vmx_hello"),
    Program("vmx_ept"),
    Program("vmx_caps", models=(HASWELL, SKYLAKE, ARROW_LAKE)),
    Program("vmx_fields"),
    Program("vmx_insn_errors", models=(HASWELL, IVY_BRIDGE)),      # the latter has read-only fields
    Program("vmx_operands"),
    Program("vmx_operand_faults", models=(HASWELL, SKYLAKE)),
    Program("vmx_modes", models=(HASWELL, ARROW_LAKE)),
    Program("vmx_checks_controls", models=(IVY_BRIDGE, HASWELL, SKYLAKE, ARROW_LAKE)),
    Program("vmx_checks_host", models=(HASWELL, ARROW_LAKE)),
    Program("vmx_checks_guest", models=(HASWELL, SKYLAKE, ARROW_LAKE)),
    Program("vmx_checks_segments"),
    Program("vmx_msr_areas"),
    ROUND_TRIP,
    SEEDS,
    NEWER_SEEDS,
    Program("vmx_exit_insns", models=(SKYLAKE,), **TALKS),
    Program("vmx_exit_forms", models=(SKYLAKE,), **TALKS),
    Program("vmx_exit_cr", **TALKS),
    Program("vmx_exit_io", **TALKS),
    Program("vmx_exit_msr", models=(HASWELL, ARROW_LAKE), **TALKS),
    Program("vmx_exit_exceptions", **TALKS),
    Program("vmx_exit_vectoring", long_models=(ARROW_LAKE,), **TALKS),
    Program("vmx_exit_task", **TALKS),
    Program("vmx_time", models=(HASWELL, SKYLAKE), **TALKS),
    Program("vmx_step", models=(SKYLAKE,), **TALKS),
    Program("vmx_apic_access", models=(SKYLAKE,), **TALKS),
    Program("vmx_apic_virt", models=(SKYLAKE,), **TALKS),
    Program("vmx_ept_walks", models=(SKYLAKE,), long_models=(ARROW_LAKE,), **TALKS),
    Program("vmx_ept_log", models=(SKYLAKE, ARROW_LAKE), **TALKS),
    Program("vmx_operands_ept", models=(SKYLAKE,), **TALKS),
    Program("vmx_shadowing", models=(SKYLAKE,), **TALKS),
    Program("vmx_guest_state", **TALKS),
    Program("vmx_toggles", models=(IVY_BRIDGE, ARROW_LAKE), **TALKS),
    Program("vmx_inject", models=(HASWELL, ARROW_LAKE)),
    Program("vmx_exceptions"),
    Program("vmx_rare_exceptions", **TALKS),
    Program("vmx_interrupts"),
    Program("vmx_nmi", cpus=2),
    Program("vmx_init_sipi", cpus=2),
    Program("vmx_smp", models=(HASWELL, IVY_BRIDGE), cpus=4),
)


def bare_runs(models_of):
    """An L1 in 32-bit mode and one in 64-bit mode."""
    return [(program, bits, model) for program in PROGRAMS for model in models_of(program) for bits in (32, 64)]


def runs_on_us(runs):
    return [(subarch, *run) for run in runs for subarch in ("amd64", "i386") if subarch == "amd64" or run[1] == 32]


BARE = bare_runs(lambda program: program.models)
ON_US = runs_on_us(BARE)
LONG_ON_US = runs_on_us(bare_runs(lambda program: program.long_models))


def name_of(run):
    return "-".join(map(str, run))


def image(program, bits):
    disk = harness.guest_disk(program.name + ("64" if bits == 64 else ""))
    return harness.ordered_disk(disk, "seeds here:", *program.seeds) if program.seeds else disk


def run(test, disks, program, model):
    copies = max(1, len(disks) - 1)
    result = harness.Lab(test).run(disks, ["^DONE", "panic: "], SECONDS * copies, cpus=program.cpus, model=model, memory_mib=256,
                                   ips=program.ips, max_ticks=TICKS * copies, extra=BAD_MSRS_FAULT)
    harness.assert_said(result, "DONE")
    return harness.plain(result.serial)


@functools.cache
def bare(program, bits, model):
    """What the program says on the bare emulator; kept in the cache, for it is always the same."""
    disk = image(program, bits)

    def ask(out):
        out.write_text(run(f"nested_bare-{name_of((program, bits, model))}", [disk], program, model))
    key = cache.key(disk, program.cpus, model, bochs.installed().name)
    return nested_rules.results(cache.made(f"nested-oracle/{program.name}-{bits}-{model}-{key}", ask).read_text())


@functools.cache
def on_us(place, program, bits, model):
    """What it says on the hypervisor `place` ("amd64-amd64": on a copy on a copy)."""
    test = f"nested_{name_of((place, program, bits, model))}"
    copies = [harness.grub_disk(subarch) for subarch in place.split("-")]
    return nested_rules.results(harness.once(test, lambda: run(test, [*copies, image(program, bits)], program, model)))


@functools.cache
def differences(place, program, bits, model):
    """Where the guest of the hypervisor `place` sees something else."""
    return compared(on_us(place, program, bits, model), program, bits, model)


def compared(said, program, bits, model):
    """Lines "name: on bare -> on us"."""
    oracle = bare(program, bits, model)
    return [f"{name}: {oracle.get(name, 'absent')} -> {said.get(name, 'absent')}"
            for name in [*oracle, *(name for name in said if name not in oracle)] if oracle.get(name) != said.get(name)]


@pytest.mark.parametrize("on", BARE, ids=map(name_of, BARE))
def test_program_on_bare(on):
    assert bare(*on)


def test_there_are_many_different_experiments():
    assert len({(program.name, name) for program, bits, model in BARE for name in bare(program, bits, model)
                if nested_rules.AGAIN not in name and program not in (SEEDS, NEWER_SEEDS)}) >= RESULTS


def exits(said):
    """The reasons of these results that are exits of L2."""
    found = (re.match(r"exit (\d+)(?!.*entry failed)", result) for result in said.values())
    return [int(exit[1]) for exit in found if exit]


@pytest.mark.parametrize("bits", (32, 64))
@pytest.mark.parametrize("program, model, count", [(SEEDS, HASWELL, 2000), (NEWER_SEEDS, SKYLAKE, 1000)], ids=str)
def test_seeds_enter_l2(program, model, count, bits):
    said = bare(program, bits, model)
    assert len(said) == count and len(exits(said)) >= SEEDS_ENTER * count
    assert len(set(exits(said))) >= SEEDS_REASONS


def test_every_rule_of_vm_entry_has_a_failing_case_and_a_passing_neighbour():
    """The case fails as its section has it, on the bare emulator or, where that doesn't check, on us as an accepted difference."""
    said = [(name, result) for on in BARE for name, result in bare(*on).items()]
    ours = [line for on in ON_US if on[0] == "amd64" and on[1].name.startswith("vmx_checks") for line in differences(*on)
            if nested_accepted.accepts(name_of(on), line)]
    said += [(name, result.split(" -> ")[1]) for name, result in (line.split(": ", 1) for line in ours)]
    missing = [f"{section} {text}" for _, section, text in nested_rules.without_results(said)]
    assert sorted(missing) == sorted([*nested_accepted.RULES_WITHOUT_RESULT, *nested_accepted.RULES_OF_ABORTS])


def test_every_vm_instruction_error_comes_and_its_neighbour_passes():
    """And those that cannot be never come."""
    assert nested_rules.errors_without_results([on_us(*on) for on in ON_US if on[1].name == "vmx_insn_errors"]) == []
    said = {result for on in ON_US for result in on_us(*on).values()}
    assert nested_rules.impossible_errors(said) == []


def agree(on):
    assert [line for line in differences(*on) if not nested_accepted.accepts(name_of(on), line)] == []


@pytest.mark.parametrize("on", ON_US, ids=map(name_of, ON_US))
def test_program_on_us_says_what_it_says_on_bare(on):
    agree(on)


@pytest.mark.parametrize("subarch, bits", (("amd64", 64), ("i386", 32)))
def test_round_trips_need_little_memory_for_ept02(subarch, bits):
    disks = [harness.grub_disk(subarch, cmdline="ept_pool=256K"), image(ROUND_TRIP, bits)]
    said = nested_rules.results(run(f"nested_little_{subarch}", disks, ROUND_TRIP, HASWELL))
    on = name_of((subarch, ROUND_TRIP, bits, HASWELL))
    assert [line for line in compared(said, ROUND_TRIP, bits, HASWELL) if not nested_accepted.accepts(on, line)] == []


@pytest.mark.long("nesting-diff-64")
@pytest.mark.parametrize("on", LONG_ON_US, ids=map(name_of, LONG_ON_US))
def test_program_on_us_says_what_it_says_on_another_bare_cpu(on):
    agree(on)


def test_every_accepted_difference_is_seen():
    """And each alternative in it."""
    lines = [(name_of(on), line) for on in ON_US for line in differences(*on)]
    unseen = []
    for entry in nested_accepted.ACCEPTED:
        explained = [line for line in lines if entry.explains(*line)]
        single = [dataclasses.replace(entry, line=pattern) for pattern in nested_accepted.alternatives(entry.line)]
        unseen += [one for one in single if not any(one.explains(*line) for line in explained)]
    assert unseen == []


@pytest.mark.parametrize("pattern, alone", [
    ("plain", ["plain"]), (r"\(a|b\?", [r"\(a|(?!)b\?", r"(?!)\(a|b\?"]), ("a(b|cd)e", ["a(b|(?!)cd)e", "a((?!)b|cd)e"]),
    ("a[xy]", ["a(?:x)", "a(?:y)"]), (r"[\w ][a-f]x*", [r"[\w ][a-f]x*"]), ("a(?:b)?", ["a(?:b){0}", "a(?:b){1}"]),
])
def test_alternatives_of_a_pattern_come_one_by_one(pattern, alone):
    assert sorted(nested_accepted.alternatives(pattern)) == sorted(alone)


def test_every_program_is_in_the_table():
    sources = (pathlib.Path(__file__).parent.parent / "guests/l1").glob("vmx_*.c")
    assert {source.stem for source in sources} - ELSEWHERE == {program.name for program in PROGRAMS}
