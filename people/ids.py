"""Identifiers that anybody can make without asking, the browser too, and that sort by when they were made."""

import secrets
import time
from uuid import UUID


def uuid7() -> UUID:
    """RFC 9562, version 7: 48 bits of milliseconds, the rest random. (Python has its own from 3.14.)"""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)
