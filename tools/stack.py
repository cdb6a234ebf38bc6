#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Runs a stack of disks (hypervisors, and a guest last), each booting the next one.
# Behind the front doors bios-qemu.sh and bios-bochs.sh, which take the same options.

import argparse
import pathlib
import subprocess
import sys

import bochs
import cache
import emulator
import qemu

DAY = 24 * 3600
DISKS = """\
Each -d adds a disk. What it is: an image, or a folder that holds one image, or a build folder
of the hypervisor (init-x86-*.bin in it or in its only subfolder), whose GRUB disk is then made.
Where it goes among the disks, a second word that may be left out:
  ''   the first free place
  +N   N places behind the disk given before (+1: directly behind; the first +1: the first place)
  -N   N places before it
Writes to disks last as long as the run. The serial line is the terminal; Ctrl-] stops the machine.
example: bios-bochs.sh -smp 1 -m 1G -d build/i386 +1 -d build/amd64 +1 -d debian.img +1
"""


def memory_mib(text):
    """MiB from QEMU's notation: 512, 512M, 1G."""
    units = {"M": 1, "G": 1024}
    return int(text[:-1]) * units[text[-1].upper()] if not text.isdigit() else int(text)


def only(found, what):
    if len(found) != 1:
        raise emulator.Failed(f"{len(found)} {what}: name one")
    return found[0]


def image_of(what):
    """The image that a -d means."""
    path = pathlib.Path(what)
    if not path.is_dir():
        if not path.is_file():
            raise emulator.Failed(f"there is no disk {what}")
        return path
    loaders = [*path.glob("init-x86-*.bin")] or [*path.glob("*/init-x86-*.bin")]
    if not loaders:
        return only([*path.glob("*.img")], f"images in {path}")
    loader = only(loaders, f"hypervisors in {path}")
    image = loader.parent / "grub.img"
    subprocess.run([cache.REPO / "grub.py", "--xmhf-bin", loader.parent, "--out", image,
                    "--subarch", loader.stem.removeprefix("init-x86-")], check=True)
    return image


def ordered(asked):
    """Images in the order of their places, from -d's words [what, place]."""
    placed = {}
    last = -1
    for what, *place in asked:
        if place and place[0]:
            last += int(place[0])
        else:
            last = next(n for n in range(len(placed) + 1) if n not in placed)
        if last in placed:
            raise emulator.Failed(f"two disks at one place: {placed[last]} and {what}")
        placed[last] = what
    return [image_of(placed[place]) for place in sorted(placed)]


def in_bochs(options, disks, typed):
    if options.gdb:
        raise emulator.Failed("Debian's Bochs has no gdb stub; use bios-qemu.sh for --gdb")
    return bochs.Machine(disks, options.smp, options.m, options.cpu or bochs.Machine.model,
                         typed=typed, cdrom=options.c)


def in_qemu(options, disks, typed):
    return qemu.Machine(disks, options.smp, options.m, options.cpu, 32 if options.qb32 else 64,
                        not options.no_kvm, typed, options.c, options.gdb)


EXECUTORS = {"bochs": in_bochs, "qemu": in_qemu}


def main():
    parse = argparse.ArgumentParser(epilog=DISKS, allow_abbrev=False,
                                    formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parse.add_argument
    add("executor", choices=EXECUTORS)
    add("-smp", type=int, default=1, metavar="N", help="CPUs")
    add("-m", type=memory_mib, default=1024, metavar="SIZE", help="memory: 512M, 1G, …")
    add("-cpu", default="", metavar="MODEL", help="the executor's name of a CPU model")
    add("-d", action="append", nargs="+", default=[], metavar=("DIR_OR_IMAGE", "PLACE"))
    add("-c", default="", metavar="ISO", help="CD-ROM image")
    add("--gdb", type=int, default=0, metavar="PORT", help="QEMU: wait for gdb on this port")
    add("--qb32", action="store_true", help="QEMU: the 32-bit binary, qemu-system-i386")
    add("--no-kvm", action="store_true", help="QEMU: don't use KVM even if it is there")
    add("--timeout", type=float, default=DAY, metavar="SECONDS")
    options = parse.parse_args(_signed_places(sys.argv[1:]))
    typed = sys.stdin.isatty() and sys.stdout.isatty()
    try:
        machine = EXECUTORS[options.executor](options, ordered(options.d), typed)
        if typed:
            with machine.start(live=True) as session:
                session.interact(options.timeout)
                result = session.finish()
        else:
            result = machine.run(timeout=options.timeout, live=True)
    except (emulator.Failed, subprocess.CalledProcessError) as problem:
        print(f"stack: {problem}", file=sys.stderr)
        return 1
    cache.say(f"end: {result.end} after {result.seconds:.0f} s")
    return 1 if result.end.startswith("died") or result.end == "timeout" else 0


def _signed_places(words):
    """argparse takes a place like -1 for an option unless it is written as ' -1'."""
    return [f" {word}" if word[:1] == "-" and word[1:].isdigit() else word for word in words]


if __name__ == "__main__":
    sys.exit(main())
