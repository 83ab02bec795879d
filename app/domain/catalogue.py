"""What events are about: customers, products, licenses, orders, subscriptions and documents, as the callers themselves name them.

A record is the projection of the ledger entries that carry it: its state as of a sequence is its last version at or below it.
An id that an event names and nobody has described yet is a *stub*: known, with nothing said of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

LONGEST_ID = 256


class RecordKind(StrEnum):
    """The kinds of catalogue records."""

    CUSTOMER = "customer"
    PRODUCT = "product"
    LICENSE = "license"
    ORDER = "order"
    SUBSCRIPTION = "subscription"
    DOCUMENT = "document"


LINKED_KINDS = (
    RecordKind.PRODUCT,
    RecordKind.CUSTOMER,
    RecordKind.LICENSE,
    RecordKind.ORDER,
    RecordKind.SUBSCRIPTION,
)
"""The kinds that entries name, each in its column `<kind>_id`."""


@dataclass(slots=True, kw_only=True)
class Record:
    """One catalogue record as of some sequence. All but kind, id and sequence may be absent; a stub has nothing else."""

    kind: RecordKind
    id: str
    sequence: int
    """Sequence of the entry that carries this version, or first named the id."""
    first_sequence: int
    """Sequence of the entry that first named the id."""
    stub: bool = False
    name: str | None = None
    status: str | None = None
    product_id: str | None = None
    customer_id: str | None = None
    license_id: str | None = None
    order_id: str | None = None
    subscription_id: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    type: str | None = None
    """Of a document: invoice, credit or debit."""
    number: str | None = None
    """Of a document: the number people call it by."""
    parent_id: str | None = None
    """Of a document: the document it is due under."""
    currency: str | None = None
    entity_ref: str | None = None
    additional_data: str | None = None
    recorded_at: datetime | None = field(default=None)
    erased: tuple[str, ...] = ()
    """Names of the private texts of this version that were erased on request."""
