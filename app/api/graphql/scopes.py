"""Which scope a field needs, declared once: it stands in the schema, in the field's description, and before its resolver.

What is inside checks scopes too, whoever asks (see `Principal.require`); this is where callers and their tools see them, and
where a call that must fail anyway fails before anything is read. A test holds both against each other.
"""

from __future__ import annotations

from inspect import isawaitable
from typing import Any

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.schema_directive import Location
from strawberry.types.field import StrawberryField

from app.api.graphql.context import Info
from app.domain.account import Permission


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="requiresScopes",
    description=(
        "The scopes that a token needs for this field: all of one of the inner lists. `ADMIN` includes every other. Without them"
        " the field answers TOKEN_SCOPE_DENIED. (The directive of the same name in Apollo's supergraphs has this shape.)"
    ),
)
class RequiresScopes:
    scopes: list[list[Permission]] = strawberry.directive_field(name="scopes")


class Needs(FieldExtension):
    """Lets only callers with that scope reach the resolver: `strawberry.field(…, extensions=[Needs(Permission.ADMIN)])`."""

    def __init__(self, permission: Permission) -> None:
        self._permission = permission
        self._sentence = f"Needs the scope `{permission.value}`."

    def apply(self, field: StrawberryField) -> None:
        """Say it in the schema. Done anew for every schema that the field is in, so what is there already stays."""
        if not any(isinstance(each, RequiresScopes) for each in field.directives):
            field.directives.append(RequiresScopes(scopes=[[self._permission]]))
        if field.description is not None and self._sentence not in field.description:
            field.description += f" {self._sentence}"

    def resolve(self, next_: Any, source: Any, info: Info, **arguments: Any) -> Any:
        """What the field's own resolver gives. Raises ScopeDenied."""
        info.context.principal.require(self._permission)
        return next_(source, info, **arguments)

    async def resolve_async(self, next_: Any, source: Any, info: Info, **arguments: Any) -> Any:
        """The same, for resolvers that are awaited and for those that give one value after the other."""
        info.context.principal.require(self._permission)
        given = next_(source, info, **arguments)
        return await given if isawaitable(given) else given
