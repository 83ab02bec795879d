"""Questions for catalogue records, as of a sequence."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.catalogue import LINKED_KINDS, RecordKind
from app.question.keys import check_characters
from app.question.scope import Scope


@dataclass(frozen=True, slots=True)
class Records:
    """Records of one kind in binary order of id, each in its last version at or below the scope's sequence.

    With `ids` only these; with a link (`customer_id` and so on) only records that name it; `after` and `before` are exclusive
    bounds on id. Raises InvalidQuery for texts that no engine can look for.
    """

    scope: Scope
    kind: RecordKind
    ids: tuple[str, ...] | None = None
    name: str | None = None
    """Exactly this name."""
    product_id: str | None = None
    customer_id: str | None = None
    license_id: str | None = None
    order_id: str | None = None
    subscription_id: str | None = None
    after: str | None = None
    before: str | None = None
    descending: bool = False
    limit: int | None = None

    def __post_init__(self) -> None:
        for record_id in self.ids or ():
            check_characters("id", record_id)
        for name in ("name", *(f"{kind}_id" for kind in LINKED_KINDS), "after", "before"):
            value = getattr(self, name)
            if value is not None:
                check_characters(name, value)
