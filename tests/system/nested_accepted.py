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

# Rules of VM entry that no model of the emulator can be seen to enforce.
RULES_NOT_TESTABLE = (
)


def accepts(line):
    return any(entry.explains(line) for entry in ACCEPTED)
