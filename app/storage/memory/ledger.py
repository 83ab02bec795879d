"""What the memory engine keeps of one account."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from app.domain.account import Account, Key, genesis
from app.domain.entry import Correction, Entry
from app.domain.export import Export, Mark
from app.domain.first_answer import FirstAnswer
from app.domain.format_version import FormatVersion
from app.domain.reject import Reject
from app.ports import Head


@dataclass(slots=True)
class AccountLedger:
    """All that one account has. Entry n stands at index n - 1, and is never changed in place."""

    account: Account
    entries: list[Entry] = field(default_factory=list)
    claims: dict[bytes, int] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    exports: dict[str, tuple[Export, bytes]] = field(default_factory=dict)
    """Each with the subtree hashes behind its digest."""
    answers: dict[str, FirstAnswer] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)
    """How far unfinished exports are, by their ids."""
    formats: list[FormatVersion] = field(default_factory=list)
    """Every version of every format, in the order in which they were saved."""
    rejects: dict[int, Reject] = field(default_factory=dict)
    """By their numbers, ascending."""

    def copy(self) -> AccountLedger:
        """A ledger to work on: what is put into it is not in this one."""
        return AccountLedger(
            self.account,
            list(self.entries),
            dict(self.claims),
            dict(self.keys),
            dict(self.exports),
            dict(self.answers),
            dict(self.marks),
            list(self.formats),
            dict(self.rejects),
        )

    def head(self) -> Head:
        """The end of it."""
        if not self.entries:
            return Head(0, None, genesis(self.account.name))
        last = self.entries[-1]
        return Head(last.sequence, last.recorded_at, last.chain)


def newest_format(formats: Iterable[FormatVersion], name: str, version: int | None = None) -> FormatVersion | None:
    """That version of the format of that name; the newest one by default."""
    found = [each for each in formats if each.name == name and version in (None, each.version)]
    return found[-1] if found else None


def reversed_by(entries: Iterable[Entry]) -> set[int | None]:
    """The sequences that these entries take back."""
    return {each.corrects for each in entries if each.correction is Correction.REVERSAL}
