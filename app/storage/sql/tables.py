"""The tables, declared with SQLModel. The account leads every key, and each column is named as the field it holds.

What differs between engines is in the types (instants) and in `EntryRow`, to which each engine adds its own columns for decimals.
The migrations hold frozen definitions of their own; a test compares the two.
"""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, SmallInteger, Table, Text, text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

# STRICT tables of SQLite know INTEGER only, which holds 64 bits there.
Big = BigInteger().with_variant(Integer(), "sqlite")
Small = SmallInteger().with_variant(Integer(), "sqlite")
Instant = TIMESTAMP(timezone=True).with_variant(Integer(), "sqlite")
# Binary order, whatever the database's own is; SQLite has no other.
Words: Any = Text().with_variant(Text(collation="C"), "postgresql")

STRICT = {"sqlite_strict": True}
CLUSTERED = {"sqlite_strict": True, "sqlite_with_rowid": False}
"""For narrow tables that are only ever asked by their key."""


def _where(name: str, where: str, *columns: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class Shared(SQLModel, registry=registry()):
    """The tables that are the same on every SQL engine."""


class AccountRow(Shared, table=True):
    """One account."""

    __tablename__ = "accounts"
    __table_args__ = (STRICT,)

    id: int = Field(primary_key=True, sa_type=Integer)
    name: str = Field(unique=True, sa_type=Words)
    created_at: int = Field(sa_type=cast(Any, Instant))


class KeyRow(Shared, table=True):
    """One key of an account. Scopes and networks are JSON arrays of strings."""

    __tablename__ = "keys"
    __table_args__ = (Index("keys_of_account", "account_id", "created_at"), STRICT)

    id: str = Field(primary_key=True, sa_type=Words)
    account_id: int = Field(foreign_key="accounts.id", sa_type=Integer)
    label: str = Field(sa_type=Words)
    secret_digest: bytes = Field(sa_type=LargeBinary)
    scopes: str = Field(sa_type=Words)
    cidrs: str = Field(sa_type=Words)
    created_at: int = Field(sa_type=cast(Any, Instant))
    expires_at: int | None = Field(default=None, sa_type=cast(Any, Instant))
    revoked_at: int | None = Field(default=None, sa_type=cast(Any, Instant))
    last_used_at: int | None = Field(default=None, sa_type=cast(Any, Instant))
    replaces: str | None = Field(default=None, sa_type=Words)


class HeadRow(Shared, table=True):
    """The end of an account's ledger; its chain digest is the genesis while there are no entries."""

    __tablename__ = "heads"
    __table_args__ = (STRICT,)

    account_id: int = Field(primary_key=True, foreign_key="accounts.id", sa_type=Integer)
    sequence: int = Field(sa_type=cast(Any, Big))
    recorded_at: int | None = Field(default=None, sa_type=cast(Any, Instant))
    chain: bytes = Field(sa_type=LargeBinary)


class ClaimRow(Shared, table=True):
    """A sender's id, taken for ever."""

    __tablename__ = "claims"
    __table_args__ = (CLUSTERED,)

    account_id: int = Field(primary_key=True, sa_type=Integer)
    claim_key: bytes = Field(primary_key=True, sa_type=LargeBinary)
    sequence: int = Field(sa_type=cast(Any, Big))


class ReversalRow(Shared, table=True):
    """Which entry was taken back by which. The key makes a second reversal of an entry impossible."""

    __tablename__ = "reversals"
    __table_args__ = (CLUSTERED,)

    account_id: int = Field(primary_key=True, sa_type=Integer)
    corrects: int = Field(primary_key=True, sa_type=cast(Any, Big))
    sequence: int = Field(sa_type=cast(Any, Big))


class CatalogueRow(Shared, table=True):
    """One version of a catalogue record: the projection of the entry with that sequence, which carries or first names it."""

    __tablename__ = "catalogue"

    account_id: int = Field(primary_key=True, sa_type=Integer)
    kind: str = Field(primary_key=True, sa_type=Words)
    record_id: str = Field(primary_key=True, sa_type=Words)
    sequence: int = Field(primary_key=True, sa_type=cast(Any, Big))
    first_sequence: int = Field(sa_type=cast(Any, Big))
    recorded_at: int = Field(sa_type=cast(Any, Instant))
    stub: int = Field(sa_type=cast(Any, Small))
    name: str | None = Field(default=None, sa_type=Words)
    status: str | None = Field(default=None, sa_type=Words)
    product_id: str | None = Field(default=None, sa_type=Words)
    customer_id: str | None = Field(default=None, sa_type=Words)
    license_id: str | None = Field(default=None, sa_type=Words)
    order_id: str | None = Field(default=None, sa_type=Words)
    subscription_id: str | None = Field(default=None, sa_type=Words)
    starts_at: int | None = Field(default=None, sa_type=cast(Any, Instant))
    ends_at: int | None = Field(default=None, sa_type=cast(Any, Instant))
    type: str | None = Field(default=None, sa_type=Words)
    number: str | None = Field(default=None, sa_type=Words)
    parent_id: str | None = Field(default=None, sa_type=Words)
    currency: str | None = Field(default=None, sa_type=Words)
    entity_ref: str | None = Field(default=None, sa_type=Words)
    additional_data: str | None = Field(default=None, sa_type=Words)
    erased: str | None = Field(default=None, sa_type=Words)

    # A function's worth of indexes: one for each column that records are looked up by. Stubs are in none of them.
    __table_args__ = (
        *(
            Index(
                f"catalogue_by_{column}",
                *("account_id", "kind", column, "record_id", "sequence"),
                sqlite_where=text(f"{column} IS NOT NULL"),
                postgresql_where=text(f"{column} IS NOT NULL"),
            )
            for column in ("name", "product_id", "customer_id", "license_id", "order_id", "subscription_id")
        ),
        CLUSTERED,
    )


UNFINISHED_ONLY = "status IN ('pending', 'running')"
WITH_FILE = "file IS NOT NULL"


class ExportRow(Shared, table=True):
    """One export. Parameters and sections are JSON objects; `subtrees` are the hashes of 32 bytes behind its digest."""

    __tablename__ = "exports"
    __table_args__ = (
        Index("exports_of_account", "account_id", "sequence", unique=True),
        # The two indexes that no account leads: workers look for what is left to do, which is little.
        Index(
            "exports_unfinished",
            *("created_at", "id"),
            sqlite_where=text(UNFINISHED_ONLY),
            postgresql_where=text(UNFINISHED_ONLY),
        ),
        # And for files whose time is over.
        Index("exports_with_file", *("updated_at", "id"), sqlite_where=text(WITH_FILE), postgresql_where=text(WITH_FILE)),
        STRICT,
    )

    account_id: int = Field(primary_key=True, foreign_key="accounts.id", sa_type=Integer)
    id: str = Field(primary_key=True, sa_type=Words)
    sequence: int = Field(sa_type=cast(Any, Big))
    report: str = Field(sa_type=Words)
    format: str = Field(sa_type=Words)
    parameters: str = Field(sa_type=Words)
    as_of: int = Field(sa_type=cast(Any, Big))
    recorded_at: int | None = Field(default=None, sa_type=cast(Any, Instant))
    schema_version: int = Field(sa_type=Integer)
    content_type: str = Field(sa_type=Words)
    file_name: str = Field(sa_type=Words)
    created_by: str = Field(sa_type=Words)
    created_at: int = Field(sa_type=cast(Any, Instant))
    updated_at: int = Field(sa_type=cast(Any, Instant))
    status: str = Field(sa_type=Words)
    rows: int = Field(sa_type=cast(Any, Big))
    rows_expected: int | None = Field(default=None, sa_type=cast(Any, Big))
    sections: str = Field(sa_type=Words)
    digest: str | None = Field(default=None, sa_type=Words)
    artifact_digest: str | None = Field(default=None, sa_type=Words)
    size: int | None = Field(default=None, sa_type=cast(Any, Big))
    file: str | None = Field(default=None, sa_type=Words)
    reason: str | None = Field(default=None, sa_type=Words)
    worker: str | None = Field(default=None, sa_type=Words)
    lease: int | None = Field(default=None, sa_type=Integer)
    leased_until: int | None = Field(default=None, sa_type=cast(Any, Instant))
    subtrees: bytes = Field(sa_type=LargeBinary)


class ExportMarkRow(Shared, table=True):
    """How far an unfinished export is. `sections` is a list of pairs and `keys` a list, both JSON: their order matters."""

    __tablename__ = "export_marks"
    __table_args__ = (STRICT,)

    account_id: int = Field(primary_key=True, foreign_key="accounts.id", sa_type=Integer)
    export_id: str = Field(primary_key=True, sa_type=Words)
    file: str = Field(sa_type=Words)
    size: int = Field(sa_type=cast(Any, Big))
    digest: bytes = Field(sa_type=LargeBinary)
    rows: int = Field(sa_type=cast(Any, Big))
    subtrees: bytes = Field(sa_type=LargeBinary)
    sections: str = Field(sa_type=Words)
    keys: str = Field(sa_type=Words)
    sequence: int | None = Field(default=None, sa_type=cast(Any, Big))
    head: int = Field(sa_type=cast(Any, Big))


class FirstAnswerRow(Shared, table=True):
    """What a call with an idempotency key was answered. `data` is JSON."""

    __tablename__ = "first_answers"
    __table_args__ = (STRICT,)

    account_id: int = Field(primary_key=True, foreign_key="accounts.id", sa_type=Integer)
    key: str = Field(primary_key=True, sa_type=Words)
    digest: bytes = Field(sa_type=LargeBinary)
    subject: str = Field(sa_type=Words)
    status: int = Field(sa_type=Integer)
    data: str | None = Field(default=None, sa_type=Words)
    created_at: int = Field(sa_type=cast(Any, Instant))
    expires_at: int = Field(sa_type=cast(Any, Instant))


class FormatRow(Shared, table=True):
    """One version of an account's own format. `document` is JSON."""

    __tablename__ = "formats"
    __table_args__ = (STRICT,)

    account_id: int = Field(primary_key=True, foreign_key="accounts.id", sa_type=Integer)
    name: str = Field(primary_key=True, sa_type=Words)
    version: int = Field(primary_key=True, sa_type=Integer)
    document: str = Field(sa_type=Words)
    digest: str = Field(sa_type=Words)
    created_by: str = Field(sa_type=Words)
    created_at: int = Field(sa_type=cast(Any, Instant))


OPEN_REJECTS = "status IN ('rejected', 'conflict')"


class RejectRow(Shared, table=True):
    """One payload that was not recorded, or that came again."""

    __tablename__ = "rejects"
    __table_args__ = (
        Index("rejects_by_digest", "account_id", "digest", unique=True),
        _where("rejects_open", OPEN_REJECTS, "account_id", "number"),
        _where("rejects_by_sender_id", "sender_id IS NOT NULL", "account_id", "sender_id", "number"),
        _where("rejects_by_sequence", "sequence IS NOT NULL", "account_id", "sequence", "number"),
        # That no account leads: what has outlived its time is looked for in all of them at once.
        Index("rejects_by_last_at", "last_at"),
        STRICT,
    )

    account_id: int = Field(primary_key=True, foreign_key="accounts.id", sa_type=Integer)
    number: int = Field(primary_key=True, sa_type=cast(Any, Big))
    digest: bytes = Field(sa_type=LargeBinary)
    status: str = Field(sa_type=Words)
    kind: str = Field(sa_type=Words)
    format: str = Field(sa_type=Words)
    source: str | None = Field(default=None, sa_type=Words)
    shape: str = Field(sa_type=Words)
    payload: bytes | None = Field(default=None, sa_type=LargeBinary)
    field: str | None = Field(default=None, sa_type=Words)
    reason: str | None = Field(default=None, sa_type=Words)
    sender: str | None = Field(default=None, sa_type=Words)
    sender_id: str | None = Field(default=None, sa_type=Words)
    sequence: int | None = Field(default=None, sa_type=cast(Any, Big))
    times: int = Field(sa_type=cast(Any, Big))
    first_at: int = Field(sa_type=cast(Any, Instant))
    last_at: int = Field(sa_type=cast(Any, Instant))
    received_by: str = Field(sa_type=Words)


class SecretRow(Shared, table=True):
    """A secret of an account's own, which the gateway made: it signs links with it."""

    __tablename__ = "secrets"
    __table_args__ = (STRICT,)

    account_id: int = Field(primary_key=True, foreign_key="accounts.id", sa_type=Integer)
    name: str = Field(primary_key=True, sa_type=Words)
    value: bytes = Field(sa_type=LargeBinary)


class EndedSessionRow(Shared, table=True):
    """A session that was ended before its token expires."""

    __tablename__ = "ended_sessions"
    __table_args__ = (STRICT,)

    account_id: int = Field(primary_key=True, foreign_key="accounts.id", sa_type=Integer)
    session_id: str = Field(primary_key=True, sa_type=Words)
    expires_at: int = Field(sa_type=cast(Any, Instant))


class AttestationRow(Shared, table=True):
    """What was signed of one kind at one sequence. `document` is JSON."""

    __tablename__ = "attestations"
    __table_args__ = (STRICT,)

    account_id: int = Field(primary_key=True, foreign_key="accounts.id", sa_type=Integer)
    kind: str = Field(primary_key=True, sa_type=Words)
    sequence: int = Field(primary_key=True, sa_type=cast(Any, Big))
    document: str = Field(sa_type=Words)


class TreeNodeRow(Shared, table=True):
    """A node of a ledger's Merkle tree over 1,024 nodes of the level below; level 0, the leaves, is in `entries`."""

    __tablename__ = "tree_nodes"
    __table_args__ = (CLUSTERED,)

    account_id: int = Field(primary_key=True, sa_type=Integer)
    level: int = Field(primary_key=True, sa_type=cast(Any, Small))
    position: int = Field(primary_key=True, sa_type=cast(Any, Big))
    digest: bytes = Field(sa_type=LargeBinary)


class ContractCustomerRow(Shared, table=True):
    """A customer (the empty text for none) that usage has named together with a license, an order or a subscription."""

    __tablename__ = "contract_customers"
    __table_args__ = (CLUSTERED,)

    account_id: int = Field(primary_key=True, sa_type=Integer)
    dimension: str = Field(primary_key=True, sa_type=Words)
    value: str = Field(primary_key=True, sa_type=Words)
    customer_id: str = Field(primary_key=True, sa_type=Words)


class FoldedCustomerRow(Shared, table=True):
    """A customer whose days before `until` (whole UTC days since 1970) are also added up by month."""

    __tablename__ = "folded_customers"
    __table_args__ = (CLUSTERED,)

    account_id: int = Field(primary_key=True, sa_type=Integer)
    customer_id: str = Field(primary_key=True, sa_type=Words)
    until: int = Field(sa_type=Integer)


class SigningKeyRow(Shared, table=True):
    """A key that the gateway signs with, for all accounts; each number follows the one before."""

    __tablename__ = "signing_keys"
    __table_args__ = (STRICT,)

    number: int = Field(primary_key=True, sa_type=Integer, sa_column_kwargs={"autoincrement": False})
    seed: bytes = Field(sa_type=LargeBinary)
    public_key: bytes = Field(sa_type=LargeBinary)
    valid_from: int = Field(sa_type=cast(Any, Instant))


class EntryRow(SQLModel):
    """One line of a ledger, apart from its quantity and charge, which each engine keeps in its own way."""

    account_id: int = Field(primary_key=True, sa_type=Integer)
    sequence: int = Field(primary_key=True, sa_type=cast(Any, Big))
    kind: str = Field(sa_type=Words)
    action: str = Field(sa_type=Words)
    source: str = Field(sa_type=Words)
    occurred_at: int = Field(sa_type=cast(Any, Instant))
    recorded_at: int = Field(sa_type=cast(Any, Instant))
    product_id: str | None = Field(default=None, sa_type=Words)
    customer_id: str | None = Field(default=None, sa_type=Words)
    license_id: str | None = Field(default=None, sa_type=Words)
    order_id: str | None = Field(default=None, sa_type=Words)
    subscription_id: str | None = Field(default=None, sa_type=Words)
    feature_code: str | None = Field(default=None, sa_type=Words)
    unit: str | None = Field(default=None, sa_type=Words)
    currency: str | None = Field(default=None, sa_type=Words)
    correction: str | None = Field(default=None, sa_type=Words)
    corrects: int | None = Field(default=None, sa_type=cast(Any, Big))
    event: int | None = Field(default=None, sa_type=cast(Any, Big))
    version: int = Field(sa_type=Integer)
    request_id: str | None = Field(default=None, sa_type=Words)
    result_class: str | None = Field(default=None, sa_type=Words)
    status_code: int | None = Field(default=None, sa_type=cast(Any, Small))
    transaction_id: str | None = Field(default=None, sa_type=Words)
    sender_id: str | None = Field(default=None, sa_type=Words)
    message: str | None = Field(default=None, sa_type=Words)
    actor: str | None = Field(default=None, sa_type=Words)
    reason: str | None = Field(default=None, sa_type=Words)
    name: str | None = Field(default=None, sa_type=Words)
    additional_data: str | None = Field(default=None, sa_type=Words)
    record: str | None = Field(default=None, sa_type=Words)
    veil: bytes = Field(sa_type=LargeBinary)
    content_digest: bytes = Field(sa_type=LargeBinary)
    leaf: bytes = Field(sa_type=LargeBinary)
    chain: bytes = Field(sa_type=LargeBinary)


INDEXED = ("request_id", "license_id", "order_id", "subscription_id", "customer_id", "product_id", "feature_code")
"""The columns that have an index of their own, narrowest first: as a rule fewer entries share an order than a product."""


CHANGES_OF_LICENSES = "license_id IS NOT NULL AND (kind <> 'usage' OR correction IS NOT NULL)"


def entry_indexes() -> tuple[Index, ...]:
    """The indexes of `entries`. Partial ones spare an entry every index of what it does not name."""
    return (
        Index("entries_by_recorded_at", "account_id", "recorded_at", "sequence"),
        Index("entries_by_occurred_at", "account_id", "occurred_at", "sequence"),
        _partial("entries_by_event", "event IS NOT NULL", "event"),
        # Lifecycle activities, catalogue changes and the gateway's acts are few among millions of usage entries.
        _partial("entries_not_usage", "kind <> 'usage'"),
        # Few among a busy license's usage, too: its life and what of it was corrected, which an audit tells.
        _partial("entries_changes_by_license", CHANGES_OF_LICENSES, "license_id"),
        # And its life among a thousand corrections.
        _partial("entries_life_by_license", "license_id IS NOT NULL AND kind <> 'usage'", "license_id"),
        *(_partial(f"entries_by_{column}", f"{column} IS NOT NULL", column) for column in INDEXED),
    )


def _partial(name: str, where: str, *columns: str) -> Index:
    return Index(name, "account_id", *columns, "sequence", sqlite_where=text(where), postgresql_where=text(where))


def table_of(model: type[SQLModel]) -> Table:
    """The Core table behind a model."""
    return cast(Table, cast(Any, model).__table__)


accounts = table_of(AccountRow)
keys = table_of(KeyRow)
heads = table_of(HeadRow)
claims = table_of(ClaimRow)
reversals = table_of(ReversalRow)
catalogue = table_of(CatalogueRow)
exports = table_of(ExportRow)
first_answers = table_of(FirstAnswerRow)
formats = table_of(FormatRow)
rejects = table_of(RejectRow)
secrets = table_of(SecretRow)
export_marks = table_of(ExportMarkRow)
contract_customers = table_of(ContractCustomerRow)
folded_customers = table_of(FoldedCustomerRow)
tree_nodes = table_of(TreeNodeRow)
signing_keys = table_of(SigningKeyRow)
