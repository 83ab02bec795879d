"""Rejects in SQL: how one is kept in a row, and the statements that write and find them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Any

from sqlalchemy import text

from app.domain.entry import EntryKind
from app.domain.reject import Reject, RejectFilters, RejectStatus, Shape
from app.storage.sql.dialect import Dialect, Statement, compile_statement
from app.storage.sql.tables import rejects

COLUMNS = tuple(column.name for column in rejects.columns)
_INSTANTS = ("first_at", "last_at")
_BINARY = ("digest", "payload")
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM rejects WHERE account_id = :account_id"
_FIRST_KEPT = ("account_id", "number", "digest", "first_at", "times")
EVERYTHING = 2**62


def reject_values(reject: Reject, dialect: Dialect) -> dict[str, Any]:
    """The row that holds a reject, by column."""
    stated = {name: getattr(reject, name) for name in COLUMNS}
    stated |= {name: dialect.bound(stated[name]) for name in _INSTANTS}
    stated |= {name: stated[name].value for name in ("status", "kind", "shape")}
    return stated | {name: None if stated[name] is None else dialect.blob(stated[name]) for name in _BINARY}


def reject_of(row: Sequence[Any], dialect: Dialect) -> Reject:
    """The reject that a row of COLUMNS holds."""
    stated = dict(zip(COLUMNS, row, strict=True))
    stated |= {name: dialect.moment(stated[name]) for name in _INSTANTS}
    stated |= {name: None if stated[name] is None else bytes(stated[name]) for name in _BINARY}
    stated |= {"status": RejectStatus(stated["status"]), "kind": EntryKind(stated["kind"]), "shape": Shape(stated["shape"])}
    return Reject(**stated)


class RejectStatements:
    """The statements for one engine, each compiled when first needed. Parameters are named as the columns except where told."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._asked = lru_cache(maxsize=256)(self._asking)

    @cached_property
    def last(self) -> Statement:
        """The highest number."""
        return self._compiled("SELECT COALESCE(MAX(number), 0) FROM rejects WHERE account_id = :account_id")

    @cached_property
    def number(self) -> Statement:
        """The number of the one with that digest."""
        return self._compiled("SELECT digest, number FROM rejects WHERE account_id = :account_id AND digest = :digest")

    @cached_property
    def between(self) -> Statement:
        """Those with `first` <= number <= `last`."""
        return self._compiled(f"{_SELECT} AND number >= :first AND number <= :last ORDER BY number")

    @cached_property
    def add(self) -> Statement:
        values = ", ".join(f":{column}" for column in COLUMNS)
        return self._compiled(f"INSERT INTO rejects ({', '.join(COLUMNS)}) VALUES ({values})")

    @cached_property
    def again(self) -> Statement:
        """One that came again, `times` times."""
        changed = ", ".join(f"{name} = :{name}" for name in COLUMNS if name not in _FIRST_KEPT)
        own = "account_id = :account_id AND number = :number"
        return self._compiled(f"UPDATE rejects SET {changed}, times = times + :times WHERE {own}")

    @cached_property
    def change(self) -> Statement:
        changed = ", ".join(f"{name} = :{name}" for name in COLUMNS if name not in _FIRST_KEPT)
        return self._compiled(f"UPDATE rejects SET {changed} WHERE account_id = :account_id AND number = :number")

    def page(self, filters: RejectFilters, *, descending: bool) -> Statement:
        """Parameters are those of `listing`."""
        return self._asked(_shape(filters), descending, counting=False)

    def count(self, filters: RejectFilters) -> Statement:
        """How many there are, whatever the bounds of numbers; parameters are those of `listing`."""
        return self._asked(_shape(filters), False, counting=True)

    @cached_property
    def blank(self) -> Statement:
        """Across accounts: takes the texts of those away that came last before the instant `before`."""
        return self._compiled(
            "UPDATE rejects SET status = 'dropped', payload = NULL, field = NULL, reason = NULL, sender = NULL, sender_id = NULL"
            " WHERE last_at < :before AND status <> 'dropped'"
        )

    @cached_property
    def forget(self) -> Statement:
        """Across accounts: drops them, but for an account's last one, from which numbers go on."""
        later = "SELECT 1 FROM rejects later WHERE later.account_id = rejects.account_id AND later.number > rejects.number"
        return self._compiled(f"DELETE FROM rejects WHERE last_at < :before AND EXISTS ({later})")

    def _asking(self, shape: tuple[tuple[str, int], ...], descending: bool, *, counting: bool) -> Statement:
        bounds = "".join(f" AND {_in(name, count)}" for name, count in shape)
        if counting:
            return self._compiled(f"SELECT COUNT(*) FROM rejects WHERE account_id = :account_id{bounds}")
        order = " DESC" if descending else ""
        return self._compiled(f"{_SELECT} AND number > :above AND number < :below{bounds} ORDER BY number{order} LIMIT :limit")

    def _compiled(self, sql: str) -> Statement:
        return compile_statement(text(sql), self._dialect)


def listing(
    account_id: int, filters: RejectFilters, *, limit: int = 0, above: int | None = None, below: int | None = None
) -> dict[str, Any]:
    """The parameters of a list of an account's rejects."""
    wanted = {f"{name}_{at}": value for name, values in _given(filters) for at, value in enumerate(values)}
    return wanted | {
        "account_id": account_id,
        "limit": limit,
        "above": 0 if above is None else above,
        "below": EVERYTHING if below is None else below,
    }


def _given(filters: RejectFilters) -> list[tuple[str, tuple[Any, ...]]]:
    values = {
        "status": tuple(each.value for each in filters.status),
        "format": filters.format,
        "sender_id": filters.sender_id,
        "sequence": filters.sequence,
    }
    return [(name, each) for name, each in values.items() if each]


def _shape(filters: RejectFilters) -> tuple[tuple[str, int], ...]:
    return tuple((name, len(values)) for name, values in _given(filters))


def _in(name: str, count: int) -> str:
    values = [f":{name}_{at}" for at in range(count)]
    if name != "format":
        return f"{name} IN ({', '.join(values)})"
    # A name means every version of it: A follows @ in binary order, which is that of the column.
    each = "(format = {0} OR (format >= CAST({0} AS TEXT) || '@' AND format < CAST({0} AS TEXT) || 'A'))"
    return f"({' OR '.join(each.format(value) for value in values)})"
