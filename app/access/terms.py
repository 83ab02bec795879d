"""What the operator allows of GraphQL: how much one operation may cost, what of the schema is told, which documents are taken."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.access.documents import Documents

MOST_POINTS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """As the settings say it; by default everything is told to whoever has a token, and every document is taken."""

    most_points: int = MOST_POINTS
    """Points that one operation may cost."""
    introspection: bool = True
    """Whether `__schema` and `__type` are answered."""
    suggestions: bool = True
    """Whether an error about an unknown name says which name may have been meant."""
    documents: Documents = field(default_factory=Documents)
    """Which documents are known by a name, and whether others are taken."""
