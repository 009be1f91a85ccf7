"""Confines a process before it opens a model: no secrets, no network, bounded memory and files."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource

KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "PYTHONPATH", "RESULT", "OUTPUTS", "PORT", "DESIREPATH_WORKLOAD",
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")  # fmt: skip
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
GIGABYTE = 1 << 30


def confine(*, seconds: int | None, memory: int = 16 * GIGABYTE) -> str:
    """Give everything up. Returns a sentence about what could not be given up; "" when everything was.

    `seconds` of processor time (None: no limit, for a server), `memory` in bytes. Call before any thread is started.
    """
    for name in [name for name in os.environ if name not in KEPT]:
        del os.environ[name]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _lower(resource.RLIMIT_DATA, memory)
    _lower(resource.RLIMIT_FSIZE, 8 * GIGABYTE)
    if seconds is not None:
        _lower(resource.RLIMIT_CPU, seconds)
    return _leave_network()


def _lower(what: int, limit: int) -> None:
    soft, hard = resource.getrlimit(what)
    known = [bound for bound in (soft, hard, limit) if bound != resource.RLIM_INFINITY]
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(what, (min(known), hard))


def _leave_network() -> str:
    """Into a network of its own with nothing in it, where the system lets an ordinary process do so. Sockets that are
    open already keep working: a server listens first."""
    user, group = os.getuid(), os.getgid()
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
    except (OSError, AttributeError):
        return "This machine does not allow user namespaces: the model was opened with the network in reach."
    for path, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with contextlib.suppress(OSError), open(f"/proc/self/{path}", "w", encoding="ascii") as file:
            file.write(text)
    return ""
