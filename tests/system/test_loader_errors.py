# SPDX-License-Identifier: BSD-2-Clause
# What the loader and the secure loader refuse, each with one plain line, and then halt.
#
# "No wait-for-SIPI activity state" and the like, which no executor can show, are in
# tests/unit/test_cpu_checks.c: there every refusal is judged from made-up facts.

import gzip
import hashlib
import re
import shutil
import socket
import time

import pytest

import diskimage
import harness
import qemu

BOUND = 60      # seconds: GRUB and the loader take about 5
HALTED = "halted; mend that and reset the machine"

MENU = """\
set timeout=0
menuentry "xmhf" {{
	multiboot /loader serial=115200,8n1,0x3f8 {cmdline}
{modules}}}
"""
FIRMWARE_SETS_FEATURE_CONTROL = rb"(\xb9\x3a\0\0\0\x0f\x32(?:\x66)?\x83\xc8)\x05"  # mov ecx, 3ah; rdmsr; or eax, 5


def refuses(lab, disks, message, who="loader", run=None, **machine):
    """The machine says `message` as the one error, and stays halted: nothing of the guest runs."""
    result = (run or lab.run)(disks, [HALTED, "PASS hello"], BOUND, **machine)
    errors = re.findall(r"^.*: error: .*$", harness.plain(result.serial), re.M)
    assert errors == [f"{who}: error: {message}"], result.serial[-2000:]
    assert "PASS hello" not in result.serial


def guest():
    return harness.flat_disk("hello.S")


def image(subarch="amd64"):
    """The image's bytes as the build made them."""
    folder = harness.hypervisor(subarch)
    return gzip.decompress((folder / f"hypervisor-x86-{subarch}.bin.gz").read_bytes())


def loader(subarch="amd64"):
    return (harness.hypervisor(subarch) / f"init-x86-{subarch}.bin").read_bytes()


def disk(folder, start, modules, cmdline=""):
    """A GRUB disk with the loader `start` and these modules: bytes, or the name of a disk."""
    tree = folder / "tree"
    tree.mkdir()
    (tree / "loader").write_bytes(start)
    lines = ""
    for number, module in enumerate(modules):
        if isinstance(module, bytes):
            (tree / f"module{number}").write_bytes(module)
            module = f"/module{number}"
        lines += f"\tmodule --nounzip {module}\n"
    diskimage.make(folder / "disk.img", tree, MENU.format(cmdline=cmdline, modules=lines))
    shutil.rmtree(tree)
    return folder / "disk.img"


SECOND_DISK = "(hd1)+1"
BLANK_SECTOR = bytes(512)


# ---- the CPU

NO_VMX = ("no VMX: this CPU has no Intel VT-x, or the hypervisor below doesn't offer it"
          " (KVM: nested=1 and -cpu host)")


def test_a_cpu_without_vmx_is_refused(lab):
    refuses(lab, [harness.grub_disk(), guest()], NO_VMX, model="ryzen")


@pytest.mark.parametrize("subarch", ["amd64", "i386"])
def test_qemu_without_kvm_is_refused(lab, subarch):
    refuses(lab, [harness.grub_disk(subarch), guest()], NO_VMX, run=lab.run_in_qemu, cpu="qemu64")


def test_a_refusal_stands_on_the_screen_too(tmp_path):
    """Serial line and screen say the same: the text memory is read through QEMU's monitor."""
    monitor, dump = tmp_path / "monitor", tmp_path / "screen"
    machine = qemu.Machine([harness.grub_disk(), guest()], kvm=False, cpu="qemu64",
                           extra=("-monitor", f"unix:{monitor},server=on,wait=off"))
    with machine.start() as session:
        assert session.expect(HALTED, BOUND)
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(monitor))
            control.sendall(f'pmemsave 0xb8000 4000 "{dump}"\n'.encode())
            until = time.monotonic() + BOUND
            while not (dump.exists() and dump.stat().st_size == 4000):
                assert time.monotonic() < until, "QEMU's monitor doesn't answer"
    shown = dump.read_bytes()[::2].decode("latin-1").replace(" ", "")
    assert f"loader: error: {NO_VMX}".replace(" ", "") in shown
    assert HALTED.replace(" ", "") in shown


def firmware(folder, feature_control):
    """A bochsrc line for a BIOS that sets IA32_FEATURE_CONTROL so on every CPU: the first in one place, others in another."""
    return harness.firmware(folder, FIRMWARE_SETS_FEATURE_CONTROL,
                            lambda found: found[1] + bytes([feature_control]), places=2)


def test_vmx_locked_off_by_the_firmware_is_refused(lab, tmp_path):
    refuses(lab, [harness.grub_disk(), guest()], "VMX is locked off by the firmware: enable Intel"
            " virtualization (VT-x) in the firmware setup", extra=firmware(tmp_path, 1))


def test_vmx_left_unlocked_by_the_firmware_is_turned_on(lab, tmp_path):
    result = lab.run([harness.grub_disk(), guest()], ["PASS hello"], BOUND, cpus=2, extra=firmware(tmp_path, 0))
    harness.assert_said(result, "PASS hello")


def test_a_cpu_without_ept_is_refused(lab):
    refuses(lab, [harness.grub_disk(), guest()],
            "no EPT: a CPU with extended page tables (Nehalem or later) is needed", model="core2_penryn_t9600")


def test_a_cpu_without_unrestricted_guest_is_refused(lab):
    refuses(lab, [harness.grub_disk(), guest()],
            "no unrestricted guest: a CPU with it (Westmere or later) is needed", model="corei5_lynnfield_750")


