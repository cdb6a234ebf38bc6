#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Lists the rules of VM entry that xmhf/runtime/nested checks, one a line: file, SDM section, text.

With arguments, each a log of the programs vmx_checks_*, vmx_msr_areas and vmx_insn_errors: lists the rules, and the
VM-instruction error numbers, that lack a failing case or a passing neighbour in them all, and fails if there is one.
"""
import collections
import pathlib
import re
import sys

NESTED = pathlib.Path(__file__).resolve().parent.parent / 'xmhf/runtime/nested'
RULE = re.compile(r'"(2[78]\.\d[.\d]*) ([^"]+)"')
RESULT = re.compile(r'^R (.+?): (.*?)\s*$', re.M)
AGAIN = ', time '
ENTERED = re.compile(r'exit (?!.*entry failed)')
# How an entry fails by a rule of these sections.
FAILS = (('27.2.1', 'valid 7'), ('27.2', 'valid 8'), ('27.3', 'exit 33 (entry failed)'), ('27.4', 'exit 34 (entry failed)'))

# Of each VM-instruction error (SDM 31.4): what it says, an experiment of vmx_insn_errors that ends with it, and a neighbour
# that passes.
ERRORS = {
    1: ('VMCALL in VMX root operation', 'VMCALL in root operation', 'VMLAUNCH before VMCALL in root operation'),
    2: ('VMCLEAR with a bad address', 'VMCLEAR misaligned by 1, with a current VMCS',
        'VMCLEAR of a good VMCS, with a current VMCS'),
    3: ('VMCLEAR with the VMXON pointer', 'VMCLEAR of the VMXON region, with a current VMCS',
        'VMCLEAR of a good VMCS, with a current VMCS'),
    4: ('VMLAUNCH, VMCS not clear', 'VMLAUNCH of a launched VMCS', 'VMLAUNCH of a clear VMCS'),
    5: ('VMRESUME, VMCS not launched', 'VMRESUME of a clear VMCS', 'VMRESUME of a launched VMCS'),
    7: ('bad controls', 'VMLAUNCH of a clear VMCS with bad controls', 'VMLAUNCH of a clear VMCS'),
    8: ('bad host state', 'VMLAUNCH with bad host and guest', 'VMLAUNCH after one that failed on the guest'),
    9: ('VMPTRLD with a bad address', 'VMPTRLD misaligned by 1, with a current VMCS', 'VMPTRLD of the current VMCS'),
    10: ('VMPTRLD with the VMXON pointer', 'VMPTRLD of the VMXON region, with a current VMCS', 'VMPTRLD of the current VMCS'),
    11: ('VMPTRLD, wrong revision', 'VMPTRLD with another revision than the current', 'VMPTRLD of the current VMCS'),
    12: ('no such field', 'VMREAD of a field there isn\'t', 'VMREAD of a field there is'),
    13: ('VMWRITE, field is read-only', 'VMWRITE of a read-only field', 'VMWRITE of a field there is'),
    15: ('VMXON in VMX root operation', 'VMXON in root operation', 'VMXON outside VMX operation'),
    26: ('events blocked by MOV SS', 'VMLAUNCH after MOV SS', 'VMLAUNCH after that'),
    28: ('bad operand of INVEPT or INVVPID', 'INVEPT 0 of an EPTP', 'INVEPT 1 of an EPTP'),
}
ERROR_LAST = 28
# Those that never come, and why.
ERRORS_THAT_CANNOT_BE = {
    6: 'VMXOFF leaves VMCSs launched, and VMRESUME goes on with them',
    **dict.fromkeys((14, 21, 27), 'the SDM has no such number'),
    **dict.fromkeys((16, 17, 18, 19, 20, 22, 23, 24, 25), 'there is no dual-monitor treatment of SMM'),
}


def results(said):
    """What each experiment's name says, in the order of the lines; a name that comes again gets a number."""
    times, named = collections.Counter(), {}
    for name, result in RESULT.findall(said):
        times[name] += 1
        named[name if times[name] == 1 else f'{name}{AGAIN}{times[name]}'] = result
    return named


def rules():
    for source in sorted(NESTED.glob('check_*.c')):
        for section, text in RULE.findall(source.read_text()):
            yield source.name, section, text


def fails_by(section, result):
    kind = next((kind for start, kind in FAILS if section.startswith(start)), None)
    return kind is not None and (result + ' ').startswith(kind + ' ')


def without_results(said):
    """The rules that `said`, pairs of a name and a result, doesn't show both to fail, as its section has it, and to pass."""
    shown = set()
    for name, result in said:
        rule, _, case = name.partition(' | ')
        if case.endswith(' fails') and fails_by(rule, result):
            shown.add((rule, 'fails'))
        if case.endswith(' passes') and ENTERED.match(result):
            shown.add((rule, 'passes'))
    return [rule for rule in rules() if not {(f'{rule[1]} {rule[2]}', 'fails'), (f'{rule[1]} {rule[2]}', 'passes')} <= shown]


def errors_without_results(runs):
    """The error numbers that none of the runs, dictionaries of results by name, shows both to come and not to."""
    def shows(number, said):
        _, fails, passes = ERRORS[number]
        return said.get(fails) == f'valid {number}' and (said.get(passes) == 'ok' or ENTERED.match(said.get(passes, '')))
    return [number for number in range(1, ERROR_LAST + 1) if number not in ERRORS_THAT_CANNOT_BE and
            not (number in ERRORS and any(shows(number, said) for said in runs))]


def impossible_errors(said):
    """Of results, those with an error number that cannot be, or that stands in no table."""
    possible = ERRORS.keys() - ERRORS_THAT_CANNOT_BE.keys()
    return [result for result in said if not {int(number) for number in re.findall(r'\bvalid (\d+)', result)} <= possible]


def main(logs):
    if not logs:
        print(*(f'{name:22} {section:9} {text}' for name, section, text in rules()), sep='\n')
        return 0
    runs = [results(pathlib.Path(log).read_text(errors='replace')) for log in logs]
    said = [result for run in runs for result in run.items()]
    missing = [f'{name:22} {section:9} {text}' for name, section, text in without_results(said)]
    missing += [f'VM-instruction error    {number:<9} {ERRORS.get(number, ["not in the table"])[0]}'
                for number in errors_without_results(runs)]
    missing += [f'VM-instruction error that cannot be: {result}'
                for run in runs for result in impossible_errors(run.values())]
    for line in missing:
        print(line)
    return bool(missing)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
