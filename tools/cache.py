# SPDX-License-Identifier: BSD-2-Clause
# Where things that are costly to make are kept between runs, and the locks that
# let several processes share them: one maker per thing, two emulators at a time.

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import sys
import tempfile
import time

REPO = pathlib.Path(__file__).resolve().parent.parent
EMULATOR_SLOTS = 2


def folder():
    """The cache folder: $XMHF_CACHE, else build/cache of this repository."""
    path = pathlib.Path(os.environ.get("XMHF_CACHE") or REPO / "build" / "cache").resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path


def say(text):
    """Progress goes to stderr, so that stdout stays the machine's serial line."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def _lock(path, wait=False):
    """The file, locked; None if another has it and we don't wait."""
    file = open(path, "a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        return file
    except BlockingIOError:
        file.close()
        return None


def _first_free(paths):
    return next(filter(None, map(_lock, paths)), None)


@contextlib.contextmanager
def lock(name, places=1, within=None):
    """Hold one of `places` places of the lock `name`, waiting for it; machine-wide, or for those who share a folder."""
    locks = (within or folder()) / "locks"
    locks.mkdir(exist_ok=True)
    paths = [locks / f"{name}.{place}" for place in range(places)]
    turn = _lock(locks / f"{name}.turn")
    held = turn and _first_free(paths)
    if not held:
        say(f"waiting for others to finish with: {name}")
        turn = turn or _lock(locks / f"{name}.turn", wait=True)     # who came first goes first
        while not (held := _first_free(paths)):
            time.sleep(0.2)
    turn.close()
    try:
        yield
    finally:
        held.close()


def emulator_slot():
    return lock("emulator", EMULATOR_SLOTS)


def key(*parts):
    """A short name for content: hash of strings, and of the bytes of paths."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, pathlib.Path) else str(part).encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:16]


def made(name, make, what=None):
    """The path `name` in the cache. If absent, make(path) fills it, all or nothing."""
    path = folder() / name
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with lock("make-" + name.replace("/", "-")):
        if path.exists():
            return path
        if what:
            say(what)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=path.parent) as scratch:
            fresh = pathlib.Path(scratch) / path.name
            make(fresh)
            os.replace(fresh, path)
    return path


def forget(name):
    """Remove one cached thing."""
    path = folder() / name
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
