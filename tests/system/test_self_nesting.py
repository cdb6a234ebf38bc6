# SPDX-License-Identifier: BSD-2-Clause
# Copies of the hypervisor on copies of the hypervisor, and on top of them tiny guests, the light hypervisor, Debian.

import re

import pytest

import bochs
import diskimage
import harness
import test_guests
import test_kvm
import test_lhv

TWO = ("amd64", "amd64")
THREE = ("amd64",) * 3
FOUR = ("amd64",) * 4
BASES = ("0x20000000", "0x10000000", "0x18000000", "0x8000000")
SECONDS = 1000          # a Debian boots in 60 to 300 if nothing else runs
WHERE = ("bare", "l1", "l1_l1", "l1_l1_l1")     # in lines BENCH, by the number of copies
# Ticks from INIT to a SIPI that isn't lost, at most, by the numbers of copies and CPUs: one step of tests/guests/depth.c above what
# it measures. docs/nesting.md tells what follows.
INIT_WINDOW = {(0, 2): 48, (1, 2): 162, (2, 2): 2_763, (2, 4): 4_144, (3, 2): 47_202}
UDELAY = "cpu_init_udelay=10000"    # docs/nesting.md says why


def copies(subarchs, bases=None):
    """The disks of hypervisors, the outermost first."""
    return [harness.grub_disk(subarch, sl_base=base)
            for subarch, base in zip(subarchs, bases or ["auto"] * len(subarchs))]


def long(group, *values):
    return pytest.param(*values, marks=pytest.mark.long(group))


# ---- Debian

@pytest.mark.parametrize("subarchs, flavour, cpus, bases", [
    (TWO, "amd64", 2, None),
    long("nesting", TWO, "amd64", 1, BASES[:2]),
    long("nesting", TWO, "686-pae", 1, None),
    long("nesting", TWO, "686-pae", 2, BASES[:2]),
    long("nesting", ("amd64", "i386"), "686-pae", 1, BASES[:2]),
    long("nesting", ("amd64", "i386"), "686-pae", 2, None),
    long("nesting", ("i386", "i386"), "686-pae", 1, None),
    long("nesting", ("i386", "i386"), "686-pae", 2, BASES[:2]),
    long("nesting-deep", THREE, "amd64", 1, None),
    long("nesting-deep", THREE, "amd64", 2, None),
], ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value)) if isinstance(value, tuple) else None)
def test_debian_boots_on_copies(lab, subarchs, flavour, cpus, bases):
    result = lab.debian(flavour, "hotplug" if cpus > 1 else "basic", cpus, copies(subarchs, bases), timeout=SECONDS,
                        cmdline=UDELAY if cpus > 1 else "")
    started = re.findall(r"^xmhf: base (0x[0-9a-f]+), (\d+) KiB taken", harness.plain(result.serial), re.M)
    assert len(started) == len(subarchs)
    assert not bases or [base for base, _ in started] == list(bases[:len(started)])
    assert all(int(taken) <= (16 + cpus) * 1024 for _, taken in started), started


@pytest.mark.long("nesting")
def test_debian_brings_cpus_online_on_copies_by_a_faster_clock(lab):
    """Instead of UDELAY: so many ticks a second that 20 us are longer than the window."""
    ips = 160_000_000
    assert INIT_WINDOW[2, 2] < ips * 20e-6
    lab.debian("amd64", "hotplug", 2, copies(TWO), timeout=SECONDS, ips=ips)


@pytest.mark.long("nesting")
def test_debian_boots_on_copies_with_the_least_memory_for_ept02(lab):
    lab.debian("amd64", cpus=2, over=[harness.grub_disk("amd64", cmdline="ept_pool=256K")] * 2, timeout=SECONDS, cmdline=UDELAY)


@pytest.mark.long("nesting-deep")
def test_debian_with_systemd_reaches_login_on_two_copies(lab):
    lab.debian("amd64", cpus=2, over=copies(TWO), userland="systemd", timeout=SECONDS, cmdline=UDELAY)


# ---- KVM

@pytest.mark.long("nesting-deep")
def test_a_small_program_and_qemu_use_kvm_on_two_copies(lab):
    said = test_kvm.kvm(lab, "amd64-amd64", ["smoke", "hello"], test_kvm.LINUX_TICKS, flavour="amd64")[""]
    test_kvm.assert_smoke(said, "amd64")
    test_kvm.assert_hello(said)


# ---- the light hypervisor

def light_hypervisor(lab, subarchs, lhv, cpus, runs, count):
    plan = test_lhv.machine("bare", lhv, runs, cpus, count)
    plan["disks"][:0] = copies(subarchs)
    result = lab.run(until=["^DONE", "panic: "], timeout=SECONDS, **plan)
    test_lhv.assert_kept(result, runs, cpus, count)


def test_the_light_hypervisor_on_two_copies(lab):
    light_hypervisor(lab, TWO, "amd64", 2, (0, test_lhv.TOGETHER), test_lhv.COUNT)


@pytest.mark.long("nesting-lhv")
@pytest.mark.parametrize("cpus", (1, 2, 4))
@pytest.mark.parametrize("subarchs, lhv", [
    (TWO, "amd64"), (TWO, "i386"), (("amd64", "i386"), "i386"), (("i386", "i386"), "i386"),
], ids=lambda value: value if isinstance(value, str) else "-".join(value))
def test_the_light_hypervisor_with_all_options_on_two_copies(lab, subarchs, lhv, cpus):
    light_hypervisor(lab, subarchs, lhv, cpus, test_lhv.RUNS, test_lhv.COUNT)


