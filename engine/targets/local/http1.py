"""The part of HTTP/1.1 that a proxy needs: where a head ends, how long a body is, which requests may be repeated.

Strict wherever two lenient parsers could disagree about the end of a request. Standard library only.
"""

from __future__ import annotations

import json
import re

HEAD_LIMIT = 64 << 10  # bytes
HELD_LIMIT = 2 << 20  # bytes of a request that are held, so that it can be sent again
INFER = re.compile(rb"/v2/models/[^/ ]+(/versions/[^/ ]+)?/infer")
REASONS = {400: "Bad Request", 404: "Not Found", 431: "Request Header Fields Too Large", 502: "Bad Gateway",
           503: "Service Unavailable"}  # fmt: skip
HOP = re.compile(
    rb"(?i)\r\n(?:connection|keep-alive|proxy-connection|expect|upgrade|x-desirepath-release)[ \t]*:[^\r\n]*"
)
HOP_NAMES = (b"connection", b"keep-alive", b"expect", b"upgrade", b"x-desirepath-release")
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([^\r\n]*?)[ \t]*(?=\r\n)")
RELEASE = re.compile(rb"\r\nx-desirepath-release:[ \t]*([^\r\n]*?)[ \t]*(?=\r\n)")
SPACED = re.compile(
    rb"\r\n(?:[ \t]|[^:\r\n]*[ \t]:)"
)  # folded lines and "Name :" are read differently by different servers


class Malformed(Exception):
    """The message cannot be passed on safely."""


class Request:
    """A request's head, ready to be passed on."""

    __slots__ = ("close", "expects_continue", "head", "length", "method", "release", "repeatable")

    def __init__(self, head: bytes, method: bytes, length: int | None, *, close: bool, repeatable: bool) -> None:
        self.head, self.method, self.length = head, method, length
        self.close, self.repeatable = close, repeatable
        self.expects_continue = False
        self.release: str | None = None


class Body:
    """Counts a body as it passes. `length` None with `chunked` reads chunks, without until the connection ends."""

    __slots__ = ("left", "state", "whole", "window")

    def __init__(self, length: int | None, *, chunked: bool) -> None:
        self.left = length
        self.whole = length == 0
        self.state = "size" if chunked else ""
        self.window = b""  # the beginning of a line that is not whole yet

    def feed(self, data: bytes | bytearray) -> int:
        """How many bytes of this belong to the body; `whole` says when it has ended."""
        if self.state:
            return self._feed_chunks(data)
        if self.left is None:
            return len(data)
        size = min(len(data), self.left)
        self.left -= size
        self.whole = self.left == 0
        return size

    def _feed_chunks(self, data: bytes | bytearray) -> int:
        at = 0
        while at < len(data) and not self.whole:
            if self.state == "data":
                assert self.left is not None
                size = min(len(data) - at, self.left)
                at += size
                self.left -= size
                if self.left == 0:
                    self.state = "size"
                continue
            end = data.find(b"\n", at)
            if end < 0:
                self.window += data[at:]
                if len(self.window) > 8192:
                    raise Malformed("A chunk's line is too long.")
                return len(data)
            line = (self.window + data[at : end + 1]).strip()
            self.window = b""
            at = end + 1
            self._line(line)
        return at

    def _line(self, line: bytes) -> None:
        if self.state == "trailer":
            self.whole = not line
            return
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            raise Malformed("A chunk's size is not a number.") from None
        if size < 0:
            raise Malformed("A chunk's size is not a number.")
        self.left = size + 2  # and the line end after it
        self.state = "data" if size else "trailer"


class Reply:
    """The head of an answer."""

    __slots__ = ("body", "headers", "keep", "status", "status_line", "until_close")

    def __init__(self, status: int, status_line: bytes, headers: bytes, body: Body, *, keep: bool) -> None:
        self.status, self.status_line, self.headers, self.body = status, status_line, headers, body
        self.until_close = body.left is None and not body.state
        self.keep = keep and not self.until_close


def request(head: bytes) -> Request:
    """Read the head of a request (ending in an empty line). Raises Malformed."""
    lower = head.lower()
    line_end = head.find(b"\r\n")
    words = head[:line_end].split(b" ")
    if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
        raise Malformed("This is not an HTTP/1.1 request.")
    if head.count(b"\n") != head.count(b"\r\n") or SPACED.search(head, line_end) or b"\0" in head:
        raise Malformed("The head of the request is malformed.")
    length = _length(lower, 0)
    method, path = words[0], words[1].partition(b"?")[0]
    repeatable = method in (b"GET", b"HEAD") or (method == b"POST" and INFER.fullmatch(path) is not None)
    old = words[2] == b"HTTP/1.0"
    parsed = Request(head, method, length, close=old, repeatable=repeatable)
    if old or any(name in lower for name in HOP_NAMES):
        _take_hop_by_hop(parsed, lower, old=old)
    return parsed


def _take_hop_by_hop(parsed: Request, lower: bytes, *, old: bool) -> None:
    """Read the hop-by-hop headers and remove them."""
    if b"\r\nconnection: close" in lower or b"\r\nconnection:close" in lower:
        parsed.close = True
    elif old:
        parsed.close = b"\r\nconnection: keep-alive" not in lower
    parsed.expects_continue = b"\r\nexpect: 100-continue" in lower
    if match := RELEASE.search(lower):
        parsed.release = parsed.head[match.start(1) : match.end(1)].decode("latin-1")
    parsed.head = HOP.sub(b"", parsed.head)
    if old:
        parsed.head = parsed.head.replace(b"HTTP/1.0\r\n", b"HTTP/1.1\r\n", 1)


def _length(lower: bytes, otherwise: int | None) -> int | None:
    """Bytes of the body; None for chunks. Raises Malformed when the length is given twice or unclear."""
    chunked = b"\r\ntransfer-encoding:" in lower
    if b"\r\ncontent-length:" not in lower:
        if chunked and b"\r\ntransfer-encoding: chunked\r\n" not in lower:
            raise Malformed("Only the transfer encoding “chunked” is understood.")
        return None if chunked else otherwise
    lengths = set(LENGTH.findall(lower))
    if chunked or len(lengths) != 1 or not (text := lengths.pop()).isdigit() or len(text) > 15:
        raise Malformed("The length of the body is not clear.")
    return int(text)


def reply(head: bytes, method: bytes) -> Reply:
    """Read the head of an answer. Raises Malformed."""
    lower = head.lower()
    line_end = head.find(b"\r\n") + 2
    try:
        status = int(head[9:12])
    except ValueError:
        raise Malformed("This is not an HTTP answer.") from None
    if not head.startswith(b"HTTP/1."):
        raise Malformed("This is not an HTTP answer.")
    bare = method == b"HEAD" or status in (204, 304) or status < 200
    chunked = b"\r\ntransfer-encoding:" in lower
    length = 0 if bare else _length(lower, None)
    keep = head.startswith(b"HTTP/1.1") and b"\r\nconnection: close" not in lower
    rest = head[line_end:]
    if b"connection" in lower or b"keep-alive" in lower or b"x-desirepath-release" in lower:
        rest = HOP.sub(b"", b"\r\n" + rest)[2:]
    return Reply(status, head[:line_end], rest, Body(length, chunked=chunked and not bare), keep=keep)


def own(status: int, sentence: str, *, close: bool) -> bytes:
    """An answer of the gateway itself."""
    body = json.dumps({"error": sentence}, ensure_ascii=False).encode()
    ending = "Connection: close\r\n" if close else ""
    return (
        f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{ending}\r\n"
    ).encode() + body
