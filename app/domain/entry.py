"""One line of an account's ledger: what it says, what proves it, and how it is spoken of.

An entry's *content* is what a sender or the gateway says; recording adds sequence, recorded_at and the digests. The canonical
bytes of the content are hashed before the account's lock is taken; under the lock the leaf and the chain are closed over that
hash, so the lock is short. Personal and free texts enter the canonical bytes veiled (see `Veil`), so that they can be erased.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from typing import Any

from app.domain.canonical import canonical_bytes, sha256
from app.domain.decimal import plain
from app.domain.instant import format_instant, to_micros

ENCODING_VERSION = 1


class EntryKind(StrEnum):
    """What an entry is about."""

    USAGE = "usage"
    """Something was used: it has a quantity, a charge, or both."""
    ACTIVITY = "activity"
    """Something happened in the life of a license, an order, a subscription."""
    CATALOGUE = "catalogue"
    """A catalogue record was made or changed; the entry carries the whole record."""
    GATEWAY = "gateway"
    """An act of the gateway itself that an auditor asks about."""


class Correction(StrEnum):
    """What an entry does to an earlier one."""

    REVERSAL = "reversal"
    """Takes the corrected entry back: the same dimensions, quantity and charge negated."""
    REPLACEMENT = "replacement"
    """Stands in its place."""


PRIVATE_FIELDS = ("message", "actor", "reason", "name", "additional_data")
"""Personal or free text, in the order of a veil's tags. Grows only at the end: the tags are stored."""


@dataclass(frozen=True, slots=True)
class Veil:
    """What stands for an entry's private texts in its canonical bytes: a salt for each while it is kept, its digest once erased.

    The digest of a text is SHA-256(salt ‖ UTF-8 text). Salts are 16 random bytes, one for each text, so that an erased text
    cannot be guessed from its neighbour's salt.
    """

    salts: dict[str, bytes]
    erased: dict[str, bytes]

    @classmethod
    def fresh(cls, names: list[str]) -> Veil:
        """New random salts for the named texts."""
        if not names:
            return NO_VEIL
        pool = secrets.token_bytes(16 * len(names))
        return cls({name: pool[16 * at : 16 * at + 16] for at, name in enumerate(names)}, {})

    def digests(self, texts: dict[str, str]) -> dict[str, str]:
        """The digest of each present or erased text, as hex, by field name.

        A text without a salt, or a salt without its text, was not made here: it gives a digest that nothing matches.
        """
        found = {name: digest.hex() for name, digest in self.erased.items()}
        for name, salt in self.salts.items():
            found[name] = sha256(salt + texts.get(name, "").encode()).hex()
        for name in texts.keys() - self.salts.keys():
            found[name] = "unveiled"
        return found

    def without(self, texts: dict[str, str]) -> Veil:
        """The veil once `texts` (by field name) are erased: their salts gone, their digests kept."""
        salts = {name: salt for name, salt in self.salts.items() if name not in texts}
        erased = self.erased | {name: sha256(self.salts[name] + text.encode()) for name, text in texts.items()}
        return Veil(salts, erased)

    def to_bytes(self) -> bytes:
        """For a kept text a tag byte and 16 bytes of salt; for an erased one the tag with its high bit set and 32 of digest."""
        parts = []
        for tag, name in enumerate(PRIVATE_FIELDS):
            if name in self.salts:
                parts.append(bytes([tag]) + self.salts[name])
            elif name in self.erased:
                parts.append(bytes([tag | 0x80]) + self.erased[name])
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> Veil:
        """The veil that `to_bytes` wrote."""
        salts: dict[str, bytes] = {}
        erased: dict[str, bytes] = {}
        at = 0
        while at < len(data):
            tag = data[at]
            name = PRIVATE_FIELDS[tag & 0x7F]
            width = 32 if tag & 0x80 else 16
            (erased if tag & 0x80 else salts)[name] = data[at + 1 : at + 1 + width]
            at += 1 + width
        return cls(salts, erased)


NO_VEIL = Veil({}, {})


def _fact(label: str, description: str, *, unit: str | None = None) -> dict[str, Any]:
    return {"label": label, "description": description, "unit": unit}


