# SPDX-License-Identifier: BSD-2-Clause
# What every executor shares: a machine that runs in its own process group and its
# own folder, whose serial line is watched, and that always ends within a bound.

import contextlib
import ctypes
import dataclasses
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
import tty

import cache

QUIT_KEY = b"\x1d"  # Ctrl-], as in telnet
PR_SET_PDEATHSIG = 1


class Failed(Exception):
    """The executor itself could not do its work (not: a test said FAIL)."""


@dataclasses.dataclass
class Result:
    end: str            # power-off | shutdown | matched | ticks | timeout | quit | died: why
    matched: str        # the pattern of `until` that was seen, else ""
    serial: str         # everything the machine said on COM1, without carriage returns
    status: int         # exit status of the emulator's process
    seconds: float      # wall time
    ticks: int          # emulated ticks at the end; 0 where the executor can't tell
    log: str            # the emulator's own log


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Session:
    """A running machine. Subclasses give command(), and may give verdict()."""

    def __init__(self, machine, live=False):
        self.machine = machine
        self.live = live
        self.seen = ""
        self.matched = ""
        self._stack = contextlib.ExitStack()
        try:
            self._stack.enter_context(cache.emulator_slot())
            self.folder = pathlib.Path(self._stack.enter_context(
                tempfile.TemporaryDirectory(prefix="run-", dir=cache.folder())))
            self._open_serial()
            self.began = time.monotonic()
            self.process = subprocess.Popen(
                self.command(), cwd=self.folder, env=self.environment(),
                stdin=subprocess.DEVNULL, stdout=open(self.folder / "stdout", "wb"),
                stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=_die_with_parent)
        except BaseException:
            self._stack.close()
            raise

    # What an executor says about itself.

    def command(self):
        raise NotImplementedError

    def environment(self):
        return None

    def verdict(self):
        """(end, ticks) of an emulator that ended by itself."""
        return "power-off" if self.process.returncode == 0 else "died: see log", 0

    def log(self):
        return (self.folder / "stdout").read_text(errors="replace")

    # The serial line: a file, or a pty when something will be typed on it.

    def _open_serial(self):
        self.serial_path = self.folder / "serial"
        if self.machine.typed:
            self._line, slave = pty.openpty()
            tty.setraw(slave)
            self.serial_path = os.ttyname(slave)
            self._stack.callback(os.close, self._line)
            self._stack.callback(os.close, slave)
        else:
            self.serial_path.touch()
            self._line = self._stack.enter_context(open(self.serial_path, "rb", 0)).fileno()

    def _read(self, wait):
        """What the machine said since the last call, waiting at most `wait` seconds."""
        if self.machine.typed:
            ready, _, _ = select.select([self._line], [], [], wait)
            data = os.read(self._line, 65536) if ready else b""
        else:
            data = os.read(self._line, 1 << 20)
            if not data:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(wait)
                data = os.read(self._line, 1 << 20)
        if data and self.live:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        self.seen += data.decode("latin-1").replace("\r", "")
        return data

    def send(self, text):
        """Type on the serial line (the machine must have been made with typed=True)."""
        data = text.encode("latin-1") if isinstance(text, str) else text
        while data:
            data = data[os.write(self._line, data):]

    def expect(self, patterns, timeout, since=0):
        """Wait until one of the patterns, each within a line, is seen, and return it.

        Returns "" if the machine ends first; raises TimeoutError at the bound.
        `since` is an index into .seen: only what was said from there on counts.
        """
        patterns = [patterns] if isinstance(patterns, str) else list(patterns)
        until = time.monotonic() + timeout
        fresh = since
        while True:
            ended = self.process.poll() is not None
            data = self._read(0.05)
            for pattern in patterns:
                if re.search(pattern, self.seen[fresh:], re.M):
                    return pattern
            # Finished lines are not looked at again.
            fresh = max(since, self.seen.rfind("\n") + 1)
            if ended and not data:
                return ""
            if time.monotonic() > until:
                raise TimeoutError(f"{timeout} s without any of {patterns}")

    def interact(self, timeout):
        """Join the user's terminal to the serial line until the machine ends or Ctrl-]."""
        stdin = sys.stdin.fileno()
        before = termios.tcgetattr(stdin)
        until = time.monotonic() + timeout
        self.live = True
        tty.setraw(stdin)
        try:
            while self.process.poll() is None and time.monotonic() < until:
                ready, _, _ = select.select([stdin, self._line], [], [], 0.2)
                if self._line in ready:
                    self._read(0)
                if stdin in ready:
                    data = os.read(stdin, 1024)
                    if not data or QUIT_KEY in data:
                        return
                    self.send(data)
            while self._read(0.1):
                pass
        finally:
            termios.tcsetattr(stdin, termios.TCSADRAIN, before)

    # The end.

    def _kill(self):
        """End our process: gently, so that its log is complete, then surely."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(5)

    def finish(self, end=None, keep=None):
        """Stop the machine if it runs, and tell what happened. `keep`: copy its files there."""
        by_itself = self.process.poll() is not None
        self._kill()
        seconds = time.monotonic() - self.began
        while self._read(0):
            pass
        own_end, ticks = self.verdict()
        result = Result(own_end if by_itself else end or "quit", self.matched, self.seen,
                        self.process.returncode, seconds, ticks, self.log())
        if keep:
            pathlib.Path(keep).mkdir(parents=True, exist_ok=True)
            for file in self.folder.iterdir():
                if file.is_file() and file.stat().st_size < 64 << 20:
                    shutil.copy(file, keep)
            (pathlib.Path(keep) / "serial").write_text(self.seen)
        return result

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._kill()
        self._stack.close()


class Machine:
    """What to run. A subclass says which Session runs it."""

    session = None
    typed = False

    def start(self, live=False):
        """A running Session, to be used with `with`."""
        return self.session(self, live)

    def run(self, until=(), timeout=600, live=False, keep=None):
        """Run until a pattern is seen, the machine ends, or the wall timeout; a Result."""
        with self.start(live) as running:
            try:
                running.matched = running.expect(until, timeout)
                end = "matched"
            except TimeoutError:
                end = "timeout"
            return running.finish(end, keep)
