"""What was signed and is kept: the first at a sequence stands, and each account has its own, on every engine."""

from __future__ import annotations

from app.domain.account import Account, Principal
from app.domain.attestation import Attestation, AttestationKind
from app.ports import Store

CHECKPOINT, MANIFEST = AttestationKind.CHECKPOINT, AttestationKind.MANIFEST


async def test_the_first_at_a_sequence_stands(store: Store, account: Account) -> None:
    first = Attestation(account.id, CHECKPOINT, 7, '{"é": 1}')
    assert await store.keep_attestation(first) == first
    assert await store.keep_attestation(Attestation(account.id, CHECKPOINT, 7, "{}")) == first
    other = Attestation(account.id, MANIFEST, 7, "{}")
    assert await store.keep_attestation(other) == other
    assert await store.attestations(account.id, CHECKPOINT, limit=9) == [first]
    assert await store.attestations(account.id, MANIFEST, limit=9) == [other]


async def test_they_are_listed_from_either_end_within_bounds(store: Store, account: Account, stranger: Principal) -> None:
    for sequence in (0, 3, 5, 2**40):
        await store.keep_attestation(Attestation(account.id, CHECKPOINT, sequence, str(sequence)))
    await store.keep_attestation(Attestation(stranger.account.id, CHECKPOINT, 4, "4"))

    async def told(**bounds: int | bool) -> list[str]:
        return [each.document for each in await store.attestations(account.id, CHECKPOINT, **({"limit": 9} | bounds))]  # type: ignore[arg-type]

    assert await told() == [str(2**40), "5", "3", "0"]
    assert await told(descending=False) == ["0", "3", "5", str(2**40)]
    assert await told(limit=2) == [str(2**40), "5"]
    assert await told(above=0, below=5) == ["3"]
    assert await told(limit=0) == []
