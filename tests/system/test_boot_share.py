# SPDX-License-Identifier: BSD-2-Clause
# What part of Debian's boot the hypervisor is, one to three copies deep, beside the same boot as KVM's guest.

import sys

import pytest

import cache

sys.path.append(str(cache.REPO / "tests/bench"))
import bench  # noqa: E402

# Of the bare boot's busy ticks, a little above what is measured. With one copy by its own counter; with more all that is executed
# more, their loading too.
MOST = {
    ("l1", "boot_root_share"): 0.001,
    ("l1_l1", "boot_root_share_at_most"): 0.05,
    ("l1_l1_l1", "boot_root_share_at_most"): 0.1,
}
SIDE_BY_SIDE = ("boot_ticks", "boot_busy_ticks", "boot_ratio", "boot_root_share", "boot_root_share_at_most", "boot_busy_more")
PLACES = ("bare", "l1", "l1_l1", "l1_l1_l1", "kvm")


@pytest.mark.long("boot-share")
def test_the_hypervisor_is_a_small_part_of_debians_boot(lab, tell):
    figures = bench.boots(lab)
    tell(f"{'':24}" + "".join(f"{place:>14}" for place in PLACES))
    for name in SIDE_BY_SIDE:
        values = (figures.get((place, name), "-") for place in PLACES)
        tell(f"{name:24}" + "".join(f"{f'{value:.6f}' if isinstance(value, float) else value:>14}" for value in values))
    assert {figure: figures[figure] for figure, most in MOST.items() if figures[figure] > most} == {}
