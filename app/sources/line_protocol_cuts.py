"""Where the lines of a line-protocol body end: at line feeds, but not at those inside a quoted text."""

import re
from collections.abc import Iterator
from typing import cast

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_BLANK = re.compile(rb"[ \t]*+")
_FIRST_SPACE = re.compile(rb"(?<!\\) ")
_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"(?=[, \t\r\n]|\Z)', re.DOTALL)
"""A text that is not closed, or not where a text may end, is none: its line ends where it seems to end, and the
lines after it are not lost with it."""


def parts(body: bytes, size: int = 1 << 20) -> Iterator[tuple[bytes, int]]:
    """Pieces of about `size` bytes, cut between lines, each with the number of its first line."""
    start, number = len(BYTE_ORDER_MARK) if body.startswith(BYTE_ORDER_MARK) else 0, 1
    while start < len(body):
        end = _cut(body, start, start + size)
        piece = body[start:end]
        yield piece, number
        number += piece.count(b"\n")
        start = end


def lines_of(body: bytes) -> list[bytes]:
    """The lines, without their line feeds."""
    lines: list[bytes] = []
    at = 0
    while (quote := body.find(b'"', at)) >= 0:
        line = max(at, body.rfind(b"\n", at, quote) + 1)
        if line > at:
            lines += body[at : line - 1].split(b"\n")
        end = _line_end(body, line)
        lines.append(body[line:end])
        at = end + 1
    if at < len(body):
        lines += body[at:].split(b"\n")
        if body.endswith(b"\n"):
            lines.pop()
    return lines


def _cut(body: bytes, start: int, limit: int) -> int:
    """The last line's end in `[start, limit]`, or else the first one after it."""
    if limit >= len(body):
        return len(body)
    at = start
    while (quote := body.find(b'"', at, limit)) >= 0:
        line = max(at, body.rfind(b"\n", at, quote) + 1)
        end = _line_end(body, line) + 1
        if end > limit:
            return line if line > start else min(end, len(body))
        at = end
    cut = max(at, body.rfind(b"\n", at, limit) + 1)
    return cut if cut > start else min(_line_end(body, start) + 1, len(body))


def _line_end(body: bytes, line: int) -> int:
    """The position of the line feed that ends the line which starts at `line`, or the end of the body."""
    end = _line_feed(body, line)
    head = cast(re.Match[bytes], _BLANK.match(body, line)).end()
    space = _FIRST_SPACE.search(body, head, end)
    if space is None or body.startswith(b"#", head):
        return end
    at = space.end()
    while (opening := body.find(b'="', at, end)) >= 0:
        at = opening + 1
        if body[opening - 1 : opening] != b"\\" and (text := _TEXT.match(body, at)):
            at = text.end()
            if at > end:
                end = _line_feed(body, at)
    return end


def _line_feed(body: bytes, at: int) -> int:
    end = body.find(b"\n", at)
    return len(body) if end < 0 else end
