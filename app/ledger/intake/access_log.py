"""Items of a web server's log in the combined format (Apache's `combined`, nginx's default): each line is one item.

    host ident user [time] "request" status bytes "referer" "agent"

The common format, which lacks the last two, is read too, and so are more fields in quotes after them. Within quotes a backslash
escapes quotes and backslashes; its other escapes, such as `\\xhh` for a byte that is no text, are left as they stand.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from hashlib import sha256

from app.domain.catalogue import LONGEST_ID
from app.domain.errors import InvalidEvent
from app.ledger.intake.item import LARGEST_ITEM, TOO_LARGE, Item

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_LINE = re.compile(
    rf"(?P<host>\S+) (?P<ident>\S+) (?P<user>\S+|\"[^\"]*\") \[(?P<time>[^\]]+)\] {_QUOTED.replace('(', '(?P<request>', 1)}"
    rf" (?P<status>\d{{3}}|-) (?P<bytes>\d+|-)(?P<more>(?: {_QUOTED})*)\s*"
)
_MORE = re.compile(rf" {_QUOTED}")
_ESCAPE = re.compile(r"\\([\"\\])")
_KEPT = 1_000
"""Characters of an over-long line that are kept to tell which it was."""
_REMEMBERED = 100_000
"""Different lines of which it is remembered how often they stood before: those of the last minutes of a busy server."""
_WRONG = 'is no line of the combined log format: host ident user [time] "request" status bytes "referer" "agent"'


class AccessLogReader:
    """See `Reader`. Blank lines are passed over.

    A line has no id of its own, so it is given one, `line_id`: a digest of its text and how often the same text stood before it
    in the input. Two calls that look alike are told apart, and the same file read again gives the same ids.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._index = 0
        self._line = 0
        self._seen: OrderedDict[bytes, int] = OrderedDict()

    def feed(self, data: bytes) -> Iterator[Item]:
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._line += 1
            item = self._item(line)
            if item is not None:
                yield item
        # An over-long line stays over-long, however much of it is still to come, and takes no more room.
        self._rest = self._rest[: LARGEST_ITEM + 1]

    def finish(self) -> Iterator[Item]:
        self._line += 1
        item = self._item(self._rest)
        if item is not None:
            yield item

    def _item(self, line: bytes) -> Item | None:
        too_large = len(line) > LARGEST_ITEM
        line = line.strip(b" \t\r")
        if not line:
            return None
        index, self._index = self._index, self._index + 1
        text = line.decode(errors="replace")
        if too_large:
            return Item(index, self._line, None, InvalidEvent("", TOO_LARGE), text[:_KEPT])
        value = fields_of_line(text)
        if value is None:
            return Item(index, self._line, None, InvalidEvent("", _WRONG), text)
        value["line_id"] = self._line_id(line)
        return Item(index, self._line, value)

    def _line_id(self, line: bytes) -> str:
        digest = sha256(line).digest()[:16]
        before = self._seen.pop(digest, 0)
        self._seen[digest] = before + 1
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return f"{digest.hex()}-{before}"


def fields_of_line(text: str) -> dict[str, object] | None:
    """What a line says, by field; None for one that is not written so.

    `path` is the target without its query, cut where it is longer than an id may be; `more` are the quoted fields after the
    agent.
    """
    match = _LINE.fullmatch(text)
    if match is None:
        return None
    request = _plain(match["request"])
    method, target, protocol = _parts(request)
    more = [_plain(each) for each in _MORE.findall(match["more"])]
    return {
        "host": match["host"],
        "ident": match["ident"],
        "user": match["user"].strip('"'),
        "time": match["time"],
        "request": request,
        "method": method,
        "target": target,
        "path": None if target is None else target.partition("?")[0][:LONGEST_ID],
        "protocol": protocol,
        "status": match["status"],
        "bytes": match["bytes"],
        "referer": more[0] if more else None,
        "agent": more[1] if len(more) > 1 else None,
        "more": more[2:],
    }


def _parts(request: str) -> tuple[str | None, str | None, str | None]:
    """Method, target and protocol of a request line; None for each where it is none, as when a client sent garbage."""
    parts = request.split(" ")
    if len(parts) == 3 and parts[0].isalpha() and parts[2].startswith("HTTP/"):
        return parts[0], parts[1], parts[2]
    return None, None, None


def _plain(quoted: str) -> str:
    """A quoted field without the escapes of quotes and backslashes."""
    return _ESCAPE.sub(r"\1", quoted)
