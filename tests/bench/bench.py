#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# What `make bench` prints: BENCH <where> <name> <value>, exact counts from Bochs. <where> is bare, l1 (on the
# amd64 hypervisor), l1_i386, l1_l1 (on a copy on a copy) or kvm (in QEMU on Debian's KVM). For operations of a guest
# the values are instructions, hardware exits, VMREADs and VMWRITEs, VMPTRLDs, VMCLEARs, INVEPTs and INVVPIDs, MSR
# accesses, and the sum of all that by WEIGHTS: all but the first are counted by a hypervisor built for it, of its own
# work, so KVM has none of them. --readme also writes the lines into README.md.

import argparse
import pathlib
import re
import sys

REPO = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPO / "tools"), str(REPO / "tests/system"), str(REPO)]

import debian_disk  # noqa: E402
import harness  # noqa: E402
import test_kvm  # noqa: E402

IPS = 30_000_000        # what a second of the emulated clock has in ticks
# Exits that no hypervisor can avoid on VMX, by the names that xmhf-stat prints.
UNAVOIDABLE = ("CPUID", "XSETBV", "INIT", "SIPI", "control registers")
NO_REASONS = ("ticks", "ticks in root mode", "exits", "VMCALL", "bytes taken", "bytes of them free",
              "touches by the guest", "exits of L2, kept", "exits of L2, reflected")
HYPERVISORS = (("l1", "amd64"), ("l1_i386", "i386"))
COUNTING = ("COUNT_OPS=1",)
# Debian's kernel notes when its CPU stops and goes on, by the TSC: so idle time is known from the start, and exactly.
TRACE_IDLE = "trace_event=power:cpu_idle trace_clock=x86-tsc"
WEIGHTS = (1, 1000, 40, 150, 300, 500, 100)
lines = []


def say(where, name, value):
    text = f"{value:.6f}" if isinstance(value, float) else str(value)
    lines.append(f"BENCH {where} {name} {text}")
    print(lines[-1], flush=True)


def told(lab, where, over, cpus, names):
    """What the guest bench_ops says, as far as it is named."""
    result = lab.run([*over, harness.guest_disk("bench_ops")], ["^DONE"], cpus=cpus, ips=10_000_000, memory_mib=256)
    harness.assert_said(result, "DONE")
    for name, value in re.findall(rf"^FACT ({names}) (\d+)", harness.plain(result.serial), re.M):
        say(where, name, int(value))


def nested_costs(lab, over, bits, **machine):
    """For each operation of the guest bench_nested its ticks and counts, each an average."""
    disk = harness.guest_disk("bench_nested" + ("64" if bits == 64 else ""))
    result = lab.run([*over, disk], ["^DONE", "panic: "], cpus=1, ips=10_000_000, memory_mib=256, **machine)
    harness.assert_said(result, "PASS exits", "DONE")
    return averages(harness.plain(result.serial))


def averages(said):
    rows = re.findall(r"FACT bench (\w+) (\d+) ([\d ]+)", said)
    return {name: [int(total) / int(n) for total in totals.split()] for name, n, totals in rows}


def nested(lab, where, over, counting, bits):
    """@over has the shipped hypervisor, whose instructions are told; @counting the one that counts all else."""
    costs = nested_costs(lab, over, bits)
    counts = nested_costs(lab, counting, bits) if counting else costs
    for name, (ticks, *_) in costs.items():
        values = [ticks, *counts[name][1:]]
        weighted = sum(weight * value for weight, value in zip(WEIGHTS, values))
        say(where, name, " ".join(f"{round(value, 2):g}" for value in [round(ticks), *values[1:], round(weighted)]))


def costs_on_kvm(lab):
    """The strongest peer: bench_nested as QEMU's guest on Debian's KVM on the bare emulator."""
    said, = test_kvm.stacks(lab, "bare", {"bench": harness.guest_disk("bench_nested64")}, [["bench"]])
    assert "PASS exits" in said and "FAIL" not in said
    return averages(said)


def nested_on_kvm(lab):
    for name, (ticks, *_) in costs_on_kvm(lab).items():
        say("kvm", name, f"{round(ticks)}{' -' * len(WEIGHTS)}")


def sizes(where, subarch):
    products = harness.hypervisor(subarch)
    with open(products / f"hypervisor-x86-{subarch}.bin.sym") as file:
        symbols = {name: int(at, 16) for at, _, name in map(str.split, file)}
    say(where, "loader_bytes", (products / f"init-x86-{subarch}.bin").stat().st_size)
    say(where, "image_bytes_gz", (products / f"hypervisor-x86-{subarch}.bin.gz").stat().st_size)
    say(where, "runtime_text_bytes", symbols["runtime_rodata"] - symbols["runtime_start"])


