"""A light load on 127.0.0.1: a few kept connections, one request after the other on each."""

import asyncio
import collections
import contextlib
import threading
import time

from tests.waiting import until


async def _connection(port, request, over, seen, latencies):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter | None = None
    while not over():
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


async def _run(port, request, connections, over, seen):
    latencies: list[float] = []
    await asyncio.gather(*(_connection(port, request, over, seen, latencies) for _ in range(connections)))
    return seen, latencies


def request(path="/", body=b"", method=None):
    method = method or ("POST" if body else "GET")
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def load(address, sent, *, answers=100, connections=8, meanwhile=None):
    """Counter of (status or error, release), latencies. It ends after so many answers or errors, or, with `meanwhile`,
    when that function has returned: it is given `more`, which returns after so many more answers."""
    port = int(address.rpartition(":")[2])
    seen: collections.Counter[tuple[int | str, str]] = collections.Counter()
    if meanwhile is None:
        return asyncio.run(_run(port, sent, connections, lambda: seen.total() >= answers, seen))

    def more(count=40):
        goal = seen.total() + count
        until(lambda: seen.total() >= goal, what=f"for {count} more answers")

    return asyncio.run(_both(port, sent, connections, lambda: meanwhile(more), seen))


async def _both(port, sent, connections, meanwhile, seen):
    over = threading.Event()
    work = asyncio.create_task(_run(port, sent, connections, over.is_set, seen))
    try:
        await asyncio.get_running_loop().run_in_executor(None, meanwhile)
    finally:
        over.set()
        found = await work
    return found
