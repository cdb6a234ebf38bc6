# SPDX-License-Identifier: BSD-2-Clause
# A stock Debian on the hypervisor: its kernels on both subarchs, on 1, 2 and 4 CPUs, with the
# hypervisor at several bases. make check has the fewest boots in which every value occurs.

import pytest

import diskimage
import harness

BOUND = 60      # seconds, for what boots no Debian
ABOVE_4G = 5120 # MiB: Bochs' BIOS gives 3 GiB below 4 GiB, none for the hole, and what exceeds 4 GiB above
BELOW_4G = 3072 # MiB, of them
HELLO = "PASS hello"


def on_us(lab, subarch, flavour, cpus, sl_base, **options):
    over = [harness.grub_disk(subarch, sl_base=sl_base)]
    result = lab.debian(flavour, "hotplug" if cpus > 1 else "basic", cpus, over,
                        timeout=harness.BOUND * max(cpus // 2, 1), **options)
    harness.assert_said(result, f"xmhf: {cpus} CPU{'s' if cpus > 1 else ''}, {cpus} for the guest",
                        "xmhf: base " + (sl_base if sl_base != "auto" else "0x"))
    return result


@pytest.mark.parametrize("subarch, flavour, cpus, sl_base", [
    ("amd64", "amd64", 1, "0x10000000"),
    ("amd64", "amd64", 2, "auto"),
    ("i386", "686-pae", 1, "0x20000000"),
    ("i386", "686-pae", 2, "auto"),
    ("amd64", "686-pae", 1, "auto"),
    ("amd64", "686-pae", 2, "0x20000000"),
    pytest.param("amd64", "686", 1, "auto", marks=pytest.mark.long("debian")),
    pytest.param("i386", "686", 1, "auto", marks=pytest.mark.long("debian")),
    pytest.param("amd64", "amd64", 4, "auto", marks=pytest.mark.long("smp4")),
    pytest.param("i386", "686-pae", 4, "0x10000000", marks=pytest.mark.long("smp4")),
    pytest.param("amd64", "686-pae", 4, "auto", marks=pytest.mark.long("smp4")),
])
def test_debian_boots_and_takes_its_cpus_offline_and_online(lab, subarch, flavour, cpus, sl_base):
    on_us(lab, subarch, flavour, cpus, sl_base)


@pytest.mark.long("debian")
def test_debian_uses_memory_above_4_gib_on_the_amd64_hypervisor(lab):
    result = on_us(lab, "amd64", "amd64", 1, "auto", memory_mib=ABOVE_4G)
    assert guest_memory_mib(result) > BELOW_4G + 512


@pytest.mark.long("debian")
def test_debian_sees_no_memory_above_4_gib_on_the_i386_hypervisor(lab):
    result = on_us(lab, "i386", "686-pae", 1, "auto", memory_mib=ABOVE_4G)
    harness.assert_said(result, "are hidden from the guest: the amd64 hypervisor would show them")
    assert guest_memory_mib(result) < BELOW_4G


def guest_memory_mib(result):
    line = next(line for line in harness.plain(result.serial).splitlines() if "GUEST: Linux" in line)
    return int(line.split(",")[-1].split()[0]) >> 10


@pytest.mark.parametrize("subarch, flavour", [("amd64", "amd64"),
                                              pytest.param("i386", "686-pae", marks=pytest.mark.long("systemd"))])
@pytest.mark.long("systemd")
def test_debian_with_systemd_reaches_login_works_and_powers_off(lab, subarch, flavour):
    lab.debian(flavour, cpus=2, over=[harness.grub_disk(subarch)], userland="systemd")


# ---- one build, any place

@pytest.mark.parametrize("subarch", ["amd64", "i386"])
@pytest.mark.parametrize("sl_base", ["0x10000000", "0x20000000", "auto"])
def test_the_same_build_runs_at_any_base(lab, subarch, sl_base):
    disks = [harness.grub_disk(subarch, sl_base=sl_base), harness.flat_disk("hello.S")]
    result = lab.run(disks, [HELLO], BOUND, ips=10_000_000)
    base = sl_base if sl_base != "auto" else "0x3f"     # the last of 1024 MiB
    harness.assert_said(result, f"loader: base {base}", f"xmhf: base {base}", HELLO)


CHAIN = """\
set root=hd{next}
chainloader +1
boot
"""


def chain_disk(folder, place):
    """A disk whose GRUB boots the disk behind it, itself being at `place`: with A20 closed, as GRUB leaves it there."""
    (folder / "empty").mkdir(exist_ok=True)
    diskimage.make(folder / f"{place}.img", folder / "empty", CHAIN.format(next=place + 1))
    return folder / f"{place}.img"


@pytest.mark.parametrize("place", [1, 2])
def test_the_hypervisor_on_a_later_disk_boots_the_one_behind_it(lab, tmp_path, place):
    disks = [*(chain_disk(tmp_path, before) for before in range(place)), harness.grub_disk(), harness.flat_disk("hello.S")]
    result = lab.run(disks, [HELLO], BOUND, ips=10_000_000)
    harness.assert_said(result, f"GRUB: xmhf amd64 from hd{place},msdos1, guest from hd{place + 1}", "xmhf: base", HELLO)


@pytest.mark.parametrize("subarch", ["amd64", "i386"])
def test_a_boot_loader_on_us_boots_another_disk(lab, tmp_path, subarch):
    disks = [harness.grub_disk(subarch), chain_disk(tmp_path, 1), harness.flat_disk("hello.S")]
    result = lab.run(disks, [HELLO], BOUND, ips=10_000_000)
    harness.assert_said(result, "xmhf: base", HELLO)


def test_the_i386_hypervisor_says_how_much_memory_it_hides(lab):
    result = lab.run([harness.grub_disk("i386"), harness.flat_disk("hello.S")], [HELLO], BOUND,
                     memory_mib=ABOVE_4G, ips=10_000_000)
    harness.assert_said(result, "MiB of RAM above 4 GiB are hidden from the guest", HELLO)
