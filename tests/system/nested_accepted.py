# SPDX-License-Identifier: BSD-2-Clause
# Where the differential test of nested VMX may differ between the bare emulator and the hypervisor, and why. Each
# entry must be seen, and each alternative in it: one that explains nothing fails the test. It names the runs that it is for,
# and all of the line but what the reason leaves open, so that it hides nothing else. docs/testing.md explains the faults.

import dataclasses
import fnmatch
import re


@dataclasses.dataclass(frozen=True)
class Accepted:
    fault: str      # a key of docs/testing.md's table: what the emulator does wrong, or what L1 isn't offered on purpose
    runs: str       # PLACE-PROGRAM-BITS-MODEL, with wildcards; the place ends in the subarch that L1 is on
    line: str       # a pattern of the whole line "name: on bare -> on us"

    def explains(self, run, line):
        return fnmatch.fnmatchcase(run, self.runs) and re.fullmatch(self.line, line)


def alternatives(pattern):
    """The pattern once for each of its alternatives, optional parts and listed characters: with that one and none of the others
    there. A pattern that has none comes as it is. Groups keep their numbers: what isn't to match begins with (?!)."""
    found, opened, at = [], [[0]], 0

    def close(starts):
        for kept in starts if len(starts) > 1 else ():
            ends = [0, *(start for start in starts if start != kept), len(pattern)]
            found.append("(?!)".join(pattern[a:b] for a, b in zip(ends, ends[1:])))

    while at < len(pattern):
        character, step = pattern[at], 1
        if character == "\\":
            step = 2
        elif character == "[":
            step = pattern.index("]", at) + 1 - at
            listed = pattern[at + 1:at + step - 1]
            if not re.search(r"[\\^-]", listed):
                found += [f"{pattern[:at]}(?:{one}){pattern[at + step:]}" for one in listed]
        elif character == "(":
            step = 3 if pattern.startswith("(?:", at) else 1
            opened.append([at + step])
        elif character == "|":
            opened[-1].append(at + 1)
        elif character == ")":
            close(opened.pop())
        elif character == "?":
            found += [pattern[:at] + count + pattern[at + 1:] for count in ("{0}", "{1}")]
        at += step
    close(opened.pop())
    return found or [pattern]


