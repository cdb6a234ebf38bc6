# SPDX-License-Identifier: BSD-2-Clause
# Where the differential test of nested VMX may differ between the bare emulator and the hypervisor, and why. Each
# entry must be seen: one that explains nothing fails the test.

import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Accepted:
    fault: str      # the emulator's fault by its name in docs/testing.md, or "offered" for what L1 isn't offered on purpose
    line: str       # a pattern of the whole line "name: on bare -> on us"

    def explains(self, line):
        return re.fullmatch(self.line, line)


ACCEPTED = (
)

# Rules of VM entry that the emulator doesn't enforce, or that it can't be asked about: what's wrong there.
RULES_WITHOUT_RESULT = {
    "27.2.2 host CR4.CET without CR0.WP": "not enforced",
    "27.2.2 host IA32_PERF_GLOBAL_CTRL has a reserved bit set": "not enforced: the MSR isn't switched at all",
    "27.3.1.1 IA-32e mode guest without CR0.PG": "not enforced",
    "27.3.1.1 IA32_DEBUGCTL has a reserved bit set": "not enforced: there is no such MSR",
    "27.3.1.1 IA32_PERF_GLOBAL_CTRL has a reserved bit set": "not enforced: the MSR isn't switched at all",
    "27.3.1.4 RFLAGS.VM without CR0.PE": "not enforced",
    "27.3.1.4 RIP in 64-bit mode isn't canonical": "not enforced",
    "27.3.1.5 pending debug exceptions have BS without a single step": "not enforced",
    "27.3.1.5 pending debug exceptions lack BS of a single step": "not enforced",
    "27.3.1.5 virtual NMI injected while NMIs are blocked": "not enforced",
    "28.4 MSR to store has one of bits 63:32 of its entry set": "a VMX abort ends the run",
    "28.4 MSR to store is IA32_SMBASE": "a VMX abort ends the run",
    "28.4 MSR to store is an x2APIC register": "a VMX abort ends the run",
}


def accepts(line):
    return any(entry.explains(line) for entry in ACCEPTED)
