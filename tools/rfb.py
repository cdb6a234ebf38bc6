# SPDX-License-Identifier: BSD-2-Clause
# A keyboard for an emulator that shows its screen by RFB (VNC): connects to it on
# this machine and sends key events (RFC 6143); it never asks for the picture.

import socket
import struct
import time

KEYSYMS = {  # names of keys that are no characters: X11 keysyms
    "enter": 0xff0d, "escape": 0xff1b, "backspace": 0xff08, "tab": 0xff09, "delete": 0xffff,
    "home": 0xff50, "left": 0xff51, "up": 0xff52, "right": 0xff53, "down": 0xff54, "end": 0xff57,
    "shift": 0xffe1, "control": 0xffe3, "alt": 0xffe9,
    **{f"f{n}": 0xffbd + n for n in range(1, 13)},
}


SHIFTED = '~!@#$%^&*()_+{}|:"<>?'
PAUSE = 0.05  # seconds between keys: an emulated keyboard's queue is short


class Keyboard:
    """Keys for the machine behind the RFB server at 127.0.0.1:port."""

    def __init__(self, port, timeout=10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self._receive(12)                           # the server's protocol version
        self.socket.sendall(b"RFB 003.003\n")
        if struct.unpack(">I", self._receive(4)) != (1,):
            raise ConnectionError("the RFB server wants a password")
        self.socket.sendall(b"\1")                  # share the screen
        *_, name_length = struct.unpack(">HH16sI", self._receive(24))
        self._receive(name_length)

    def _receive(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise ConnectionError("the RFB server hung up")
            data += part
        return data

    def press(self, *keys):
        """Press keys together and release them: names of KEYSYMS, or characters."""
        codes = [KEYSYMS.get(key) or ord(key) for key in keys]
        for down, order in ((1, codes), (0, reversed(codes))):
            for code in order:
                self.socket.sendall(struct.pack(">BBxxI", 4, down, code))

    def type(self, text):
        """Type a text as on a US keyboard, a newline being the enter key."""
        for character in text:
            if character.isupper() or character in SHIFTED:
                self.press("shift", character)
            else:
                self.press("enter" if character == "\n" else character)
            time.sleep(PAUSE)

    def close(self):
        self.socket.close()
