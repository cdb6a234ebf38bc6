#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Makes a bootable disk image with GRUB and a Multiboot kernel that isn't the hypervisor,
# such as the light hypervisor of the tests. grub.py makes the hypervisor's.

import argparse
import pathlib
import shutil
import sys
import tempfile

import diskimage

MENU = """\
serial --unit=0 --speed=115200
terminal_output serial console
set timeout=0
menuentry "{name}" {{
	echo "GRUB: {name} from $root"
	multiboot /{name} {cmdline}
}}
"""


def build(out, kernel, cmdline=""):
    """Write the image `out`, which boots the file `kernel`."""
    with tempfile.TemporaryDirectory(prefix="multiboot-") as name:
        tree = pathlib.Path(name) / "tree"
        tree.mkdir()
        shutil.copy(kernel, tree)
        diskimage.make(out, tree, MENU.format(name=pathlib.Path(kernel).name, cmdline=cmdline))


def main():
    parse = argparse.ArgumentParser()
    parse.add_argument("kernel", type=pathlib.Path, help="an ELF file with a Multiboot header")
    parse.add_argument("--cmdline", default="", metavar="WORDS")
    parse.add_argument("--out", type=pathlib.Path, required=True, metavar="IMAGE")
    options = parse.parse_args()
    try:
        build(options.out, options.kernel, options.cmdline)
    except (diskimage.Failed, FileNotFoundError) as problem:
        print(f"multiboot_disk.py: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
