"""The tree over each ledger's leaves, built for what is recorded already, and the keys that its checkpoints are signed with."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_SMALL = sa.SmallInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = TIMESTAMP(timezone=True).with_variant(sa.Integer(), "sqlite")
_WIDTH = 1_024


def upgrade() -> None:
    """Make the tables, and every node over 1,024 nodes of the level below."""
    op.create_table(
        "tree_nodes",
        sa.Column("account_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("level", _SMALL, primary_key=True, autoincrement=False),
        sa.Column("position", _BIG, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "signing_keys",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("seed", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("valid_from", _INSTANT, nullable=False),
        sqlite_strict=True,
    )
    connection = op.get_bind()
    for account_id, sequence in connection.execute(sa.text("SELECT account_id, sequence FROM heads")).fetchall():
        nodes: list[bytes] = []
        for block in range(sequence // _WIDTH):
            leaves = connection.execute(
                sa.text(
                    "SELECT leaf FROM entries WHERE account_id = :account_id AND sequence > :above AND sequence <= :upto"
                    " ORDER BY sequence"
                ),
                {"account_id": account_id, "above": block * _WIDTH, "upto": (block + 1) * _WIDTH},
            ).fetchall()
            nodes.append(_perfect([bytes(row[0]) for row in leaves]))
        level = 1
        while nodes:
            for position, digest in enumerate(nodes):
                connection.execute(
                    sa.text(
                        "INSERT INTO tree_nodes (account_id, level, position, digest)"
                        " VALUES (:account_id, :level, :position, :digest)"
                    ),
                    {"account_id": account_id, "level": level, "position": position, "digest": digest},
                )
            full = len(nodes) // _WIDTH
            nodes = [_perfect(nodes[at * _WIDTH : (at + 1) * _WIDTH]) for at in range(full)]
            level += 1


def downgrade() -> None:
    """Drop the tables. The tree is made again on the way up; the keys are gone, except for those who kept the public halves."""
    op.drop_table("signing_keys")
    op.drop_table("tree_nodes")


def _perfect(nodes: list[bytes]) -> bytes:
    if len(nodes) != _WIDTH:
        raise ValueError(f"the ledger lacks entries: of 1,024 there are {len(nodes)}")
    while len(nodes) > 1:
        nodes = [hashlib.sha256(b"\x01" + nodes[at] + nodes[at + 1]).digest() for at in range(0, len(nodes), 2)]
    return nodes[0]
