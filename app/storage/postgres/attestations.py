"""What was signed and is kept: `app.ports.Attestations` over the readers and the writing pool."""

from __future__ import annotations

import asyncpg

from app.domain.attestation import Attestation, AttestationKind
from app.storage.postgres.connection import translating
from app.storage.postgres.dialect import PostgresDialect
from app.storage.postgres.readers import Readers
from app.storage.sql.attestations import AttestationStatements, attestation_of, attestation_values, attestations_asked


class PostgresAttestations:
    """See `app.ports.Attestations`."""

    def __init__(self, readers: Readers, pool: asyncpg.Pool) -> None:
        self._readers = readers
        self._pool = pool
        self._attestations = AttestationStatements(PostgresDialect())

    async def keep_attestation(self, attestation: Attestation) -> Attestation:
        keep, one = self._attestations.keep, self._attestations.one
        values = attestation_values(attestation)
        with translating():
            async with self._pool.acquire() as connection:
                await connection.execute(keep.sql, *keep.bind(values))
                return attestation_of(await connection.fetchrow(one.sql, *one.bind(values)))

    async def attestations(
        self,
        account_id: int,
        kind: AttestationKind,
        *,
        limit: int,
        above: int | None = None,
        below: int | None = None,
        descending: bool = True,
    ) -> list[Attestation]:
        statement = self._attestations.page(descending=descending)
        rows = await self._readers.fetch(statement, attestations_asked(account_id, kind, limit, above, below))
        return [attestation_of(row) for row in rows]
