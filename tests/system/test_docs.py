# SPDX-License-Identifier: BSD-2-Clause
# What README and docs say is there: files, options, messages, make targets, an example that compiles.

import re
import shutil
import subprocess
import sys

import pytest

import cache
import diskimage
import harness
import nested_accepted
from test_build import SUBARCHS, make, source  # noqa: F401  (source is a fixture)

REPO = cache.REPO
PAGES = [REPO / "README.md", *sorted((REPO / "docs").glob("*.md"))]
TOP = ("xmhf/", "hypapps/", "tests/", "tools/", "docs/")


def text_of(name):
    return (REPO / name).read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_is_there(page):
    text = page.read_text()
    named = set(re.findall(r"\]\((?!http)([^)#]+)", text))
    gone = [name for name in named if not (page.parent / name).exists()]
    for name in re.findall(r"`([^`\n]+)`", text):
        if name.startswith(TOP) and re.fullmatch(r"[\w./-]+", name) and not re.search(r"NAME|mine|hypapps/none", name):
            gone += [] if (REPO / name).exists() else [name]
    assert gone == []


def test_the_table_of_offered_controls_is_made_of_the_code():
    made = subprocess.run([sys.executable, REPO / "tools/nested_caps.py"], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert text_of("docs/nesting.md").split("<!-- caps -->\n")[1] == made


def test_every_key_of_an_accepted_difference_is_explained():
    used = {entry.fault for entry in (*nested_accepted.ACCEPTED, *nested_accepted.ACCEPTED_LATE)}
    table = text_of("docs/testing.md").split("| key | what an accepted difference is due to |\n|---|---|\n")[1].split("\n\n")[0]
    explained = re.findall(r"^\| `(\w+)` \| .+ \|$", table, re.M)
    assert sorted(explained) == sorted(used) and len(explained) == len(table.splitlines())


def test_every_option_is_explained():
    page = text_of("docs/booting.md")
    options = re.findall(r"^\tOPTION\((\w+),", text_of("xmhf/lib/cmdline.c"), re.M)
    assert len(options) > 5
    assert [name for name in options if not re.search(rf"^\| `{name}=?` ", page, re.M)] == []


def test_every_message_of_the_loader_is_explained():
    page = text_of("docs/booting.md")
    code = text_of("xmhf/loader/main.c") + text_of("xmhf/loader/place.c") + text_of("xmhf/lib/cpu_checks.c")
    said = re.findall(r'(?:\bdie\(|console_die\("loader",\s*|return )"((?:[^"\\]|\\.)+)"', code)
    assert len(said) > 12
    missing = []
    for message in said:
        start = re.split(r"[:%;,(]|, ", message)[0].strip()
        if start and start not in page:
            missing.append(message)
    assert missing == []


def test_every_callback_and_service_is_named():
    page = text_of("docs/hypapps.md")
    callbacks = re.findall(r"\(\*(\w+)\)\(", text_of("xmhf/include/xmhf/hypapp.h"))
    services = re.findall(r"\b(xmhf_\w+)\(", re.sub(r"/\*.*?\*/", "", text_of("xmhf/include/xmhf/core.h"), flags=re.S))
    assert len(callbacks) > 8 and len(services) > 20
    assert [name for name in callbacks + services if f"`{name}`" not in page] == []


def test_every_option_of_the_light_hypervisor_is_explained():
    page = text_of("docs/testing.md")
    header = text_of("tests/guests/lhv/lhv.h")
    known = set()
    for file in (REPO / "tests/guests/lhv").glob("opt_*.c"):
        option, name = re.search(r"\.bit = (\w+),.*?\.name = \"(\w+)\"", file.read_text(), re.S).groups()
        bit = int(re.search(rf"\b{option} = (0x\w+)", header)[1], 16)
        known.add(f"| {bit:#x} | `{name}` |" if bit < 0x10000 else f"`{name}` (")
    assert len(known) == 16
    assert [start for start in sorted(known) if start not in page] == []


def test_every_make_target_is_there():
    makefiles = "".join(path.read_text() for path in [REPO / "Makefile", *REPO.glob("tests/**/*.m*k")])
    for page in PAGES:
        for target in re.findall(r"(?:^|`)make ([a-z][a-z-]*)`?$", page.read_text(), re.M):
            name = re.sub(r"^(check-(?:unit|fuzz))-(?!long).*", r"\1", target)
            assert re.search(rf"^{name}\b.*:", makefiles, re.M), f"{page.name}: make {target}"


@pytest.mark.xdist_group("build")
@pytest.mark.parametrize("subarch", SUBARCHS)
def test_the_example_hypapp_compiles(source, subarch):  # noqa: F811
    example = re.search(r"^```c\n(.*?)^```", text_of("docs/hypapps.md"), re.M | re.S)[1]
    folder = source / "hypapps/mine"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "mine.c").write_text(example)
    (folder / "hypapp.mk").write_text("APP_SOURCES := mine.c\n")
    make(source, f"SUBARCH={subarch}", "APPROOT=hypapps/mine", "BUILD=build/mine",
         f"build/mine/{subarch}/app/hypapps/mine/mine.c.o")


def test_the_demo_prints_what_the_readme_shows(lab):
    shown = re.search(r"prints this before Debian's kernel starts:\n\n```\n(.*?)```", text_of("README.md"), re.S)[1].splitlines()
    result = lab.run([harness.grub_disk(cmdline="stat_user=1"), harness.flat_disk("hello.S")], ["PASS hello"], timeout=120, ips=10_000_000)
    said = [line.rstrip() for line in harness.plain(result.serial).splitlines() if re.match(r"GRUB: |loader: |xmhf: ", line)]
    free = re.compile(r"\d+ (?=KiB of them free)")     # changes with each page of our code
    assert [free.sub("", line) for line in said] == [free.sub("", line) for line in shown[:-1]]
    assert shown[-1] == "GRUB: Debian amd64 from hd1,msdos1"


def test_addresses_in_the_pages_are_those_of_the_readmes_machine():
    base = int(re.search(r"^loader: base (0x\w+)", text_of("README.md"), re.M)[1], 16)
    secure_loader = (harness.hypervisor("amd64") / "sl.bin").stat().st_size
    named = {int(text, 16) for text in re.findall(r"\b0x3[c-f]\w{6}\b", text_of("docs/debugging.md"))}
    assert named == {base, base + secure_loader}


def test_the_grub_entry_for_a_real_machine_boots(lab, tmp_path):
    """The guest is the same disk, so the entry starts again and again: on the machine, and in the copy before."""
    entry = re.search(r"^(menuentry .*?^})$", text_of("docs/booting.md"), re.M | re.S)[1]
    boot = tmp_path / "tree/boot"
    boot.mkdir(parents=True)
    for name in ("init-x86-amd64.bin", "hypervisor-x86-amd64.bin.gz"):
        shutil.copy(harness.hypervisor("amd64") / name, boot)
    diskimage.make(tmp_path / "disk.img", tmp_path / "tree", "set timeout=0\n" + entry + "\n")
    result = lab.run([tmp_path / "disk.img"], until=["INT 15h hook at 0x9d000", "loader: error: .*", "panic: "], timeout=120)
    harness.assert_said(result, "loader: base 0x", "xmhf: 1 CPU, 1 for the guest")
    assert re.findall("hook at (0x9.000)", result.serial) == ["0x9e000", "0x9d000"]     # each takes the page below
    assert result.serial.count("loader: base 0x") == 2
