"""A rollup by UTC hour and product: what buckets and periods need that are no whole UTC days."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Binary order, whatever the database's own is; SQLite has no other.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_OPTIONS: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False, "postgresql_with": {"fillfactor": 80}}

_ROLLUPS = {"usage_hours": ("hour", "product_id")}
_COUNTS = ("entries", "events", "measured", "quantities", "charged", "charges")
_SIGN = "CASE WHEN entries.correction = 'reversal' THEN -1 ELSE 1 END"
_STANDING = "(entries.correction IS NULL OR entries.correction <> 'reversal') AND reversals.corrects IS NULL"


def upgrade() -> None:
    """Make the table, and its rows from the ledgers."""
    for name, key in _ROLLUPS.items():
        op.create_table(
            name,
            *(_key(column) for column in ("account_id", *key, "unit", "currency")),
            *(sa.Column(column, _BIG, nullable=False) for column in _COUNTS),
            *(sa.Column(column, _BIG) for column in ("first_use", "last_use")),
            *(sa.Column(column, _decimal(), nullable=False) for column in _decimals()),
            **_OPTIONS,
        )
        op.execute(_fill(name, key))


def downgrade() -> None:
    """Drop the table. It is made again on the way up."""
    for name in reversed(_ROLLUPS):
        op.drop_table(name)


def _key(name: str) -> sa.Column[Any]:
    kind: Any = sa.Integer() if name in ("account_id", "hour") else _TEXT
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _on_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _decimal() -> Any:
    return sa.Numeric() if _on_postgresql() else sa.Integer()


def _decimals() -> list[str]:
    if _on_postgresql():
        return ["quantity", "charge"]
    return [f"{name}_{power}" for name in ("quantity", "charge") for power in (28, 18, 9, 0)]


def _fill(name: str, key: tuple[str, ...]) -> str:
    if _on_postgresql():
        hour = "CAST(FLOOR(EXTRACT(EPOCH FROM entries.occurred_at) / 3600) AS integer)"
        first = last = "CAST(EXTRACT(EPOCH FROM {}) * 1000000 AS bigint)"
    else:
        # Division cuts toward zero.
        width = 3_600_000_000
        hour = f"(entries.occurred_at - (entries.occurred_at % {width} + {width}) % {width}) / {width}"
        first = last = "{}"
    quantity, charge = ("quantity", "charge") if _on_postgresql() else ("quantity_28", "charge_28")
    keys = ["entries.account_id"]
    keys += [hour if each == "hour" else f"COALESCE(entries.{each}, '')" for each in (*key, "unit", "currency")]
    values = [
        "COUNT(*)",
        f"SUM({_SIGN})",
        f"SUM(CASE WHEN entries.{quantity} IS NULL THEN 0 ELSE {_SIGN} END)",
        f"COUNT(entries.{quantity})",
        f"SUM(CASE WHEN entries.{charge} IS NULL THEN 0 ELSE {_SIGN} END)",
        f"COUNT(entries.{charge})",
        f"2 * {first.format(f'MIN(entries.occurred_at) FILTER (WHERE {_STANDING})')}",
        f"2 * {last.format(f'MAX(entries.occurred_at) FILTER (WHERE {_STANDING})')} + 1",
        *(f"COALESCE(SUM(entries.{each}), 0)" for each in _decimals()),
    ]
    columns = ["account_id", *key, "unit", "currency", *_COUNTS, "first_use", "last_use", *_decimals()]
    return (
        f"INSERT INTO {name} ({', '.join(columns)}) SELECT {', '.join([*keys, *values])} FROM entries"
        " LEFT OUTER JOIN reversals ON reversals.account_id = entries.account_id AND reversals.corrects = entries.sequence"
        f" WHERE entries.kind = 'usage' GROUP BY {', '.join(keys)}"
    )
