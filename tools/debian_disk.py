#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Makes disks with a stock Debian 12 kernel and a userland: busybox in an initramfs, the
# same with KVM and QEMU, or a debootstrapped system with systemd. They boot from any
# place among the disks.

import argparse
import os
import pathlib
import shutil
import sys
import tempfile

import cache
import cpio
import debian_kvm
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
    archive.file("bin/busybox", busybox(flavour).read_bytes(), 0o755)
    archive.link("bin/sh", "busybox")       # init makes the other links
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


def _busybox(out, scratch, flavour, cmdline, extra, modules):
    tree = scratch / "tree"
    (tree / "boot").mkdir(parents=True)
    shutil.copy(kernel(flavour)[0], tree / "boot/vmlinuz")
    (tree / "boot/initrd").write_bytes(initramfs(flavour, "init", modules, extra))
    diskimage.make(out, tree, MENU.format(flavour=flavour, cmdline=cmdline), number=2)


def _systemd(out, scratch, flavour, cmdline, extra, modules):
    vmlinuz, folder, _ = kernel(flavour)
    tree = scratch / "tree"
    tree.mkdir()
    number = 3 + list(KERNELS).index(flavour)
    uuid = diskimage.FILE_SYSTEM_ID.format(number)
    tools = [(GUEST_FILES / "selfcheck", "/usr/local/bin/selfcheck")]
    wrapper = debian_root.fill(
        tree, scratch / "owners", debian_root.base(SUITE, KERNELS[flavour][0]), uuid, folder,
        with_dependencies(folder, [*ROOT_MODULES, *modules]), [*tools, *extra])
    shutil.copy(vmlinuz, tree / "boot/vmlinuz")
    (tree / "boot/initrd").write_bytes(initramfs(flavour, "init-root", ROOT_MODULES))
    menu = MENU.format(flavour=flavour, cmdline=f"root=UUID={uuid} {cmdline}")
    diskimage.make(out, tree, menu, kind="ext4", number=number, wrapper=wrapper)


def _kvm(out, scratch, flavour, cmdline, extra, modules, images=()):
    """busybox, and on the disk QEMU and a Debian of the same kernel to be its guest."""
    vmlinuz, folder, _ = kernel(flavour)
    tree = scratch / "tree"
    (tree / "boot").mkdir(parents=True)
    shutil.copy(vmlinuz, tree / "boot/vmlinuz")
    (scratch / "initrd").write_bytes(initramfs(flavour, "init"))
    debian_kvm.fill(tree, KERNELS[flavour][0], [(vmlinuz, "vmlinuz"), (scratch / "initrd", "initrd"),
                                                (debian_kvm.hello(scratch / "hello"), "hello.img"), *images])
    wanted = with_dependencies(folder, debian_kvm.MODULES)
    tools = [(GUEST_FILES / "selfcheck-kvm", "/bin/selfcheck-kvm"),
             *debian_kvm.for_modprobe(folder, wanted, scratch)]
    (tree / "boot/initrd").write_bytes(initramfs(flavour, "init", modules, [*tools, *extra]))
    number = 3 + len(KERNELS) + list(KERNELS).index(flavour)
    menu = MENU.format(flavour=flavour, cmdline=f"kvmdisk=UUID={diskimage.FILE_SYSTEM_ID.format(number)} {cmdline}")
    diskimage.make(out, tree, menu, number=number)


USERLANDS = {"busybox": _busybox, "kvm": _kvm, "systemd": _systemd}
# Our own programs in a userland: (folder below tools, name, where it goes).
STAT, KVM_SMOKE = ("guest-stat", "xmhf-stat"), ("guest-kvm", "kvm-smoke")
OWN_TOOLS = {
    "busybox": [(*STAT, "/bin/xmhf-stat")],
    "kvm": [(*STAT, "/bin/xmhf-stat"), (*KVM_SMOKE, "/bin/kvm-smoke")],
    "systemd": [(*STAT, "/usr/local/bin/xmhf-stat")],
}


def own_tool(folder, name, flavour):
    """A program of ours for Linux guests, built if its sources changed."""
    bits = {"amd64": 64, "i386": 32}[KERNELS[flavour][0]]
    out = cache.REPO / f"build/{folder}/{name}-{bits}"
    with cache.lock("make"):
        diskimage.run(["make", "-s", "-C", cache.REPO, "-f", f"tools/{folder}/{folder}.mk",
                       out.relative_to(cache.REPO)])
    return out


def disk(flavour="amd64", userland="busybox", cmdline="", selfcheck="", extra=(), modules=(), images=()):
    """The path of a disk image, made at first use. `extra`: (source, destination) pairs; `images`: (source, name) pairs, disks
    for the QEMU of the userland kvm."""
    if selfcheck:
        cmdline = f"{cmdline} selfcheck={selfcheck}".strip()
    extra = [*extra, *((own_tool(folder, name, flavour), to) for folder, name, to in OWN_TOOLS[userland])]
    sources = [cache.REPO / "tools" / name for name in
               ("debian_disk.py", "debian_kvm.py", "debian_root.py", "diskimage.py", "cpio.py")]
    sources += sorted(GUEST_FILES.iterdir())
    key = cache.key(flavour, userland, cmdline, *modules, *sources,
                    *(x for source, to in (*extra, *images) for x in (pathlib.Path(source), to)))
    def build(out):
        with tempfile.TemporaryDirectory(prefix="debian-", dir=cache.folder()) as scratch:
            USERLANDS[userland](out, pathlib.Path(scratch), flavour, cmdline, extra, modules,
                                **({"images": images} if images else {}))
    return cache.made(f"disks/debian-{flavour}-{userland}-{key}.img", build,
                      f"making a Debian {flavour} disk with {userland}")


def main():
    parse = argparse.ArgumentParser(description=__doc__)
    add = parse.add_argument
    add("--kernel", choices=KERNELS, default="amd64")
    add("--userland", choices=USERLANDS, default="busybox")
    add("--cmdline", default="", metavar="WORDS", help="further words for the kernel")
    add("--selfcheck", default="", metavar="NAME",
        help="basic, hotplug, reboot, stat or kvm: check the machine, then power off; else a shell")
    add("--extra", action="append", default=[], metavar="SRC:DEST", help="a further file")
    add("--module", action="append", default=[], metavar="NAME",
        help="a further kernel module: busybox' init loads it, systemd's root has it")
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
