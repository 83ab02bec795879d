"""Things with an id of their own: entries, accounts and keys, and one loader for each prefix that an id can have."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import strawberry

from app.api.graphql import exports, records, rejects
from app.api.graphql.context import Context, Info
from app.api.graphql.links import links_of
from app.api.graphql.node import Node, known_by
from app.api.graphql.shapes import fields_of, object_type
from app.domain import account as accounts
from app.domain import entry as entries
from app.domain.account import Permission
from app.domain.entry import entry_id, sequence_in
from app.domain.errors import InvalidQuery
from app.question.rows import Rows
from app.reports.feed import COLUMNS

MOST_NODES = 100
"""Ids that one call may name."""
_FAR_APART = 100
"""Entries between two that are asked for, past which a further question costs less than reading them."""


if TYPE_CHECKING:
    Entry = entries.Entry
else:
    Entry = object_type(
        "Entry",
        "One line of the account's append-only ledger. Nothing recorded is ever changed: corrections are entries of their own.",
        fields_of(COLUMNS),
        bases=(Node,),
        also=known_by(lambda obj: isinstance(obj, entries.Entry)) | links_of(COLUMNS),
    )


@strawberry.type(description="A tenant: one ledger, one catalogue, its own keys.")
class Account(Node):
    name: str = strawberry.field(description="Its unique name, which never changes.")
    created_at: datetime = strawberry.field(description="When it was made, UTC.")


@strawberry.type(description="A credential of an account. Its secret is kept nowhere.")
class ApiKey(Node):
    label: str = strawberry.field(description="What it is for, in its maker's words.")
    scopes: list[Permission] = strawberry.field(description="What it may do.")
    networks: list[str] = strawberry.field(description="The networks that it is accepted from; any, if empty.")
    created_at: datetime = strawberry.field(description="When it was made, UTC.")
    expires_at: datetime | None = strawberry.field(description="When it ceases to be accepted, UTC.")
    last_used_at: datetime | None = strawberry.field(description="When it was last used, UTC, to within some seconds.")


def account_node(account: accounts.Account) -> Account:
    """The account as a node."""
    return Account(id=strawberry.ID(f"acc_{account.id}"), name=account.name, created_at=account.created_at)


async def key_node(context: Context) -> ApiKey | None:
    """The key that the caller came with, as a node."""
    key = await context.services.store.key(context.principal.key_id)
    if key is None:
        return None
    return ApiKey(
        id=strawberry.ID(f"key_{key.id}"),
        label=key.label,
        scopes=[Permission(each) for each in key.scopes],
        networks=list(key.cidrs),
        created_at=key.created_at,
        expires_at=key.expires_at,
        last_used_at=key.last_used_at,
    )


Loader = Callable[[Context, Iterable[str]], Awaitable[Mapping[str, Any]]]
"""Finds, of some ids with its prefix, those that the caller's account has."""


async def _entries(context: Context, ids: Iterable[str]) -> Mapping[str, Any]:
    account_id = context.principal.account.id
    sequences = sorted({named for each in ids if (named := sequence_in(each, account_id)) is not None})
    opened = await context.open()
    found: dict[str, Any] = {}
    for first, last in _runs(sequences):
        question = Rows(opened.scope, descending=False, above=first - 1, below=last + 1, limit=last - first + 1)
        found |= {entry_id(account_id, each.sequence): each for each in await context.services.store.rows(question)}
    return found


def _runs(sequences: list[int]) -> list[tuple[int, int]]:
    """The sequences as ranges, so that the ids of one page are read at once."""
    cuts = [at for at, (left, right) in enumerate(pairwise(sequences), start=1) if right - left > _FAR_APART]
    edges = [0, *cuts, len(sequences)]
    return [(sequences[first], sequences[last - 1]) for first, last in pairwise(edges) if first < last]


async def _account(context: Context, ids: Iterable[str]) -> Mapping[str, Any]:
    own = account_node(context.principal.account)
    return {own.id: own}


async def _key(context: Context, ids: Iterable[str]) -> Mapping[str, Any]:
    own = f"key_{context.principal.key_id}"
    return {own: await key_node(context)} if own in ids else {}


LOADERS: dict[str, Loader] = {
    "act": _entries,
    "acc": _account,
    "key": _key,
    **records.LOADERS,
    **exports.LOADERS,
    **rejects.LOADERS,
}
"""By the prefix of the id. A further kind of node is one more line here."""


async def load(info: Info, ids: Sequence[str]) -> list[Node | None]:
    """What these ids name, in their order; None for what the account does not have. Raises InvalidQuery for more than 100."""
    if len(ids) > MOST_NODES:
        raise InvalidQuery("ids", f"names more than {MOST_NODES}")
    by_prefix: dict[str, list[str]] = {}
    for each in ids:
        by_prefix.setdefault(each.partition("_")[0], []).append(each)
    found: dict[str, Any] = {}
    for prefix, wanted in by_prefix.items():
        if prefix in LOADERS:
            found |= await LOADERS[prefix](info.context, wanted)
    return [found.get(each) for each in ids]
