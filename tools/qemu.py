# SPDX-License-Identifier: BSD-2-Clause
# QEMU as an executor, with the interface of bochs.py: KVM where the machine has it
# and it is wanted (nested VMX), else TCG, which has no VMX.

import dataclasses
import os
import pathlib

import emulator

BINARIES = {32: "qemu-system-i386", 64: "qemu-system-x86_64"}


def have_kvm():
    return os.access("/dev/kvm", os.R_OK | os.W_OK)


class Session(emulator.Session):
    """A running QEMU."""

    def command(self):
        machine = self.machine
        command = [BINARIES[machine.bits], *machine.accelerator(), "-display", "none", "-smp",
                   str(machine.cpus), "-m", f"{machine.memory_mib}M", "-no-user-config",
                   "-net", "none", "-monitor", "none"]
        kind = "serial" if machine.typed else "file"
        command += ["-chardev", f"{kind},id=com1,path={self.serial_path}", "-serial",
                    "chardev:com1"]
        # What Bochs has at port 0x8900: a guest's way to end the machine.
        command += ["-device", "isa-debug-exit,iobase=0x8900,iosize=1"]
        for place, disk in enumerate(machine.disks):
            command += ["-drive", f"file={pathlib.Path(disk).resolve()},format=raw,snapshot=on,"
                                  f"index={place}"]
        if machine.cdrom:
            command += ["-drive", f"file={pathlib.Path(machine.cdrom).resolve()},media=cdrom,"
                                  f"index={len(machine.disks)}"]
        if machine.gdb_port:
            command += ["-S", "-gdb", f"tcp:127.0.0.1:{machine.gdb_port}"]
        return command + list(machine.extra)

    def verdict(self):
        status = self.process.returncode
        if status == 0:
            return "power-off", 0
        # isa-debug-exit makes the status odd: (value << 1) | 1.
        if status == (ord("S") << 1 | 1) & 0xff:
            return "shutdown", 0
        return "died: " + self.log().strip()[-300:], 0


@dataclasses.dataclass
class Machine(emulator.Machine):
    """A PC in QEMU. Disks are never written to."""

    disks: list = dataclasses.field(default_factory=list)
    cpus: int = 1
    memory_mib: int = 1024
    cpu: str = ""               # default: host with KVM, max with TCG
    bits: int = 64              # which of QEMU's two binaries
    kvm: bool = True            # use KVM if it is there
    typed: bool = False
    cdrom: str = ""
    gdb_port: int = 0
    extra: tuple = ()           # further arguments

    session = Session

    def accelerator(self):
        if self.kvm and have_kvm():
            return ["-accel", "kvm", "-cpu", self.cpu or "host"]
        return ["-accel", "tcg", "-cpu", self.cpu or "max"]
