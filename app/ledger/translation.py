"""From the items of an input, through a format, to what can be recorded; and what is told of it in the sender's own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.domain.entry import EntryKind
from app.domain.errors import InvalidEvent
from app.ledger.chain import Prepared
from app.ledger.commands import Rules, prepare_batch
from app.ledger.events import DEFAULT_SOURCE
from app.ledger.formats import Format, event_fields, located
from app.ledger.intake import Item
from app.ledger.outcome import Outcome, Status


def prepare_items(
    format_: Format,
    items: Sequence[Item],
    *,
    rules: Rules,
    source: str | None = None,
    kind: EntryKind = EntryKind.USAGE,
) -> list[Prepared | InvalidEvent]:
    """What `app.ledger.commands.record_prepared` takes for these items, in order; errors name the place in the item.

    `source` stands where an item names none, before the format's own. Fit for a worker thread.
    """
    translated: list[Mapping[str, Any] | InvalidEvent] = []
    for item in items:
        try:
            translated.append(event_fields(format_, item.value) if item.error is None else item.error)
        except InvalidEvent as error:
            translated.append(error)
    prepared = prepare_batch(translated, rules=rules, source=source or format_.source or DEFAULT_SOURCE, kind=kind)
    for at, each in enumerate(prepared):
        # An error that was there before already names the item's own place.
        if isinstance(each, InvalidEvent) and each is not translated[at]:
            prepared[at] = located(format_, each)
    return prepared


def place_of(format_: Format, outcome: Outcome) -> str | None:
    """Where in the item stands what its outcome is about; None where it is about nothing, or about the item as a whole."""
    if outcome.field and outcome.status is Status.CONFLICT:
        return format_.path_of(outcome.field)
    return outcome.field or None
