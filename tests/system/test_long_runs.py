# SPDX-License-Identifier: BSD-2-Clause
# What make check-long-status says of the record of long test runs, in a small repository of its own.

import subprocess
import sys

import pytest

import cache

STATUS = cache.REPO / "tests/long_status.py"
ROW = "| 2026-01-02 | {} | {} | {} | {} |\n"


class Repository:
    def __init__(self, folder):
        self.folder = folder
        self.record = folder / "long-runs.md"
        self.git("init", "-q")

    def git(self, *words):
        identity = ("-c", "user.name=test", "-c", "user.email=test@localhost")
        return subprocess.run(["git", *identity, *words], cwd=self.folder, text=True, check=True,
                              stdout=subprocess.PIPE).stdout.strip()

    def commit(self, name):
        with open(self.folder / name, "a") as file:
            file.write("more\n")
        self.git("add", "-A")
        self.git("commit", "-qm", name)
        return self.git("rev-parse", "--short", "HEAD")

    def note(self, *cells):
        with open(self.record, "a") as record:
            record.write(ROW.format(*cells))

    def status(self, *targets):
        done = subprocess.run([sys.executable, STATUS, "--record", self.record, *targets], text=True,
                              stdout=subprocess.PIPE, check=False)
        return done.returncode, done.stdout


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path)


def test_a_target_that_passed_at_head_is_good(repository):
    repository.note(repository.commit("source"), "check-long-a", "PASS", 7)
    repository.commit("long-runs.md")           # the record itself puts no run out of date
    code, said = repository.status("check-long-a")
    assert code == 0 and said.startswith("check-long-a  PASS, 7 s, 2026-01-02, ") and said.endswith(": HEAD\n")


def test_it_tells_how_many_commits_came_since(repository):
    repository.note(repository.commit("source"), "check-long-a", "PASS", 7)
    repository.commit("source")
    assert repository.status("check-long-a")[1].endswith(": 1 commit behind HEAD\n")
    repository.commit("other")
    code, said = repository.status("check-long-a")
    assert code == 0 and said.endswith(": 2 commits behind HEAD\n")


def test_the_last_run_counts(repository):
    head = repository.commit("source")
    repository.note(head, "check-long-a", "PASS", 7)
    repository.note(head, "check-long-a", "FAIL: too long", 2400)
    code, said = repository.status("check-long-a")
    assert code == 1 and said.startswith("check-long-a  FAIL: too long, 2400 s, ")
    repository.note(head, "check-long-a", "PASS", 8)
    assert repository.status("check-long-a")[0] == 0


def test_a_target_that_never_ran_is_listed_and_is_bad(repository):
    repository.note(repository.commit("source"), "check-long-a", "PASS", 7)
    code, said = repository.status("check-long-a", "check-long-other")
    assert code == 1 and "check-long-other  never ran\n" in said and said.startswith("check-long-a      PASS")


def test_a_commit_of_another_history_and_uncommitted_changes_are_told(repository):
    head = repository.commit("source")
    repository.note("1234567", "check-long-a", "PASS", 7)
    repository.note(head + "+", "check-long-b", "PASS", 7)
    _, said = repository.status("check-long-a", "check-long-b")
    assert "1234567: not in this history\n" in said and f"{head}: HEAD, had uncommitted changes\n" in said


def test_make_knows_all_targets():
    done = subprocess.run(["make", "-s", "check-long-status"], cwd=cache.REPO, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=False)
    told = {line.split()[0] for line in done.stdout.splitlines()}
    assert {"check-long-smp4", "check-long-systemd", "check-long-fuzz"} <= told
