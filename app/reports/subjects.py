"""Catalogue records as rows, and finding the one that a report is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.domain.catalogue import Record, RecordKind
from app.domain.errors import NotFound
from app.ports import Ledger
from app.question.records import Records
from app.question.scope import Scope
from app.reports.report import Column, Section, column, columns_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRow:
    """One catalogue record."""

    kind: RecordKind = column("Kind", "What it is: a customer, product, license, order, subscription or document.")
    id: str = column("Id", "Its id, as the caller names it.")
    name: str | None = column("Name", "What people call it.")
    status: str | None = column("Status", "Its state, in the caller's own word.")
    described: bool = column("Described", "Whether anyone has described it; otherwise events have only named it.")
    product_id: str | None = column("Product", "The product it is of.")
    customer_id: str | None = column("Customer", "The customer it belongs to.")
    license_id: str | None = column("License", "The license it belongs to.")
    order_id: str | None = column("Order", "The order it belongs to.")
    subscription_id: str | None = column("Subscription", "The subscription it belongs to.")
    starts_at: datetime | None = column("Starts at", "When it begins to hold, UTC.")
    ends_at: datetime | None = column("Ends at", "When it ceases to hold, UTC.")
    type: str | None = column("Type", "Of a document: invoice, credit or debit.")
    number: str | None = column("Number", "Of a document: the number people call it by.")
    parent_id: str | None = column("Parent", "Of a document: the document that it is due under.")
    currency: str | None = column("Currency", "The currency it is in, as an ISO 4217 code.")
    sequence: int = column("Sequence", "Sequence of the entry that carries this version of it, or first named it.")
    first_sequence: int = column("First sequence", "Sequence of the entry that first named it.")
    additional_data: str | None = column("Additional data", "The caller's own keys and values, as one object.")
    erased: tuple[str, ...] = column("Erased", "Names of its private texts that were erased on request.")


COLUMNS: tuple[Column, ...] = tuple(
    Column(*(each.name, each.attribute, dict, True, each.label, each.description), json=True)
    if each.name == "additional_data"
    else Column(each.name, each.attribute, list, False, each.label, each.description)
    if each.name == "erased"
    else each
    for each in columns_of(RecordRow)
)


def record_section(name: str, title: str, description: str) -> Section:
    """A section whose rows are catalogue records."""
    return Section(name, title, description, RecordRow, COLUMNS)


def record_row(record: Record) -> RecordRow:
    """The record as a row."""
    return RecordRow(
        described=not record.stub,
        **{each.name: getattr(record, each.name) for each in COLUMNS if each.name != "described"},
    )


async def find(ledger: Ledger, scope: Scope, kind: RecordKind, record_id: str) -> Record:
    """The record that a report is about; raises NotFound for an id that the account has never named."""
    found = await ledger.records(Records(scope, kind, ids=(record_id,)))
    if not found:
        raise NotFound(f"no {kind} {record_id[:64]}")
    return found[0]


async def described(ledger: Ledger, scope: Scope, kind: RecordKind, ids: set[str]) -> list[Record]:
    """The records with these ids, in binary order of id."""
    found: list[Record] = []
    ordered = sorted(ids, key=str.encode)
    for start in range(0, len(ordered), 500):
        found += await ledger.records(Records(scope, kind, ids=tuple(ordered[start : start + 500])))
    return found
