"""The `Node` interface, and how the type of a row is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import strawberry
from graphql import GraphQLResolveInfo


@strawberry.interface(description="Something with an id of its own, by which `node` finds it again.")
class Node:
    id: strawberry.ID = strawberry.field(description="Unique across all kinds and accounts.")


def known_by(test: Callable[[Any], bool]) -> dict[str, Any]:
    """What a type is declared with whose rows are objects of some other class: `test` tells whether one is of the type."""

    def is_type_of(_cls: Any, obj: Any, _info: GraphQLResolveInfo[Any] | None) -> bool:
        return test(obj)

    return {"is_type_of": classmethod(is_type_of)}