# Not frozen: a frozen dataclass takes three times as long to make, and pages and batches make thousands. Nothing changes one.
@dataclass(slots=True, kw_only=True)
class Content:
    """What an entry says, apart from when and where in the ledger it was recorded."""

    kind: EntryKind = field(metadata=_fact("Kind", "What the entry is about: usage, activity, catalogue or gateway."))
    action: str = field(metadata=_fact("Action", "What happened, such as `usage.consumed` or `license.issued`."))
    source: str = field(metadata=_fact("Source", "The name of the sender that reported it."))
    occurred_at: datetime = field(metadata=_fact("Occurred at", "When it happened, UTC."))
    product_id: str | None = field(default=None, metadata=_fact("Product", "The product that was used."))
    customer_id: str | None = field(default=None, metadata=_fact("Customer", "The customer who used it."))
    license_id: str | None = field(default=None, metadata=_fact("License", "The license under which it was used."))
    order_id: str | None = field(default=None, metadata=_fact("Order", "The order it belongs to."))
    subscription_id: str | None = field(default=None, metadata=_fact("Subscription", "The subscription it belongs to."))
    feature_code: str | None = field(default=None, metadata=_fact("Feature", "The code of the feature that was used."))
    quantity: Decimal | None = field(
        default=None, metadata=_fact("Quantity", "How much was used, in `unit`; negated in a reversal.", unit="unit")
    )
    unit: str | None = field(default=None, metadata=_fact("Unit", "The unit of the quantity, as the sender names it."))
    charge: Decimal | None = field(
        default=None,
        metadata=_fact("Charge", "What the sender charged, in `currency`; negated in a reversal.", unit="currency"),
    )
    currency: str | None = field(default=None, metadata=_fact("Currency", "ISO 4217 code of the charge's currency."))
    request_id: str | None = field(default=None, metadata=_fact("Request id", "The id of the request that was metered."))
    result_class: str | None = field(
        default=None,
        metadata=_fact("Result class", "How it ended: success, client_error, server_error, or the sender's own word."),
    )
    status_code: int | None = field(default=None, metadata=_fact("Status code", "The status it ended with, 100 to 599."))
    transaction_id: str | None = field(
        default=None, metadata=_fact("Transaction id", "The id of the transaction that was metered.")
    )
    sender_id: str | None = field(
        default=None, metadata=_fact("Sender's id", "The sender's own id of the event; counted once for ever per source.")
    )
    message: str | None = field(default=None, metadata=_fact("Message", "What was said of the outcome, for people."))
    actor: str | None = field(default=None, metadata=_fact("Actor", "Who did it."))
    reason: str | None = field(default=None, metadata=_fact("Reason", "Why it was corrected or changed."))
    name: str | None = field(default=None, metadata=_fact("Name", "The name that a catalogue record is given."))
    additional_data: str | None = field(
        default=None, metadata=_fact("Additional data", "The sender's own keys and values, as one JSON object.")
    )
    record: str | None = field(
        default=None,
        metadata=_fact("Record", "The catalogue record, the gateway's act, or usage's related document, as one JSON object."),
    )
    event: int | None = field(
        default=None,
        metadata=_fact("Event", "Sequence of the event's first version; absent on a first version itself."),
    )
    version: int = field(default=1, metadata=_fact("Version", "Which version of the event this entry states, from 1."))
    correction: Correction | None = field(
        default=None, metadata=_fact("Correction", "Whether the entry reverses or replaces an earlier one.")
    )
    corrects: int | None = field(default=None, metadata=_fact("Corrects", "Sequence of the entry that is corrected."))
    veil: Veil = NO_VEIL

    def texts(self) -> dict[str, str]:
        """The private texts that are present, by field name."""
        return {name: text for name, text in zip(PRIVATE_FIELDS, _private_values(self), strict=True) if text is not None}

    def veiled(self) -> Content:
        """The same content with fresh salts for its private texts. Changes it in place; to be done once, before digesting."""
        self.veil = Veil.fresh(list(self.texts()))
        return self

    def canonical(self) -> dict[str, Any]:
        """What the content digest is over: all that is present, private texts as digests, decimals and instants as text."""
        values = zip(_STATED_FIELDS, _stated_values(self), strict=True)
        stated: dict[str, Any] = {name: value for name, value in values if value is not None}
        stated["v"] = ENCODING_VERSION
        stated["occurred_at"] = format_instant(self.occurred_at)
        if self.quantity is not None:
            stated["quantity"] = plain(self.quantity)
        if self.charge is not None:
            stated["charge"] = plain(self.charge)
        texts = self.texts()
        if texts or self.veil is not NO_VEIL:
            private = self.veil.digests(texts)
            if private:
                stated["private"] = private
        return stated

    def digest(self) -> bytes:
        """SHA-256 of the canonical bytes."""
        return sha256(canonical_bytes(self.canonical()))


_STATED_FIELDS = tuple(each.name for each in fields(Content) if each.name not in (*PRIVATE_FIELDS, "veil"))
# All at once, since every event that is recorded or verified passes here.
_stated_values = attrgetter(*_STATED_FIELDS)
_private_values = attrgetter(*PRIVATE_FIELDS)


