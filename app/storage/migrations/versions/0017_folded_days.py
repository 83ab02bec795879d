"""The days of customers that use much are added up by month once they are past: what reports about one subject wait for."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Binary order, whatever the database's own is; SQLite has no other.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_CLUSTERED: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}
_OPTIONS: dict[str, Any] = {**_CLUSTERED, "postgresql_with": {"fillfactor": 80}}

_ROLLUPS = {
    "contract_months": ("contract_days", ("product_id", "license_id", "order_id", "subscription_id")),
    "feature_months": ("feature_days", ("license_id", "feature_code")),
}
_COUNTS = ("entries", "events", "measured", "quantities", "charged", "charges")
_MANY = 500
"""Rows of days with which a customer begins to have them folded."""


def upgrade() -> None:
    """Make the tables, and fold what is past of whoever has many days."""
    op.create_table(
        "folded_customers",
        _key("account_id"),
        _key("customer_id"),
        sa.Column("until", sa.Integer(), nullable=False),
        **_CLUSTERED,
    )
    for name, (_, key) in _ROLLUPS.items():
        op.create_table(
            name,
            *(_key(column) for column in ("account_id", "customer_id", "day", *key, "unit", "currency")),
            *(sa.Column(column, _BIG, nullable=False) for column in _COUNTS),
            *(sa.Column(column, _BIG) for column in ("first_use", "last_use")),
            *(sa.Column(column, _decimal(), nullable=False) for column in _decimals()),
            **_OPTIONS,
        )
    op.execute(
        f"INSERT INTO folded_customers (account_id, customer_id, until) SELECT counted.account_id, customer_id, {_until()}"
        " FROM (SELECT account_id, customer_id, SUM(rows) AS rows FROM ("
        + " UNION ALL ".join(
            f"SELECT account_id, customer_id, COUNT(*) AS rows FROM {days} GROUP BY account_id, customer_id"
            for days, _ in _ROLLUPS.values()
        )
        + f") AS days GROUP BY account_id, customer_id HAVING SUM(rows) >= {_MANY}) AS counted"
        " JOIN heads ON heads.account_id = counted.account_id"
    )
    for name, (days, key) in _ROLLUPS.items():
        op.execute(_fold(name, days, key))


def downgrade() -> None:
    """Drop the tables. They are made again on the way up."""
    for name in (*reversed(_ROLLUPS), "folded_customers"):
        op.drop_table(name)


def _key(name: str) -> sa.Column[Any]:
    kind: Any = sa.Integer() if name in ("account_id", "day") else _TEXT
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _on_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _decimal() -> Any:
    return sa.Numeric() if _on_postgresql() else sa.Integer()


def _decimals() -> list[str]:
    if _on_postgresql():
        return ["quantity", "charge"]
    return [f"{name}_{power}" for name in ("quantity", "charge") for power in (28, 18, 9, 0)]


def _until() -> str:
    """The day before the one on which the ledger's last entry was recorded."""
    if _on_postgresql():
        return "CAST(heads.recorded_at AT TIME ZONE 'UTC' AS date) - DATE '1970-01-01' - 1"
    return "heads.recorded_at / 86400000000 - 1"


def _fold(name: str, days: str, key: tuple[str, ...]) -> str:
    if _on_postgresql():
        month = "CAST(date_trunc('month', CAST(DATE '1970-01-01' + days.day AS timestamp)) AS date) - DATE '1970-01-01'"
    else:
        month = "CAST(strftime('%s', days.day * 86400, 'unixepoch', 'start of month') AS INTEGER) / 86400"
    keys = ["days.account_id", "days.customer_id", month, *(f"days.{each}" for each in (*key, "unit", "currency"))]
    sums = [f"SUM(days.{each})" for each in (*_COUNTS, *_decimals())]
    columns = ["account_id", "customer_id", "day", *key, "unit", "currency", *_COUNTS, *_decimals(), "first_use", "last_use"]
    return (
        f"INSERT INTO {name} ({', '.join(columns)})"
        f" SELECT {', '.join([*keys, *sums])}, MIN(days.first_use), MAX(days.last_use) FROM {days} AS days"
        " JOIN folded_customers AS folded ON folded.account_id = days.account_id AND folded.customer_id = days.customer_id"
        f" WHERE days.day < folded.until GROUP BY {', '.join(keys)}"
    )
