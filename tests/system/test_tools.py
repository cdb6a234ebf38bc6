# SPDX-License-Identifier: BSD-2-Clause
# The tools that a user starts by hand: setup.sh, grub.py, bios-bochs.sh and bios-qemu.sh, debian_disk.py; and that
# every source says under which licence it is.

import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

import pytest

import cache
import debian_disk
import diskimage
import emulator
import harness
import stack

REPO = cache.REPO
BOUND = 400     # seconds: a run takes a few, and may wait for other emulators


def run(*command, status=0, **options):
    done = subprocess.run([str(word) for word in command], text=True, errors="replace", timeout=BOUND,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    assert done.returncode == status, done.stdout[-3000:]
    return done.stdout


# ---- setup.sh, on a machine that is made up

class FakeMachine:
    """Stand-ins for dpkg-query, id, sudo and apt-get, which note what they are asked for."""

    def __init__(self, folder, missing=(), user=0):
        self.folder = folder
        self.notes = folder / "notes"
        self.notes.touch()
        (folder / "missing").write_text("".join(f"{name}\n" for name in missing))
        self._program("dpkg-query", f'grep -qx "$4" {folder}/missing && exit 1; echo -n installed\n')
        self._program("id", f"echo {user}\n")
        self._program("sudo", f'echo sudo >> {self.notes}; exec "$@"\n')
        self._program("apt-get", f'echo "apt-get $*" >> {self.notes}; [ ! -e {folder}/refuse ] || {{ rm {folder}/refuse; exit 100; }}\n')

    def _program(self, name, text):
        path = self.folder / name
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)

    def setup(self, *groups, status=0, **environment):
        path = f"{self.folder}:{os.environ['PATH']}"
        said = run(REPO / "tools/setup.sh", *groups, status=status, env=os.environ | {"PATH": path} | environment)
        return said, self.notes.read_text()


def test_setup_is_silent_where_nothing_is_missing(tmp_path):
    assert FakeMachine(tmp_path).setup() == ("", "")


def test_setup_installs_what_is_missing_as_root(tmp_path):
    said, asked = FakeMachine(tmp_path, ["kmod", "clang", "bochs"]).setup()
    assert said == "setup: missing packages: kmod clang\n"
    assert re.fullmatch(r"apt-get .*install -y --no-install-recommends kmod clang\n", asked)


def test_setup_looks_at_the_groups_it_is_told(tmp_path):
    assert FakeMachine(tmp_path, ["clang", "fakeroot"]).setup("build") == ("", "")
    assert FakeMachine(tmp_path, ["clang", "fakeroot"]).setup("build", "demo")[0] == "setup: missing packages: fakeroot\n"
    assert "no group is called 'tests'" in FakeMachine(tmp_path).setup("tests", status=2)[0]


def test_setup_fetches_the_lists_when_it_fails_at_first(tmp_path):
    machine = FakeMachine(tmp_path, ["gdb"])
    (tmp_path / "refuse").touch()
    words = [line.split()[-1] for line in machine.setup()[1].splitlines()]
    assert words == ["gdb", "update", "gdb"]


def test_setup_uses_sudo_for_others_than_root(tmp_path):
    assert FakeMachine(tmp_path, ["gdb"], user=1000).setup()[1].startswith("sudo\napt-get ")


def test_setup_only_names_them_if_so_told(tmp_path):
    said, asked = FakeMachine(tmp_path, ["gdb"]).setup(status=1, SETUP="no")
    assert "setup: missing packages: gdb\n" in said and "run: apt-get install gdb" in said and asked == ""


# ---- grub.py

def products(folder):
    folder.mkdir()
    for name in ("init-x86-i386.bin", "hypervisor-x86-i386.bin.gz"):
        (folder / name).write_bytes(b"x" * 600)
    return folder


def image(folder, *words):
    """(the image, what grub.py said) for these options."""
    out = folder / "disk.img"
    said = run(REPO / "grub.py", "--subarch", "i386", "--xmhf-bin", products(folder / "bin"), "--out", out, *words)
    return out, said


def in_image(disk, command):
    return run("debugfs", "-R", command, f"{disk}?offset={diskimage.PARTITION_START * diskimage.SECTOR}")


