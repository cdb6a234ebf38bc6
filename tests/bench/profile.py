#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Where the instructions of nested operations go: which functions of the hypervisor executed how many, from a trace by Bochs'
# debugger. Names are those of `make bench BENCH=--nested`; --trace prints each instruction of one operation too.

import argparse
import bisect
import collections
import pathlib
import re
import struct
import sys

REPO = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPO / "tools"), str(REPO / "tests/system"), str(REPO)]

import bochs  # noqa: E402
import harness  # noqa: E402

IMAGE_SIZES = "<4I"     # struct image_header in xmhf/lib/image.h: the fourth is the secure loader's size
TIMES = 10              # operations that are traced
LINE = re.compile(r"^\(0\)\.\[\d+\] \[\S+\] \w+:(\w+) \(.*?\): (.*?)(?: +; \w+)?$", re.M)


def machine(subarch, **more):
    bits = "64" if subarch == "amd64" else ""
    return bochs.Machine([harness.grub_disk(subarch), harness.guest_disk("bench_nested" + bits)], cpus=1, ips=10_000_000,
                         memory_mib=256, **more)


def measured(subarch):
    """The runtime's address; and of each operation the tick at which it began to be measured, how often it ran, its ticks in all."""
    said = harness.plain(machine(subarch).run([r"^DONE", "panic: "], harness.BOUND).serial)
    base = int(re.search(r"loader: base 0x(\w+)", said)[1], 16)
    header = (harness.hypervisor(subarch) / f"hypervisor-x86-{subarch}.bin").read_bytes()
    began = {name: int(at, 16) for name, at in re.findall(r"^FACT began (\w+) (\w+)", said, re.M)}
    return base + struct.unpack_from(IMAGE_SIZES, header)[3], {
        name: (began[name], int(n), int(ticks)) for name, n, ticks in re.findall(r"^FACT bench (\w+) (\d+) (\d+)", said, re.M)}


def traces(subarch, spans):
    """For each (tick, how many) a list of (address, text), the instructions executed then."""
    commands = []
    for start, ticks in spans:
        commands += [f"sba {start}", "c", "trace on", f"sb {ticks}", "c", "trace off"]
    log = machine(subarch, debugger=(*commands, "quit")).run(timeout=harness.BOUND).log
    found = [(int(at, 16), text) for at, text in LINE.findall(log)]
    for _, ticks in spans:
        yield found[:ticks]
        found = found[ticks:]


class Symbols:
    def __init__(self, subarch, runtime):
        with open(harness.hypervisor(subarch) / f"hypervisor-x86-{subarch}.bin.sym") as file:
            rows = [(int(at, 16) + runtime, name) for at, kind, name in map(str.split, file) if kind in "tT"]
        self.starts, self.names = zip(*sorted(rows))
        self.end = self.starts[self.names.index("runtime_rodata")]

    def of(self, address):
        if not self.starts[0] <= address < self.end:
            return "the guest"
        return self.names[bisect.bisect_right(self.starts, address) - 1]


def main():
    parse = argparse.ArgumentParser(description="instructions of nested operations, by function")
    parse.add_argument("names", nargs="+", metavar="NAME", help="an operation that `make bench BENCH=--nested` lists")
    parse.add_argument("--subarch", choices=("amd64", "i386"), default="amd64")
    parse.add_argument("--trace", action="store_true", help="every instruction, of one operation")
    chosen = parse.parse_args()
    runtime, operations = measured(chosen.subarch)
    wanted = sorted((operations[name], name) for name in chosen.names)
    symbols = Symbols(chosen.subarch, runtime)
    spans = [(began + ticks // 2, TIMES * round(ticks / n)) for (began, n, ticks), _ in wanted]
    for ((_, n, ticks), name), trace in zip(wanted, traces(chosen.subarch, spans)):
        seen = [(symbols.of(at), text) for at, text in trace]
        counts = collections.Counter(function for function, _ in seen)
        print(f"{name}: {ticks / n:.1f}")
        for function, count in counts.most_common():
            print(f"{count / TIMES:8.1f} {function}")
        if chosen.trace:
            print("\n".join(f"\t{function:24} {text}" for function, text in seen[:len(seen) // TIMES]))


if __name__ == "__main__":
    main()
