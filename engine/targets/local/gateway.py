"""One process that gives every deployment its port, splits its requests by weight and falls back when a release fails.

    python -I -S gateway.py FOLDER SOCKET

Reads `FOLDER/routes.json`, which is replaced as a whole. A line on the unix socket SOCKET makes it read the file at
once and answer with the version it uses. A request ends at the release where it began, so a change of weights or a
stopped release drops none. Standard library only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from engine.targets.local import counters
    from engine.targets.local.exchange import Client
    from engine.targets.local.sharing import Entry, Release
else:
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import counters
    from exchange import Client
    from sharing import Entry, Release

LOOK = 1.0  # seconds between looks at the file, should a word on the socket be lost
IDLE_CLIENT = 75.0  # seconds a silent connection of a client is kept
ANSWER_LIMIT = 300.0  # seconds a release may take to begin its answer


class Gateway:
    """All routes of one local target."""

    def __init__(self, folder: Path, socket: Path) -> None:
        self.folder, self.socket = folder, socket
        self.entries: dict[str, Entry] = {}
        self.clients: set[Client] = set()
        self.counters: dict[Path, counters.Counter] = {}
        self.version = -1
        self.stamp: tuple[int, int] = (0, 0)
        self.problems: dict[str, str] = {}
        self.loop = asyncio.get_running_loop()
        self.reading = asyncio.Lock()

    async def run(self) -> None:
        await self.look()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.socket)
        await asyncio.start_unix_server(self.hear, self.socket)
        while True:
            await asyncio.sleep(LOOK)
            await self.look()
            self.sweep()

    async def hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """For any line: read the file now, and answer with the version that is used."""
        with contextlib.suppress(OSError):
            while await reader.readline():
                await self.look()
                writer.write(json.dumps({"version": self.version, "problems": self.problems}).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def look(self) -> None:
        """Read the routes from the file. An unreadable file changes nothing."""
        async with self.reading:
            try:
                stat = os.stat(self.folder / "routes.json")
                stamp = (stat.st_mtime_ns, stat.st_ino)
                if stamp == self.stamp and not self.problems:
                    return
                wanted = json.loads((self.folder / "routes.json").read_text())
            except (OSError, ValueError):
                return
            self.stamp = stamp
            self.problems = {}
            for name in set(self.entries) - set(wanted["routes"]):
                await self.close(self.entries.pop(name))
            for name, route in wanted["routes"].items():
                await self.take(name, route)
            self.version = wanted["version"]

    async def take(self, name: str, route: dict[str, Any]) -> None:
        entry = self.entries.get(name)
        if entry is not None and entry.port != route["port"]:
            await self.close(self.entries.pop(name))
            entry = None
        if entry is None:
            entry = Entry(name, route["port"])
        held, entry.releases = entry.releases, {}
        for backend in route["backends"]:
            entry.releases[backend["release"]] = self.release(name, backend, held.get(backend["release"]))
        entry.fallback, entry.own_errors = route["fallback"], route.get("own_errors", False)
        if entry.server is None:
            try:
                entry.server = await self.loop.create_server(
                    lambda: Client(self, entry), "127.0.0.1", route["port"], backlog=1024
                )
            except OSError as error:
                self.problems[name] = os.strerror(error.errno) if error.errno else str(error)
                return
        self.entries[name] = entry

    def release(self, route: str, backend: dict[str, Any], held: Release | None) -> Release:
        ports = backend.get("ports") or [backend["port"]]  # a file of an older version names one
        if held is None or sorted(held.ports) != sorted(ports):
            path = self.folder / "counts" / route / f"{backend['release']}.counts"
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if path not in self.counters:
                self.counters[path] = counters.Counter(path)
            held = Release(backend["release"], "127.0.0.1", ports, self.counters[path])
        held.weight = backend["weight"]
        return held

    async def close(self, entry: Entry) -> None:
        if entry.server is not None:
            entry.server.close()
        for path in [path for path in self.counters if path.parent.name == entry.name]:
            del self.counters[path]

    def sweep(self) -> None:
        """Close connections that have been silent for too long."""
        now = time.monotonic()
        for entry in self.entries.values():
            for release in entry.releases.values():
                for upstream in [idle for idle in release.idle if not idle.usable()]:
                    release.idle.remove(upstream)
                    upstream.close()
        for client in list(self.clients):
            silent = now - client.active_at
            if client.request is None and silent > IDLE_CLIENT:
                client.transport.close()
            elif client.request is not None and client.reply is None and silent > ANSWER_LIMIT:
                client.transport.abort()


async def main() -> None:
    await Gateway(Path(sys.argv[1]), Path(sys.argv[2])).run()


if __name__ == "__main__":
    os.umask(0o077)
    import gc

    gc.freeze()  # what was imported stays: the collector need not look at it again
    gc.set_threshold(50_000, 50, 50)
    asyncio.run(main())
