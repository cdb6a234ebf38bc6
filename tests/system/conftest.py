# SPDX-License-Identifier: BSD-2-Clause
# Fixtures of the system tests: `lab` builds images and runs machines. Tests marked
# `long` run only with --long (make check-long); all others are part of make check.

import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "tools")]
import harness  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="also run the tests marked long")
    parser.addoption("--live", action="store_true", help="show serial lines live (wants -s)")


def pytest_configure(config):
    config.addinivalue_line("markers", "check: part of make check (the default)")
    config.addinivalue_line("markers", "long: only part of make check-long")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--long"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


@pytest.fixture
def lab(request):
    return harness.Lab(request.node.name, live=request.config.getoption("--live"))
