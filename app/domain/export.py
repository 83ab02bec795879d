"""Exports: reports frozen as of a sequence, each with one file whose bytes never change."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
    CANCELLED = "cancelled"
    """Called off before it was made; `reason` says by whom."""
    EXPIRED = "expired"
    """Made, and its file deleted since; `reason` says why. The record and its digests stay."""


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
    rows_expected: int | None = None
    """How many there will be, where that can be known before they are drawn."""
    sections: Mapping[str, int] = field(default_factory=dict)
    """Rows of each section, once it is ready."""
    digest: str | None = None
    artifact_digest: str | None = None
    size: int | None = None
    """Bytes of the file."""
    file: str | None = None
    """What the file is called in the store of files."""
    reason: str | None = None
    """Why it failed, was cancelled or has expired, in words that a person can act on."""
    worker: str | None = None
    """Who holds the lease to make it."""
    lease: int = 0
    """How often it was taken: what a worker writes must bear the number under which it took the export."""
    leased_until: datetime | None = None
    """When the lease ends, unless it is prolonged before."""

    def shown(self) -> Export:
        """It without its lease, which is the workers' own business."""
        return replace(self, worker=None, lease=0, leased_until=None)

    def leased(self, moment: datetime) -> bool:
        """Whether somebody is making it then."""
        return self.leased_until is not None and moment < self.leased_until


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far an unfinished export's draft is known to be whole and durable: where whoever takes it over goes on.

    It stands where a block of 1,024 rows has ended, so that digests can be gone on with: `subtrees` are those of the rows, and
    `digest` is SHA-256 over the first `size` bytes of the draft `file`.
    """

    file: str
    size: int
    digest: bytes
    rows: int
    subtrees: bytes
    sections: Mapping[str, int]
    """Rows of each section so far, in order."""
    keys: tuple[str, ...]
    """The keys of additional data that have columns, for a format that makes columns of them."""
    sequence: int | None
    """The sequence of the last row, where rows have one."""
    head: int
    """The ledger's end when the draft was begun: what was erased after it may still stand in the draft."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFilters:
    """Which exports: of each, the values that are wanted; none is no bound. Names are as `Export` has them."""

    report: tuple[str, ...] = ()
    format: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    created_by: tuple[str, ...] = ()

    def given(self) -> dict[str, tuple[str, ...]]:
        """The bounds that there are, by field."""
        named = {name: getattr(self, name) for name in ("report", "format", "status", "created_by")}
        return {name: values for name, values in named.items() if values}

    def accept(self, export: Export) -> bool:
        """Whether the export is wanted."""
        return all(getattr(export, name) in values for name, values in self.given().items())


def new_export_id() -> str:
    """An id that cannot be guessed: 96 random bits."""
    return f"rptx_{secrets.token_hex(12)}"
