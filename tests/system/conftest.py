# SPDX-License-Identifier: BSD-2-Clause
# Fixtures of the system tests: `lab` builds images and runs machines. Tests marked
# `long` run only with --long (make check-long); all others are part of make check.
# A long test names its group, long("smp4"), and --long=GROUP runs that group alone.

import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "tools")]
import harness  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--long", nargs="?", const="all", metavar="GROUP",
                     help="also run the tests marked long; or only those of one group of them")
    parser.addoption("--live", action="store_true", help="show serial lines live (wants -s)")


def pytest_configure(config):
    config.addinivalue_line("markers", "check: part of make check (the default)")
    config.addinivalue_line("markers", "long(group): only part of make check-long, as check-long-GROUP")


def group(item):
    """The group of a long test, else None."""
    mark = item.get_closest_marker("long")
    return mark and mark.args[0]


def pytest_collection_modifyitems(config, items):
    wanted = config.getoption("--long")
    if wanted == "all":
        return
    left = [item for item in items if group(item) == wanted]     # without --long: those of no group
    config.hook.pytest_deselected(items=[item for item in items if item not in left])
    items[:] = left


@pytest.fixture(scope="session", autouse=True)
def shared_by_workers(tmp_path_factory):
    own = tmp_path_factory.getbasetemp()
    harness.shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture
def lab(request):
    return harness.Lab(request.node.name, live=request.config.getoption("--live"))


@pytest.fixture
def tell(record_property):
    """tell(line) adds a line to the figures at the end of the run's report: of a test that passes nothing else is shown."""
    return lambda line: record_property("figure", line)


def pytest_terminal_summary(terminalreporter):
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    lines = [text for report in reports for name, text in getattr(report, "user_properties", ()) if name == "figure"]
    if lines:
        terminalreporter.section("figures")
        terminalreporter.write("".join(line + "\n" for line in lines))
