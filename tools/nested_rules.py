#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Lists the rules of VM entry that xmhf/runtime/nested checks, one a line: file, SDM section, text.

With arguments, each a log of the programs vmx_checks_*: lists the rules that lack a failing case or a passing neighbour
in them all, and fails if there is one.
"""
import pathlib
import re
import sys

NESTED = pathlib.Path(__file__).resolve().parent.parent / 'xmhf/runtime/nested'
RULE = re.compile(r'"(2[78]\.\d[.\d]*) ([^"]+)"')


def rules():
    for source in sorted(NESTED.glob('check_*.c')):
        for section, text in RULE.findall(source.read_text()):
            yield source.name, section, text


def without_results(said):
    """The rules that `said`, pairs of a name and a result, doesn't show both to fail and to pass."""
    entered = re.compile(r'exit (?!.*entry failed)')
    shown = set()
    for name, result in said:
        rule, _, case = name.partition(' | ')
        if case.endswith(' fails') and not entered.match(result):
            shown.add((rule, 'fails'))
        if case.endswith(' passes') and entered.match(result):
            shown.add((rule, 'passes'))
    return [rule for rule in rules() if not {(f'{rule[1]} {rule[2]}', 'fails'), (f'{rule[1]} {rule[2]}', 'passes')} <= shown]


def main(logs):
    text = '\n'.join(pathlib.Path(log).read_text(errors='replace') for log in logs)
    missing = without_results(re.findall(r'^R (.+?): (.*?)\s*$', text, re.M)) if logs else list(rules())
    for name, section, text in missing:
        print(f'{name:22} {section:9} {text}')
    return bool(logs and missing)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
