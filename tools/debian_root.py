# SPDX-License-Identifier: BSD-2-Clause
# Fills a folder with a debootstrapped Debian that boots with systemd, logs root in
# on the serial line, and there runs the self-check that the kernel command line names.
# Without root it works under fakeroot and fakechroot.

import os
import pathlib
import re
import shutil
import tempfile

import cache
import diskimage
import packages

INCLUDE = "systemd-sysv,udev,dbus,login,util-linux,kmod,procps"

# path in the guest: text
SETTINGS = {
    "etc/hostname": "debian\n",
    "etc/fstab": "UUID={uuid} / ext4 errors=remount-ro 0 1\n",
    "etc/systemd/system/serial-getty@ttyS0.service.d/autologin.conf":
        "[Service]\nExecStart=\n"
        "ExecStart=-/sbin/agetty --autologin root --keep-baud 115200,57600 %I $TERM\n",
    "etc/profile.d/selfcheck.sh":
        'case "$(tty) $(cat /proc/cmdline)" in\n'
        '/dev/ttyS0*selfcheck=*)\n'
        '\techo "GUEST: logged in"\n'
        '\tselfcheck "$(sed \'s/.*selfcheck=\\([^ ]*\\).*/\\1/\' /proc/cmdline)"\n'
        '\techo "GUEST: power off"\n'
        '\tsystemctl poweroff ;;\n'
        'esac\n',
}
# Work that a test machine has no use for, and that would run at times of its own.
MASKED = ("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer",
          "e2scrub_all.timer", "fstrim.timer", "getty@tty1.service")


def as_root(state):
    """A command prefix under which files can have any owner; `state` remembers them."""
    if os.geteuid() == 0:
        return []
    state.touch()
    return ["fakeroot", "-i", state, "-s", state]


def _undo_fakechroot(tree):
    """Its links to the host's folders become folders; the tree's place goes out of the others."""
    for name in ("dev", "proc", "sys"):
        if (tree / name).is_symlink():
            (tree / name).unlink()
            (tree / name).mkdir()
    for path in tree.rglob("*"):
        if path.is_symlink() and os.readlink(path).startswith(f"{tree}/"):
            target = os.readlink(path).removeprefix(str(tree))
            path.unlink()
            path.symlink_to(target)


def _pack(wrapper, tree, out):
    diskimage.run([*wrapper, "tar", "-C", tree, "--exclude=./var/cache/apt/*",
                   "--exclude=./var/lib/apt/lists/*", "--exclude=./usr/share/doc/*",
                   "--exclude=./usr/share/locale/*", "--exclude=./usr/share/man/*",
                   "--exclude=./dev/*", "--exclude=./etc/apt/sources.list",
                   "-cf", out, "."])


def _bootstrap(out, suite, architecture):
    with tempfile.TemporaryDirectory(prefix="debootstrap-", dir=cache.folder()) as name:
        scratch = pathlib.Path(name)
        tree = scratch / "root"
        wrapper = as_root(scratch / "owners")
        variant = "fakechroot" if wrapper else "minbase"
        diskimage.run([*(["fakechroot"] if wrapper else []), *wrapper, "/usr/sbin/debootstrap",
                       f"--variant={variant}", f"--arch={architecture}", f"--include={INCLUDE}",
                       f"--keyring={packages.KEYRING}", suite, tree, packages.archive()],
                      env=os.environ | {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
        _undo_fakechroot(tree)
        _pack(wrapper, tree, out)


UNPACK = 'dpkg-deb --fsys-tarfile "$1" | tar -C "$2" --keep-directory-symlink -xpf -'


def _converted(out, suite, architecture):
    """This machine's own system with the packages' files of another architecture, whose programs may not run here.

    What the packages' scripts made (users, links to services, settings) is the same for all architectures.
    """
    native = base(suite, _own_architecture())
    with tempfile.TemporaryDirectory(prefix="convert-", dir=cache.folder()) as name:
        scratch = pathlib.Path(name)
        tree = scratch / "root"
        tree.mkdir()
        wrapper = as_root(scratch / "owners")
        diskimage.run([*wrapper, "tar", "-C", tree, "-xpf", native])
        (scratch / "old").write_text("\0".join(_files_of_packages(tree)))
        diskimage.run([*wrapper, "xargs", "-0", "-a", scratch / "old", "rm", "-f", tree / "etc/ld.so.cache"])
        names = re.findall(r"^Package: (.*)$", (tree / "var/lib/dpkg/status").read_text(), re.M)
        others = packages.Suite(suite, architecture)
        for number, package in enumerate(names, 1):
            cache.say(f"  {number}/{len(names)} {package}")
            deb = others.download(package, scratch / "debs")
            diskimage.run([*wrapper, "sh", "-c", UNPACK, "sh", deb, tree])
        _pack(wrapper, tree, out)


def _files_of_packages(tree):
    """What lies in `tree` from packages, save settings, which their scripts may have edited; no folders."""
    names = {name for names in tree.glob("var/lib/dpkg/info/*.list") for name in names.read_text().splitlines()}
    return [f"{tree}{name}" for name in names if not name.startswith("/etc/") and not os.path.isdir(f"{tree}{name}")]


def _own_architecture():
    return diskimage.run(["dpkg", "--print-architecture"]).strip()


def base(suite, architecture):
    """A cached tar file with a debootstrapped system."""
    key = cache.key(INCLUDE, pathlib.Path(__file__))
    make = _bootstrap if architecture == _own_architecture() else _converted
    return cache.made(f"root-{suite}-{architecture}-{key}.tar",
                      lambda out: make(out, suite, architecture),
                      f"making a root of {suite} {architecture}: takes minutes")


def fill(tree, state, tar, uuid, modules, wanted_modules, extra):
    """Put the system of `tar`, its settings, kernel modules and extra files into `tree`.

    Returns the command prefix under which the files have their owners.
    """
    wrapper = as_root(state)
    diskimage.run([*wrapper, "tar", "-C", tree, "-xpf", tar])
    for path, text in SETTINGS.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text.replace("{uuid}", uuid))
    for unit in MASKED:
        (tree / "etc/systemd/system" / unit).symlink_to("/dev/null")
    shadow = tree / "etc/shadow"
    shadow.write_text(shadow.read_text().replace("root:*:", "root::", 1))
    folder = tree / "lib/modules" / modules.name
    for path in wanted_modules:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(modules / path, folder / path)
    for name in ("modules.builtin", "modules.order", "modules.builtin.modinfo"):
        shutil.copy(modules / name, folder)
    diskimage.run(["/sbin/depmod", "-b", tree, modules.name])
    for source, destination in extra:
        target = tree / destination.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    return wrapper
