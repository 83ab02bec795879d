"""The statement that a question for catalogue records becomes: the last version of each at or below a sequence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, bindparam, exists, select

from app.question.records import Records
from app.storage.sql.conditions import listed, repeated
from app.storage.sql.dialect import Dialect, Statement, compile_statement
from app.storage.sql.mapping import RECORD_COLUMNS
from app.storage.sql.reads import EVERYTHING
from app.storage.sql.tables import catalogue
from app.storage.sql.writes import width

_LOOKED_UP = ("name", "customer_id", "product_id", "license_id", "order_id", "subscription_id")


@dataclass(frozen=True, slots=True)
class RecordShape:
    """What of the question decides the text of the statement."""

    ids: int | None
    terms: tuple[str, ...]
    after: bool
    before: bool
    descending: bool


def record_shape(question: Records) -> RecordShape:
    """The shape of this question."""
    return RecordShape(
        None if question.ids is None else width(len(question.ids)),
        tuple(name for name in _LOOKED_UP if getattr(question, name) is not None),
        question.after is not None,
        question.before is not None,
        question.descending,
    )


def record_arguments(question: Records) -> dict[str, Any]:
    """The values of the statement's parameters."""
    values: dict[str, Any] = {name: getattr(question, name) for name in (*_LOOKED_UP, "after", "before")}
    values |= {"account_id": question.scope.account_id, "as_of": question.scope.as_of, "kind": question.kind.value}
    values["limit"] = EVERYTHING if question.limit is None else question.limit
    return values | repeated("record_id", question.ids or ())


class RecordReads:
    """The statements for one engine, each compiled when its shape is first asked."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.records = lru_cache(maxsize=128)(self._records)

    def _records(self, shape: RecordShape) -> Statement:
        own, later = catalogue.alias("own"), catalogue.alias("later")
        as_of = bindparam("as_of", type_=BigInteger)
        newer = exists().where(
            later.c.account_id == own.c.account_id,
            later.c.kind == own.c.kind,
            later.c.record_id == own.c.record_id,
            later.c.sequence > own.c.sequence,
            later.c.sequence <= as_of,
        )
        lead = None if shape.ids is not None else next(iter(shape.terms), None)

        def column(name: str) -> ColumnElement[Any]:
            return own.c[name] if name == lead else self._dialect.unindexed(own.c[name])

        found = (
            select(*(own.c[name] for name in RECORD_COLUMNS))
            .where(and_(own.c.account_id == bindparam("account_id"), own.c.kind == bindparam("kind")))
            .where(*(column(name) == bindparam(name) for name in shape.terms))
            .where(own.c.sequence <= as_of, ~newer)
        )
        if lead is not None:
            # SQLite would rather read all records of the kind in the key's order, however many they are.
            found = found.with_hint(own, f"INDEXED BY catalogue_by_{lead}", "sqlite")
        if shape.ids is not None:
            found = found.where(own.c.record_id.in_(listed("record_id", shape.ids)))
        if shape.after:
            found = found.where(own.c.record_id > bindparam("after"))
        if shape.before:
            found = found.where(own.c.record_id < bindparam("before"))
        order = own.c.record_id.desc() if shape.descending else own.c.record_id
        return compile_statement(found.order_by(order).limit(bindparam("limit", type_=BigInteger)), self._dialect)
