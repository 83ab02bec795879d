"""The first tables: accounts and keys, the ledger with heads, claims and reversals, and the catalogue projected from it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# STRICT tables of SQLite know INTEGER only, which holds 64 bits there.
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_SMALL = sa.SmallInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = TIMESTAMP(timezone=True).with_variant(sa.Integer(), "sqlite")
# Binary order, whatever the database's own is; SQLite has no other.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

_STRICT: dict[str, Any] = {"sqlite_strict": True}
_CLUSTERED: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}
# One row an account, changed by every transaction: room in its page lets PostgreSQL change it without touching the index.
_OFTEN_CHANGED: dict[str, Any] = {"sqlite_strict": True, "postgresql_with": {"fillfactor": 50}}


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer(), primary_key=True),
        _required("name", _TEXT, unique=True),
        _required("created_at", _INSTANT),
        **_STRICT,
    )
    op.create_table(
        "keys",
        sa.Column("id", _TEXT, primary_key=True),
        sa.Column("account_id", sa.Integer(), sa.ForeignKey("accounts.id"), nullable=False),
        _required("label", _TEXT),
        _required("secret_digest", sa.LargeBinary()),
        _required("scopes", _TEXT),
        _required("cidrs", _TEXT),
        _required("created_at", _INSTANT),
        *(sa.Column(name, _INSTANT) for name in ("expires_at", "revoked_at", "last_used_at")),
        sa.Column("replaces", _TEXT),
        **_STRICT,
    )
    op.create_index("keys_of_account", "keys", ["account_id", "created_at"])
    op.create_table(
        "heads",
        sa.Column("account_id", sa.Integer(), sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
        _required("sequence", _BIG),
        sa.Column("recorded_at", _INSTANT),
        _required("chain", sa.LargeBinary()),
        **_OFTEN_CHANGED,
    )
    op.create_table(
        "claims",
        sa.Column("account_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("claim_key", sa.LargeBinary(), primary_key=True),
        _required("sequence", _BIG),
        **_CLUSTERED,
    )
    op.create_table(
        "reversals",
        sa.Column("account_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("corrects", _BIG, primary_key=True, autoincrement=False),
        _required("sequence", _BIG),
        **_CLUSTERED,
    )
    _make_catalogue()
    _make_entries()
    if _on_postgresql():
        _make_months()


def downgrade() -> None:
    """A ledger is never taken back."""
    raise NotImplementedError("the first revision cannot be undone: it would drop the ledger")


def _make_catalogue() -> None:
    op.create_table(
        "catalogue",
        sa.Column("account_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("kind", _TEXT, primary_key=True),
        sa.Column("record_id", _TEXT, primary_key=True),
        sa.Column("sequence", _BIG, primary_key=True, autoincrement=False),
        _required("first_sequence", _BIG),
        _required("recorded_at", _INSTANT),
        _required("stub", _SMALL),
        *_texts("name", "status", "product_id", "customer_id", "license_id", "order_id", "subscription_id"),
        sa.Column("starts_at", _INSTANT),
        sa.Column("ends_at", _INSTANT),
        *_texts("type", "number", "parent_id", "currency", "entity_ref", "additional_data"),
        **_CLUSTERED,
    )
    for column in ("name", "product_id", "customer_id", "license_id", "order_id", "subscription_id"):
        columns = ["account_id", "kind", column, "record_id", "sequence"]
        _make_partial_index(f"catalogue_by_{column}", "catalogue", columns, f"{column} IS NOT NULL")


def _make_entries() -> None:
    op.create_table(
        "entries",
        sa.Column("account_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("sequence", _BIG, primary_key=True, autoincrement=False),
        *(_required(name, _TEXT) for name in ("kind", "action", "source")),
        _required("occurred_at", _INSTANT),
        # PostgreSQL wants the column that it cuts partitions by in every unique key. That a sequence is unique without it,
        # the account's lock sees to.
        sa.Column("recorded_at", _INSTANT, nullable=False, primary_key=_on_postgresql()),
        *_texts("product_id", "customer_id", "license_id", "order_id", "subscription_id", "feature_code"),
        *_decimal("quantity"),
        *_texts("unit"),
        *_decimal("charge"),
        *_texts("currency", "correction"),
        sa.Column("corrects", _BIG),
        sa.Column("event", _BIG),
        _required("version", sa.Integer()),
        *_texts("request_id", "result_class"),
        sa.Column("status_code", _SMALL),
        *_texts("transaction_id", "sender_id", "message", "actor", "reason", "name", "additional_data", "record"),
        *(_required(name, sa.LargeBinary()) for name in ("veil", "content_digest", "leaf", "chain")),
        postgresql_partition_by="RANGE (recorded_at)",
        **_STRICT,
    )
    for name in ("recorded_at", "occurred_at"):
        op.create_index(f"entries_by_{name}", "entries", ["account_id", name, "sequence"])
    dimensions = ("product_id", "customer_id", "license_id", "order_id", "subscription_id", "feature_code")
    for name in (*dimensions, "request_id", "event"):
        columns = ["account_id", name, "sequence"]
        _make_partial_index(f"entries_by_{name}", "entries", columns, f"{name} IS NOT NULL")
    _make_partial_index("entries_not_usage", "entries", ["account_id", "sequence"], "kind <> 'usage'")


def _make_months() -> None:
    """For each account and month of recording, where it begins and what it spans: how a question finds its partitions."""
    op.create_table(
        "months",
        sa.Column("account_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("month", _INSTANT, primary_key=True),
        _required("first_sequence", _BIG),
        *(_required(name, _INSTANT) for name in ("first_occurred_at", "last_occurred_at")),
        postgresql_with={"fillfactor": 50},
    )


def _on_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _make_partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _required(name: str, type_: Any, *, unique: bool = False) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=False, unique=unique or None)


def _texts(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, _TEXT) for name in names]


def _decimal(name: str) -> list[sa.Column[Any]]:
    """Exact decimals: four integers on SQLite, which has no such type and can sum these exactly."""
    if _on_postgresql():
        return [sa.Column(name, sa.Numeric(38, 18))]
    return [sa.Column(f"{name}_{power}", sa.Integer()) for power in (28, 18, 9, 0)]
