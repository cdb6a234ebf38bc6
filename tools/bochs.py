#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# The Bochs 3.0 emulator as an executor: fetches it from Debian 13, runs a machine
# in it, and tells how it ended and after how many emulated ticks.

import argparse
import dataclasses
import os
import pathlib
import re
import sys

import cache
import emulator
import packages
import rfb

SUITE = "trixie"
PACKAGES = ("bochs bochsbios vgabios libc6 libstdc++6 libgcc-s1 libltdl7 libreadline8t64"
            " libtinfo6 libncurses6").split()
HOST_MEMORY_MAX = 2048  # MiB; Bochs refuses more, and swaps the rest
RTC_START = 1767225600  # 2026-01-01, so that equal runs are equal

# How the last lines of Bochs' log show why it ended, most telling first.
ENDS = (
    (r"-benchmark|benchmark mode", "ticks"),
    (r"ACPI control: soft power off", "power-off"),
    (r"Shutdown port: shutdown requested", "shutdown"),
    (r"SIGNAL \d+ caught", "quit"),
)

# IRQs of the third and fourth disk channel that no PCI device has; the BIOS knows the ports.
CHANNELS = ("", "", ", ioaddr1=0x1e8, ioaddr2=0x3e0, irq=5", ", ioaddr1=0x168, ioaddr2=0x360, irq=3")

BOCHSRC = """\
display_library: rfb, options="timeout=0"
romimage: file="{share}/BIOS-bochs-latest"
vgaromimage: file="{share}/VGABIOS-lgpl-latest"
cpu: model={model}, count={cpus}, ips={ips}, reset_on_triple_fault=1
memory: guest={memory_mib}, host={host_mib}
clock: sync=none, time0={time0}
pci: enabled=1, chipset=i440fx
boot: {boot}
com1: enabled=1, mode={serial_mode}, dev="{serial}"
speaker: enabled=0
log: bochs.log
logprefix: %t%e%d
panic: action=fatal
error: action=report
info: action=report
debug: action=ignore
"""


def installed():
    """The folder with Bochs unpacked, fetched at first use."""
    return packages.Suite(SUITE).unpacked("bochs-" + cache.key(SUITE, *PACKAGES), PACKAGES)


