# SPDX-License-Identifier: BSD-2-Clause
# For gdb: the symbols of the loader, the secure loader and the runtime where they lie at run time,
# for one copy of the hypervisor or several; and the names behind a panic's addresses.
#	(gdb) source tools/gdb/xmhf.py
#	(gdb) help xmhf-symbols

import bisect
import pathlib
import re
import struct

import gdb

REPO = pathlib.Path(__file__).resolve().parent.parent.parent
MAGIC = 0x464D5853      # struct image_header in xmhf/lib/image.h
STARTED = re.compile(r"loader: XMHF \S+ for (amd64|i386)")
PLACED = re.compile(r"loader: base (0x[0-9a-f]+)")
IN_RUNTIME = re.compile(r"runtime\+(0x[0-9a-f]+)")


def only(path, pattern):
    """The one file like `pattern` in the folder `path`."""
    found = sorted(pathlib.Path(path).glob(pattern))
    if len(found) != 1:
        raise gdb.GdbError(f"{path}: {len(found)} files {pattern}; name a folder like build/amd64")
    return found[0]


def secure_loader_size(build):
    """Where the runtime begins in the image that `build` made."""
    data = only(build, "hypervisor-x86-*.bin").read_bytes()
    magic, _, _, size = struct.unpack_from("<4I", data)
    if magic != MAGIC:
        raise gdb.GdbError(f"{build}: its hypervisor-x86-*.bin isn't an image of this version")
    return size


def copies_in(log):
    """(subarch, base) of each copy that started, in order, from a serial line's text."""
    subarch, copies = "amd64", []
    for line in log.splitlines():
        if started := STARTED.search(line):
            subarch = started.group(1)
        elif placed := PLACED.search(line):
            copy = (subarch, int(placed.group(1), 16))
            if copy not in copies:      # a reboot places it again
                copies.append(copy)
    return copies


def add_copy(build, base):
    runtime = base + secure_loader_size(build)
    gdb.write(f"{build}: secure loader at {base:#x}, runtime at {runtime:#x}\n")
    gdb.execute(f"add-symbol-file {build / 'sl.elf'} -o {base:#x}", to_string=True)
    gdb.execute(f"add-symbol-file {build / 'runtime.elf'} -o {runtime:#x}", to_string=True)


def add_loader(build):
    """The loader of every copy runs at the address that it was linked for."""
    gdb.execute(f"add-symbol-file {only(build, 'loader.elf')}", to_string=True)


class Symbols(gdb.Command):
    """Add the hypervisor's symbols where it lies.

xmhf-symbols BUILD BASE [BASE...]
    BUILD is a folder like build/amd64, BASE what the line "loader: base 0x..." says.
xmhf-symbols auto LOG [BUILDS]
    The bases of all copies from the serial line's text in the file LOG; BUILDS holds
    the folders amd64 and i386 (build, if not given).
"remove-symbol-file -a ADDRESS" forgets the copy that ADDRESS is in."""

    def __init__(self):
        super().__init__("xmhf-symbols", gdb.COMMAND_FILES, gdb.COMPLETE_FILENAME)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        if len(words) < 2:
            raise gdb.GdbError("usage: xmhf-symbols BUILD BASE [BASE...] | auto LOG [BUILDS]")
        if words[0] == "auto":
            builds = pathlib.Path(words[2]) if len(words) > 2 else REPO / "build"
            log = pathlib.Path(words[1]).read_text(errors="replace")
            copies = [(builds / subarch, base) for subarch, base in copies_in(log)]
            if not copies:
                raise gdb.GdbError(f'{words[1]}: no line "loader: base 0x..."')
        else:
            copies = [(pathlib.Path(words[0]), int(base, 0)) for base in words[1:]]
        for build in dict.fromkeys(build for build, _ in copies):
            add_loader(build)
        for build, base in copies:
            add_copy(build, base)


class Where(gdb.Command):
    """Name the functions of a panic.

xmhf-where BUILD runtime+0x... [runtime+0x...]
    One line an address.
xmhf-where BUILD LOG
    The lines of the file LOG that have such addresses, with names added."""

    def __init__(self):
        super().__init__("xmhf-where", gdb.COMMAND_DATA, gdb.COMPLETE_FILENAME)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        if len(words) < 2:
            raise gdb.GdbError("usage: xmhf-where BUILD runtime+0x... | LOG")
        self.read_names(only(words[0], "hypervisor-x86-*.bin.sym"))
        for word in words[1:]:
            if IN_RUNTIME.fullmatch(word):
                gdb.write(f"{word} {self.name(int(word[8:], 16))}\n")
            else:
                self.show_log(pathlib.Path(word).read_text(errors="replace"))

    def read_names(self, path):
        symbols = [line.split() for line in path.read_text().splitlines()]
        code = [(int(at, 16), name) for at, kind, name in symbols if kind in "tTwW"]
        self.starts = [at for at, _ in code]
        self.names = [name for _, name in code]

    def name(self, offset):
        index = bisect.bisect_right(self.starts, offset) - 1
        return f"<{self.names[index]}+{offset - self.starts[index]:#x}>" if index >= 0 else "<?>"

    def show_log(self, text):
        for line in text.splitlines():
            if IN_RUNTIME.search(line):
                gdb.write(IN_RUNTIME.sub(lambda m: f"{m[0]} {self.name(int(m[1], 16))}", line) + "\n")


gdb.execute(f"directory {REPO}", to_string=True)    # paths in the .elf files begin there
Symbols()
Where()
