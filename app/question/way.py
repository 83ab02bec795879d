"""By which way a question was answered: for people who want to know what it cost, and never a part of the answer."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Way:
    """How a question for totals was answered, for people who want to know why it took as long as it did."""

    source: str
    """The rollup's name, or `ledger`."""
    reason: str
    days: int | None = None
    """Whole UTC days that the rollup told; None where the period is open."""
    parts: int = 0
    """Parts of the period that the ledger told: the edges that are no whole days."""
    newer: int = 0
    """Entries after the question's sequence that were taken off again."""
    looked_up: int = 0
    """First and last uses that were looked up in the ledger."""

    def and_with(self, finer: Way) -> Way:
        """This way with that of a part of the period, of which a finer rollup told what this one does not."""
        source = self.source if finer.source in self.source else f"{self.source} and {finer.source}"
        return replace(self, source=source, newer=self.newer + finer.newer, looked_up=self.looked_up + finer.looked_up)