def test_grub_menu_says_what_it_was_told(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    disk, said = image(tmp_path, "--grub-timeout", "7", "--sl-base", "0x10000000", "--cmdline", "loglvl=7 stat_user",
                       "--grub-menuentry", "Other{ chainloader (hd1)+1 }", "--grub-menuentry", "Third{ reboot }",
                       "--module", REPO / "LICENSE", "--work-dir", work, "--verbose")
    menu = in_image(disk, "cat /boot/grub/grub.cfg")
    for line in ("set timeout=7", 'menuentry "xmhf i386" {', "sl_base=0x10000000 loglvl=7 stat_user", "module --nounzip /LICENSE",
                 'menuentry "Other" {\n\tchainloader (hd1)+1\n}', 'menuentry "Third" {\n\treboot\n}'):
        assert line in menu
        assert line in said     # --verbose
    assert str(disk) in said and list(work.iterdir()) == []


def test_the_image_goes_beside_the_hypervisor_if_nothing_else_is_said(tmp_path):
    folder = products(tmp_path / "bin")
    assert run(REPO / "grub.py", "--subarch", "i386", "--xmhf-bin", folder) == ""
    assert (folder / "grub.img").stat().st_size > 1 << 20


def test_grub_of_the_image_can_start_other_systems_boot_sectors():
    assert {"chain", "drivemap", "ntfs", "parttool", "msdospart", "multiboot", "linux"} <= set(diskimage.GRUB_MODULES)


@pytest.mark.parametrize("words, module", [((), False), (("--full-grub-mods",), True)])
def test_all_modules_of_grub_are_on_the_image_if_wanted(tmp_path, words, module):
    disk, _ = image(tmp_path, *words)
    listed = in_image(disk, "ls /boot/grub/i386-pc")
    assert ("ntldr.mod" in listed and "moddep.lst" in listed) == module


def test_files_for_boot_and_a_grub_of_ones_own(tmp_path):
    boot = tmp_path / "boot"
    shutil.copytree("/usr/lib/grub/i386-pc", boot / "grub/i386-pc", ignore=lambda folder, names: [
        name for name in names if name.endswith((".module", ".exec", ".image"))])
    sector = bytearray((boot / "grub/i386-pc/boot.img").read_bytes())
    at = sector.index(b"GRUB ")
    sector[at:at + 4] = b"MINE"
    (boot / "grub/i386-pc/boot.img").write_bytes(sector)
    (boot / "kernel").write_text("kernel of mine")
    disk, _ = image(tmp_path, "--boot-dir", boot)
    assert in_image(disk, "cat /boot/kernel").endswith("kernel of mine")
    assert b"MINE" in disk.read_bytes()[:512]


def test_grub_says_in_one_line_what_is_not_there(tmp_path):
    said = run(REPO / "grub.py", "--xmhf-bin", tmp_path, "--out", tmp_path / "disk.img", status=1)
    assert re.fullmatch(r"grub\.py: .*init-x86-amd64\.bin.*\n", said)


def test_the_menus_second_entry_boots_the_next_disk_without_the_hypervisor(tmp_path):
    (tmp_path / "disk").mkdir()
    disk = harness.grub_disk(grub_timeout=100)
    with harness.bochs.Machine([disk, harness.flat_disk("hello.S")], ips=10_000_000, typed=True).start() as session:
        assert session.expect("next disk, without xmhf", BOUND), session.seen
        session.send("\x1b[B\r")
        assert session.expect("PASS hello", BOUND), session.seen
        assert "loader:" not in session.seen


# ---- stacks of disks

@pytest.mark.parametrize("asked, order", [
    ("a +1 b +1 c +1", "a b c"),            # ./bios-qemu.sh -d build32 +1 -d build32lhv +1 -d debian +1
    ("a b c", "a b c"),
    ("a +1 b +2 c -1", "a c b"),
    ("a +2 b -1", "b a"),
    ("a +3 b c", "b c a"),
])
def test_places_of_disks(tmp_path, asked, order):
    disks = []
    for word in stack._signed_places(asked.split()):
        if word.strip()[0] in "+-":
            disks[-1].append(word)
        else:
            (tmp_path / word).write_text("a disk")
            disks.append([tmp_path / word])
    assert [path.name for path in stack.ordered(disks)] == order.split()


def test_two_disks_at_one_place_are_refused(tmp_path):
    with pytest.raises(emulator.Failed, match="two disks at one place"):
        stack.ordered([[tmp_path, "+1"], [tmp_path, "+1"], [tmp_path, "-1"]])


def test_a_folder_stands_for_its_image(tmp_path):
    with pytest.raises(emulator.Failed, match="0 images in"):
        stack.image_of(tmp_path)
    (tmp_path / "one.img").write_text("a disk")
    assert stack.image_of(tmp_path) == tmp_path / "one.img"
    (tmp_path / "two.img").write_text("a disk")
    with pytest.raises(emulator.Failed, match="2 images in"):
        stack.image_of(tmp_path)
    with pytest.raises(emulator.Failed, match="there is no disk"):
        stack.image_of(tmp_path / "three.img")


@pytest.mark.parametrize("text, mib", [("512", 512), ("512M", 512), ("1G", 1024), ("2g", 2048)])
def test_memory_as_qemu_writes_it(text, mib):
    assert stack.memory_mib(text) == mib


def test_a_stack_in_bochs_boots_the_hypervisor_of_a_folder_and_the_disk_behind_it(tmp_path):
    build = tmp_path / "build"
    shutil.copytree(harness.hypervisor("i386"), build / "i386", ignore=lambda folder, names: [
        name for name in names if not name.startswith(("init-", "hypervisor-", "grub"))])
    said = run(REPO / "tools/bios-bochs.sh", "-smp", "2", "-m", "256M", "-cpu", "corei7_skylake_x", "-c", REPO / "LICENSE",
               "-d", build, "+1", "-d", harness.flat_disk("hello.S"), "+1")
    for line in ("loader: XMHF 0.1 for i386", "xmhf: 2 CPUs, 2 for the guest", "PASS hello", "end: shutdown after"):
        assert line in said, said


def test_bochs_has_no_gdb_port():
    said = run(REPO / "tools/bios-bochs.sh", "--gdb", "2198", "-d", harness.flat_disk("hello.S"), status=1)
    assert "use bios-qemu.sh for --gdb" in said


@contextlib.contextmanager
def started(*command):
    """The process, whose output is text; it is ended at last."""
    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace")
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def test_a_stack_in_qemu_says_that_it_has_no_vmx():
    with started(REPO / "tools/bios-qemu.sh", "-smp", "2", "-m", "256M", "--no-kvm", "--qb32", "-cpu", "qemu32", "-c", REPO / "LICENSE",
                 "--timeout", BOUND, "-d", harness.grub_disk("i386"), "+1", "-d", harness.flat_disk("hello.S"), "+1") as stacked:
        said = ""
        for line in stacked.stdout:
            said += line
            if "loader: error:" in line:
                break
    assert "loader: error: no VMX" in said


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_qemu_waits_for_gdb():
    port = free_port()
    with started(REPO / "tools/bios-qemu.sh", "-m", "64M", "--no-kvm", "--gdb", port, "-d", harness.flat_disk("hello.S")) as qemu:
        until = time.monotonic() + BOUND
        while True:
            said = subprocess.run(["gdb", "-nx", "-batch", "-ex", f"target remote :{port}", "-ex", "info registers eflags cs",
                                   "-ex", "detach"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=BOUND).stdout
            if "0xf000" in said:        # where a PC starts
                break
            assert time.monotonic() < until, said
            time.sleep(0.5)
        assert "PASS hello" in qemu.communicate(timeout=BOUND)[0]


# ---- Debian disks

def test_a_debian_disk_takes_files_and_words_for_the_kernel(tmp_path):
    (tmp_path / "mine").write_text("a file of mine")
    out = tmp_path / "debian.img"
    said = run(REPO / "tools/debian_disk.py", "--cmdline", "quiet mine=1", "--extra", f"{tmp_path}/mine:/etc/mine", "--out", out)
    try:
        assert said.splitlines()[-1] == str(out)
        assert " quiet mine=1\n" in in_image(out, "cat /boot/grub/grub.cfg")
        initrd = tmp_path / "initrd"
        in_image(out, f"dump /boot/initrd {initrd}")
        assert b"etc/mine\0" in initrd.read_bytes() and b"a file of mine" in initrd.read_bytes()
    finally:
        cached = debian_disk.disk(cmdline="quiet mine=1", extra=[(f"{tmp_path}/mine", "/etc/mine")])
        cache.forget(cached.relative_to(cache.folder()))


# ---- licence

def test_every_source_names_its_licence():
    listed = subprocess.run(["git", "ls-files"], cwd=REPO, text=True, stdout=subprocess.PIPE, check=True).stdout.splitlines()
    kinds = (".c", ".h", ".S", ".py", ".sh", ".mk", ".lds", ".ac", ".in", ".inc", ".def")
    sources = [REPO / name for name in listed if name.endswith(kinds) or pathlib.Path(name).name in ("Makefile", "run", "init")]
    sources = [path for path in sources if path.exists() and path.stat().st_size]
    assert len(sources) > 300
    bare = [path for path in sources if "SPDX-License-Identifier: BSD-2-Clause" not in "".join(path.open().readlines()[:3])]
    assert bare == []
    assert "Redistributions in binary form must reproduce" in (REPO / "LICENSE").read_text()
