# SPDX-License-Identifier: BSD-2-Clause
# Makes bootable disk images without root: an MBR, GRUB 2 in the gap behind it, and
# one ext partition filled from a folder. The same input gives the same bytes.

import os
import pathlib
import shutil
import struct
import subprocess
import tempfile

SECTOR = 512
PARTITION_START = 2048          # in sectors; GRUB's core image lives before it
EPOCH = 1767225600              # 2026-01-01: the time of every file in an image
FILE_SYSTEM_ID = "786d6866-0000-4000-8000-{:012x}"
GRUB_FOLDER = "boot/grub"
GRUB_PLATFORM = "i386-pc"

# Enough to read our partition, show a menu on screen and serial line, and start
# Multiboot kernels, Linux, and the boot sectors of other systems.
GRUB_MODULES = ("biosdisk part_msdos ext2 fat ntfs normal configfile test echo sleep true serial"
                " terminal terminfo gzio multiboot linux chain drivemap boot parttool msdospart"
                " search search_fs_uuid ls cat halt reboot minicmd").split()

# Features that GRUB can read and that need no time stamps of their own.
FEATURES = {
    "ext2": "^resize_inode,^dir_index",
    "ext4": "^metadata_csum,^metadata_csum_seed,^orphan_file,^resize_inode",
}

# The places in GRUB's boot sectors that its installer fills in (grub: include/grub/i386/pc/boot.h).
BOOT_KERNEL_SECTOR = 0x5c
BOOT_DRIVE = 0x64
BOOT_DRIVE_FROM_BIOS = 0xff     # use DL, whatever place the disk has
BOOT_CODE_SIZE = 0x1b8
DISKBOOT_START = SECTOR - 12


class Failed(Exception):
    """An image could not be made; the text says why."""


def run(command, **options):
    done = subprocess.run([str(word) for word in command], text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if done.returncode:
        raise Failed(f"{command[0]} failed:\n{done.stdout[-2000:]}")
    return done.stdout


def grub_core(scratch, modules_from, modules):
    """GRUB's core image, as it lies on the disk from sector 1 on."""
    path = scratch / "core.img"
    run(["grub-mkimage", "-O", GRUB_PLATFORM, "-d", modules_from, "-o", path,
         "-p", f"(,msdos1)/{GRUB_FOLDER}", *modules])
    core = bytearray(path.read_bytes())
    core += bytes(-len(core) % SECTOR)
    sectors = len(core) // SECTOR
    if 1 + sectors > PARTITION_START:
        raise Failed("GRUB's core image does not fit before the partition")
    struct.pack_into("<QH", core, DISKBOOT_START, 2, sectors - 1)
    return core


def boot_sector(modules_from, partition_sectors):
    """GRUB's boot sector with a partition table of one active Linux partition."""
    sector = bytearray((modules_from / "boot.img").read_bytes()[:BOOT_CODE_SIZE])
    sector += bytes(SECTOR - BOOT_CODE_SIZE)
    struct.pack_into("<Q", sector, BOOT_KERNEL_SECTOR, 1)
    sector[BOOT_DRIVE] = BOOT_DRIVE_FROM_BIOS
    no_chs = b"\xfe\xff\xff"
    struct.pack_into("<B3sB3sII", sector, 0x1be, 0x80, no_chs, 0x83, no_chs,
                     PARTITION_START, partition_sectors)
    sector[510:] = b"\x55\xaa"
    return sector


def _same_times(tree):
    for folder, _, files in os.walk(tree):
        for name in [*files, "."]:
            os.utime(os.path.join(folder, name), (EPOCH, EPOCH), follow_symlinks=False)


def _same_inodes(image, tree, owned_by_root):
    """Set what mke2fs copies from files and can't be set beforehand, or reading changes."""
    values = {"atime": f"@{EPOCH}", "ctime": f"@{EPOCH}", "crtime": f"@{EPOCH}"}
    if owned_by_root:
        values |= {"uid": "0", "gid": "0"}
    paths = ["/", "/lost+found"]
    paths += ["/" + str(path.relative_to(tree)) for path in sorted(tree.rglob("*"))]
    commands = "".join(f'sif "{path}" {field} {value}\n' for path in paths
                       for field, value in values.items() if '"' not in path)
    run(["debugfs", "-w", "-f", "/dev/stdin", image], input=commands)


def file_system(image, tree, mib, kind="ext2", number=1, wrapper=()):
    """Make a file system image of `mib` MiB from the folder `tree`; returns its UUID.

    `wrapper` is a command under which mke2fs is to run (fakeroot and its state).
    """
    uuid = FILE_SYSTEM_ID.format(number)
    with open(image, "wb") as file:
        file.truncate(mib << 20)
    run([*wrapper, "mke2fs", "-q", "-F", "-t", kind, "-O", FEATURES[kind], "-m", "0", "-U", uuid,
         "-E", f"hash_seed={uuid},root_owner=0:0", "-d", tree, image],
        env=os.environ | {"E2FSPROGS_FAKE_TIME": str(EPOCH)})
    return uuid


def size_mib(tree):
    """Room for a folder's files in a file system, with some to spare."""
    files = [path for path in tree.rglob("*") if path.is_file() and not path.is_symlink()]
    used = sum((path.stat().st_size + 4095) // 4096 * 4096 for path in files)
    return used * 11 // 10 // (1 << 20) + 4 + len(files) // 2000


def make(out, tree, menu, mib=0, kind="ext2", number=1, modules_from=None, all_modules=False,
         wrapper=()):
    """Write a bootable disk image to `out`.

    The files of the folder `tree` go into its partition, `menu` is its grub.cfg; `mib` is the
    partition's size (0: as needed); `number` tells file systems of different images apart.
    """
    source = pathlib.Path(modules_from or f"/usr/lib/grub/{GRUB_PLATFORM}")
    if not (source / "boot.img").exists():
        raise Failed(f"no GRUB for {GRUB_PLATFORM} in {source}: install grub-pc-bin")
    out = pathlib.Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=out.parent) as name:
        scratch = pathlib.Path(name)
        grub = tree / GRUB_FOLDER
        grub.mkdir(parents=True, exist_ok=True)
        (grub / "grub.cfg").write_text(menu)
        if all_modules:
            (grub / GRUB_PLATFORM).mkdir(exist_ok=True)
            for file in [*source.glob("*.mod"), *source.glob("*.lst")]:
                shutil.copy(file, grub / GRUB_PLATFORM)
        _same_times(tree)
        partition = scratch / "partition"
        file_system(partition, tree, mib or size_mib(tree), kind, number, wrapper)
        # An ordinary user's files become root's, unless a wrapper knows the owners.
        _same_inodes(partition, tree, owned_by_root=os.geteuid() != 0 and not wrapper)
        core = grub_core(scratch, source, GRUB_MODULES)
        with open(scratch / "disk", "wb") as disk:
            disk.write(boot_sector(source, partition.stat().st_size // SECTOR))
            disk.write(core)
            disk.seek(PARTITION_START * SECTOR)
            with open(partition, "rb") as part:
                shutil.copyfileobj(part, disk, 1 << 20)
        os.replace(scratch / "disk", out)
