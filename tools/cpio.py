# SPDX-License-Identifier: BSD-2-Clause
# Writes initramfs archives (cpio "newc", Linux: Documentation/driver-api/early-userspace)
# with any owner and device nodes, without being root; equal input, equal bytes.

import stat

FIELDS = "070701" + "{:08X}" * 13


class Archive:
    def __init__(self):
        self.parts = []
        self.count = 0
        self.folders = set()

    def _entry(self, name, mode, data=b"", device=(0, 0)):
        self.count += 1
        encoded = name.encode() + b"\0"
        header = FIELDS.format(self.count, mode, 0, 0, 1, 0, len(data), 0, 0, *device,
                               len(encoded), 0).encode()
        for part in (header + encoded, data):
            self.parts += [part, bytes(-len(part) % 4)]

    def _folders_of(self, name):
        for end in [i for i, c in enumerate(name) if c == "/"]:
            if name[:end] not in self.folders:
                self.folder(name[:end])

    def folder(self, name):
        self._folders_of(name)
        self.folders.add(name)
        self._entry(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o644):
        self._folders_of(name)
        self._entry(name, stat.S_IFREG | mode, data)

    def link(self, name, target):
        self._folders_of(name)
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def console(self, name, major, minor):
        self._folders_of(name)
        self._entry(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def bytes(self):
        self._entry("TRAILER!!!", 0)
        data = b"".join(self.parts)
        return data + bytes(-len(data) % 512)
