# SPDX-License-Identifier: BSD-2-Clause
# Fetches and unpacks Debian packages of any suite and architecture beside the
# machine's own, with private package lists. Where the archive is comes from the
# machine's own apt configuration.

import pathlib
import re
import subprocess

import cache

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Failed(Exception):
    """apt or dpkg could not do it; the text says why."""


def _run(command, cwd=None):
    done = subprocess.run(command, cwd=cwd, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command[:1] + command[-3:]))}: {done.stdout[-800:]}")
    return done.stdout


def codename():
    """This machine's Debian release."""
    text = pathlib.Path("/etc/os-release").read_text()
    return re.search(r"^VERSION_CODENAME=(\w+)", text, re.M).group(1)


def archive():
    """The address of the Debian archive that this machine uses."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages",
               "Origin: Debian", "Label: Debian", f"Codename: {codename()}", "Component: main"]
    found = _run(command).split()
    if not found:
        raise Failed("apt knows no Debian archive here; run apt-get update first")
    return found[0]


class Suite:
    """One suite and architecture of the Debian archive, e.g. Suite('trixie', 'amd64')."""

    def __init__(self, suite=None, architecture="amd64"):
        self.suite = suite or codename()
        self.architecture = architecture
        self.name = f"apt/{self.suite}-{architecture}"

    def _options(self, base):
        settings = {
            "Dir::Etc::SourceList": base / "sources.list",
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::State": base / "state",
            "Dir::State::Lists": base / "lists",
            "Dir::State::status": base / "status",
            "Dir::Cache": base / "cache",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "APT::Architecture": self.architecture,
            "APT::Architectures": self.architecture,
            "APT::Sandbox::User": "",
        }
        return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]

    def _fill(self, base):
        for sub in ("lists/partial", "cache/archives/partial", "state"):
            (base / sub).mkdir(parents=True)
        (base / "status").touch()
        (base / "sources.list").write_text(
            f"deb [signed-by={KEYRING}] {archive()} {self.suite} main\n")
        _run(["apt-get", *self._options(base), "update"])

    def _lists(self):
        return cache.made(self.name, self._fill,
                          f"fetching package lists of {self.suite} {self.architecture}")

    def depends(self, package):
        """The names that `package` depends on, as its Depends line has them."""
        text = _run(["apt-cache", *self._options(self._lists()), "depends", package])
        return re.findall(r"^\s+Depends: ([^<\s]+)$", text, re.M)

    def download(self, package, into):
        """Download one package's newest version into a folder; its .deb path."""
        into.mkdir(parents=True, exist_ok=True)
        try:
            _run(["apt-get", *self._options(self._lists()), "download", package], cwd=into)
        except Failed:
            # The archive may have moved on since the lists were fetched.
            _run(["apt-get", *self._options(self._lists()), "update"])
            _run(["apt-get", *self._options(self._lists()), "download", package], cwd=into)
        return next(into.glob(f"{package}_*.deb"))

    def unpacked(self, name, packages, finish=None):
        """A cached folder with these packages unpacked over each other; finish(path) ends it."""
        def fill(path):
            path.mkdir()
            debs = path.parent / "debs"
            for number, package in enumerate(packages, 1):
                cache.say(f"  {number}/{len(packages)} {package}")
                _run(["dpkg-deb", "-x", self.download(package, debs), path])
            if finish:
                finish(path)
        return cache.made(name, fill, f"fetching {name} from Debian {self.suite}")
