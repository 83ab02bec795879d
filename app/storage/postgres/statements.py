"""The statements of a transaction that are PostgreSQL's alone: locking, arrays, and the bounds that spare it partitions."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from app.storage.postgres.dialect import PostgresDialect
from app.storage.sql.dialect import Statement, compile_statement
from app.storage.sql.exports import ExportStatements
from app.storage.sql.first_answers import FirstAnswerStatements
from app.storage.sql.formats import FormatStatements
from app.storage.sql.mapping import HEAD_COLUMNS, Mapping
from app.storage.sql.rejects import RejectStatements
from app.storage.sql.rollup_writes import RollupWrites
from app.storage.sql.writes import Writes

_BOUNDS = "recorded_at >= :recorded_from AND recorded_at < :recorded_below"


class Statements(Writes):
    """Parameters are named as the columns except where told."""

    def __init__(self) -> None:
        dialect = PostgresDialect()
        super().__init__(dialect)
        self.exports = ExportStatements(dialect)
        self.answers = FirstAnswerStatements(dialect)
        self.rollups = RollupWrites(dialect)
        self.formats = FormatStatements(dialect)
        self.rejects = RejectStatements(dialect)
        self.rejects_of = _compiled(
            "SELECT digest, number FROM rejects WHERE account_id = :account_id AND digest = ANY(CAST(:digests AS bytea[]))"
        )
        """Digest and number of those with one of the `digests`."""
        entries = f"SELECT {', '.join(Mapping(dialect).entry_columns)} FROM entries WHERE account_id = :account_id AND {_BOUNDS}"
        self.lock = _compiled(f"SELECT {', '.join(HEAD_COLUMNS)} FROM heads WHERE account_id = :account_id FOR UPDATE")
        self.claims_of = _compiled(
            "SELECT claim_key, sequence FROM claims WHERE account_id = :account_id AND claim_key = ANY(CAST(:keys AS bytea[]))"
        )
        """The claims of `keys`."""
        self.entries_of = _compiled(f"{entries} AND sequence = ANY(CAST(:sequences AS bigint[]))")
        """The entries with these `sequences`."""
        self.versions_of = _compiled(
            f"{entries} AND sequence = :event AND event IS NULL UNION ALL {entries} AND event = :event ORDER BY sequence"
        )
        """The first version with the sequence `event`, and its corrections."""

    def erase_of(self, names: Sequence[str]) -> Statement:
        """Takes the named private columns of the entry `sequence` away, puts `veil` in place of its veil, tells the partition."""
        blanked = "".join(f", {name} = NULL" for name in names)
        return _compiled(
            f"UPDATE entries SET veil = :veil{blanked} WHERE account_id = :account_id AND sequence = :sequence AND {_BOUNDS}"
            " RETURNING CAST(CAST(tableoid AS regclass) AS text)"
        )


def _compiled(sql: str) -> Statement:
    return compile_statement(text(sql), PostgresDialect())
