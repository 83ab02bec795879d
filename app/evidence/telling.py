"""Drift as JSON values, for every door that tells it so: decimals and instants as text."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.domain.decimal import plain
from app.domain.instant import format_instant
from app.evidence.drift import Change, Difference, Erasure
from app.reports.report import row_values
from app.reports.usage_ledger import SECTION


def change_values(change: Change) -> dict[str, Any]:
    """A change: what became of the row, when, who did it and why, and the entries as a feed tells them."""
    first = change.first
    return {
        "kind": change.kind.value,
        "recorded_at": format_instant(first.recorded_at),
        "actor": first.actor,
        "reason": first.reason,
        "entries": [row_values(SECTION, each) for each in change.entries],
    }


def difference_values(difference: Difference) -> dict[str, Any]:
    """The difference in one total; `group` holds the keys of its group, none for the total over everything."""
    keys = {name: format_instant(value) if isinstance(value, datetime) else value for name, value in difference.keys.items()}
    return {
        "measure": difference.measure,
        "unit": difference.unit,
        "then": plain(difference.then),
        "now": plain(difference.now),
        "change": plain(difference.change),
        "group": keys,
    }


def erasure_values(erasure: Erasure) -> dict[str, Any]:
    """An act of erasure, as far as it is about the export."""
    return {
        "sequence": erasure.sequence,
        "recorded_at": format_instant(erasure.recorded_at),
        "actor": erasure.actor,
        "sequences": list(erasure.sequences),
        "texts": list(erasure.texts),
    }