def test_the_amd64_hypervisor_on_a_32_bit_cpu_is_refused(lab):
    refuses(lab, [harness.grub_disk(), guest()],
            "no long mode: this CPU can't run the amd64 hypervisor; use the i386 one", model="p3_katmai")


def test_the_i386_hypervisor_on_a_32_bit_cpu_misses_vmx_only(lab):
    refuses(lab, [harness.grub_disk("i386"), guest()], NO_VMX, model="p3_katmai")


# ---- memory

def test_too_little_memory_is_refused(lab):
    result = lab.run([harness.grub_disk(), guest()], [HALTED], BOUND, memory_mib=16)
    assert re.search(r"^loader: error: not enough memory: no free \d+ MiB of RAM between 16 MiB and 4 GiB$",
                     harness.plain(result.serial), re.M), result.serial


def not_free(base):
    return rf"sl_base=0x{base:x}: \d+ MiB there aren't free RAM; choose another base, or sl_base=auto"


@pytest.mark.parametrize("base", [
    pytest.param(0x30000000, id="beyond_ram"),
    pytest.param(0x1fe00000, id="across_the_end_of_ram"),
    pytest.param(0x200000, id="below_16_mib"),
    pytest.param(0xffe00000, id="in_the_last_2_mib"),
])
def test_a_base_that_is_not_free_ram_is_refused(lab, base):
    result = lab.run([harness.grub_disk(sl_base=hex(base)), guest()], [HALTED], BOUND, memory_mib=512)
    assert re.search(rf"^loader: error: {not_free(base)}$", harness.plain(result.serial), re.M), result.serial


def test_a_base_under_a_module_is_refused(lab, tmp_path):
    large = bytes(32 << 20)     # wherever GRUB puts it, some of it lies in 16 to 64 MiB
    disks = [disk(tmp_path, loader(), [image(), SECOND_DISK, large], "sl_base=0x1000000"), guest()]
    result = lab.run(disks, [HALTED], BOUND, memory_mib=256)
    assert re.search(rf"^loader: error: {not_free(0x1000000)}$", harness.plain(result.serial), re.M), result.serial


# ---- options

@pytest.mark.parametrize("words, complaint", [
    ("sl_base=0x10000123", "isn't a multiple of 2 MiB (0x200000)"),
    ("sl_base=0x100000000", "out of range 0x200000..0xffe00000"),
    ("sl_base=near", "isn't a number"),
    ("max_cpus=0", "out of range 0x1..0x400"),
    ("loglvl", "needs a value"),
    ("loglevel=3", "unknown option"),
    ("serial=9601", "the baud rate must divide 115200"),
])
def test_a_bad_option_is_refused(lab, words, complaint):
    refuses(lab, [harness.grub_disk(cmdline=words), guest()], f"bad option: {words}: {complaint}")


def test_an_option_that_nothing_needs_now_is_told_and_ignored(lab):
    result = lab.run([harness.grub_disk(cmdline="no_init_smp"), guest()], ["PASS hello"], BOUND)
    harness.assert_said(result, "loader: not needed any more, ignored: no_init_smp", "PASS hello")


# ---- modules

def test_no_module_at_all_is_refused(lab, tmp_path):
    refuses(lab, [disk(tmp_path, loader(), []), guest()],
            'module 0 is missing: add "module /hypervisor-x86-amd64.bin.gz" to the GRUB entry')


def test_a_first_module_that_is_no_image_is_refused(lab, tmp_path):
    refuses(lab, [disk(tmp_path, loader(), [b"something else" * 1000, SECOND_DISK]), guest()],
            "module 0 isn't a hypervisor image: it must be hypervisor-x86-amd64.bin or .bin.gz")


@pytest.mark.parametrize("own, other, bits, other_bits", [("amd64", "i386", 64, 32), ("i386", "amd64", 32, 64)])
def test_the_image_of_the_other_subarch_is_refused(lab, tmp_path, own, other, bits, other_bits):
    refuses(lab, [disk(tmp_path, loader(own), [image(other), SECOND_DISK]), guest()],
            f"module 0 is the {other_bits}-bit hypervisor and this is the {bits}-bit loader: use files of one build")


def one_bit_changed(data):
    """The image with a bit of its runtime changed: the last bytes are the runtime's."""
    return data[:-1] + bytes([data[-1] ^ 1])


def test_an_image_with_one_wrong_bit_is_refused(lab, tmp_path):
    refuses(lab, [disk(tmp_path, loader(), [one_bit_changed(image()), SECOND_DISK]), guest()],
            "module 0 is corrupt or of another build: its SHA-256 isn't the one this loader was built with")


@pytest.mark.parametrize("subarch", ["amd64", "i386"])
def test_the_secure_loader_trusts_no_loader(lab, tmp_path, subarch):
    """A loader made to accept a changed runtime: the hash in the secure loader still refuses it."""
    good, bad = (hashlib.sha256(data).digest() for data in (image(subarch), one_bit_changed(image(subarch))))
    assert loader(subarch).count(good) == 1
    gullible = loader(subarch).replace(good, bad)
    refuses(lab, [disk(tmp_path, gullible, [one_bit_changed(image(subarch)), SECOND_DISK]), guest()],
            "the runtime's SHA-256 is wrong: the image was changed after it was built", who="secure loader")


def test_a_missing_boot_sector_is_refused(lab, tmp_path):
    refuses(lab, [disk(tmp_path, loader(), [image()]), guest()],
            'module 1 is missing: add "module --nounzip (hd1)+1", the guest\'s boot sector, to the GRUB entry')


def test_a_sector_that_does_not_boot_is_refused(lab, tmp_path):
    refuses(lab, [disk(tmp_path, loader(), [image(), BLANK_SECTOR]), guest()],
            "module 1 isn't a boot sector: it has no 55 AA signature; is the guest's disk there?")
