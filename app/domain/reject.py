"""What was sent and not recorded, kept so that it can be explained, mended and replayed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from app.domain.entry import EntryKind


class RejectStatus(StrEnum):
    """What became of it."""

    REJECTED = "rejected"
    """It cannot be recorded as it is."""
    CONFLICT = "conflict"
    """Other content was recorded under the same sender's id."""
    DUPLICATE = "duplicate"
    """The same was recorded under the same sender's id: nothing is lost, and nothing of it is kept but that it came again."""
    RECORDED = "recorded"
    """It was rejected first, and recorded when it was replayed."""
    DROPPED = "dropped"
    """It was taken away for good, or its time was over."""


OPEN = (RejectStatus.REJECTED, RejectStatus.CONFLICT)
"""What a replay takes up: these alone keep their payload."""


class Shape(StrEnum):
    """How a kept payload is written."""

    JSON = "json"
    """A JSON object, or a text that was to be one."""
    ACCESS_LOG = "access-log"
    """A line of a log that could not be read."""
    CELLS = "cells"
    """A JSON list of the cells of a CSV row that could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """One payload that was not recorded. The same payload under the same sender's id is one, however often it came."""

    account_id: int
    number: int = 0
    """From 1 within the account, given when it is kept; a higher one was kept later. Never given twice."""
    digest: bytes
    """16 bytes by which the same payload is found again; random where two that look alike are two."""
    status: RejectStatus
    kind: EntryKind = EntryKind.USAGE
    format: str
    """Ref of the format that it was read by last."""
    source: str | None
    """The sender's name, as the caller gave it for all that it sent."""
    shape: Shape
    payload: bytes | None
    """As it came, in UTF-8 where it was; None once it is recorded, dropped, or where it was recorded before."""
    field: str | None
    """Where in the payload the trouble is; None for the payload as a whole, or without trouble."""
    reason: str | None
    sender: str | None
    """The source whose id it bears."""
    sender_id: str | None
    """The sender's own id of it, where one could be found."""
    sequence: int | None = None
    """The entry that it contradicts, repeats, or was recorded as."""
    times: int = 1
    """How often it came."""
    first_at: datetime
    last_at: datetime
    received_by: str
    """Who sent it last."""

    @property
    def id(self) -> str:
        """By which callers name it."""
        return reject_id(self.account_id, self.number)

    def emptied(self) -> Reject:
        """The same without anything that was said: that there was one is all that is left."""
        return replace(self, status=RejectStatus.DROPPED, payload=None, field=None, reason=None, sender=None, sender_id=None)

    @property
    def text(self) -> str | None:
        """The payload as a text that can be encoded: what was no UTF-8 is replaced."""
        return None if self.payload is None else self.payload.decode(errors="replace")


def reject_id(account_id: int, number: int) -> str:
    """The public id of a reject."""
    return f"rej_{account_id}_{number}"


def number_in(identifier: str, account_id: int) -> int | None:
    """The number that a reject's id names, if it is of that account; None otherwise."""
    prefix, _, number = identifier.rpartition("_")
    if prefix != f"rej_{account_id}" or not (number.isascii() and number.isdigit()) or len(number) > 18 or number[0] == "0":
        return None
    return int(number)


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectFilters:
    """Which rejects: of each the values that are wanted; none is no bound."""

    status: tuple[RejectStatus, ...] = OPEN
    format: tuple[str, ...] = ()
    """Refs, or names, which mean every version."""
    sender_id: tuple[str, ...] = ()
    sequence: tuple[int, ...] = ()

    def accept(self, reject: Reject) -> bool:
        """Whether the reject is wanted."""
        name = reject.format.partition("@")[0]
        return (
            (not self.status or reject.status in self.status)
            and (not self.format or reject.format in self.format or name in self.format)
            and (not self.sender_id or reject.sender_id in self.sender_id)
            and (not self.sequence or reject.sequence in self.sequence)
        )


OPEN_ONLY = RejectFilters()


def numbered(arrived: Iterable[Reject], kept: Mapping[bytes, int], last: int) -> tuple[list[Reject], list[Reject]]:
    """What is to be added, numbered on from `last`, and what changes one that is kept, by its number in `kept`.

    `times` says how often each came now. Of several that are the same the last one's words count.
    """
    added: dict[bytes, Reject] = {}
    changed: dict[bytes, Reject] = {}
    for each in arrived:
        known = kept.get(each.digest)
        place = added if known is None else changed
        before = place.get(each.digest)
        if before is not None:
            place[each.digest] = replace(each, number=before.number, times=before.times + 1, first_at=before.first_at)
        elif known is not None:
            place[each.digest] = replace(each, number=known, times=1)
        else:
            last += 1
            place[each.digest] = replace(each, number=last, times=1)
    return list(added.values()), list(changed.values())