ENTERED = r"exit 18 q 0 len 3 rip 1800000 flags 2"
FAILED = r"exit 33 \(entry failed\) q 0"
L1_GETS = r"L2's handler 0, L1's"       # vmx_nmi: how often, when exits were over and when NMIs were unblocked
WAITED = r"exit 4 q 12 rip 1800000 flags 2"
RAN = r"exit 52 q 0 rip 1800008 flags 2"
ACCEPTED = (
    # What L1 isn't offered: tools/nested_caps.py prints the table, with the reasons. On i386 that is all of 64-bit mode too.
    Accepted("offered", "*amd64-vmx_caps-*", r"msr 484: ffff000011ff -> f3ff000011ff"),
    Accepted("offered", "*amd64-vmx_caps-*", r"msr 490: ffff000011fb -> f3ff000011fb"),
    Accepted("offered", "*-vmx_caps-*", rf"entry control 10 flipped( with EPT)?: {FAILED} -> valid 7"),
    Accepted("offered", "*-vmx_checks_controls-*",
             rf"27\.2\.1\.3 VM-entry controls have a reserved bit wrong \| \w+ \d+ fails: {FAILED} -> valid 7"),
    Accepted("offered", "*i386-vmx_caps-*", r"msr 480: d8100000000000 -> d9100000000000"),
    Accepted("offered", "*i386-vmx_caps-*", r"msr 482: fff9fffe0401e172 -> ffe1fffe0401e172"),
    Accepted("offered", "*i386-vmx_caps-*", r"msr 48e: fff9fffe04006172 -> ffe1fffe04006172"),
    Accepted("offered", "*i386-vmx_caps-*", r"msr 483: 407fffff00036dff -> 407ffdff00036dff"),
    Accepted("offered", "*i386-vmx_caps-*", r"msr 48f: 407fffff00036dfb -> 407ffdff00036dfb"),
    Accepted("offered", "*i386-vmx_caps-*", r"msr 484: ffff000011ff -> f1ff000011ff"),
    Accepted("offered", "*i386-vmx_caps-*", r"msr 490: ffff000011fb -> f1ff000011fb"),
    Accepted("offered", "*i386-vmx_caps-*", r"msr 485: 200401e0 -> 200401c0"),
    Accepted("offered", "*i386-vmx_msr_areas-*", r"exit stores 485: 200401e0 -> 200401c0"),
    Accepted("offered", "*i386-vmx_caps-*", rf"primary control (19|20) flipped( with EPT)?: {ENTERED} -> valid 7"),
    Accepted("offered", "*i386-vmx_caps-*", r"(exit|entry) control 9 flipped( with EPT)?: valid 8 -> valid 7"),
    Accepted("offered", "*i386-vmx_checks_host-*",
             r"27\.2\.4 (IA-32e mode guest|64-bit host) from outside IA-32e mode \| pae \d+ fails: valid 8 -> valid 7"),
    Accepted("offered", "*i386-vmx_insn_errors-*", r"INVEPT 1 of an EPTP beyond the width: valid 28 -> ok"),
    # The same of newer CPUs: mode-based execute control; then tertiary and secondary VM-exit controls, sub-page write permissions,
    # user wait and pause, UINV, CET state, PKRS.
    Accepted("offered", "*-vmx_caps-*-corei7_skylake_x", r"msr 48b: 2577fff00000000 -> 2177fff00000000"),
    Accepted("offered", "*-vmx_caps-*-corei7_skylake_x", r"msr 48c: f0106734141 -> f0106334141"),
    Accepted("offered", "*-vmx_caps-*", r"secondary control 22 flipped with EPT: exit 48 q 1bc phys 1800000 lin 1800000 rip 1800000 "
             r"flags 10002 -> valid 7"),
    Accepted("offered", "*amd64-vmx_caps-*-arrow_lake", r"msr 482: fffbfffe0401e172 -> fff9fffe0401e172"),
    Accepted("offered", "*amd64-vmx_caps-*-arrow_lake", r"msr 48e: fffbfffe04006172 -> fff9fffe04006172"),
    Accepted("offered", "*amd64-vmx_caps-*-arrow_lake", r"msr 483: f87fffff00036dff -> 407fffff00036dff"),
    Accepted("offered", "*amd64-vmx_caps-*-arrow_lake", r"msr 48f: f87fffff00036dfb -> 407fffff00036dfb"),
    Accepted("offered", "*amd64-vmx_caps-*-arrow_lake", r"msr 484: 58ffff000011ff -> f3ff000011ff"),
    Accepted("offered", "*amd64-vmx_caps-*-arrow_lake", r"msr 490: 58ffff000011fb -> f3ff000011fb"),
    Accepted("offered", "*-vmx_caps-*-arrow_lake", r"msr 48b: 6d77fff00000000 -> 2177fff00000000"),
    Accepted("offered", "*-vmx_caps-*-arrow_lake", r"msr 48c: f0106f34141 -> f0106334141"),
    Accepted("offered", "*-vmx_caps-*-arrow_lake", r"msr 492: 80 -> fault 13 0"),
    Accepted("offered", "*-vmx_caps-*-arrow_lake", r"msr 493: 100000c -> fault 13 0"),
    Accepted("offered", "*-vmx_caps-*-arrow_lake", rf"primary control 17 flipped( with EPT)?: {ENTERED} -> valid 7"),
    Accepted("offered", "*-vmx_caps-*-arrow_lake", rf"secondary control (26 flipped|2[36] flipped with EPT): {ENTERED} -> valid 7"),
    Accepted("offered", "*-vmx_caps-*-arrow_lake", rf"exit control (27|28|29|31) flipped( with EPT)?: {ENTERED} -> valid 7"),
    Accepted("offered", "*-vmx_caps-*-arrow_lake", rf"entry control (19|20|22) flipped( with EPT)?: {ENTERED} -> valid 7"),
    Accepted("offered", "*i386-vmx_caps-*-arrow_lake", r"msr 480: 1d8100000000000 -> 1d9100000000000"),
    Accepted("offered", "*i386-vmx_caps-*-arrow_lake", r"msr 482: fffbfffe0401e172 -> ffe1fffe0401e172"),
    Accepted("offered", "*i386-vmx_caps-*-arrow_lake", r"msr 48e: fffbfffe04006172 -> ffe1fffe04006172"),
    Accepted("offered", "*i386-vmx_caps-*-arrow_lake", r"msr 483: f87fffff00036dff -> 407ffdff00036dff"),
    Accepted("offered", "*i386-vmx_caps-*-arrow_lake", r"msr 48f: f87fffff00036dfb -> 407ffdff00036dfb"),
    Accepted("offered", "*i386-vmx_caps-*-arrow_lake", r"msr 484: 58ffff000011ff -> f1ff000011ff"),
    Accepted("offered", "*i386-vmx_caps-*-arrow_lake", r"msr 490: 58ffff000011fb -> f1ff000011fb"),
    Accepted("offered", "*i386-vmx_caps-*", r"msr 485: 600401e0 -> 600401c0"),
    # With accessed and dirty flags, accesses by page walks are reads and writes.
    Accepted("E1", "*-vmx_ept_walks-*",
             r".* A/D.*: exit 48 q ([8a])(?:2( .*) -> exit 48 q \1[3]\2|a( .*) -> exit 48 q \1b\3)"),
    Accepted("E1", "*-vmx_operands_ept-*-corei7_skylake_x", r".*: exit 48 q 8(?:2( .*) -> exit 48 q 83\1|a( .*) -> exit 48 q 8b\2)"),
    # Bit 12 is reserved in an entry that maps 2 MiB.
    Accepted("E2", "*-vmx_ept-*",
             r"[\w ]+, large page 18010b7: exit 18 q 0 len 3 rip 180[08]00[05678] flags 2 -> "
             r"exit 49 q 0 phys 1812060 rip 1800000 flags 10002"),
    Accepted("E2", "*-vmx_ept-*", r"[\w ]+, large page 18010b7 memory: [01] gpa 0 -> 1 gpa 1812060"),
    # IA32_VMX_VMCS_ENUM is a constant of the emulator's.
    Accepted("V1", "*-vmx_caps-*", r"msr 48a: 50 -> (2e|32)"),
    # IA32_PERF_GLOBAL_CTRL is neither checked nor switched.
    Accepted("P1", "*-vmx_checks_host-*",
             rf"27\.2\.2 host IA32_PERF_GLOBAL_CTRL has a reserved bit set \| \w+ \d+ fails: {ENTERED} -> valid 8"),
    # Newer models don't check error codes of injected events.
    Accepted("C1", "*-vmx_checks_controls-*-arrow_lake",
             r"27\.2\.1\.3 error code for an event that isn't a hardware exception \| \w+ \d+ fails: "
             r"exit 18 q 0 len 3 rip (1805034|1805084|1805008) flags 2( int 8)? -> valid 7"),
    Accepted("C1", "*-vmx_checks_controls-*-arrow_lake",
             r"27\.2\.1\.3 error code for an exception in real mode \| real \d+ fails: exit 18 q 0 len 3 rip 2434 flags 2 -> valid 7"),
    Accepted("C1", "*-vmx_inject-*-arrow_lake",
             r"inject real, exception b\w\w length 0: exit 18 q 0 len 3 rip 24\w\w flags 2 rsp 4fea cs 0: 0 300 2 -> valid 7"),
    # Rules that the emulator doesn't check, on any model or on those with CET.
    Accepted("unchecked", "*-vmx_checks_host-*-arrow_lake",
             rf"27\.2\.2 host CR4\.CET without CR0\.WP \| \w+ \d+ fails: {ENTERED} -> valid 8"),
    Accepted("unchecked", "*-vmx_checks_controls-*-arrow_lake",
             rf"27\.2\.1\.1 EPTP has one of bits 11:7 set \| \w+ \d+ fails: {ENTERED} -> valid 7"),
    Accepted("unchecked", "*amd64-vmx_checks_guest-64-*",
             rf"27\.3\.1\.1 IA-32e mode guest without CR0\.PG \| compat \d+ fails: {ENTERED} -> {FAILED}"),
    # An NMI that waits goes before the NMI window; there the window goes first, and L1's handler gets the NMI.
    Accepted("N2", "*-vmx_nmi-*",
             rf"NMI window( [^:]*)? waits at entry[^:]*: (exit 8 q 0 (rip \w+ flags \w+), exit 18 [^,]*, {L1_GETS}) 2 and 2, then 1 and 1 -> "
             r"exit 0 q 0 intr 80000202 \3, \2 1 and 1, then 1 and 1"),
    # An exit by an NMI saves the activity state that L2 was in, and wakes it afterwards.
    Accepted("I4", "*-vmx_nmi-*",
             r"NMI (exiting|virtual) waits at entry, HLT: (exit 0 q 0 intr 80000202 rip 1800000 flags 2), "
             rf"(exit 18 q 0 len 3 rip 1800002 flags 2, {L1_GETS} 1 and 1, then 1 and 1) -> \2 act 1, \3"),
    Accepted("I4", "*-vmx_nmi-*",
             r"NMI (exiting|virtual) waits at entry, shutdown: (exit 0 q 0 intr 80000202 rip 1800000 flags 2), "
             rf"(exit 18 q 0 len 3 rip 1800002 flags 2, {L1_GETS} 1 and 1, then 1 and 1) -> \2 act 2, \3"),
    # An exit that comes on the heels of a debug exception saves RIP from before it. We have one there, by the preemption timer.
    Accepted("D1", "*-vmx_nmi-*",
             r"NMI neither waits at entry, pending #DB: (exit 18 q 0 len 3 rip 1808103 flags 2 int 8), exit 18 q 0 len 3 rip 1805004 "
             r"flags 2, (L2's handler 1, L1's 1 and 1, then 1 and 1) -> \1, exit 18 q 0 len 3 rip 1800002 flags 2, \2"),
    # INIT in root operation is lost; a CPU remembers it until an entry or VMXOFF. After an entry it comes behind the injected event.
    Accepted("S1", "*-vmx_init_sipi-*",
             rf"INIT(, SIPI| and NMI)? in root(, exiting)?: ({RAN}, L1's handler ([01]) and \4) -> exit 3 q 0 rip 1800000 flags 2, \3"),
    Accepted("S1", "*-vmx_init_sipi-*",
             r"INIT in root, L2 in HLT: exit 52 q 0 rip 1800000 flags 2 act 1, L1's handler 0 and 0 -> "
             rf"exit 3 q 0 rip 1800000 flags 2 act 1, {RAN}, L1's handler 0 and 0"),
    Accepted("S1", "*-vmx_init_sipi-*",
             r"INIT in root, inject #UD: (exit 18 q 0 len 3 (rip 1805018 flags 2), L1's handler 0 and 0) -> exit 3 q 0 \2, \1"),
    Accepted("S1", "*-vmx_init_sipi-*",
             r"INIT in root, inject NMI, exiting: exit 18 q 0 len 3 (rip 1805008 flags 2) int 8(, L1's handler 0 and 0) -> "
             r"exit 3 q 0 \1 int 8, exit 18 q 0 len 3 \1\2"),
    Accepted("S1", "*-vmx_init_sipi-*",
             rf"INIT in root, entry fails: ({FAILED}), ({RAN}, L1's handler 0 and 0) -> \1, exit 3 q 0 rip 1800000 flags 2, \2"),
    Accepted("S1", "*-vmx_init_sipi-*", r"INIT in root, then VMXOFF, at last: goes on -> waits for SIPI"),
    # Waiting for SIPI is done by masking NMIs, and the mask stays: the exit says blocking by NMI, and L1 has that too.
    Accepted("S2", "*-vmx_init_sipi-*",
             r"(?:SIPI to L2 that waits for it|two SIPIs to L2 that waits for one): "
             rf"({WAITED}) int 8, ({RAN}, L1's handler 0 and 0) -> \1, \2"),
    Accepted("S2", "*-vmx_init_sipi-*",
             rf"EPT flushed while L2 waits for SIPI: ({WAITED}) int 8, ({ENTERED}, L1's handler 0 and 0) -> \1, \2"),
    Accepted("S2", "*-vmx_init_sipi-*",
             rf"(?:SIPI, )?NMI to L2 that waits for SIPI(?:, neither)?: ({WAITED}) int 8, exit 18 q 0 len b rip 1800000 flags 2 int 8, "
             rf"L1's handler 0 and 0 -> \1, {RAN}, L1's handler 1 and 1"),
    Accepted("S2", "*-vmx_init_sipi-*",
             rf"NMI to L2 that waits for SIPI, (?:exiting|virtual): ({WAITED})(?: int 8)?, exit 0 q 0 intr 80000202 rip 1800000 flags 2, "
             rf"({RAN}), L1's handler 0 and 0 -> \1, \2, L1's handler 1 and 1"),
    # An INIT to an L2 that waits for SIPI is blocked (26.2). There it stays pending and ends L2 after the SIPI, which the SDM
    # doesn't say; we lose it (nested/events.c says why).
    Accepted("INIT", "*-vmx_init_sipi-*",
             rf"INIT, SIPI to L2 that waits for SIPI(?:, exiting)?: ({WAITED}) int 8, exit 3 q 0 rip 1800000 flags 2, "
             rf"({RAN}, L1's handler 0 and 0) -> \1, \2"),
    # An EPT violation on the way to an interrupt's handler saves RFLAGS.RF set, as for a fault; what we fill in EPT02 shows it.
    Accepted("R1", "*-vmx_inject-*",
             r"inject flat, interrupt 0 length 0: (exit 18 q 0 len 3 rip 1805000 flags 2 rsp 1807ff4 cs 8: 1800000 8) 202 -> \1 10202"),
    # Rules of guest state that the emulator doesn't check, and that we leave to the CPU but where MSRs are to be loaded.
    Accepted("unchecked", "*-vmx_checks_guest-*",
             rf"27\.3\.1\.1 IA32_PERF_GLOBAL_CTRL has a reserved bit set \| \w+ 0 fails: {ENTERED} -> {FAILED}"),
    Accepted("unchecked", "*-vmx_checks_guest-64-*",
             rf"27\.3\.1\.4 RIP in 64-bit mode isn't canonical \| long 1 fails: exit 18 q 0 len 3 rip 1805034 flags 2 -> {FAILED}"),
    Accepted("unchecked", "*-vmx_checks_guest-*",
             rf"27\.3\.1\.4 RFLAGS\.VM without CR0\.PE \| v86 2 fails: exit 18 q 0 len 3 rip 0 flags 23002 -> {FAILED}"),
    Accepted("unchecked", "*-vmx_checks_guest-*",
             r"27\.3\.1\.5 virtual NMI injected while NMIs are blocked \| \w+ 3 fails: "
             rf"exit 18 q 0 len 3 rip 1805008 flags 2 int 8 -> {FAILED}"),
    Accepted("unchecked", "*-vmx_checks_guest-*",
             r"27\.3\.1\.5 pending debug exceptions lack BS of a single step \| \w+ 4 fails: "
             rf"exit 18 q 0 len 3 rip 1800000 flags 102 int 2 dbg 4000 -> {FAILED}"),
    Accepted("unchecked", "*-vmx_checks_guest-*",
             r"27\.3\.1\.5 pending debug exceptions have BS without a single step \| \w+ 5 fails: "
             rf"exit 18 q 0 len 3 rip 1800000 flags 2 int 2 dbg 4000 -> {FAILED}"),
    # VMCALL in root operation is taken for the activation of an SMM monitor, which there isn't.
    Accepted("VMCALL", "*-vmx_insn_errors-*", r"VMCALL in root operation: valid 19 -> valid 1"),
    # A preemption timer of 0 is saved as what is below 0.
    Accepted("T2", "*-vmx_time-*",
             r"timer [\w ]+, 0, saved: (exit 52 q 0 rip \w+ flags 2(?: (?:act|int) \d)?) left more, not before its time"
             r" -> \1 left all, not before its time"),
    Accepted("T2", "*-vmx_time-*", r"timer of 0 again, not written: exit 18 q 0 len 3 rip \w+ flags 46 -> exit 52 q 0 rip 1800000 flags 2"),
    # WRMSR to a virtualised self-IPI register doesn't store the value in the virtual-APIC page (30.5). Where the access exits to us
    # it does.
    Accepted("A3", "*-vmx_apic_virt-*",
             r"\w+ x2APIC, (?:registers, )?delivery .*movb .* mov \$0x83f, .*: (.* self )3f03f0( .*) -> \1(?:42|71|33)\2"),
    # An access that has no flag of EPT to set meets a full log all the same.
    Accepted("PML", "*-vmx_ept_log-*",
             r"(?:pae PML, index 1|long PML, index 3)(?: dirty)? add \$0x3e7f8000, %ebx; mov \(%ebx\), %eax: exit 62 q 0 rip 1800006 "
             r"flags 10002, (index ffff: .*) -> exit 18 q 0 len 3 rip 180000[89] flags 2, \1"),
    # The EPTP index that #VE information gets isn't the one in the VMCS.
    Accepted("VE", "*-vmx_ept_log-*", r"\w+ #VE, .*: (exit [^,]*, sp \w+) index 0 (info 30 .*) -> \1 index 1234 \2"),
    # Of the kind only bits 31:0 are looked at.
    Accepted("INVEPT", "*-vmx_insn_errors-64-*", r"INV(EPT|VPID) of a kind with bit 32: ok -> valid 28"),
    # The kind is looked at after the descriptor was read.
    Accepted("INVEPT", "*-vmx_operand_faults-*",
             r"INV(EPT|VPID) of an absent page of (no kind|kind [34]): fault 14 0x0 cr2 2001000 -> valid 28"),
)