class Boot:
    """A boot of Debian: its @ticks, what it @said, and in `busy` those ticks in which its CPU didn't wait in MWAIT or HLT."""

    def __init__(self, ticks, said):
        self.ticks, self.said = round(ticks), said
        up, self.idle_up = re.search(r"GUEST: up ([\d.]+) s, of them idle (\d+) ticks", said).groups()
        idle, kept, written = map(int, re.search(r"GUEST: idle (\d+) ticks, (\d+)/(\d+) events", said).groups())
        assert 0 < kept == written, "Linux' trace has lost events"
        assert idle >= IPS // 2, "it didn't trace the second that the self-check sleeps"
        self.busy = self.ticks - idle
        self.busy_up = round(float(up) * IPS) - int(self.idle_up)   # from Linux' start to its first process


def boot(lab, over):
    result = lab.debian(selfcheck="boot", over=over, ips=IPS, cmdline=TRACE_IDLE, timeout=1000)
    return Boot(result.ticks, harness.plain(result.serial))


def boots(lab):
    """Debian's boot, bare, on one to three copies, on KVM: says, and returns by place and name, what of it the hypervisor is.

    boot_root_share is by our own counter, with one copy: those of more can't be added, since an inner copy's root mode has
    exits of its own to the outer one. boot_root_share_at_most is all that is executed more, GRUB and the loader of each copy too.
    """
    figures = {}

    def tell(where, name, value):
        figures[where, name] = value
        say(where, name, value)

    def compare(where, other):
        tell(where, "boot_ticks", other.ticks)
        tell(where, "boot_busy_ticks", other.busy)
        tell(where, "boot_ratio", other.ticks / bare.ticks)
        tell(where, "boot_root_share_at_most", (other.busy - bare.busy) / bare.busy)
        tell(where, "boot_busy_more", (other.busy_up - bare.busy_up) / bare.busy)

    bare = boot(lab, ())
    tell("bare", "boot_ticks", bare.ticks)
    tell("bare", "boot_busy_ticks", bare.busy)
    for where, count in (("l1", 1), ("l1_l1", 2), ("l1_l1_l1", 3)):
        stacked = boot(lab, [harness.grub_disk("amd64", cmdline="stat_user=1")] * count)
        compare(where, stacked)
        if count == 1:
            counted(tell, where, stacked.said, bare.busy)
    disk = debian_disk.disk(cmdline=f"cpus=1 {TRACE_IDLE}", selfcheck="boot")
    (said, took), = test_kvm.timed_stacks(lab, "bare", {"debian": disk}, [["debian"]], mib=1024, memory_mib=1536)
    compare("kvm", Boot(took * IPS, said))
    return figures


def counted(tell, where, said, bare_busy):
    """What xmhf-stat says of one boot."""
    counts = {name: int(value) for name, value in re.findall(r"^  (\S.*?)  +(\d+)\s*$", said, re.M)}
    exits = counts["exits"] - counts["VMCALL"]          # VMCALL: the measuring itself
    tell(where, "boot_root_share", counts["ticks in root mode"] / bare_busy)
    for name in sorted(counts.keys() - NO_REASONS):
        tell(where, "boot_exits_" + re.sub(r"\W+", "_", name), counts[name])
    tell(where, "boot_exits", exits)
    tell(where, "boot_exits_ratio", exits / sum(counts.get(name, 0) for name in UNAVOIDABLE))


def write_readme():
    readme = REPO / "README.md"
    text = readme.read_text()
    start, end = "<!-- bench -->\n", "<!-- /bench -->"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    readme.write_text(f"{before}{start}```\n" + "\n".join(lines) + f"\n```\n{end}{after}")


def main():
    parse = argparse.ArgumentParser(description="exact costs, as lines BENCH <where> <name> <value>")
    parse.add_argument("--operations", action="store_true", help="leave Debian's boots out")
    parse.add_argument("--nested", action="store_true", help="operations of nested VMX on amd64 alone")
    parse.add_argument("--peer", action="store_true", help="operations of nested VMX on KVM alone")
    parse.add_argument("--readme", action="store_true", help="write the lines into README.md")
    chosen = parse.parse_args()
    if chosen.readme and (chosen.operations or chosen.nested or chosen.peer):
        parse.error("--readme writes all lines: it goes with no other option")
    lab = harness.Lab("bench")
    if chosen.nested:
        nested(lab, "l1", [harness.grub_disk("amd64")], [harness.grub_disk("amd64", make=COUNTING)], 64)
        return
    if chosen.peer:
        nested_on_kvm(lab)
        return
    nested(lab, "bare", [], None, 64)
    for where, subarch in HYPERVISORS:
        over = [harness.grub_disk(subarch)]
        nested(lab, where, over, [harness.grub_disk(subarch, make=COUNTING)], 64 if subarch == "amd64" else 32)
        told(lab, where, over, 1, r"memory_\w+")
        told(lab, where, over, 2, r"init_window")
        sizes(where, subarch)
    twice = [harness.grub_disk("amd64")] * 2
    nested(lab, "l1_l1", twice, [twice[0], harness.grub_disk("amd64", make=COUNTING)], 64)
    nested_on_kvm(lab)
    if not chosen.operations:
        boots(lab)
    if chosen.readme:
        write_readme()


if __name__ == "__main__":
    main()
