#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Makes disks with a stock Debian 12 kernel and a userland: busybox in an initramfs,
# or a debootstrapped system with systemd. They boot from any place among the disks.

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import cache
import cpio
import debian_root
import diskimage
import packages

SUITE = "bookworm"
GUEST_FILES = cache.REPO / "tools/guest"
KERNELS = {  # flavour: (Debian's architecture, metapackage)
    "amd64": ("amd64", "linux-image-amd64"),
    "686-pae": ("i386", "linux-image-686-pae"),
    "686": ("i386", "linux-image-686"),
}
USERLANDS = ("busybox", "systemd")
ROOT_MODULES = ("ata_piix", "sd_mod", "ext4", "crc32c_generic")   # to reach the root disk

MENU = """\
serial --unit=0 --speed=115200
terminal_input serial console
terminal_output serial console
set timeout=0
menuentry "Debian {flavour}" {{
	echo "GRUB: Debian {flavour} from $root"
	linux /boot/vmlinuz console=ttyS0,115200 {cmdline}
	initrd /boot/initrd
}}
"""


def _depmod(tree):
    version = next((tree / "lib/modules").iterdir()).name
    diskimage.run(["/sbin/depmod", "-b", tree, version])


def kernel(flavour):
    """(vmlinuz, modules folder, version) of a stock kernel."""
    architecture, metapackage = KERNELS[flavour]
    suite = packages.Suite(SUITE, architecture)
    name = next(n for n in suite.depends(metapackage) if n.startswith("linux-image-"))
    tree = suite.unpacked(name, [name], _depmod)
    vmlinuz = next(tree.glob("boot/vmlinuz-*"))
    version = vmlinuz.name.removeprefix("vmlinuz-")
    return vmlinuz, tree / "lib/modules" / version, version


def busybox(flavour):
    suite = packages.Suite(SUITE, KERNELS[flavour][0])
    return suite.unpacked(f"busybox-static-{suite.architecture}", ["busybox-static"]) / "bin/busybox"


def with_dependencies(modules, wanted):
    """Paths below `modules` of the wanted ones and what they need, in loading order."""
    needs = {}
    for line in (modules / "modules.dep").read_text().splitlines():
        path, _, rest = line.partition(":")
        needs[path] = rest.split()
    by_name = {pathlib.Path(path).stem.replace("-", "_"): path for path in needs}
    order = []
    for name in wanted:
        path = by_name.get(name.replace("-", "_"))
        for each in [*reversed(needs.get(path, [])), path]:
            if each and each not in order:
                order.append(each)
    return order


def initramfs(flavour, init, modules=(), extra=()):
    """An initramfs of busybox, the guest's scripts, kernel modules and extra files."""
    archive = cpio.Archive()
    for name in ("proc", "sys", "dev", "sbin", "root", "tmp"):
        archive.folder(name)
    archive.console("dev/console", 5, 1)
    box = busybox(flavour)
    archive.file("bin/busybox", box.read_bytes(), 0o755)
    applets = subprocess.run([box, "--list"], check=True, text=True, stdout=subprocess.PIPE)
    for applet in applets.stdout.split():
        if applet != "busybox":
            archive.link(f"bin/{applet}", "busybox")
    archive.file("init", (GUEST_FILES / init).read_bytes(), 0o755)
    archive.file("bin/selfcheck", (GUEST_FILES / "selfcheck").read_bytes(), 0o755)
    _, folder, _ = kernel(flavour)
    paths = with_dependencies(folder, modules)
    for path in paths:
        archive.file("modules/" + os.path.basename(path), (folder / path).read_bytes())
    archive.file("modules/order", "".join(os.path.basename(p) + "\n" for p in paths).encode())
    for source, destination in extra:
        source = pathlib.Path(source)
        archive.file(destination.lstrip("/"), source.read_bytes(), source.stat().st_mode & 0o777)
    return archive.bytes()


def _build(out, flavour, userland, cmdline, extra, modules):
    vmlinuz, folder, version = kernel(flavour)
    with tempfile.TemporaryDirectory(prefix="debian-", dir=cache.folder()) as name:
        tree = pathlib.Path(name) / "tree"
        (tree / "boot").mkdir(parents=True)
        if userland == "systemd":
            debian_root.build(out, tree, flavour, KERNELS[flavour][0], folder, extra,
                              MENU.format(flavour=flavour, cmdline="root=/dev/disk " + cmdline))
            return
        shutil.copy(vmlinuz, tree / "boot/vmlinuz")
        (tree / "boot/initrd").write_bytes(initramfs(flavour, "init", modules, extra))
        diskimage.make(out, tree, MENU.format(flavour=flavour, cmdline=cmdline), number=2)


def disk(flavour="amd64", userland="busybox", cmdline="", selfcheck="", extra=(), modules=()):
    """The path of a disk image, made at first use. `extra`: (source, destination) pairs."""
    if selfcheck:
        cmdline = f"{cmdline} selfcheck={selfcheck}".strip()
    sources = [cache.REPO / "tools" / name for name in
               ("debian_disk.py", "debian_root.py", "diskimage.py", "cpio.py")]
    sources += sorted(GUEST_FILES.iterdir())
    key = cache.key(flavour, userland, cmdline, *modules, *sources,
                    *(x for source, to in extra for x in (pathlib.Path(source), to)))
    return cache.made(f"disks/debian-{flavour}-{userland}-{key}.img",
                      lambda out: _build(out, flavour, userland, cmdline, extra, modules),
                      f"making a Debian {flavour} disk with {userland}")


def main():
    parse = argparse.ArgumentParser(description=__doc__)
    add = parse.add_argument
    add("--kernel", choices=KERNELS, default="amd64")
    add("--userland", choices=USERLANDS, default="busybox")
    add("--cmdline", default="", metavar="WORDS", help="further words for the kernel")
    add("--selfcheck", default="", metavar="NAME",
        help="basic, hotplug or reboot: check the machine, then power off; else a shell")
    add("--extra", action="append", default=[], metavar="SRC:DEST", help="a further file")
    add("--module", action="append", default=[], metavar="NAME",
        help="a kernel module for the initramfs; its init loads it")
    add("--out", metavar="IMAGE", help="copy the image there")
    options = parse.parse_args()
    extra = [tuple(item.rsplit(":", 1)) for item in options.extra]
    try:
        image = disk(options.kernel, options.userland, options.cmdline, options.selfcheck, extra,
                     options.module)
    except (diskimage.Failed, packages.Failed, FileNotFoundError) as problem:
        print(f"debian_disk.py: {problem}", file=sys.stderr)
        return 1
    if options.out:
        diskimage.run(["cp", "--sparse=always", "--reflink=auto", image, options.out])
    print(options.out or image)
    return 0


if __name__ == "__main__":
    sys.exit(main())
