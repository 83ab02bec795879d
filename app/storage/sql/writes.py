"""The statements of a transaction: what is looked up under the account's lock, and what appending writes.

They are plain SQL that every engine reads; parameters are named as the columns except where told.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import bindparam, select, text

from app.domain.merkle import Span
from app.storage.sql.dialect import Dialect, Statement, compile_statement
from app.storage.sql.mapping import ACCOUNT_COLUMNS, HEAD_COLUMNS, KEY_COLUMNS, RECORD_COLUMNS, Mapping

WIDEST = 1_024
"""Values in one IN list; longer ones are asked in parts."""


def width(count: int) -> int:
    """The power of two that holds `count` values (0 for none), so that IN lists have few different texts."""
    return 1 << (count - 1).bit_length() if count else 0


class Writes:
    """The statements for one engine, each compiled when it is first needed."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._columns = Mapping(dialect).entry_columns
        self._listed: dict[tuple[str, int], Statement] = {}

    @cached_property
    def head(self) -> Statement:
        return self._compiled(f"SELECT {_names(HEAD_COLUMNS)} FROM heads WHERE account_id = :account_id")

    @cached_property
    def make_head(self) -> Statement:
        return self._compiled("INSERT INTO heads (account_id, sequence, chain) VALUES (:account_id, 0, :chain)")

    @cached_property
    def move_head(self) -> Statement:
        return self._compiled(
            "UPDATE heads SET sequence = :sequence, recorded_at = :recorded_at, chain = :chain WHERE account_id = :account_id"
        )

    @cached_property
    def add_claim(self) -> Statement:
        return self._insert("claims", ("account_id", "claim_key", "sequence"))

    @cached_property
    def add_reversal(self) -> Statement:
        return self._insert("reversals", ("account_id", "corrects", "sequence"))

    @cached_property
    def add_stub(self) -> Statement:
        """Adds nothing where the id is known."""
        return self._compiled(
            "INSERT INTO catalogue (account_id, kind, record_id, sequence, first_sequence, recorded_at, stub)"
            " SELECT :account_id, :kind, :record_id, :sequence, :sequence, :recorded_at, 1 WHERE NOT EXISTS"
            " (SELECT 1 FROM catalogue WHERE account_id = :account_id AND kind = :kind AND record_id = :record_id)"
        )

    @cached_property
    def add_version(self) -> Statement:
        """`first_sequence` is taken over from the versions before, if there are any."""
        columns = ("account_id", *RECORD_COLUMNS)
        values = _parameters(columns).replace(
            ":first_sequence",
            "COALESCE((SELECT MIN(first_sequence) FROM catalogue"
            " WHERE account_id = :account_id AND kind = :kind AND record_id = :record_id), :first_sequence)",
        )
        return self._compiled(f"INSERT INTO catalogue ({_names(columns)}) VALUES ({values})")

    @cached_property
    def record(self) -> Statement:
        return self._compiled(
            f"SELECT {_names(RECORD_COLUMNS)} FROM catalogue"
            " WHERE account_id = :account_id AND kind = :kind AND record_id = :record_id ORDER BY sequence DESC LIMIT 1"
        )

    @cached_property
    def versions(self) -> Statement:
        """The first version with the sequence `event`, and its corrections."""
        return self._compiled(
            f"SELECT {_names(self._columns)} FROM entries WHERE account_id = :account_id AND sequence = :event AND event IS NULL"
            f" UNION ALL SELECT {_names(self._columns)} FROM entries WHERE account_id = :account_id AND event = :event"
            " ORDER BY sequence"
        )

    def entries(self, count: int) -> Statement:
        """The entries with the sequences `value_0` and so on, `count` of them."""
        return self._in(f"SELECT {_names(self._columns)} FROM entries WHERE account_id = :account_id AND sequence", count)

    def claimed(self, count: int) -> Statement:
        """The claims of the keys `value_0` and so on, `count` of them: key and sequence."""
        return self._in("SELECT claim_key, sequence FROM claims WHERE account_id = :account_id AND claim_key", count)

    def erase(self, names: Sequence[str]) -> Statement:
        """Takes the named private columns of the entry `sequence` away, and puts `veil` in place of its veil."""
        blanked = "".join(f", {name} = NULL" for name in names)
        return self._compiled(f"UPDATE entries SET veil = :veil{blanked} WHERE account_id = :account_id AND sequence = :sequence")

    def erase_version(self, names: Sequence[str]) -> Statement:
        """Takes the named columns of a record's version away, and says which were in all: `erased`, words with spaces between."""
        blanked = ", ".join(["erased = :erased", *(f"{name} = NULL" for name in names)])
        return self._compiled(
            f"UPDATE catalogue SET {blanked} WHERE account_id = :account_id AND kind = :kind AND record_id = :record_id"
            " AND sequence = :sequence"
        )

    @cached_property
    def make_account(self) -> Statement:
        return self._compiled(
            "INSERT INTO accounts (name, created_at) VALUES (:name, :created_at)"
            f" ON CONFLICT (name) DO NOTHING RETURNING {_names(ACCOUNT_COLUMNS)}"
        )

    @cached_property
    def drop_key(self) -> Statement:
        return self._compiled("DELETE FROM keys WHERE id = :id")

    @cached_property
    def add_key(self) -> Statement:
        return self._insert("keys", KEY_COLUMNS)

    @cached_property
    def touch_key(self) -> Statement:
        return self._compiled(
            "UPDATE keys SET last_used_at = :used_at WHERE id = :id AND (last_used_at IS NULL OR last_used_at < :used_at)"
        )

    @cached_property
    def leaves(self) -> Statement:
        """The leaves of the entries with `above` < sequence <= `upto`, in order."""
        entries = self._dialect.entries
        return compile_statement(
            select(entries.c.leaf)
            .where(entries.c.account_id == bindparam("account_id"), *self._dialect.bounds())
            .where(entries.c.sequence > bindparam("above"), entries.c.sequence <= bindparam("upto"))
            .order_by(entries.c.sequence),
            self._dialect,
        )

    @cached_property
    def tree_nodes(self) -> Statement:
        """The nodes of a `level` from the position `first` to before `end`, in order."""
        return self._compiled(
            "SELECT digest FROM tree_nodes WHERE account_id = :account_id AND level = :level"
            " AND position >= :first AND position < :end ORDER BY position"
        )

    @cached_property
    def add_tree_node(self) -> Statement:
        return self._insert("tree_nodes", ("account_id", "level", "position", "digest"))

    @cached_property
    def signing_keys(self) -> Statement:
        return self._compiled("SELECT number, seed, public_key, valid_from FROM signing_keys ORDER BY number")

    @cached_property
    def keep_signing_key(self) -> Statement:
        """Changes nothing where the number is taken."""
        return self._compiled(
            "INSERT INTO signing_keys (number, seed, public_key, valid_from)"
            " VALUES (:number, :seed, :public_key, :valid_from) ON CONFLICT (number) DO NOTHING"
        )

    @cached_property
    def secret(self) -> Statement:
        return self._compiled("SELECT value FROM secrets WHERE account_id = :account_id AND name = :name")

    @cached_property
    def keep_secret(self) -> Statement:
        """Changes nothing where there is one."""
        return self._compiled(
            "INSERT INTO secrets (account_id, name, value) VALUES (:account_id, :name, :value)"
            " ON CONFLICT (account_id, name) DO NOTHING"
        )

    @cached_property
    def end_session(self) -> Statement:
        """Changes nothing where it was ended before."""
        return self._compiled(
            "INSERT INTO ended_sessions (account_id, session_id, expires_at) VALUES (:account_id, :session_id, :expires_at)"
            " ON CONFLICT (account_id, session_id) DO NOTHING"
        )

    @cached_property
    def session_ended(self) -> Statement:
        return self._compiled("SELECT 1 FROM ended_sessions WHERE account_id = :account_id AND session_id = :session_id")

    @cached_property
    def forget_sessions(self) -> Statement:
        return self._compiled("DELETE FROM ended_sessions WHERE account_id = :account_id AND expires_at <= :moment")

    def _insert(self, table: str, columns: Sequence[str]) -> Statement:
        return self._compiled(f"INSERT INTO {table} ({_names(columns)}) VALUES ({_parameters(columns)})")

    def _in(self, head: str, count: int) -> Statement:
        found = self._listed.get((head, count))
        if found is None:
            values = _parameters([f"value_{at}" for at in range(count)])
            found = self._listed[head, count] = self._compiled(f"{head} IN ({values})")
        return found

    def _compiled(self, sql: str) -> Statement:
        return compile_statement(text(sql), self._dialect)


def nodes_asked(writes: Writes, account_id: int, span: Span) -> tuple[Statement, dict[str, Any]]:
    """The statement for nodes of a ledger's tree, and its values."""
    level, first, end = span
    if level == 0:
        return writes.leaves, {"account_id": account_id, "above": first, "upto": end}
    return writes.tree_nodes, {"account_id": account_id, "level": level, "first": first, "end": end}


def _names(columns: Sequence[str]) -> str:
    return ", ".join(columns)


def _parameters(columns: Sequence[str]) -> str:
    return ", ".join(f":{column}" for column in columns)
