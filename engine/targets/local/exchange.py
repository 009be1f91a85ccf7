"""One exchange between a client and a release, with its retries. Part of the gateway: standard library only."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from engine.targets.local import counters, http1
    from engine.targets.local.gateway import Gateway
    from engine.targets.local.sharing import Entry, Release
else:
    import counters
    import http1

IDLE_UPSTREAM = 2.5  # seconds; less than servers keep theirs, so that we do not write into one that is closing
SMALL = 256 << 10  # bytes of an answer that are held until it is whole


class Upstream(asyncio.Protocol):
    """A connection to a release; serves one exchange at a time, kept for the next."""

    def __init__(self, release: Release, port: int) -> None:
        self.release, self.port = release, port
        self.exchange: Client | None = None
        self.transport: Any = None
        self.since = 0.0
        self.reused = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def usable(self) -> bool:
        return not self.transport.is_closing() and time.monotonic() - self.since < IDLE_UPSTREAM

    def data_received(self, data: bytes) -> None:
        if self.exchange is None:
            self.close()  # an answer nobody asked for
        else:
            self.exchange.upstream_data(data)

    def eof_received(self) -> bool:
        if self.exchange is not None:
            self.exchange.upstream_ended()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        if self.exchange is not None:
            self.exchange.upstream_ended()
        elif self in self.release.idle:
            self.release.idle.remove(self)

    def pause_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.pause_client()

    def resume_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.resume_client()

    def rest(self) -> None:
        """The exchange is over and the connection is fit for another."""
        self.exchange = None
        self.reused = True
        self.since = time.monotonic()
        self.transport.resume_reading()
        self.release.idle.append(self)

    def close(self) -> None:
        self.exchange = None
        if self.transport is not None:
            self.transport.abort()


class Client(asyncio.Protocol):
    """A client's connection. It passes one request after another to a release and the answer back."""

    def __init__(self, gateway: Gateway, entry: Entry) -> None:
        self.gateway, self.entry = gateway, entry
        self.buffer = bytearray()
        self.request: http1.Request | None = None  # the one being answered
        self.body: http1.Body | None = None  # what is still to come of it, when it is passed on as it comes
        self.held = b""  # head and whole body, while it may have to be sent again
        self.upstream: Upstream | None = None
        self.connecting: asyncio.Task[None] | None = None
        self.transport: Any = None
        self.closing = False
        self.active_at = time.monotonic()

    # -- the client's side -------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.gateway.clients.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.gateway.clients.discard(self)
        if self.connecting is not None:
            self.connecting.cancel()
        if self.upstream is not None:
            self.upstream.close()
            self.upstream = None

    def data_received(self, data: bytes) -> None:
        self.active_at = time.monotonic()
        self.buffer += data
        if self.request is None:
            self._next()
        elif self.body is not None:
            self._pass_body()
        elif len(self.buffer) > http1.HEAD_LIMIT:
            self.transport.pause_reading()  # more requests than answers: let the client wait

    def pause_writing(self) -> None:
        if self.upstream is not None:
            self.upstream.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.upstream is not None:
            self.upstream.transport.resume_reading()

    def pause_client(self) -> None:
        self.transport.pause_reading()

    def resume_client(self) -> None:
        self.transport.resume_reading()

    # -- a request ---------------------------------------------------------------------------------

    def _next(self) -> None:
        """Begin the request at the head of the buffer, when its head (and a small body) is there."""
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self.buffer) > http1.HEAD_LIMIT:
                self._refuse(431, "The head of the request is too long.")
            return
        try:
            request = http1.request(bytes(self.buffer[: end + 4]))
        except http1.Malformed as error:
            self._refuse(400, str(error))
            return
        if request.expects_continue and len(self.buffer) == end + 4:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.expects_continue = False
        whole = request.length is not None and request.length <= http1.HELD_LIMIT
        if whole:
            assert request.length is not None
            if len(self.buffer) < end + 4 + request.length:
                return  # until it is whole
            self.held = request.head + bytes(self.buffer[end + 4 : end + 4 + request.length])
            del self.buffer[: end + 4 + request.length]
        else:
            self.held = request.head
            del self.buffer[: end + 4]
            self.body = http1.Body(request.length, chunked=request.length is None)
        self.request = request
        self._choose(request)

    def _choose(self, request: http1.Request) -> None:
        if request.release is not None:
            release = self.entry.releases.get(request.release)
            if release is None:
                return self._answer(404, f"{self.entry.name} has no release {request.release}.")
            self.again = False  # asked for by name: answered by that one alone
        else:
            release = self.entry.pick()
            if release is None:
                return self._answer(503, f"{self.entry.name} has no release with traffic.")
            self.again = True
        return self._send(release)

    def _send(self, release: Release) -> None:
        self.release = release
        self.began = time.perf_counter()
        self.answer = bytearray()
        self.reply: http1.Reply | None = None
        upstream = release.take()
        if upstream is not None:
            self._use(upstream)
        else:
            self.connecting = asyncio.ensure_future(self._connect(release))

    async def _connect(self, release: Release) -> None:
        upstream = None
        for port in release.ports:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(5):
                    _, upstream = await self.gateway.loop.create_connection(
                        functools.partial(Upstream, release, port), release.host, port
                    )
                    break
        self.connecting = None
        if upstream is None:
            self._failed(sent=False)
        elif self.transport.is_closing():
            upstream.close()
        else:
            self._use(upstream)

    def _use(self, upstream: Upstream) -> None:
        self.upstream = upstream
        upstream.exchange = self
        upstream.transport.write(self.held)
        if self.body is not None:
            self.transport.resume_reading()
            self._pass_body()

    def _pass_body(self) -> None:
        if self.upstream is None or self.body is None:
            if len(self.buffer) > http1.HELD_LIMIT:
                self.transport.pause_reading()
            return
        try:
            size = self.body.feed(self.buffer)
        except http1.Malformed:
            self.transport.abort()
            return
        if size:
            self.upstream.transport.write(bytes(self.buffer[:size]))
            del self.buffer[:size]
            self.held = b""  # it cannot be sent again
        if self.body.whole:
            self.body = None

    # -- its answer --------------------------------------------------------------------------------

    def upstream_data(self, data: bytes) -> None:
        if self.reply is None:
            self.answer += data
            self._begin_answer()
        else:
            self._pass_answer(data)

    def _begin_answer(self) -> None:
        assert self.request is not None
        while True:
            end = self.answer.find(b"\r\n\r\n")
            if end < 0:
                if len(self.answer) > http1.HEAD_LIMIT:
                    self._failed(sent=True)
                return
            try:
                reply = http1.reply(bytes(self.answer[: end + 4]), self.request.method)
            except http1.Malformed:
                self._failed(sent=True)
                return
            rest = bytes(self.answer[end + 4 :])
            if reply.status >= 200:
                break
            self.answer = bytearray(rest)  # 1xx: an interim answer
        if self.held and self.request.repeatable and _small(reply.body, len(rest)):
            return  # a small answer is held until it is whole: if the release dies, another can still answer
        failed = reply.status in (500, 502, 503) and not self.entry.own_errors
        if failed and self._try_again(sent=True):
            return
        self.reply = reply
        self.release.counter.answered(time.perf_counter() - self.began, error=reply.status >= 500)
        self.held = b""
        self.closing = self.request.close or reply.until_close or self.body is not None
        ending = b"Connection: close\r\n" if self.closing else b""
        head = reply.status_line + self.release.header + ending + reply.headers
        self.transport.write(head if not rest else head + self._cut(rest))
        self._finish_if_whole()

    def _cut(self, data: bytes) -> bytes:
        """What of this belongs to the answer."""
        assert self.reply is not None
        try:
            size = self.reply.body.feed(data)
        except http1.Malformed:
            self.reply.keep = False
            self.reply.body.whole = True
            self.closing = True
            return b""
        if size < len(data):
            self.reply.keep = False
        return data[:size]

    def _pass_answer(self, data: bytes) -> None:
        self.transport.write(self._cut(data))
        self._finish_if_whole()

    def _finish_if_whole(self) -> None:
        if self.reply is not None and self.reply.body.whole:
            self._finish()

    def _finish(self) -> None:
        assert self.reply is not None
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            if self.reply.keep and self.body is None:
                upstream.rest()
            else:
                upstream.close()
        self._done()

    def _done(self) -> None:
        self.request, self.reply, self.body = None, None, None
        self.active_at = time.monotonic()
        if self.closing:
            self.transport.close()
            return
        self.transport.resume_reading()
        if self.buffer:
            self._next()

    def upstream_ended(self) -> None:
        """The release closed the connection."""
        if self.upstream is None:
            return
        if self.reply is None:
            self._failed(sent=True)
        elif self.reply.until_close:
            self.closing = True
            self.reply.keep = False
            self._finish()
        else:  # cut off in the middle: the client must see that, not a short answer
            self.release.counter.values[counters.ERRORS] += 1
            self.upstream.close()
            self.upstream = None
            self.transport.abort()

    # -- failures ----------------------------------------------------------------------------------

    def _failed(self, *, sent: bool) -> None:
        """No answer from this release. `sent`: it may have seen the request."""
        stale = sent and self.upstream is not None and self.upstream.reused and not self.answer
        if stale and self.held and self.body is None and self._repeatable():
            self._drop()
            self._send(self.release)  # the kept connection had just been closed: a new one decides
            return
        if self._try_again(sent=sent):
            return
        self._drop()
        self.release.counter.failed(retried=False)
        name = self.release.name
        self._answer(502, f"Release {name} of {self.entry.name} did not answer. See: desirepath logs {self.entry.name}")

    def _try_again(self, *, sent: bool) -> bool:
        """Send the request to another release. False when that is not safe."""
        if not self.again or not self.held or (sent and not (self._repeatable() and self.body is None)):
            return False
        other = self.entry.instead_of(self.release)
        if other is None:
            return False
        self.again = False
        self._drop()
        self.release.counter.failed(retried=True)
        self._send(other)
        return True

    def _repeatable(self) -> bool:
        return self.request is not None and self.request.repeatable

    def _drop(self) -> None:
        if self.upstream is not None:
            self.upstream.close()
            self.upstream = None

    def _answer(self, status: int, sentence: str) -> None:
        """The gateway's own answer, when no release gave one."""
        self.closing = self.closing or self.body is not None or (self.request is not None and self.request.close)
        self.transport.write(http1.own(status, sentence, close=self.closing))
        self.held = b""
        self._done()

    def _refuse(self, status: int, sentence: str) -> None:
        self.closing = True
        self.buffer.clear()
        self._answer(status, sentence)


def _small(body: http1.Body, here: int) -> bool:
    """Whether this body is small, of known length, and not all here yet."""
    return not body.state and body.left is not None and here < body.left <= SMALL
