"""Attestations in SQL: the statements that keep and find them, and how one is read from a row."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import text

from app.domain.attestation import Attestation, AttestationKind
from app.storage.sql.dialect import Dialect, Statement, compile_statement

_COLUMNS = "account_id, kind, sequence, document"
_FARTHEST = 2**63 - 1


def attestation_of(row: Sequence[Any]) -> Attestation:
    """The attestation that a row holds."""
    return Attestation(row[0], AttestationKind(row[1]), row[2], row[3])


def attestation_values(attestation: Attestation) -> dict[str, Any]:
    """The row that holds one, by column."""
    return {
        "account_id": attestation.account_id,
        "kind": attestation.kind.value,
        "sequence": attestation.sequence,
        "document": attestation.document,
    }


def attestations_asked(
    account_id: int, kind: AttestationKind, limit: int, above: int | None, below: int | None
) -> dict[str, Any]:
    """The values of `AttestationStatements.page`."""
    return {
        "account_id": account_id,
        "kind": kind.value,
        "above": -1 if above is None else above,
        "below": _FARTHEST if below is None else below,
        "limit": limit,
    }


class AttestationStatements:
    """The statements for one engine, each compiled when first needed."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    @cached_property
    def keep(self) -> Statement:
        """Changes nothing where there is one of that kind at that sequence."""
        return self._compiled(
            f"INSERT INTO attestations ({_COLUMNS}) VALUES (:account_id, :kind, :sequence, :document)"
            " ON CONFLICT (account_id, kind, sequence) DO NOTHING"
        )

    @cached_property
    def one(self) -> Statement:
        return self._compiled(
            f"SELECT {_COLUMNS} FROM attestations WHERE account_id = :account_id AND kind = :kind AND sequence = :sequence"
        )

    def page(self, *, descending: bool) -> Statement:
        """At most `limit` of one kind with `above` < sequence < `below`."""
        return self._newest if descending else self._oldest

    @cached_property
    def _newest(self) -> Statement:
        return self._ordered("DESC")

    @cached_property
    def _oldest(self) -> Statement:
        return self._ordered("ASC")

    def _ordered(self, order: str) -> Statement:
        return self._compiled(
            f"SELECT {_COLUMNS} FROM attestations WHERE account_id = :account_id AND kind = :kind"
            f" AND sequence > :above AND sequence < :below ORDER BY sequence {order} LIMIT :limit"
        )

    def _compiled(self, sql: str) -> Statement:
        return compile_statement(text(sql), self._dialect)
