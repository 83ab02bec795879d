"""Files on their way: begun, or gone on with where another left one.

What another wrote is copied and digested again, and not written on in its place, since whoever began it may only have been held
up, and may write on as well.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.entry import EntryKind
from app.domain.export import Mark
from app.exports.encoding import Encoding, Source
from app.exports.order import Order
from app.ledger.erasure import ERASED
from app.ports import Draft, Files, Ledger
from app.question.filters import Filters
from app.question.rows import Rows
from app.question.scope import Scope
from app.reports.report import Opened


@dataclass(frozen=True, slots=True)
class Begun:
    """A file that is being made. `head` is the ledger's end when its first bytes were written."""

    encoding: Encoding
    draft: Draft
    head: int

    def mark(self) -> Mark | None:
        """Where another can go on, if that can be said of where it stands."""
        return self.encoding.mark(self.draft.name, self.head)


async def begin(ledger: Source, files: Files, wanted: Order, opened: Opened, *, most_rows: int | None = None) -> Begun:
    """A file with nothing in it yet. Raises Unavailable."""
    head = await ledger.head(opened.scope.account_id)
    return Begun(Encoding(ledger, wanted, opened, most_rows=most_rows), await files.create(), head.sequence)


async def go_on(ledger: Source, files: Files, wanted: Order, opened: Opened, mark: Mark) -> Begun | None:
    """A file with all that the mark stands for. Raises Unavailable.

    None where it has to be begun anew: what was written is no longer there as it was, or some of it may have been erased since.
    """
    if wanted.format.resumed is None or await erased_since(ledger, opened.scope.account_id, mark.head):
        return None
    begun = Begun(Encoding(ledger, wanted, opened, mark=mark), await files.create(), mark.head)
    try:
        async for data in files.drafted(mark.file, mark.size):
            begun.encoding.reread(data)
            await begun.draft.write(data)
        if begun.encoding.stands_at(mark):
            await begun.draft.sync()
            return begun
    except BaseException:
        begun.draft.drop()
        raise
    begun.draft.drop()
    return None


async def erased_since(ledger: Ledger, account_id: int, sequence: int) -> bool:
    """Whether texts were erased after that sequence."""
    head = await ledger.head(account_id)
    erasures = Filters(action=(ERASED,))
    found = await ledger.rows(
        Rows(Scope(account_id, head.sequence), erasures, frozenset({EntryKind.GATEWAY}), above=sequence, limit=1)
    )
    return bool(found)
