#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Runs a long test within a bound, keeps what it says in a log by commit and target, and notes
# in long-runs.md that it ran, at which commit, and how it ended.

import argparse
import contextlib
import datetime
import os
import pathlib
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
RECORD = HERE / "long-runs.md"
HEAD = """\
# Long test runs

`make check-long-…` adds a line here. A commit with `+` had changes that weren't committed.

| date (UTC) | commit | target | result | seconds |
|---|---|---|---|---|
"""


def git(*words):
    return subprocess.run(["git", *words], cwd=HERE, text=True, stdout=subprocess.PIPE, check=False).stdout.strip()


def commit():
    """The commit that is tested, before the run: others may go on working meanwhile."""
    changed = git("status", "--porcelain", "--", ":/", f":(exclude){RECORD}")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + ("+" if changed else "")


@contextlib.contextmanager
def shown_and_kept(log):
    """A pipe to our output and to the file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    tee = subprocess.Popen(["tee", "-i", log], stdin=subprocess.PIPE)
    try:
        yield tee.stdin
    finally:
        tee.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            tee.wait(10)


def run(command, bound, out):
    """PASS, FAIL or "FAIL: too long"; our child's whole group ends with us."""
    child = subprocess.Popen(command, start_new_session=True, stdout=out, stderr=subprocess.STDOUT)
    try:
        return "PASS" if child.wait(bound) == 0 else "FAIL"
    except subprocess.TimeoutExpired:
        return "FAIL: too long"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        child.wait()


def note(record, *cells):
    if not record.exists():
        record.write_text(HEAD)
    with open(record, "a") as file:
        file.write("| " + " | ".join(map(str, cells)) + " |\n")


def main():
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("--record", type=pathlib.Path, default=RECORD)
    parse.add_argument("--logs", type=pathlib.Path, required=True, help="the folder for LOGS/COMMIT/TARGET.log")
    parse.add_argument("target")
    parse.add_argument("seconds", type=int, help="the bound")
    parse.add_argument("command", nargs=argparse.REMAINDER)
    options = parse.parse_args()
    tested, began = commit(), time.monotonic()
    log = options.logs / tested / f"{options.target}.log"
    with shown_and_kept(log) as out:
        result = run(options.command, options.seconds, out)
    seconds = round(time.monotonic() - began)
    ended = f"{result.split(':')[0]} {options.target}: {result}, {seconds} s, commit {tested}"
    with open(log, "a") as file:
        file.write(ended + "\n")
    note(options.record, datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"), tested, options.target, result, seconds)
    print(f"{ended}, log {log}")
    return 0 if result == "PASS" else 1


if __name__ == "__main__":
    sys.exit(main())
