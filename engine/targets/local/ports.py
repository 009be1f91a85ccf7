"""Ports of this machine: chosen once, kept for ever, never one that somebody listens on."""

from __future__ import annotations

import socket
import zlib
from collections.abc import Collection

from engine.targets.base import TargetError

FIRST, COUNT = 20000, 10000  # below the range the kernel gives to outgoing connections


def is_free(port: int) -> bool:
    """Whether 127.0.0.1:PORT can be listened on now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection's last minutes do not count
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def choose(seed: str, taken: Collection[int]) -> int:
    """A free port; the same seed tends to the same port, so that two homes seldom meet."""
    start = zlib.crc32(seed.encode())
    for step in range(COUNT):
        port = FIRST + (start + step) % COUNT
        if port not in taken and is_free(port):
            return port
    raise TargetError(f"There is no free port between {FIRST} and {FIRST + COUNT - 1} on this machine.")
