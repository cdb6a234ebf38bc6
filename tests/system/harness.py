# SPDX-License-Identifier: BSD-2-Clause
# What system tests are written with: build the hypervisor and disks once, run a
# machine within a bound, and demand explicit PASS lines on its serial line.

import argparse
import functools
import os
import pathlib
import re
import struct
import subprocess

import bochs
import cache
import debian_disk
import diskimage
import grub
import qemu

HERE = pathlib.Path(__file__).resolve().parent
BUILD = cache.REPO / "build"
REACHED = {"busybox": "GUEST: init reached", "kvm": "GUEST: init reached", "systemd": "GUEST: logged in"}
shared = None   # the folder of this run of pytest (conftest.py)
BOUND = 400     # seconds: a stock Debian boots bare in about 60 when nothing else runs


@functools.cache
def hypervisor(subarch, *variables):
    """The build folder with the hypervisor; `variables` are for make, e.g. APPROOT=hypapps/x."""
    folder = BUILD
    if variables:
        folder = BUILD / "variants" / cache.key(*variables)
    # A make that runs the tests must not hand its own variables and jobs down.
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")}
    with cache.lock("make"):
        done = subprocess.run(["make", "-j2", f"SUBARCH={subarch}", f"BUILD={folder}", *variables],
                              cwd=cache.REPO, env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, f"make SUBARCH={subarch} failed:\n{done.stdout[-3000:]}"
    return folder / subarch


def grub_disk(subarch="amd64", make=(), **options):
    """A disk with GRUB and the hypervisor. `options`: those of grub.py, e.g. cmdline, sl_base."""
    products = hypervisor(subarch, *make)
    asked = grub.parser().parse_args(["--subarch", subarch, "--xmhf-bin", str(products)])
    vars(asked).update(options)
    files = [products / f"init-x86-{subarch}.bin", products / f"hypervisor-x86-{subarch}.bin.gz",
             cache.REPO / "grub.py", cache.REPO / "tools/diskimage.py", *asked.module]
    key = cache.key(*files, sorted(options.items()))

    def build(out):
        grub.build(argparse.Namespace(**vars(asked) | {"out": out}))
    return cache.made(f"disks/grub-{subarch}-{key}.img", build)


def guest_disk(name):
    """The disk of the tiny guest tests/guests/NAME.c, built if its sources changed."""
    return guest_file(BUILD / "guests" / f"{name}.img")


def ordered_disk(disk, magic, first, count):
    """A tiny guest's disk with two numbers written behind the words `magic` in it."""
    def build(out):
        whole = bytearray(disk.read_bytes())
        word = magic.encode() + b"\0"
        struct.pack_into("<II", whole, -(-(whole.index(word) + len(word)) // 4) * 4, first, count)
        out.write_bytes(whole)
    return cache.made(f"disks/{disk.stem}-{first}-{count}-{cache.key(disk)}.img", build)


def light_hypervisor(subarch):
    """The Multiboot kernel of tests/guests/lhv, built if its sources changed."""
    return guest_file(BUILD / "lhv" / subarch / "lhv.bin")


def guest_file(out):
    with cache.lock("make"):
        done = subprocess.run(["make", "-s", "-f", "tests/guests/guests.mk", f"BUILD={BUILD}", str(out.relative_to(cache.REPO))],
                              cwd=cache.REPO, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout[-3000:]
    return out


def flat_disk(source, base=0x7c00):
    """A disk whose boot sector is an assembly file of this folder, linked at `base`."""
    def build(out):
        flat_binary(HERE / source, out, base)
        with open(out, "r+b") as disk:
            disk.truncate(1 << 20)
    return cache.made(f"disks/{source}-{cache.key(HERE / source, base)}.img", build)


def flat_binary(source, out, base):
    compiled = out.with_suffix(".o")
    diskimage.run(["gcc", "-m32", "-c", source, "-o", compiled])
    diskimage.run(["ld", "-melf_i386", "-Ttext", hex(base), "-e", "_start", "--oformat", "binary",
                   compiled, "-o", out])
    compiled.unlink()


def firmware(folder, pattern, replacement, places=1):
    """A bochsrc line for Bochs' BIOS with that many matches of `pattern` replaced."""
    original = (bochs.installed() / "usr/share/bochs/BIOS-bochs-latest").read_bytes()
    changed, found = re.subn(pattern, replacement, original)
    assert found == places and len(changed) == len(original)
    (folder / "bios").write_bytes(changed)
    return (f'romimage: file="{folder / "bios"}"',)


def once(name, say):
    """The text that say() gives, asked for once by all processes of one run of pytest."""
    path = shared / name
    with cache.lock(name, within=shared):
        if not path.exists():
            path.write_text(say())
    return path.read_text()


def plain(serial):
    """A serial text without terminal escapes."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", serial)


def assert_said(result, *lines):
    """Each text stands on the serial line, and no line says FAIL, but perhaps one of a guest's guest (L2)."""
    said = plain(result.serial)
    about = f"\nend: {result.end}, {result.seconds:.0f} s; last said:\n{said[-3000:]}"
    failed = re.findall(r"^(?!L2: ).*\bFAIL\b.*$", said, re.M)
    assert not failed, "\n".join(failed) + about
    for line in lines:
        assert line in said, f"not said: {line!r}{about}"


class Lab:
    """Runs machines for one test and keeps what they said in build/test-logs/TEST."""

    def __init__(self, test, live=False):
        self.keep = BUILD / "test-logs" / re.sub(r"[^\w.-]+", "_", test)
        self.live = live

    def run(self, disks, until=(), timeout=BOUND, **machine):
        """Run disks in Bochs (bochs.Machine's options) to its end; a timeout is a failure."""
        return self._bounded(bochs.Machine(list(disks), **machine), until, timeout)

    def run_in_qemu(self, disks, until=(), timeout=BOUND, **machine):
        """The same in QEMU without KVM, so without VMX (qemu.Machine's options)."""
        return self._bounded(qemu.Machine(list(disks), kvm=False, **machine), until, timeout)

    def _bounded(self, machine, until, timeout):
        result = machine.run(until, timeout, self.live, self.keep)
        assert result.end != "timeout", f"{timeout} s passed; said:\n{plain(result.serial)[-3000:]}"
        return result

    def debian(self, flavour="amd64", selfcheck="basic", cpus=1, over=(), memory_mib=1024,
               timeout=BOUND, userland="busybox", cmdline="", wanted=None, images=(), **machine):
        """Boot Debian under the disks `over` (none: bare), `images` for its QEMU, and demand its self-check's PASS.

        The self-check demands `wanted` CPUs; None: as many as the machine has.
        """
        disk = debian_disk.disk(flavour, userland, f"cpus={wanted or cpus} {cmdline}".strip(), selfcheck, images=images)
        result = self.run([*over, disk], timeout=timeout, cpus=cpus, memory_mib=memory_mib, **machine)
        assert_said(result, REACHED[userland], f"PASS selfcheck {selfcheck}")
        assert result.end == "power-off", result.end
        return result

    def debian_reboots(self, flavour="amd64", over=(), cmdline="", timeout=BOUND, **machine):
        """Boot Debian under the disks `over`, and demand that its reboot boots it again."""
        disk = debian_disk.disk(flavour, "busybox", cmdline, "reboot")
        reached = "^" + REACHED["busybox"]
        with bochs.Machine([*over, disk], **machine).start(self.live) as session:
            assert session.expect("^GUEST: reboot", timeout), session.seen[-3000:]
            once = len(session.seen)
            assert session.expect(reached, timeout, since=once), session.seen[-3000:]
            return session.finish("matched", self.keep)
