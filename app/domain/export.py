"""Exports: reports frozen as of a sequence, each with one file whose bytes never change."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

SCHEMA_VERSION = 1
"""The layout of canonical rows and of files. A later one may say more or say it otherwise, and then gives other digests."""


class ExportStatus(StrEnum):
    """How far an export is."""

    PENDING = "pending"
    """Frozen, and waiting to be made."""
    RUNNING = "running"
    """Being made."""
    READY = "ready"
    """Made: its digests, its size and its file are final."""
    FAILED = "failed"
    """It cannot be made; `reason` says why."""


UNFINISHED = (ExportStatus.PENDING, ExportStatus.RUNNING)
"""The states that a worker still has something to do about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A report as of a sequence, in a format. Everything down to `created_at` is settled when it is frozen.

    `digest` is the RFC 9162 tree hash over the canonical rows, the same for every format and engine; `artifact_digest` is
    SHA-256 over the file's bytes. Both are written `sha256:` and 64 hex digits.
    """

    id: str
    account_id: int
    sequence: int
    """Sequence of the `export.created` entry that was committed together with it: later exports have higher ones."""
    report: str
    """Name of the report, in snake case."""
    format: str
    parameters: Mapping[str, tuple[str, ...]]
    """What was asked for, in the callers' own names and texts."""
    as_of: int
    """The last sequence that it covers."""
    recorded_at: datetime | None
    """When the entry at `as_of` was recorded; None for an empty ledger."""
    schema_version: int = SCHEMA_VERSION
    content_type: str
    file_name: str
    """The name to save it under: made of report, `as_of` and format."""
    created_by: str
    created_at: datetime
    updated_at: datetime
    status: ExportStatus = ExportStatus.PENDING
    rows: int = 0
    """Rows made so far; all of them once it is ready."""
    sections: Mapping[str, int] = field(default_factory=dict)
    """Rows of each section, once it is ready."""
    digest: str | None = None
    artifact_digest: str | None = None
    size: int | None = None
    """Bytes of the file."""
    file: str | None = None
    """What the file is called in the store of files."""
    reason: str | None = None
    """Why it failed, in words that a person can act on."""


def new_export_id() -> str:
    """An id that cannot be guessed: 96 random bits."""
    return f"rptx_{secrets.token_hex(12)}"