_BEHIND: dict[str, frozenset[str]] = {each.name: frozenset({each.name}) for each in fields(Content)} | {
    "account_id": frozenset({"account_id"}),
    "sequence": frozenset({"sequence"}),
    "recorded_at": frozenset({"recorded_at"}),
    "id": frozenset({"account_id", "sequence"}),
    "event_ref": frozenset({"account_id", "sequence", "event"}),
    "event_sequence": frozenset({"sequence", "event"}),
    "corrects_id": frozenset({"account_id", "corrects"}),
    "sign": frozenset({"correction"}),
    "erased": frozenset({"veil"}),
    "content_digest_hex": frozenset({"content_digest"}),
    "leaf_hex": frozenset({"leaf"}),
    "chain_hex": frozenset({"chain"}),
}


def fields_behind(attributes: Iterable[str]) -> frozenset[str] | None:
    """The fields of an entry that these of its attributes are told from; None where one of them may need any."""
    found: set[str] = set()
    for each in attributes:
        behind = _BEHIND.get(each)
        if behind is None:
            return None
        found |= behind
    return frozenset(found)


def leaf(sequence: int, recorded_at: datetime, content_digest: bytes) -> bytes:
    """The leaf of the entry with that sequence, instant of recording and content, made as RFC 9162 (section 2.1.1) makes them.

    SHA-256(0x00 ‖ data), where data is the sequence (8 bytes, big-endian), recorded_at (8 bytes, microseconds since 1970,
    big-endian, signed) and the content digest.
    """
    data = sequence.to_bytes(8, "big") + to_micros(recorded_at).to_bytes(8, "big", signed=True) + content_digest
    return sha256(b"\x00" + data)


@dataclass(slots=True, kw_only=True)
class Entry(Content):
    """A recorded line of the ledger."""

    account_id: int
    sequence: int = field(
        metadata=_fact("Sequence", "Position in the account's ledger, from 1, without gaps; later entries are higher.")
    )
    recorded_at: datetime = field(
        metadata=_fact("Recorded at", "When the gateway recorded it, UTC; never goes back within an account.")
    )
    content_digest: bytes
    leaf: bytes
    chain: bytes

    @property
    def id(self) -> str:
        """The entry's own id."""
        return entry_id(self.account_id, self.sequence)

    @property
    def event_sequence(self) -> int:
        """Sequence of the first version of the event."""
        return self.sequence if self.event is None else self.event

    @property
    def event_ref(self) -> str:
        """The id of the event, the same for all its versions."""
        return event_ref(self.account_id, self.event_sequence)

    @property
    def corrects_id(self) -> str | None:
        """The id of the entry that this one corrects."""
        return None if self.corrects is None else entry_id(self.account_id, self.corrects)

    @property
    def sign(self) -> int:
        """What the entry counts as: -1 for a reversal, 1 otherwise."""
        return -1 if self.correction is Correction.REVERSAL else 1

    @property
    def content_digest_hex(self) -> str:
        """The stored content digest, as hex."""
        return self.content_digest.hex()

    @property
    def leaf_hex(self) -> str:
        """The stored leaf, as hex."""
        return self.leaf.hex()

    @property
    def chain_hex(self) -> str:
        """The stored chain digest, as hex."""
        return self.chain.hex()

    @property
    def holds(self) -> bool:
        """Whether the stored content, hashed again, gives the stored digest, and this with place and time the stored leaf."""
        return self.digest() == self.content_digest and leaf(self.sequence, self.recorded_at, self.content_digest) == self.leaf

    @property
    def erased(self) -> tuple[str, ...]:
        """The names of the private texts that were erased."""
        digests = self.veil.erased
        return tuple(name for name in PRIVATE_FIELDS if name in digests) if digests else ()


def entry_id(account_id: int, sequence: int) -> str:
    """The public id of an entry: unique across accounts, and found without an index."""
    return f"act_{account_id}_{sequence}"


def event_ref(account_id: int, sequence: int) -> str:
    """The public ref of an event whose first version has that sequence."""
    return f"evt_{account_id}_{sequence}"


def sequence_in(identifier: str, account_id: int) -> int | None:
    """The sequence that an entry's id or an event's ref names, if it is of that account; None otherwise."""
    prefix, _, rest = identifier.partition("_")
    account, _, sequence = rest.partition("_")
    if prefix not in ("act", "evt") or not (account.isascii() and account.isdigit()):
        return None
    if not (sequence.isascii() and sequence.isdigit()) or len(sequence) > 18 or len(account) > 18:
        return None
    return int(sequence) if int(account) == account_id and sequence[0] != "0" and account[0] != "0" else None
