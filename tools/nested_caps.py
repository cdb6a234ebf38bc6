#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Prints what of VMX an L1 is offered, and why not the rest, as a Markdown table: from nested/caps_table.c."""
import pathlib
import re

TABLE = pathlib.Path(__file__).resolve().parent.parent / 'xmhf/runtime/nested/caps_table.c'
STRING = r'"((?:[^"\\]|\\.)*)"'
DEFINE = re.compile(rf'^#define (NO_\w+)\s+{STRING}', re.M)
ROW = re.compile(rf'^\t(?:(YES|YES64|NUMBER|NO)\(|\{{ CAP_)(\w+), (\d+), (?:(\d+), )?(?:false, )?'
                 rf'{STRING}(?:, (?:{STRING}|(\w+)))?', re.M)
MSRS = {'BASIC': 'IA32_VMX_BASIC', 'PIN': 'pin-based', 'PRIMARY': 'primary', 'SECONDARY': 'secondary',
        'TERTIARY': 'tertiary', 'EXIT': 'VM-exit', 'SECONDARY_EXIT': 'secondary VM-exit',
        'ENTRY': 'VM-entry', 'MISC': 'IA32_VMX_MISC', 'EPT_VPID': 'IA32_VMX_EPT_VPID_CAP', 'VMFUNC': 'VM function'}


def rows():
    source = TABLE.read_text()
    reasons = dict(DEFINE.findall(source))
    for kind, cap, first, count, name, why, why_named in ROW.findall(source):
        last = int(first) + int(count or 1) - 1
        bits = first if last == int(first) else f'{last}:{first}'
        offered = 'no: ' + (why or reasons[why_named]) if why or why_named else 'yes, on amd64' if kind == 'YES64' else 'yes'
        yield MSRS.get(cap, 'IA32_VMX_' + cap), bits, name.replace('\\"', '"'), offered


if __name__ == '__main__':
    print('| where | bit | name | offered if the CPU has it |\n|---|---|---|---|')
    for row in rows():
        print('| ' + ' | '.join(row) + ' |')
