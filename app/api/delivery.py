"""Handing out a file over HTTP (RFC 9110): whole, a part of it, compressed, or not at all where the caller has it already.

A file never changes, so its SHA-256 is its entity tag. A part is always one of the file as it is: whoever names a range gets no
compression, and a compressed answer has a weak tag, so that nobody adds a part to it by mistake. Of several ranges the whole file
is answered, as RFC 9110, section 14.2, allows.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.api.envelope import failure
from app.api.errors import RANGE_NOT_SATISFIABLE, STATUSES
from app.api.head import is_head
from app.domain.export import Export

DOWNLOADS = "/downloads"
"""Where the gateway's own door for files is; what follows may be a signed link, which is as good as a token."""
SMALLEST = 1_024
"""Bytes below which compression gains nothing."""
_LEVEL = 4
_GZIP = 31  # what zlib calls its gzip layout, with the largest window; its header has no time in it
_COMPRESSIBLE = re.compile(r"text/.*|application/(?:json|x-ndjson|jsonl)", re.ASCII)
_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.ASCII | re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?("[^"]*")')

Hand = Callable[[int, int], Awaitable[AsyncIterator[bytes]]]
"""Gives the bytes from the first number up to and without the second, and notes that it did."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A file that can be handed out: `digest` is its SHA-256, `sha256:` and 64 hex digits, `name` is in ASCII."""

    name: str
    content_type: str
    size: int
    digest: str
    modified: datetime

    @property
    def tag(self) -> str:
        """Its entity tag."""
        return f'"{self.digest}"'

    @property
    def last_modified(self) -> str:
        """When it was made, as HTTP writes it: to the second."""
        return format_datetime(self.modified.astimezone(UTC).replace(microsecond=0), usegmt=True)


def delivery_of(export: Export) -> Delivery:
    """The file of an export that has one."""
    assert export.size is not None
    assert export.artifact_digest is not None
    return Delivery(export.file_name, export.content_type, export.size, export.artifact_digest, export.updated_at)


def download_url(public_url: str, export_id: str) -> str:
    """Where an export's file is fetched with a token."""
    return f"{public_url}{DOWNLOADS}/exports/{export_id}"


def link_url(public_url: str, text: str) -> str:
    """Where a signed link leads, without a token."""
    return f"{public_url}{DOWNLOADS}/{text}"


async def deliver(request: Request, file: Delivery, hand: Hand, *, compress: bool) -> Response:
    """The answer that the call's own headers ask for. `hand` is asked once where bytes are handed out, and not for HEAD.

    `compress` says whether this door compresses where it is asked to: one whose callers count on the very bytes does not.
    """
    compress = compress and file.size >= SMALLEST and bool(_COMPRESSIBLE.fullmatch(file.content_type))
    headers = {
        "ETag": file.tag,
        "Last-Modified": file.last_modified,
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    if compress:
        headers["Vary"] = "Accept-Encoding"
    if _is_known(request, file):
        return Response(status_code=304, headers=headers)
    # Stated as a header and not as a media type, to which the framework would add a charset.
    headers |= {"Content-Type": file.content_type, "Content-Disposition": f'attachment; filename="{file.name}"'}
    part = _part(request, file)
    if part is None and compress and accepts_gzip(request.headers.get("accept-encoding", "")):
        headers |= {"ETag": f"W/{file.tag}", "Content-Encoding": "gzip"}
        if is_head(request.scope):
            answer = Response(headers=headers)
            del answer.headers["Content-Length"]  # nobody knows it before the file is compressed
            return answer
        return StreamingResponse(_compressed(await hand(0, file.size)), headers=headers)
    headers |= {"Accept-Ranges": "bytes", "Repr-Digest": _repr_digest(file)}
    start, end = (0, file.size) if part is None else part
    if start >= end:
        message = f"the file has {file.size} bytes, and none of the range"
        unmet = {"Content-Range": f"bytes */{file.size}", "Accept-Ranges": "bytes"}
        return failure(request.scope, STATUSES[RANGE_NOT_SATISFIABLE], RANGE_NOT_SATISFIABLE, message, headers=unmet)
    headers["Content-Length"] = str(end - start)
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    status = 200 if part is None else 206
    if is_head(request.scope):
        return Response(status_code=status, headers=headers)
    return StreamingResponse(await hand(start, end), status_code=status, headers=headers)


def accepts_gzip(stated: str) -> bool:
    """Whether a caller that sends this `Accept-Encoding` asks for gzip, and does not like the plain bytes better."""
    weights: dict[str, float] = {}
    for each in stated.lower().split(","):
        coding, _, parameter = each.partition(";")
        name, _, value = parameter.strip().partition("=")
        try:
            weights[coding.strip()] = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            weights[coding.strip()] = 0.0
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def _is_known(request: Request, file: Delivery) -> bool:
    """Whether the caller has the file as it is; RFC 9110, section 13.2.2, has the tag decide where both are sent."""
    tags = request.headers.getlist("if-none-match")
    if tags:
        stated = ",".join(tags)
        return stated.strip() == "*" or file.tag in _TAG.findall(stated)
    since = request.headers.get("if-modified-since")
    if since is None:
        return False
    try:
        moment = parsedate_to_datetime(since)
    except ValueError:
        return False
    return file.modified.replace(microsecond=0) <= (moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _part(request: Request, file: Delivery) -> tuple[int, int] | None:
    """The part that is asked for, empty where the file has none of it; None where the whole file is to be answered."""
    condition = request.headers.get("if-range")
    if condition is not None and condition not in (file.tag, file.last_modified):
        return None
    stated = request.headers.getlist("range")
    match = _RANGE.fullmatch(stated[0]) if len(stated) == 1 else None
    if match is None or match[0].strip().endswith("=-"):
        return None
    first, last = match[1], match[2]
    if not first:
        return max(file.size - int(last), 0) if int(last) else file.size, file.size
    start = int(first)
    if last and int(last) < start:
        return None  # not a range at all, and so to be ignored
    return start, min(int(last) + 1, file.size) if last else file.size


def _repr_digest(file: Delivery) -> str:
    """RFC 9530: of the whole file, also beside a part of it."""
    digest = bytes.fromhex(file.digest.removeprefix("sha256:"))
    return f"sha-256=:{b64encode(digest).decode()}:"


async def _compressed(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    packing = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    async for chunk in chunks:
        data = await asyncio.to_thread(packing.compress, chunk)
        if data:
            yield data
    yield packing.flush()
