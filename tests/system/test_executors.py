# SPDX-License-Identifier: BSD-2-Clause
# The executors and image builders themselves, without the hypervisor: what these
# promise, all other tests rely on.

import pathlib

import pytest

import bochs
import cache
import diskimage
import grub
import harness
import qemu

CHAIN = """\
set root=hd1
chainloader +1
boot
"""


def fake_products(folder):
    """A folder that looks like the hypervisor's build, with the echoing kernel as loader."""
    folder.mkdir()
    harness.flat_binary(harness.HERE / "multiboot_echo.S", folder / "init-x86-amd64.bin", 0x100000)
    (folder / "hypervisor-x86-amd64.bin.gz").write_bytes(b"no hypervisor")
    return folder


def echo_disk(folder, out, **options):
    asked = grub.parser().parse_args(["--xmhf-bin", str(fake_products(folder)), "--out", str(out)])
    vars(asked).update(options)
    grub.build(asked)
    return out


def test_a_boot_sector_speaks_and_ends_bochs(lab):
    result = lab.run([harness.flat_disk("hello.S")], timeout=60, ips=10_000_000)
    harness.assert_said(result, "PASS hello")
    assert result.end == "shutdown"
    assert result.ticks > 1_000_000


def test_equal_runs_take_equal_ticks(lab):
    ticks = {lab.run([harness.flat_disk("hello.S")], timeout=60).ticks for _ in range(2)}
    assert max(ticks) - min(ticks) < 100


def test_a_run_ends_at_its_bound_in_ticks(lab):
    result = lab.run([harness.flat_disk("hello.S")], timeout=60, max_ticks=2_000_000)
    assert result.end == "ticks"


def test_a_run_ends_at_its_bound_in_seconds():
    machine = bochs.Machine([harness.flat_disk("hello.S")], ips=100_000_000)
    assert machine.run(until=["never said"], timeout=0.1).end == "timeout"


def test_a_boot_sector_speaks_and_ends_qemu():
    result = qemu.Machine([harness.flat_disk("hello.S")], kvm=False).run(timeout=60)
    harness.assert_said(result, "PASS hello")
    assert result.end == "shutdown"


def test_keys_reach_a_machine_on_screen_and_serial_line():
    machine = bochs.Machine([harness.flat_disk("keys.S")], ips=10_000_000, typed=True)
    with machine.start() as session:
        assert session.expect("READY", 60)
        session.send("serial")
        assert session.expect("serial", 60)
        keyboard = session.keyboard()
        keyboard.type("Screen")
        assert session.expect("Screen", 60)
        keyboard.close()


def test_grub_passes_command_line_and_next_disk(lab, tmp_path):
    image = echo_disk(tmp_path / "build", tmp_path / "grub.img", cmdline="a=b", sl_base="auto")
    result = lab.run([image, harness.flat_disk("hello.S")], timeout=60)
    harness.assert_said(
        result, "ECHO cmdline: serial=115200,8n1,0x3f8 boot_drive=0x81 sl_base=auto a=b",
        "ECHO modules: 2", "PASS the second module is a boot sector")


def test_grub_finds_its_own_place_as_second_disk(lab, tmp_path):
    first = tmp_path / "first.img"
    (tmp_path / "empty").mkdir()
    diskimage.make(first, tmp_path / "empty", CHAIN)
    image = echo_disk(tmp_path / "build", tmp_path / "grub.img")
    result = lab.run([first, image, harness.flat_disk("hello.S")], timeout=60)
    harness.assert_said(result, "boot_drive=0x82", "PASS the second module is a boot sector")


def test_images_are_reproducible(tmp_path):
    images = [echo_disk(tmp_path / f"build{n}", tmp_path / f"{n}.img") for n in range(2)]
    assert images[0].read_bytes() == images[1].read_bytes()


@pytest.mark.long("bare")
@pytest.mark.parametrize("cpus", [1, 2])
def test_bare_debian_reaches_its_self_check(lab, cpus):
    lab.debian(cpus=cpus)


def test_bare_debian_takes_its_second_cpu_offline_and_online(lab):
    lab.debian(selfcheck="hotplug", cpus=2)


def test_bare_debian_boots_again_after_a_reboot(lab):
    lab.debian_reboots()


@pytest.mark.long("bare")
def test_bare_debian_with_systemd_reaches_login_and_its_self_check(lab):
    lab.debian(userland="systemd")


@pytest.mark.long("bare")
def test_bare_debian_686_reaches_its_self_check(lab):
    lab.debian("686")


def test_no_file_of_the_project_names_an_archive_or_this_machine():
    names = ("deb." + "debian.org", str(cache.REPO))
    files = [path for folder in ("tools", "tests") for path in (cache.REPO / folder).rglob("*")
             if path.is_file() and path.suffix != ".pyc"]
    named = [path for path in files if any(name in path.read_text("latin-1") for name in names)]
    assert named == [] and isinstance(files[0], pathlib.Path)
