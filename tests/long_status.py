#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Shows for each long test how it last ended, and whether the sources are still those that
# it ran on. Fails unless each of them passed with what is at HEAD now, but for pages to read.

import argparse
import pathlib
import re
import subprocess
import sys

import long_run

ROW = re.compile(r"^\| (?P<date>[\d-]+) \| (?P<commit>\w+)(?P<changed>\+?) \| (?P<target>\S+) \|"
                 r" (?P<result>[^|]+) \| (?P<seconds>\d+) \|$", re.M)


def last_runs(text):
    """{target: its last row}."""
    return {row["target"]: row for row in ROW.finditer(text)}


def changed(record, commit):
    """How many files that a test can see differ between `commit` and HEAD; None: git doesn't know the commit."""
    done = subprocess.run(["git", "diff", "--name-only", commit, "HEAD", "--", ":/", ":(top,exclude)docs",
                           ":(top,exclude)README.md", f":(exclude){record}"],
                          cwd=record.parent, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return None if done.returncode else len(done.stdout.splitlines())


def place(record, row):
    """Where the run was, and whether that is as good as HEAD."""
    files = changed(record, row["commit"])
    if files is None:
        return "STALE, not a commit of this repository", False
    if files:
        return f"STALE, {files} file{'s' if files > 1 else ''} changed since", False
    if row["changed"]:
        return "STALE, it had uncommitted changes", False
    return "as at HEAD", True


def report(record, targets):
    """Lines about the targets, and whether all of them passed with what is at HEAD."""
    runs = last_runs(record.read_text())
    width = max(map(len, targets))
    lines, all_good = [], True
    for target in targets:
        told, good = "never ran", False
        if row := runs.get(target):
            where, current = place(record, row)
            told = f"{row['result']}, {row['seconds']} s, {row['date']}, {row['commit']}{row['changed']}: {where}"
            good = current and row["result"] == "PASS"
        all_good = all_good and good
        lines.append(f"{target:{width}}  {told}")
    return lines, all_good


def main():
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("--record", type=pathlib.Path, default=long_run.RECORD)
    parse.add_argument("targets", nargs="+")
    options = parse.parse_args()
    lines, good = report(options.record, options.targets)
    print("\n".join(lines))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
