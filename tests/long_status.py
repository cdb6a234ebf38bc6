#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Shows for each long test how it last ended, and how far the sources have gone on
# since. Fails if one never ran, or failed when it last ran.

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


def behind(record, commit):
    """How many commits changed something other than the record since `commit`; None: it isn't in our history."""
    def git(*words):
        return subprocess.run(["git", *words], cwd=record.parent, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False)
    if git("merge-base", "--is-ancestor", commit, "HEAD").returncode:
        return None
    return int(git("rev-list", "--count", f"{commit}..HEAD", "--", ":/", f":(exclude){record}").stdout)


def place(record, row):
    count = behind(record, row["commit"])
    if count is None:
        where = "not in this history"
    else:
        where = "HEAD" if count == 0 else f"{count} commit{'s' if count > 1 else ''} behind HEAD"
    return where + (", had uncommitted changes" if row["changed"] else "")


def report(record, targets):
    """Lines about the targets, and whether all of them passed when they last ran."""
    runs = last_runs(record.read_text())
    width = max(map(len, targets))
    lines, good = [], True
    for target in targets:
        row = runs.get(target)
        if row:
            told = f"{row['result']}, {row['seconds']} s, {row['date']}, {row['commit']}: {place(record, row)}"
        else:
            told = "never ran"
        good = good and bool(row) and row["result"] == "PASS"
        lines.append(f"{target:{width}}  {told}")
    return lines, good


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
