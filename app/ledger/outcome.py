"""What became of one item of a batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from app.domain.entry import Entry


class Status(StrEnum):
    """What became of one item."""

    INSERTED = "inserted"
    """Recorded now."""
    DUPLICATE = "duplicate"
    """The same content was recorded before under the same sender's id; the first result is given back."""
    CONFLICT = "conflict"
    """Other content was recorded before under the same sender's id; nothing was recorded now."""
    REJECTED = "rejected"
    """It cannot be recorded; field and reason say why."""


# Not frozen: see `app.domain.entry.Content`.
@dataclass(slots=True)
class Outcome:
    """What became of one item: `entry` is the entry that stands for it (none if rejected), `field` and `reason` say why not.

    `reject` is the id under which it is kept that it was not recorded, if it is.
    """

    status: Status
    entry: Entry | None = None
    field: str | None = None
    reason: str | None = None
    reject: str | None = None


def tally(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many items ended how: every status is present."""
    counted = Counter(each.status for each in outcomes)
    return {status.value: counted[status] for status in Status}
