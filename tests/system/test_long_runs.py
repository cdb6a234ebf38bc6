# SPDX-License-Identifier: BSD-2-Clause
# What a long test run leaves behind, and what make check-long-status says of the record, in a small repository of its own.

import subprocess
import sys

import pytest

import cache

STATUS = cache.REPO / "tests/long_status.py"
RUN = cache.REPO / "tests/long_run.py"
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
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
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
    for page in ("long-runs.md", "docs/page.md", "README.md"):      # they put no run out of date
        repository.commit(page)
    code, said = repository.status("check-long-a")
    assert code == 0 and said.startswith("check-long-a  PASS, 7 s, 2026-01-02, ") and said.endswith(": as at HEAD\n")


@pytest.mark.parametrize("name", ["source", "xmhf/docs/source.c", "tests/README.md", "Makefile"])
def test_a_pass_with_other_sources_is_stale_and_bad(repository, name):
    repository.note(repository.commit("source"), "check-long-a", "PASS", 7)
    repository.commit(name)
    code, said = repository.status("check-long-a")
    assert code == 1 and said.endswith(": STALE, 1 file changed since\n")


def test_a_pass_with_the_same_sources_is_good_whatever_came_between(repository):
    repository.note(repository.commit("source"), "check-long-a", "PASS", 7)
    repository.commit("long-runs.md")
    repository.commit("source")
    repository.git("revert", "--no-edit", "HEAD")
    assert repository.status("check-long-a")[0] == 0


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


def test_a_commit_of_another_repository_and_uncommitted_changes_are_stale(repository):
    head = repository.commit("source")
    repository.note("1234567", "check-long-a", "PASS", 7)
    repository.note(head + "+", "check-long-b", "PASS", 7)
    code, said = repository.status("check-long-a")
    assert code == 1 and "1234567: STALE, not a commit of this repository\n" in said
    code, said = repository.status("check-long-b")
    assert code == 1 and f"{head}+: STALE, it had uncommitted changes\n" in said


@pytest.mark.parametrize("script, result", [("echo here; echo there >&2", "PASS"), ("echo here; false", "FAIL"),
                                            ("echo here; sleep 60", "FAIL: too long")])
def test_what_a_run_says_is_kept_by_commit_and_target(tmp_path, script, result):
    record, logs = tmp_path / "long-runs.md", tmp_path / "long"
    done = subprocess.run([sys.executable, RUN, "--record", record, "--logs", logs, "check-long-a", "2", "sh", "-c", script],
                          text=True, stdout=subprocess.PIPE, check=False, timeout=30)
    [log] = logs.glob("*/check-long-a.log")
    said = log.read_text().splitlines()
    assert said[0] == "here" and ("there" in said) == ("there" in script) and "here\n" in done.stdout
    assert said[-1].startswith(f"{result.split(':')[0]} check-long-a: {result}, ") and said[-1].endswith(f", commit {log.parent.name}")
    assert f" | {log.parent.name} | check-long-a | {result} | " in record.read_text()
    assert done.returncode == (result != "PASS")


def test_make_knows_all_targets():
    done = subprocess.run(["make", "-s", "check-long-status"], cwd=cache.REPO, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=False)
    told = {line.split()[0] for line in done.stdout.splitlines()}
    assert {"check-long-smp4", "check-long-systemd", "check-long-fuzz"} <= told
