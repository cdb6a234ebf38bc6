#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# The demo: builds the hypervisor and two disks (GRUB with the hypervisor; a stock
# Debian) and starts both in Bochs. At a terminal the user gets Debian's shell on the
# serial line; elsewhere Debian checks itself, and the exit status tells.

import argparse
import pathlib
import subprocess
import sys
import tempfile

import bochs
import cache
import debian_disk
import diskimage
import emulator
import packages

BOUND = 900             # seconds for the self-check
SHELL_BOUND = 24 * 3600
PASS = "PASS selfcheck basic"


def hypervisor_disk(subarch, out):
    cache.say(f"building the {subarch} hypervisor")
    subprocess.run(["make", "-s", f"SUBARCH={subarch}"], cwd=cache.REPO, check=True,
                   stdout=sys.stderr)
    cache.say("making the GRUB disk")
    subprocess.run([cache.REPO / "grub.py", "--subarch", subarch, "--out", out,
                    "--xmhf-bin", cache.REPO / "build" / subarch,
                    "--cmdline", "stat_user=1"], check=True)    # for xmhf-stat in the shell
    return out


def run(disks, cpus, interactive):
    machine = bochs.Machine(disks, cpus=cpus, typed=interactive)
    if not interactive:
        cache.say("booting; Debian will check itself and power off")
        result = machine.run(timeout=BOUND, live=True)
        good = PASS in result.serial and result.end == "power-off"
    else:
        cache.say("booting; 'poweroff -f' in Debian or Ctrl-] here ends it")
        with machine.start(live=True) as session:
            session.interact(SHELL_BOUND)
            result = session.finish()
        good = not result.end.startswith("died")
    cache.say(f"{'PASS' if good else 'FAIL'} demo: {result.end} after {result.seconds:.0f} s")
    return 0 if good else 1


def main():
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("--subarch", choices=("amd64", "i386"), default="amd64")
    parse.add_argument("--kernel", choices=debian_disk.KERNELS,
                       help="Debian's kernel (default: amd64, or 686-pae with --subarch i386)")
    parse.add_argument("--cpus", type=int, default=1)
    parse.add_argument("--bare", action="store_true", help="without the hypervisor")
    options = parse.parse_args()
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    flavour = options.kernel or {"amd64": "amd64", "i386": "686-pae"}[options.subarch]
    try:
        disks = [debian_disk.disk(flavour, selfcheck="" if interactive else "basic")]
        with tempfile.TemporaryDirectory(prefix="demo-", dir=cache.folder()) as name:
            if not options.bare:
                image = pathlib.Path(name) / "grub.img"
                disks.insert(0, hypervisor_disk(options.subarch, image))
            return run(disks, options.cpus, interactive)
    except (subprocess.CalledProcessError, diskimage.Failed, packages.Failed,
            emulator.Failed) as problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
