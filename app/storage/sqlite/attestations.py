"""What was signed and is kept: `app.ports.Attestations` over the readers and the writer."""

from __future__ import annotations

from app.domain.attestation import Attestation, AttestationKind
from app.storage.sql.attestations import AttestationStatements, attestation_of, attestation_values, attestations_asked
from app.storage.sqlite.dialect import SqliteDialect
from app.storage.sqlite.readers import Readers
from app.storage.sqlite.writer import Unit, Writer


class SqliteAttestations:
    """See `app.ports.Attestations`."""

    def __init__(self, readers: Readers, writer: Writer) -> None:
        self._readers = readers
        self._writer = writer
        self._attestations = AttestationStatements(SqliteDialect())

    async def keep_attestation(self, attestation: Attestation) -> Attestation:
        keep, one = self._attestations.keep, self._attestations.one
        values = attestation_values(attestation)

        def work(unit: Unit) -> Attestation:
            unit.connection.execute(keep.sql, keep.bind(values))
            return attestation_of(unit.connection.execute(one.sql, one.bind(values)).fetchone())

        return await self._writer.submit(work)

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
