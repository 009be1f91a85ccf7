"""A light load on 127.0.0.1: a few kept connections, one request after the other on each."""

import asyncio
import collections
import contextlib
import time


async def _connection(port, request, until, seen, latencies):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter | None = None
    while time.monotonic() < until():
        try:
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            began = time.perf_counter()
            writer.write(request)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 120)
            length = next(
                int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
            )
            await reader.readexactly(length)
            latencies.append(time.perf_counter() - began)
            release = next(
                (line.split(b": ")[1].decode() for line in head.split(b"\r\n") if line.startswith(b"X-Desire")), ""
            )
            seen[int(head[9:12]), release] += 1
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            seen[type(error).__name__, ""] += 1
            if writer is not None:
                writer.close()
            writer = None
    if writer is not None:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _run(port, request, connections, until, seen):
    latencies: list[float] = []
    await asyncio.gather(*(_connection(port, request, until, seen, latencies) for _ in range(connections)))
    return seen, latencies


def request(path="/", body=b"", method=None):
    method = method or ("POST" if body else "GET")
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def load(address, sent, *, seconds=1.0, connections=8, meanwhile=None, answers=None):
    """Counter of (status or error, release), latencies. With `meanwhile`, until that function has returned; with
    `answers`, until there were so many (or a minute has passed)."""
    port = int(address.rpartition(":")[2])
    seen: collections.Counter[tuple[int | str, str]] = collections.Counter()
    if answers is not None:
        last = time.monotonic() + 60
        return asyncio.run(_run(port, sent, connections, lambda: 0.0 if seen.total() >= answers else last, seen))
    if meanwhile is None:
        end = time.monotonic() + seconds
        return asyncio.run(_run(port, sent, connections, lambda: end, seen))
    return asyncio.run(_both(port, sent, connections, meanwhile, seen))


async def _both(port, sent, connections, meanwhile, seen):
    ends = [float("inf")]
    work = asyncio.create_task(_run(port, sent, connections, lambda: ends[0], seen))
    try:
        await asyncio.get_running_loop().run_in_executor(None, meanwhile)
    finally:
        ends[0] = 0.0
        found = await work
    return found