class Session(emulator.Session):
    """A running Bochs."""

    def command(self):
        root = installed()
        libraries = root / "usr/lib/x86_64-linux-gnu"
        machine = self.machine
        (self.folder / "bochsrc").write_text(self._bochsrc(root / "usr/share/bochs"))
        command = [libraries / "ld-linux-x86-64.so.2", "--library-path", libraries,
                   root / "usr/bin/bochs-bin", "-q", "-f", "bochsrc"]
        if machine.debugger:
            (self.folder / "commands").write_text("\n".join(machine.debugger) + "\n")
            command += ["-debugger", "-rc", "commands"]
        if machine.max_ticks:
            command += ["-benchmark", str(-(-machine.max_ticks // 1_000_000))]
        return command

    def _bochsrc(self, share):
        machine = self.machine
        text = BOCHSRC.format(
            share=share, model=machine.model, cpus=machine.cpus, ips=machine.ips,
            memory_mib=machine.memory_mib, host_mib=min(machine.memory_mib, HOST_MEMORY_MAX),
            time0=machine.time0, boot=machine.boot, serial=self.serial_path,
            serial_mode="term" if machine.typed else "file")
        places = [f"ata{n // 2}-{('master', 'slave')[n % 2]}" for n in range(8)]
        for channel in range((len(machine.disks) + bool(machine.cdrom) + 1) // 2):
            text += f"ata{channel}: enabled=1{CHANNELS[channel]}\n"
        for place, disk in zip(places, machine.disks):
            # Volatile: writes last as long as the run, and the image is never changed.
            text += (f'{place}: type=disk, path="{pathlib.Path(disk).resolve()}", mode=volatile,'
                     f' journal="{self.folder}/{place}.journal"\n')
        if machine.cdrom:
            text += (f'{places[len(machine.disks)]}: type=cdrom, status=inserted,'
                     f' path="{pathlib.Path(machine.cdrom).resolve()}"\n')
        if machine.floppy:
            text += f'floppya: 1_44="{pathlib.Path(machine.floppy).resolve()}", status=inserted\n'
        return text + "".join(line + "\n" for line in machine.extra)

    def environment(self):
        root = installed()
        return os.environ | {
            "LTDL_LIBRARY_PATH": str(root / "usr/lib/x86_64-linux-gnu/bochs/plugins"),
            "BXSHARE": str(root / "usr/share/bochs"),
        }

    def log(self):
        path = self.folder / "bochs.log"
        if self.machine.debugger or not path.exists():
            return super().log()
        return path.read_text(errors="replace")

    def verdict(self):
        log = self.log()
        stamps = re.findall(r"^(\d{11,})[a-z ]", log, re.M)
        ticks = int(stamps[-1]) if stamps else 0
        for pattern, end in ENDS:
            if re.search(pattern, log[-20000:] + super().log()[-2000:]):
                return end, ticks
        panic = re.findall(r"^\d+p(\[.*)$", log, re.M)
        return "died: " + (panic[-1] if panic else super().log()[-300:].strip()), ticks

    def keyboard(self):
        """The emulated keyboard (rfb.Keyboard). Bochs chose a free port; its log names it."""
        found = re.search(r"listening for connections on port (\d+)", self.log())
        if not found:
            raise emulator.Failed("Bochs does not listen for a keyboard yet")
        return rfb.Keyboard(int(found.group(1)))


@dataclasses.dataclass
class Machine(emulator.Machine):
    """An emulated PC. Disks are never written to: what a guest writes is gone with the run."""

    disks: list = dataclasses.field(default_factory=list)   # paths of raw images, at most 8
    cpus: int = 1
    memory_mib: int = 1024
    model: str = "corei7_haswell_4770"
    ips: int = 30_000_000       # emulated ticks per emulated second
    typed: bool = False         # the serial line takes input: Session.send(), .interact()
    cdrom: str = ""
    floppy: str = ""
    boot: str = "disk"          # disk | cdrom | floppy
    time0: int = RTC_START
    max_ticks: int = 0          # end after so many ticks, rounded up to a million
    extra: tuple = ()           # further bochsrc lines
    debugger: tuple = ()        # commands for Bochs' debugger, instead of running at once; what it says is Result.log

    session = Session


def main():
    parser = argparse.ArgumentParser(description="Run a machine in Bochs, its serial line on"
                                     " stdout. Exit status: 0 pattern seen (or, without"
                                     " --until, ended by itself), 1 otherwise.")
    parser.add_argument("disks", nargs="*", metavar="IMAGE", help="raw disk images, in order")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--memory", type=int, default=1024, metavar="MIB")
    parser.add_argument("--model", default=Machine.model, help="CPU model (default %(default)s)")
    parser.add_argument("--ips", type=int, default=Machine.ips)
    parser.add_argument("--cdrom", default="", metavar="ISO")
    parser.add_argument("--floppy", default="", metavar="IMAGE")
    parser.add_argument("--boot", default="disk", choices=("disk", "cdrom", "floppy"))
    parser.add_argument("--until", action="append", default=[], metavar="REGEX",
                        help="stop when the serial line says this; may be repeated")
    parser.add_argument("--timeout", type=float, default=600, metavar="SECONDS")
    parser.add_argument("--max-ticks", type=int, default=0, metavar="N")
    parser.add_argument("--extra", action="append", default=[], metavar="LINE",
                        help="a further line for the bochsrc")
    parser.add_argument("--keep", metavar="DIR", help="keep serial text and logs there")
    parser.add_argument("--shell", action="store_true", help="join the terminal to the serial line")
    parser.add_argument("--fetch", action="store_true", help="only fetch Bochs, and say where it is")
    options = parser.parse_args()
    if options.fetch:
        print(installed())
        return 0
    machine = Machine(options.disks, options.cpus, options.memory, options.model, options.ips,
                      options.shell, options.cdrom, options.floppy, options.boot,
                      max_ticks=options.max_ticks, extra=options.extra)
    if options.shell:
        with machine.start(live=True) as running:
            cache.say("Ctrl-] stops the machine")
            running.interact(options.timeout)
            result = running.finish(keep=options.keep)
    else:
        result = machine.run(options.until, options.timeout, live=True, keep=options.keep)
    cache.say(f"end: {result.end} {result.matched!r} after {result.seconds:.1f} s,"
              f" {result.ticks} ticks")
    if result.end.startswith("died"):
        cache.say("last lines of the log:\n" + result.log[-2000:])
    good = result.matched if options.until else result.end in ("power-off", "shutdown", "ticks",
                                                               "quit")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
