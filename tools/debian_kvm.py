# SPDX-License-Identifier: BSD-2-Clause
# What a Debian guest needs to be a hypervisor itself: KVM's modules, the program that tries
# /dev/kvm, and Debian's QEMU with its libraries, firmware and a Debian as *its* guest.

import re
import shutil
import subprocess

import cache
import diskimage
import packages

SUITE = "bookworm"
MODULES = ("kvm_intel", "ata_piix", "sd_mod", "ext4", "crc32c_generic")  # KVM, and what reaches the disk
FOLDER = "kvm"          # on the disk
FIRMWARE = ("bios-256k.bin", "kvmvapic.bin", "linuxboot_dma.bin")
QEMU = {"amd64": "qemu-system-x86_64", "i386": "qemu-system-i386"}

# QEMU and where its libraries are from; which of them it wants, its files say.
PACKAGES = """\
qemu-system-x86 qemu-system-data seabios libc6 libgcc-s1 zlib1g libaio1 libblkid1 libbpf1 libcapstone4
libelf1 libfdt1 libffi8 libfuse3-3 libglib2.0-0 libgmp10 libgnutls30 libhogweed6 libibverbs1 libidn2-0
libjpeg62-turbo liblzma5 libmount1 libnettle8 libnl-3-200 libnl-route-3-200 libnuma1 libp11-kit0 libpcre2-8-0
libpixman-1-0 libpng16-16 librdmacm1 libsasl2-2 libseccomp2 libselinux1 libslirp0 libtasn1-6 libudev1
libunistring2 liburing2 libuuid1 libvdeplug2 libzstd1""".split()
ONLY_AMD64 = ("libdaxctl1", "libkmod2", "libndctl6", "libpmem1", "libssl3")


def _needed(file):
    """The libraries that a program or library names."""
    said = subprocess.run(["readelf", "-d", file], check=True, text=True, stdout=subprocess.PIPE).stdout
    return re.findall(r"\(NEEDED\).*\[(.+)\]", said)


def _with_libraries(program, unpacked):
    """Paths of the libraries that a program needs, its loader among them."""
    there = {path.name: path for folder in ("lib", "usr/lib") for path in (unpacked / folder).rglob("*.so*")}
    wanted, found = _needed(program), {}
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        if name not in there:
            raise packages.Failed(f"{program.name} needs {name}, which no package in the list has")
        found[name] = there[name]
        wanted += _needed(there[name])
    return found


def qemu(architecture):
    """The unpacked packages of QEMU."""
    names = [*PACKAGES, *(ONLY_AMD64 if architecture == "amd64" else ())]
    name = f"qemu-{architecture}-{cache.key(SUITE, *names)}"
    return packages.Suite(SUITE, architecture).unpacked(name, names)


def fill(tree, architecture, guest_files):
    """Put QEMU into the folder FOLDER of `tree`; guest_files: (source, name) pairs of its guests' files."""
    unpacked, target = qemu(architecture), tree / FOLDER
    (target / "lib").mkdir(parents=True)
    (target / "share").mkdir()
    program = unpacked / "usr/bin" / QEMU[architecture]
    shutil.copy(program, target / "qemu")
    for name, path in _with_libraries(program, unpacked).items():
        shutil.copy(path.resolve() if unpacked in path.resolve().parents else path, target / "lib" / name)
    loader = next((target / "lib").glob("ld-linux*"))
    loader.chmod(0o755)
    loader.rename(target / "lib/ld.so")
    for name in FIRMWARE:
        shutil.copy(next(path for folder in ("qemu", "seabios")
                         for path in [unpacked / "usr/share" / folder / name] if path.is_file()), target / "share")
    for source, name in guest_files:
        shutil.copy(source, target / name)


def for_modprobe(folder, paths, scratch):
    """(source, destination) pairs by which modprobe finds the modules `paths` of the folder and what they need."""
    needs = scratch / "modules.dep"
    lines = (folder / "modules.dep").read_text().splitlines()
    needs.write_text("".join(line + "\n" for line in lines if line.partition(":")[0] in paths))
    return [(source, f"lib/modules/{folder.name}/{name}")
            for source, name in [(needs, "modules.dep"), *((folder / path, path) for path in paths)]]


def hello(out):
    """A disk whose boot sector says hello on COM1 and ends QEMU."""
    source = cache.REPO / "tests/system/hello.S"
    compiled = out.with_suffix(".o")
    diskimage.run(["gcc", "-m32", "-c", source, "-o", compiled])
    diskimage.run(["ld", "-melf_i386", "-Ttext", "0x7c00", "-e", "_start", "--oformat", "binary", compiled, "-o", out])
    compiled.unlink()
    with open(out, "r+b") as disk:
        disk.truncate(1 << 20)
    return out
