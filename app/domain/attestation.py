"""What the gateway has signed and keeps: checkpoints of a ledger, and the manifests of exports."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AttestationKind(StrEnum):
    """What is attested."""

    CHECKPOINT = "checkpoint"
    """The ledger as a whole, up to the sequence."""
    MANIFEST = "manifest"
    """The export that was recorded at the sequence."""


@dataclass(frozen=True, slots=True)
class Attestation:
    """A signed document (see `app.evidence.documents`), as it was first signed. An account has one of a kind at a sequence."""

    account_id: int
    kind: AttestationKind
    sequence: int
    document: str
