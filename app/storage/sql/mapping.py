"""From rows to what they stand for and back: entries, catalogue records, accounts and keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import orjson

from app.domain.account import Account, Key
from app.domain.catalogue import Record, RecordKind
from app.domain.entry import NO_VEIL, Correction, Entry, EntryKind, Veil
from app.domain.signing import KeptKey
from app.ports import Head
from app.storage.sql.dialect import Dialect
from app.storage.sql.tables import accounts, catalogue, heads, keys

_PLAIN = (
    *("account_id", "sequence", "action", "source", "product_id", "customer_id", "license_id", "order_id", "subscription_id"),
    *("feature_code", "unit", "currency", "corrects", "event", "version", "request_id", "result_class", "status_code"),
    *("transaction_id", "sender_id", "message", "actor", "reason", "name", "additional_data", "record"),
)
_TOLD = ("kind", "correction", "occurred_at", "recorded_at", "veil", "content_digest", "leaf", "chain")
_plain = attrgetter(*_PLAIN)
_new = object.__new__
_KINDS = {kind.value: kind for kind in EntryKind}
_CORRECTIONS: dict[str | None, Correction | None] = {None: None, **{each.value: each for each in Correction}}
_RECORD_KINDS = {kind.value: kind for kind in RecordKind}

RECORD_COLUMNS = tuple(column.name for column in catalogue.columns if column.name != "account_id")
ACCOUNT_COLUMNS = tuple(column.name for column in accounts.columns)
KEY_COLUMNS = tuple(column.name for column in keys.columns)
HEAD_COLUMNS = tuple(column.name for column in heads.columns if column.name != "account_id")


class Mapping:
    """The mapping for one engine. Columns bear the names of the fields they hold, so it needs no table of its own."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        quantity, charge = dialect.decimal_columns("quantity"), dialect.decimal_columns("charge")
        self.entry_columns = (*_PLAIN, *_TOLD, *quantity, *charge)
        """The columns of a row of `entries`, in the order in which `entry` takes them and `entry_values` gives them."""
        self._quantity = slice(0, len(quantity))
        self._charge = slice(len(quantity), None)

    def entry(self, row: Sequence[Any]) -> Entry:
        """The entry that a row holds.

        Every page passes here, and a microsecond more is a tenth of a millisecond a page: so the row is taken apart right into
        the entry's slots, which takes a third of the time of calling the class with forty keywords.
        """
        dialect = self._dialect
        entry: Entry = _new(Entry)
        # In the order of _PLAIN and _TOLD.
        (
            entry.account_id, entry.sequence, entry.action, entry.source, entry.product_id, entry.customer_id, entry.license_id,
            entry.order_id, entry.subscription_id, entry.feature_code, entry.unit, entry.currency, entry.corrects, entry.event,
            entry.version, entry.request_id, entry.result_class, entry.status_code, entry.transaction_id, entry.sender_id,
            entry.message, entry.actor, entry.reason, entry.name, entry.additional_data, entry.record,
            kind, correction, occurred_at, recorded_at, veil, entry.content_digest, entry.leaf, entry.chain, *decimals,
        ) = row  # fmt: skip
        entry.kind = _KINDS[kind]
        entry.correction = _CORRECTIONS[correction]
        entry.occurred_at = dialect.moment(occurred_at)
        entry.recorded_at = dialect.moment(recorded_at)
        entry.veil = Veil.from_bytes(veil) if veil else NO_VEIL
        entry.quantity = dialect.decimal(decimals[self._quantity])
        entry.charge = dialect.decimal(decimals[self._charge])
        return entry

    def entry_values(self, entry: Entry) -> tuple[Any, ...]:
        """The row that holds an entry. Every recorded event passes here."""
        dialect = self._dialect
        return (
            *_plain(entry),
            entry.kind.value,
            None if entry.correction is None else entry.correction.value,
            dialect.bound(entry.occurred_at),
            dialect.bound(entry.recorded_at),
            dialect.blob(b"" if entry.veil is NO_VEIL else entry.veil.to_bytes()),
            dialect.blob(entry.content_digest),
            dialect.blob(entry.leaf),
            dialect.blob(entry.chain),
            *dialect.decimal_values(entry.quantity),
            *dialect.decimal_values(entry.charge),
        )

    def record(self, row: Sequence[Any]) -> Record:
        """The catalogue record that a row of RECORD_COLUMNS holds."""
        stated = dict(zip(RECORD_COLUMNS, row, strict=True))
        stated["kind"] = _RECORD_KINDS[stated["kind"]]
        stated["id"] = stated.pop("record_id")
        stated["stub"] = bool(stated["stub"])
        stated["erased"] = tuple((stated["erased"] or "").split())
        for name in ("starts_at", "ends_at", "recorded_at"):
            stated[name] = self._moment(stated[name])
        return Record(**stated)

    def record_values(self, account_id: int, record: Record) -> dict[str, Any]:
        """The row of `catalogue` that holds a version of a record, by column."""
        stated = {name: getattr(record, name) for name in RECORD_COLUMNS if name != "record_id"}
        stated |= {"account_id": account_id, "kind": record.kind.value, "record_id": record.id, "stub": int(record.stub)}
        stated["erased"] = " ".join(record.erased) or None
        for name in ("starts_at", "ends_at", "recorded_at"):
            stated[name] = self.bound(stated[name])
        return stated

    def head(self, row: Sequence[Any]) -> Head:
        """The head that a row of HEAD_COLUMNS holds."""
        sequence, recorded_at, chain = row
        return Head(sequence, self._moment(recorded_at), chain)

    def account(self, row: Sequence[Any]) -> Account:
        """The account that a row of ACCOUNT_COLUMNS holds."""
        account_id, name, created_at = row
        return Account(account_id, name, self._dialect.moment(created_at))

    def key(self, row: Sequence[Any]) -> Key:
        """The key that a row of KEY_COLUMNS holds."""
        stated = dict(zip(KEY_COLUMNS, row, strict=True))
        for name in ("scopes", "cidrs"):
            stated[name] = tuple(orjson.loads(stated[name]))
        for name in ("created_at", "expires_at", "revoked_at", "last_used_at"):
            stated[name] = self._moment(stated[name])
        return Key(**stated)

    def key_values(self, key: Key) -> dict[str, Any]:
        """The row of `keys` that holds a key, by column."""
        stated = {name: getattr(key, name) for name in KEY_COLUMNS}
        for name in ("scopes", "cidrs"):
            stated[name] = orjson.dumps(stated[name]).decode()
        for name in ("created_at", "expires_at", "revoked_at", "last_used_at"):
            stated[name] = self.bound(stated[name])
        return stated

    def signing_key(self, row: Sequence[Any]) -> KeptKey:
        """The key that a row of `signing_keys` holds."""
        number, seed, public_key, valid_from = row
        return KeptKey(number, bytes(seed), bytes(public_key), self._dialect.moment(valid_from))

    def signing_key_values(self, key: KeptKey) -> dict[str, Any]:
        """The row of `signing_keys` that holds a key, by column."""
        return {
            "number": key.number,
            "seed": key.seed,
            "public_key": key.public_key,
            "valid_from": self._dialect.bound(key.valid_from),
        }

    def _moment(self, value: Any) -> datetime | None:
        return None if value is None else self._dialect.moment(value)

    def bound(self, moment: datetime | None) -> Any:
        """An instant as a parameter; None for none."""
        return None if moment is None else self._dialect.bound(moment)
