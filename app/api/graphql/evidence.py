"""Evidence over GraphQL: signing keys, checkpoints of the ledger, and proofs of what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import strawberry
from strawberry.relay import PageInfo

from app.api.graphql.arguments import AsOfArgument
from app.api.graphql.connections import After, Before, Edge, First, Last
from app.api.graphql.context import Info
from app.api.graphql.inputs import AsOfInput, point_of
from app.api.graphql.nodes import Entry
from app.api.graphql.scalars import JSONObject, SafeInt
from app.api.graphql.scopes import Needs
from app.domain.account import Permission
from app.domain.instant import parse_instant
from app.evidence import checkpoints, proofs
from app.evidence.checkpoints import Document
from app.exports.digest import stated
from app.reports.report import PageRequest

_DOCUMENT = "as JSON, to be kept as it is: what `gateway verify` checks offline with a pinned key."


@strawberry.type(description="The public half of a key that the gateway signs with, or did. Pin it by a way of its own.")
class SigningKey:
    key_id: str = strawberry.field(description="Its thumbprint (RFC 7638), which signatures name as `kid`.")
    x: str = strawberry.field(description="The Ed25519 public key, base64url, as a JWK has it (RFC 8037).")
    valid_from: datetime = strawberry.field(description="Since when it signs, UTC.")
    valid_until: datetime | None = strawberry.field(description="Until when it did; null for the one that signs now.")
    jwk: JSONObject = strawberry.field(description="The key as a JSON Web Key; all of them are at `/.well-known/jwks.json`.")


@strawberry.type(description="A sequence of the ledger and the root of the tree over its leaves there (RFC 9162), signed.")
class Checkpoint:
    name: str = strawberry.field(description="The sequence and the root: named as `asOf`, it gives answers of this very ledger.")
    sequence: SafeInt = strawberry.field(description="The last entry that it covers.")
    recorded_at: datetime | None = strawberry.field(description="When that entry was recorded, UTC; null for an empty ledger.")
    root: str = strawberry.field(description="The root of the tree, `sha256:` and 64 hex digits.")
    chain: str = strawberry.field(description="The chain digest at that entry.")
    key_id: str = strawberry.field(description="The key that it was signed with.")
    document: JSONObject = strawberry.field(description=f"The checkpoint {_DOCUMENT}")


@strawberry.type(description="A page of checkpoints, newest first.")
class CheckpointConnection:
    edges: list[Edge[Checkpoint]] = strawberry.field(description="The checkpoints of this page, in order.")
    page_info: PageInfo = strawberry.field(description="Whether there are more checkpoints, and the cursors at both ends.")


@strawberry.type(description="An entry's way to the root of a checkpoint.")
class EntryProof:
    entry: Entry = strawberry.field(description="The entry.")
    leaf: str = strawberry.field(description="Its leaf.")
    leaf_index: SafeInt = strawberry.field(description="Where the leaf stands in the tree: its sequence less one.")
    path: list[str] = strawberry.field(description="The audit path, from the leaf upwards (RFC 9162, section 2.1.3).")


@strawberry.type(description="That entries are in a checkpoint.")
class InclusionProof:
    checkpoint: Checkpoint = strawberry.field(description="The checkpoint.")
    entries: list[EntryProof] = strawberry.field(description="The entries, in the order in which they were named.")
    document: JSONObject = strawberry.field(description=f"The proof {_DOCUMENT}")


@strawberry.type(description="That a checkpoint goes on from an older one: nothing was changed, removed or put in between.")
class ConsistencyProof:
    older: Checkpoint = strawberry.field(description="The older checkpoint.")
    newer: Checkpoint = strawberry.field(description="The newer checkpoint.")
    path: list[str] = strawberry.field(description="The consistency proof (RFC 9162, section 2.1.4).")
    document: JSONObject = strawberry.field(description=f"The proof {_DOCUMENT}")


def _checkpoint(document: Document) -> Checkpoint:
    statement = document["statement"]
    moment = statement["recorded_at"]
    return Checkpoint(
        name=checkpoints.name_of(document),
        sequence=SafeInt(statement["sequence"]),
        recorded_at=None if moment is None else parse_instant(moment, "recorded_at"),
        root=statement["root"],
        chain=statement["chain"],
        key_id=document["signature"]["kid"],
        document=JSONObject(document),
    )


async def _keys(info: Info) -> list[SigningKey]:
    return [
        SigningKey(
            key_id=each.id,
            x=str(each.jwk()["x"]),
            valid_from=each.valid_from,
            valid_until=each.valid_until,
            jwk=JSONObject(each.jwk()),
        )
        for each in reversed(await info.context.services.signer.published())
    ]


async def _at(info: Info, as_of: AsOfArgument = None) -> Checkpoint:
    services = info.context.services
    return _checkpoint(await checkpoints.checkpoint(services.store, services.signer, info.context.principal, point_of(as_of)))


async def _kept(
    info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
) -> CheckpointConnection:
    request = PageRequest(first=first, after=after, last=last, before=before)
    page = await checkpoints.page(info.context.services.store, info.context.principal, request)
    return CheckpointConnection(
        edges=[Edge(cursor=at, node=_checkpoint(each)) for at, each in zip(page.cursors, page.rows, strict=True)],
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=page.cursors[0] if page.cursors else None,
            end_cursor=page.cursors[-1] if page.cursors else None,
        ),
    )


async def _inclusion(
    info: Info,
    ids: Annotated[list[strawberry.ID], strawberry.argument(description=f"Ids of entries, at most {proofs.MOST_ENTRIES}.")],
    as_of: AsOfArgument = None,
) -> InclusionProof:
    services = info.context.services
    proof = await proofs.inclusion(services.store, services.signer, info.context.principal, ids, point_of(as_of))
    return InclusionProof(
        checkpoint=_checkpoint(proof.checkpoint),
        entries=[
            EntryProof(
                entry=each.entry,
                leaf=stated(each.entry.leaf),
                leaf_index=SafeInt(each.entry.sequence - 1),
                path=_told(each.path),
            )
            for each in proof.entries
        ],
        document=JSONObject(proof.document()),
    )


async def _consistency(
    info: Info,
    older: Annotated[AsOfInput, strawberry.argument(description="The older point.")],
    newer: Annotated[AsOfInput | None, strawberry.argument(description="The newer point; the newest entry by default.")] = None,
) -> ConsistencyProof:
    services = info.context.services
    ends = point_of(older), point_of(newer)
    proof = await proofs.consistency(services.store, services.signer, info.context.principal, *ends)
    return ConsistencyProof(
        older=_checkpoint(proof.older),
        newer=_checkpoint(proof.newer),
        path=_told(proof.path),
        document=JSONObject(proof.document()),
    )


def _told(path: Sequence[bytes]) -> list[str]:
    return [stated(each) for each in path]


signing_keys: Any = strawberry.field(
    resolver=_keys, description="The keys that the gateway signs with, the newest first; the others are those it did sign with."
)
checkpoint_at: Any = strawberry.field(
    resolver=_at, description="The ledger in one signed hash, as of any point.", extensions=[Needs(Permission.REPORT_READ)]
)
kept_checkpoints: Any = strawberry.field(
    resolver=_kept, description="The checkpoints that were kept, newest first.", extensions=[Needs(Permission.REPORT_READ)]
)
inclusion_proof: Any = strawberry.field(
    resolver=_inclusion,
    description="The proof that entries are in the ledger as of a point.",
    extensions=[Needs(Permission.REPORT_READ)],
)
consistency_proof: Any = strawberry.field(
    resolver=_consistency,
    description="The proof that the ledger as of one point goes on from what it was at another.",
    extensions=[Needs(Permission.REPORT_READ)],
)
