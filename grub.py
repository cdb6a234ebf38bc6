#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Makes a bootable disk image with GRUB and the hypervisor. Its menu starts the
# hypervisor with the *next* disk's boot sector as guest, whatever place this disk has.

import argparse
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "tools"))
import cache
import diskimage

PLACES = 8  # disks that the menu can find its place among

MENU = """\
serial --unit=0 --speed=115200
terminal_input serial console
terminal_output serial console
set timeout={timeout}
set default=0
{places}
menuentry "xmhf {subarch}" {{
	echo "GRUB: xmhf {subarch} from $root, guest from $next"
	multiboot /{loader} serial=115200,8n1,0x3f8 boot_drive=$drive {cmdline}
	module /{hypervisor}
	module --nounzip ($next)+1
{modules}}}
menuentry "next disk, without xmhf" {{
	drivemap -s hd0 $next
	set root=$next
	chainloader +1
}}
{entries}"""


def find_next_disk():
    """GRUB commands that set $next and $drive from $root, which GRUB sets from DL."""
    text = ""
    for place in range(PLACES):
        text += (f'{"elif" if place else "if"} [ "$root" = "hd{place},msdos1" ]; then'
                 f' set next=hd{place + 1}; set drive={0x81 + place:#x}\n')
    return text + 'else echo "GRUB: started from $root: no disk place known"; fi\n'


def menu(options, loader, hypervisor):
    words = [f"sl_base={options.sl_base}"] if options.sl_base else []
    words += [options.cmdline] if options.cmdline else []
    entries = ""
    for entry in options.grub_menuentry:
        title, _, commands = entry.partition("{")
        entries += f'menuentry "{title.strip()}" {{\n\t{commands.rstrip().removesuffix("}").strip()}\n}}\n'
    return MENU.format(
        timeout=options.grub_timeout, places=find_next_disk(), subarch=options.subarch,
        loader=loader, hypervisor=hypervisor, cmdline=" ".join(words), entries=entries,
        modules="".join(f"\tmodule --nounzip /{file.name}\n" for file in options.module))


def build(options):
    """Write options.out, an image with the files and menu that the options ask for."""
    loader = f"init-x86-{options.subarch}.bin"
    hypervisor = f"hypervisor-x86-{options.subarch}.bin.gz"
    with tempfile.TemporaryDirectory(prefix="grub-", dir=options.work_dir) as name:
        tree = pathlib.Path(name) / "tree"
        tree.mkdir()
        if options.boot_dir:
            shutil.copytree(options.boot_dir, tree / "boot")
        for file in [options.xmhf_bin / loader, options.xmhf_bin / hypervisor, *options.module]:
            shutil.copy(file, tree)
        own_grub = tree / diskimage.GRUB_FOLDER / diskimage.GRUB_PLATFORM
        text = menu(options, loader, hypervisor)
        if options.verbose:
            print(text)
        diskimage.make(options.out, tree, text, all_modules=options.full_grub_mods,
                       modules_from=own_grub if own_grub.exists() else None)


def parser():
    parse = argparse.ArgumentParser(description=__doc__)
    add = parse.add_argument
    add("--subarch", choices=("amd64", "i386"), default="amd64")
    add("--xmhf-bin", type=pathlib.Path, required=True, metavar="DIR",
        help="folder with init-x86-SUBARCH.bin and hypervisor-x86-SUBARCH.bin.gz")
    add("--out", type=pathlib.Path, metavar="IMAGE",
        help="the image to write (default: grub.img in the folder of --xmhf-bin)")
    add("--work-dir", type=pathlib.Path, metavar="DIR", help="folder for temporary files")
    add("--boot-dir", type=pathlib.Path, metavar="DIR",
        help="folder whose files go into the image's /boot; if it has grub/i386-pc with"
        " boot.img and modules, that GRUB is used instead of the machine's")
    add("--grub-timeout", type=int, default=0, metavar="N",
        help="seconds that the menu waits (default 0; -1: for ever)")
    add("--grub-menuentry", action="append", default=[], metavar="TITLE{COMMANDS}",
        help="a further entry of the menu; may be repeated")
    add("--full-grub-mods", action="store_true", help="put all of GRUB's modules on the disk")
    add("--sl-base", metavar="ADDR|auto", help="where the hypervisor is to lie")
    add("--cmdline", default="", metavar="WORDS", help="further words of its command line")
    add("--module", type=pathlib.Path, action="append", default=[], metavar="FILE",
        help="a further Multiboot module, for the hypapp; may be repeated")
    add("--verbose", action="store_true", help="show the menu's text")
    return parse


def main():
    options = parser().parse_args()
    options.out = options.out or options.xmhf_bin / "grub.img"
    try:
        build(options)
    except (diskimage.Failed, FileNotFoundError) as problem:
        print(f"grub.py: {problem}", file=sys.stderr)
        return 1
    if options.verbose:
        cache.say(f"wrote {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
