# SPDX-License-Identifier: BSD-2-Clause
# What the build promises: its front doors, both compilers, equal bytes, no needless
# and no forgotten work, and sizes. Works on a copy of the sources, without an emulator.

import gzip
import os
import re
import shutil
import subprocess

import pytest

import cache

pytestmark = pytest.mark.xdist_group("build")      # one worker makes the copy and its builds
SUBARCHS = ("amd64", "i386")
LONG = pytest.mark.long("build")
PRODUCTS = ("init-x86-{}.bin", "hypervisor-x86-{}.bin", "hypervisor-x86-{}.bin.gz")

# Sizes that a build stays below, from XMHF64's.
LOADER_MAX = 188416
TEXT_MAX = 212 << 10
PACKED_MAX = 128201

ENVIRONMENT = {name: value for name, value in os.environ.items()
               if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}


def run(*command, folder, status=0):
    """What the command said, on both channels; it must end with `status`."""
    done = subprocess.run([str(word) for word in command], cwd=folder, env=ENVIRONMENT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == status, f"{command}\n{done.stdout[-3000:]}"
    return done.stdout


def make(source, *words):
    return run("make", "-j2", *words, folder=source)


def bytes_of(folder, subarch):
    return [(folder / name.format(subarch)).read_bytes() for name in PRODUCTS]


def times(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")
            if path.is_file() and path.name not in ("flags", "objects")}


def made_again(folder, before):
    """Names of the files below `folder` that are new or newer than `before` says."""
    return {path.relative_to(folder).as_posix() for path, time in times(folder).items()
            if before.get(path) != time}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the sources with `configure` made."""
    copy = tmp_path_factory.mktemp("build") / "source"
    shutil.copytree(cache.REPO, copy, ignore=lambda folder, names: {
        name for name in names if name in ("build", ".git", "config.mk", "GNUmakefile")})
    run("./autogen.sh", folder=copy)
    return copy


@pytest.fixture(scope="module", params=SUBARCHS)
def built(request, source):
    """(subarch, folder of products) of the default build."""
    said = make(source, f"SUBARCH={request.param}")
    assert "warning" not in said
    return request.param, source / "build" / request.param


# ---- the products ------------------------------------------------------------------------------------------

def test_products_are_smaller_than_those_of_xmhf64(built):
    subarch, folder = built
    text = run("size", "-A", folder / "runtime.elf", folder=folder)
    assert int(re.search(r"^\.text +(\d+)", text, re.M)[1]) < TEXT_MAX
    assert (folder / f"init-x86-{subarch}.bin").stat().st_size < LOADER_MAX
    assert (folder / f"hypervisor-x86-{subarch}.bin.gz").stat().st_size < PACKED_MAX


def test_the_packed_image_is_the_image(built):
    _, image, packed = bytes_of(built[1], built[0])
    assert gzip.decompress(packed) == image


def test_the_loader_is_32_bit_multiboot(built):
    loader = built[1] / f"init-x86-{built[0]}.bin"
    assert (0x1badb002).to_bytes(4, "little") in loader.read_bytes()[:8192]
    assert "ELF32" in run("readelf", "-h", loader, folder=built[1])


def test_the_secure_loader_needs_no_relocations(built):
    assert "R_" not in run("readelf", "-rW", built[1] / "sl.elf", folder=built[1])


def test_the_runtime_needs_only_relative_relocations(built):
    kinds = set(re.findall(r"\bR_\w+", run("readelf", "-rW", built[1] / "runtime.elf", folder=built[1])))
    assert kinds == {"R_X86_64_RELATIVE" if built[0] == "amd64" else "R_386_RELATIVE"}


@pytest.mark.parametrize("subarch", SUBARCHS)
def test_clang_builds_without_warnings(source, subarch):
    said = make(source, f"SUBARCH={subarch}", "CC=clang", "BUILD=build/clang")
    assert "warning" not in said


@pytest.mark.parametrize("subarch, word", [
    ("amd64", "O0"), ("i386", "O3"),
    *(pytest.param(*pair, marks=LONG) for pair in (
        ("amd64", "O3"), ("i386", "O0"), ("amd64", "debug"), ("i386", "debug"), ("amd64", "release")))])
def test_every_optimization_builds(source, subarch, word):
    command = run("./build.sh", subarch, word, "-n", folder=source).split()
    run(*command, "BUILD=build/" + word, folder=source)


# ---- equal bytes -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("built, path", [
    ("amd64", "../source"), ("i386", "absolute"),
    pytest.param("i386", "../source", marks=LONG), pytest.param("amd64", "absolute", marks=LONG)], indirect=["built"])
def test_another_folder_gives_the_same_bytes(source, built, path):
    subarch, folder = built
    other = source.parent / f"{subarch}-{path.strip('./')}"
    other.mkdir()
    path = source if path == "absolute" else path
    run(f"{path}/configure", f"--with-target-subarch={subarch}", folder=other)
    make(other)
    assert bytes_of(other / subarch, subarch) == bytes_of(folder, subarch)


@LONG
@pytest.mark.parametrize("subarch", SUBARCHS)
def test_equal_configurations_give_the_same_bytes(source, tmp_path, subarch):
    words = ("--with-sl-base=0x10000000", "--with-opt=O1", "--disable-debug-vga", "--enable-debug-serial=0x2f8")
    products = []
    for name in ("one", "another/deeper"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        run(source / "configure", f"--with-target-subarch={subarch}", *words, folder=folder)
        make(folder)
        products.append(bytes_of(folder / subarch, subarch))
    assert products[0] == products[1]


# ---- no needless and no forgotten work ----------------------------------------------------------------------

def test_nothing_is_made_again_without_a_change(source, built):
    before = times(built[1])
    make(source, f"SUBARCH={built[0]}")
    assert made_again(built[1], before) == set()


@pytest.mark.parametrize("build", ["build", "./build/", "{}/build"])
def test_a_changed_header_remakes_what_includes_it(source, built, build):
    subarch, folder = built
    header = "xmhf/runtime/guest/task_switch.h"
    users = {path.with_suffix(".o").relative_to(folder).as_posix() for path in folder.rglob("*.d")
             if header in path.read_text()}
    assert users
    before = times(folder)
    os.utime(source / header)
    make(source, f"SUBARCH={subarch}", "BUILD=" + build.format(source))
    again = made_again(folder, before)
    assert {name for name in again if name.endswith((".c.o", ".S.o"))} == users
    assert "runtime.elf" in again


def test_a_changed_header_remakes_a_guest_however_the_folder_is_spelt(source):
    image = "build/guests/boot.img"
    guests = ("-s", "-f", "tests/guests/guests.mk", image)
    make(source, *guests)
    for build in ("build", source / "build"):
        os.utime(source / "tests/guests/lib/guest.h")
        time = (source / image).stat().st_mtime_ns
        make(source, *guests, f"BUILD={build}")
        assert (source / image).stat().st_mtime_ns != time


def test_a_changed_runtime_reaches_both_hashes(source, built):
    subarch, folder = built
    old = bytes_of(folder, subarch)
    secure_loader = (folder / "sl.bin").read_bytes()
    file = source / "xmhf/runtime/machine/panic.c"
    text = file.read_text()
    try:
        file.write_text(text.replace("the machine is stopped", "the machine is STOPPED"))
        make(source, f"SUBARCH={subarch}")
        assert all(a != b for a, b in zip(old, bytes_of(folder, subarch)))
        assert secure_loader != (folder / "sl.bin").read_bytes()
    finally:
        file.write_text(text)
    make(source, f"SUBARCH={subarch}")
    assert bytes_of(folder, subarch) == old


def test_a_new_source_is_linked_and_a_gone_one_is_not(source, built):
    subarch, folder = built
    file = source / "xmhf/runtime/machine/newcomer.c"
    names = folder / f"hypervisor-x86-{subarch}.bin.sym"
    try:
        file.write_text("void newcomer(void);\n"
                        "__attribute__((used, retain, section(\".header\"))) void newcomer(void) {}\n")
        make(source, f"SUBARCH={subarch}")
        assert " newcomer\n" in names.read_text()
    finally:
        file.unlink()
        for left in folder.rglob("newcomer.*"):
            left.unlink()
    make(source, f"SUBARCH={subarch}")
    assert " newcomer\n" not in names.read_text()


@pytest.mark.parametrize("built", ["amd64", pytest.param("i386", marks=LONG)], indirect=True)
def test_other_flags_compile_all_again_and_symbols_change_no_byte(source, built):
    subarch, folder = built
    before = times(folder)
    old = bytes_of(folder, subarch)
    make(source, f"SUBARCH={subarch}", "DEBUG_SYMBOLS=0")
    objects = {path.relative_to(folder).as_posix() for path in before if path.name.endswith(".c.o")}
    assert objects <= made_again(folder, before)
    assert bytes_of(folder, subarch) == old
    make(source, f"SUBARCH={subarch}")


def test_clean_leaves_the_cache_alone(source, tmp_path):
    build = f"BUILD={tmp_path}"
    make(source, build, "all", "guests", "guest-stat", "check-unit-string")
    make(source, f"{build}/clang", "CC=clang")
    for name in ("cache", "fuzz", "variants", "test-logs"):     # what needs an emulator, or long
        (tmp_path / name).mkdir()
    make(source, build, "clean")
    assert os.listdir(tmp_path) == ["cache"]


# ---- configure ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("word, line", [
    ("--with-target-subarch=arm", "--with-target-subarch=arm: say i386 or amd64"),
    ("--with-sl-base=high", "--with-sl-base=high: say auto, or a number like 0x10000000"),
    ("--with-sl-base=08", "--with-sl-base=08: say auto, or a number like 0x10000000"),
    ("--with-sl-base=12x", "--with-sl-base=12x: say auto, or a number like 0x10000000"),
    ("--enable-debug-serial=09", "--enable-debug-serial=09: say an I/O port like 0x3f8"),
    ("--with-sl-base=0x10000001", "--with-sl-base=0x10000001: say a multiple of 2 MiB (0x200000) below 4 GiB"),
    ("--with-sl-base=0x100000000", "--with-sl-base=0x100000000: say a multiple of 2 MiB (0x200000) below 4 GiB"),
    ("--with-approot=hypapps/none", "--with-approot=hypapps/none: there is no hypapps/none/hypapp.mk in the source folder"),
    ("--with-opt=fast", "--with-opt=fast: say something like -O3"),
    ("--enable-debug-serial=com1", "--enable-debug-serial=com1: say an I/O port like 0x3f8"),
    ("--enable-debug-serial=0x10000", "--enable-debug-serial=0x10000: say an I/O port from 1 to 0xfff8"),
    ("--enable-debug-vga=2", "--enable-debug-vga=2: it takes no value"),
    ("--with-nothing", "unrecognized options: --with-nothing"),
])
def test_a_bad_value_gets_one_line(source, tmp_path, word, line):
    said = run(source / "configure", word, folder=tmp_path, status=1)
    assert said.splitlines()[-1] == f"configure: error: {line}"


def test_a_configuration_reaches_make(source, tmp_path):
    run(source / "configure", "--with-target-subarch=i386", "--with-sl-base=0x20000000", "--with-opt=-Os",
        "--disable-debug-serial", "--disable-debug-symbols", "CC=clang", folder=tmp_path)
    said = make(tmp_path, "-n")
    for word in ("clang", "-Os", "-m32", "CONFIGURED_SL_BASE=0x20000000ull", "DEFAULT_SERIAL=0 ", "DEFAULT_VGA=1"):
        assert word in said
    assert " -g " not in said


# ---- build.sh -----------------------------------------------------------------------------------------------

def build_sh(source, words, status=0):
    done = subprocess.run(["./build.sh", *words.split()], cwd=source, env=ENVIRONMENT, text=True, capture_output=True)
    assert done.returncode == status, done.stderr
    return done.stdout, done.stderr


@pytest.mark.parametrize("words, variables", [
    ("amd64", "SUBARCH=amd64"),
    ("i386", "SUBARCH=i386"),
    ("amd64 i386", "SUBARCH=i386"),
    ("amd64 O0", "SUBARCH=amd64 OPT=-O0"),
    ("amd64 O0 O3", "SUBARCH=amd64 OPT=-O3"),
    ("amd64 debug", "SUBARCH=amd64 OPT=-Og DEBUG_SYMBOLS=1"),
    ("amd64 release", "SUBARCH=amd64 OPT=-O2 DEBUG_SYMBOLS=0"),
    ("circleci amd64", "V=1 SUBARCH=amd64"),
    ("amd64 --vga", "SUBARCH=amd64 DEBUG_VGA=1"),
    ("amd64 --sl-base auto", "SUBARCH=amd64 SL_BASE=auto"),
    ("--sl-base 0x10000000 amd64", "SL_BASE=0x10000000 SUBARCH=amd64"),
    ("amd64 --app hypapps/helloworld/", "SUBARCH=amd64 APPROOT=hypapps/helloworld"),
])
def test_words_become_variables(source, words, variables):
    said, complaints = build_sh(source, words + " -n")
    assert re.fullmatch(rf"make -C \. --no-print-directory -j\d+ {variables}\n", said)
    assert complaints == ""


@pytest.mark.parametrize("words", ["fast", "nv", "no_nv", "--mem 0x100000000", "--no-init-smp", "--iss 3", "--ept-num 4",
                                   "--ept-pool 512", "--no-x2apic"])
def test_needless_words_are_accepted_with_one_line(source, words):
    said, complaints = build_sh(source, f"i386 {words} O3 -n")
    assert said.endswith(" SUBARCH=i386 OPT=-O3\n")
    assert re.fullmatch(rf"build\.sh: {words.split()[0]}: not needed: .+\n", complaints)


@pytest.mark.parametrize("words, line", [
    ("", "say for which machine: ./build.sh amd64 or ./build.sh i386"),
    ("amd64 quickly", "unknown word 'quickly'; ./build.sh --help lists them"),
    ("amd64 .*", "unknown word '.*'; ./build.sh --help lists them"),
    ("amd64 --app", "--app needs a value"),
    ("amd64 --app hypapps/none", "--app hypapps/none: there is no hypapps/none/hypapp.mk"),
    ("amd64 --sl-base 0x1234", "--sl-base 0x1234: say a multiple of 2 MiB (0x200000) below 4 GiB"),
    *((f"amd64 --sl-base {bad}", f"--sl-base {bad}: say auto, or a number like 0x10000000")
      for bad in ("here", "08", "010000000", "0x", "0x1g", "1x2", "12x", "2fffff")),
])
def test_bad_words_get_one_line(source, words, line):
    assert build_sh(source, words, status=2) == ("", f"build.sh: {line}\n")


def test_help_names_every_word(source):
    said, _ = build_sh(source, "--help")
    for word in ("i386 amd64 fast release debug O0 O3 circleci nv no_nv --sl-base --app --mem --vga --no-init-smp"
                 " --iss --ept-num --ept-pool --no-x2apic -n").split():
        assert re.search(rf"^  {re.escape(word)} ", said, re.M), word


def test_build_sh_builds(source):
    run(source / "build.sh", "amd64", folder=source.parent)
    assert (source / "build/amd64/init-x86-amd64.bin").exists()


# ---- gdb ----------------------------------------------------------------------------------------------------

def gdb(source, *commands):
    words = [word for command in ("source tools/gdb/xmhf.py", *commands) for word in ("-ex", command)]
    return run("gdb", "-nx", "-batch", *words, folder=source)


def offset_of(name, symbols):
    return int(re.search(rf"^(\w+) . {name}$", symbols.read_text(), re.M)[1], 16)


def test_gdb_finds_symbols_at_the_base(source, built):
    subarch, folder = built
    symbols = folder / f"hypervisor-x86-{subarch}.bin.sym"
    at = 0x3f400000 + (folder / "sl.bin").stat().st_size + offset_of("vm_exit", symbols)
    said = gdb(source, f"xmhf-symbols build/{subarch} 0x3f400000", "info address vm_exit", "info line exit_name",
               "info address loader_main")
    assert f'"vm_exit" is a function at address {at:#x}' in said
    assert "xmhf/runtime/vmx/exit.c\"" in said
    assert '"loader_main" is a function at address 0x10' in said


def test_gdb_finds_stacked_copies_by_the_log(source, built, tmp_path):
    subarch, folder = built
    symbols = folder / f"hypervisor-x86-{subarch}.bin.sym"
    log = tmp_path / "serial"
    log.write_text("".join(f"loader: XMHF 0.1 for {subarch}\nloader: base {base:#x}, 12 MiB, for 1 CPU\n"
                           for base in (0x3f400000, 0x3e400000, 0x3f400000)))
    inside = (folder / "sl.bin").stat().st_size + offset_of("vm_exit", symbols)
    said = gdb(source, f"xmhf-symbols auto {log}", f"info symbol {0x3f400000 + inside:#x}",
               f"info symbol {0x3e400000 + inside:#x}")
    assert said.count("vm_exit in section .text") == 2
    assert said.count("secure loader at") == 2


def test_gdb_names_the_functions_of_a_panic(source, built, tmp_path):
    subarch, folder = built
    at = offset_of("vm_exit", folder / f"hypervisor-x86-{subarch}.bin.sym") + 4
    log = tmp_path / "serial"
    log.write_text(f"something\nstack: runtime+{at:#x}\n")
    said = gdb(source, f"xmhf-where build/{subarch} runtime+{at:#x}", f"xmhf-where build/{subarch} {log}")
    assert said == f"runtime+{at:#x} <vm_exit+0x4>\nstack: runtime+{at:#x} <vm_exit+0x4>\n"
