"""Where checkpoints are kept apart from the ledger: a file that is appended to, a webhook, the log."""

from __future__ import annotations

import asyncio
import os
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any

import orjson
import structlog

from app.domain.errors import Unavailable

Document = dict[str, Any]
Witness = Callable[[Document], Awaitable[None]]
TIMEOUT = 10.0
"""Seconds that a webhook may take."""

_log = structlog.stdlib.get_logger("gateway.checkpoints")


def to_file(path: Path) -> Witness:
    """Appends a line to the file, which is made where there is none: what `gateway ledger verify --checkpoint` reads."""

    def append(document: Document) -> None:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:  # noqa: PTH123
            file.write(orjson.dumps(document) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    async def send(document: Document) -> None:
        try:
            await asyncio.to_thread(append, document)
        except OSError as error:
            raise Unavailable("the file of checkpoints cannot be written", detail=error.strerror) from error

    return send


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows nobody elsewhere: a redirected POST would come as a GET, with nothing in it."""

    def redirect_request(self, *_args: Any, **_named: Any) -> None:
        return None


def to_webhook(url: str) -> Witness:
    """Posts the checkpoint as JSON. Whatever is answered with 2xx is delivered."""
    opener = urllib.request.build_opener(_Stay)

    def post(document: Document) -> None:
        headers = {"Content-Type": "application/json", "User-Agent": "usage-gateway"}
        request = urllib.request.Request(url, orjson.dumps(document), headers, method="POST")
        with opener.open(request, timeout=TIMEOUT):
            pass

    async def send(document: Document) -> None:
        try:
            await asyncio.to_thread(post, document)
        except urllib.error.HTTPError as error:
            error.close()
            raise Unavailable(f"the webhook for checkpoints answered {error.code}") from error
        except (OSError, HTTPException, ValueError) as error:
            # The URL may hold a secret, and so may what the library says of it: only the kind of trouble is told.
            raise Unavailable("the webhook for checkpoints cannot be reached", detail=type(error).__name__) from None

    return send


async def to_log(document: Document) -> None:
    """Prints it as a line of the log."""
    _log.info("checkpoint", document=orjson.dumps(document).decode())