# Rules of VM entry that no run shows both to fail and to pass, and why. tests/unit/test_check_guest.c does.
RULES_WITHOUT_RESULT = {
    "27.3.1.1 IA32_DEBUGCTL has a reserved bit set": "it is the CPU's to check, and emulated ones lack that MSR or its reserved bits",
}

# Rules whose failing case is a VMX abort: the promise of tests/guests/l1/abort.c that shows it. vmx_msr_areas has MSRs that are stored.
RULES_OF_ABORTS = {
    "28.4 MSR to store has one of bits 63:32 of its entry set": "store_reserved",
    "28.4 MSR to store is IA32_SMBASE": "store_smbase",
    "28.4 MSR to store is an x2APIC register": "store_x2apic",
}


# What the emulator does once much was decoded: always on a copy on a copy, and with fewer only if the program comes so far.
ACCEPTED_LATE = (
    # The qualification is 0 if the instruction has no displacement (28.2.1). In the emulator it is that of the instruction whose
    # place among the decoded ones this one takes, bare too: once some 600,000 were decoded. We don't mend it, since on a CPU that
    # would do nothing. It is any instruction's, so any number of its width; all else, a register as operand (bit 10 of the
    # information) among it, is as it must be. For vmx_exit_forms and vmx_exit_insns.
    Accepted("Q1", "*-vmx_exit_[fi]???s-*-corei7_skylake_x",
             r"(?:pae|compat|long)(?: user)? (?:sldt|str|lldt|ltr) %\w+, exiting: (exit 47 q) 0 "
             r"(len [345] info (?:[123]0000)?4\w\w rip 1800000 flags 2) -> \1 [1-9a-f][0-9a-f]* \2"),
)


def accepts(run, line):
    return any(entry.explains(run, line) for entry in (*ACCEPTED, *ACCEPTED_LATE))