# ---- tiny guests

def tiny_guest(lab, name, cpus, subarchs):
    result = lab.run([*copies(subarchs), harness.guest_disk(name)], ["^DONE", "panic: "], SECONDS, cpus=cpus,
                     memory_mib=256, ips=10_000_000, extra=test_guests.BAD_MSRS_FAULT)
    harness.assert_said(result, "DONE")
    return harness.plain(result.serial)


@pytest.mark.parametrize("subarchs, cpus", [
    ((), 2), (("amd64",), 2), (("amd64", "i386"), 2), (TWO, 2), (TWO, 4), long("nesting-deep", THREE, 2),
    long("nesting-deep", FOUR, 1),
], ids=lambda value: str(value) if isinstance(value, int) else "-".join(value) or "bare")
def test_every_cpu_is_told_the_depth(lab, tell, subarchs, cpus):
    depth, *window = test_guests.facts(tiny_guest(lab, "depth", cpus, subarchs))
    assert depth == f"depth {len(subarchs)}, told to {cpus} CPUs"
    if cpus == 1:
        return
    ticks = int(window[0].split()[2])
    if "i386" not in subarchs:
        tell(f"BENCH {WHERE[len(subarchs)]} init_window_{cpus}_cpus {ticks}")
    assert ticks <= INIT_WINDOW[len(subarchs), cpus]


@pytest.mark.long("nesting-lhv")
@pytest.mark.parametrize("name, cpus", [
    ("boot", 1), ("cr", 1), ("faults", 1), ("step", 1), ("task", 1), ("isolation", 1), ("smp", 2), ("nmi", 2), ("reset", 1),
])
def test_tiny_guests_keep_their_promises_on_two_copies(lab, name, cpus):
    oracle = test_guests.bare(name, cpus)
    said = tiny_guest(lab, name, cpus, TWO)
    assert set(test_guests.promises(oracle)) - {"bare"} <= set(test_guests.promises(said))
    assert set(test_guests.facts(oracle)) == set(test_guests.facts(said))


# ---- GRUB's menu

MENU = """\
serial --unit=0 --speed=115200
terminal_input console
terminal_output serial
set timeout=-1
menuentry "first" { echo "MENU: first" }
menuentry "second" { echo "MENU: second" }
menuentry "third" { echo "MENU: third" }
"""
DEVICES_TELL = "debug: action=ignore, keyboard=report, serial=report"    # in Bochs' log, with ticks
# Ticks from a key to GRUB's first character and to its last, at most, by the number of copies: a tenth or two above what is
# measured. Bare it is 7,900 and 104,500, nearly all of it the serial line's. For each character GRUB executes CPUID, whose exit
# two copies share: 10,100 and 159,500.
ANSWER_TICKS = (9_000, 9_000, 12_000)
REDRAW_TICKS = (115_000, 115_000, 190_000)


def answers(log):
    """For each arrow key of a Bochs log: ticks to the first character of GRUB's, and to the mark of the new entry."""
    pressed, first, found = None, None, []
    for ticks, event in re.findall(r"^(\d+)d\[(?:KBD|SER) *\] (.*)", log, re.M):
        if re.search(r"BX_KEY_(UP|DOWN) pressed", event):
            pressed, first = int(ticks), None
        elif pressed and (written := re.search(r"write to +address: 0x03f8 = 0x(..)", event)):
            first = first or int(ticks) - pressed
            if written[1] == f"{ord('*'):x}":
                found.append((first, int(ticks) - pressed))
                pressed = None
    return found


@pytest.mark.parametrize("subarchs", [(), ("amd64",), TWO], ids=lambda subarchs: "-".join(subarchs) or "bare")
def test_grubs_menu_answers_keys_at_once(lab, tell, tmp_path, subarchs):
    (tmp_path / "empty").mkdir()
    diskimage.make(tmp_path / "menu.img", tmp_path / "empty", MENU)
    machine = bochs.Machine([*copies(subarchs), tmp_path / "menu.img"], memory_mib=256, ips=10_000_000,
                            extra=(DEVICES_TELL,))
    with machine.start(lab.live) as session:
        assert session.expect(r"third", SECONDS), session.seen[-3000:]
        for key, marked in (("down", "second"), ("down", "third"), ("up", "second"), ("down", "third")):
            since = len(session.seen)
            session.keyboard().press(key)
            assert session.expect(rf"\*{marked}", SECONDS, since=since), session.seen[-3000:]
        session.keyboard().press("enter")
        assert session.expect("MENU: third", SECONDS), session.seen[-3000:]
        result = session.finish("matched", lab.keep)
    _, *ticks = answers(result.log)     # as the first key came GRUB may not have been done with the menu
    assert len(ticks) == 3
    tell(f"BENCH {WHERE[len(subarchs)]} grub_key_to_first_character {max(first for first, _ in ticks)}")
    tell(f"BENCH {WHERE[len(subarchs)]} grub_key_to_redraw {max(redrawn for _, redrawn in ticks)}")
    assert all(first <= ANSWER_TICKS[len(subarchs)] and redrawn <= REDRAW_TICKS[len(subarchs)]
               for first, redrawn in ticks), ticks
