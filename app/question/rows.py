"""Questions for entries one by one: a window of the ledger in sequence order."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.entry import EntryKind
from app.question.filters import Filters
from app.question.scope import Scope


@dataclass(frozen=True, slots=True)
class Rows:
    """At most `limit` entries in sequence order, of the given kinds, with `above` < sequence < `below`.

    Sequences are the cursor: they never change, and commit order is sequence order, so a walk meets each entry once
    whatever is recorded meanwhile.
    """

    scope: Scope
    filters: Filters = Filters()
    kinds: frozenset[EntryKind] | None = None
    """None for all kinds."""
    corrections_only: bool = False
    """Only reversals and replacements."""
    descending: bool = True
    """Newest first."""
    above: int | None = None
    below: int | None = None
    limit: int | None = None
    """None for all, which only a stream may ask."""
    fields: frozenset[str] | None = None
    """The entry's fields that are read of what is found, see `app.domain.entry.fields_behind`. Others may be left unset, and
    touching one then fails; None for all of them."""
