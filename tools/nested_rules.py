#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Lists the rules of VM entry that xmhf/runtime/nested checks, one a line: file, SDM section, text.

With arguments, each a log: lists the rules that stand in none of them, and fails if there is one.
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


def main(logs):
    seen = ''.join(pathlib.Path(log).read_text(errors='replace') for log in logs)
    missing = [rule for rule in rules() if f'{rule[1]} {rule[2]}' not in seen]
    for name, section, text in missing:
        print(f'{name:22} {section:9} {text}')
    return bool(logs and missing)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
