"""Links to the file of an export, for someone without a token: for a time, and for that very file only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.access.links import Links
from app.domain.account import Principal
from app.domain.errors import InvalidEvent, LinkRefused
from app.domain.export import Export
from app.domain.instant import format_instant
from app.exports.downloads import ready, require_file
from app.ledger.acts import append_act
from app.ledger.commands import Rules
from app.ports import Files, Store, Transaction

PURPOSE = "export"
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=30)
"""How long a link may hold."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A link's text, and when it expires."""

    text: str
    expires_at: datetime


async def share(
    store: Store, files: Files, links: Links, principal: Principal, export_id: str, *, lifetime: timedelta, rules: Rules
) -> Shared:
    """A link to the export's file, once `export.shared` is recorded. Needs `report:export`.

    Raises as `app.exports.downloads.ready` does, and InvalidEvent naming `lifetime`; then nothing is recorded.
    """
    export = await ready(store, files, principal, export_id)
    if not SHORTEST <= lifetime <= LONGEST:
        raise InvalidEvent("lifetime", "must be from a minute to 30 days")
    text, link = await links.sign(
        PURPOSE, export.account_id, _subject(export), issuer=principal.actor, at=rules.clock(), lifetime=lifetime
    )
    facts = {
        "kind": "export",
        "id": export.id,
        "artifact_digest": export.artifact_digest,
        "expires_at": format_instant(link.expires_at),
    }

    async def body(tx: Transaction) -> None:
        await append_act(tx, export.account_id, "export.shared", facts, actor=principal.actor, rules=rules)

    await store.transact(export.account_id, body)
    return Shared(text, link.expires_at)


async def shared(store: Store, files: Files, links: Links, text: str, *, rules: Rules) -> tuple[Export, str]:
    """The export that a link leads to, and who made the link.

    Raises LinkRefused, LinkExpired, and what `app.exports.downloads.require_file` raises.
    """
    link = await links.check(text, PURPOSE, at=rules.clock())
    export = await store.export(link.account_id, link.subject.partition(" ")[0])
    if export is None or _subject(export) != link.subject:
        raise LinkRefused("this link leads to nothing that is there")
    await require_file(files, export)
    return export, link.issuer


def _subject(export: Export) -> str:
    """The file itself is named, so that the link never leads to another."""
    return f"{export.id} {export.artifact_digest}"
