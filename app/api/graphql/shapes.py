"""Object and input types made from columns, so that no list of fields is written twice.

A made object type declares fields for attributes that the rows of a report have; the rows themselves stay what they are.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar, cast

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from app.api.graphql.enums import PrivateText
from app.api.graphql.scalars import JSONObject, SafeInt
from app.api.graphql.scopes import Needs
from app.domain.account import Permission
from app.reports.report import Column

_SMALL = frozenset({"version", "status_code"})
"""Whole numbers that always fit an Int; every other may grow past 2^31."""
_IDS = frozenset({"id", "event_ref", "corrects"})
_QUOTED_NAME = re.compile(r"`([a-z]+(?:_[a-z]+)+)`")

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a type to be made: `attribute` is its Python name, `name` its GraphQL name where more than the case differs."""

    attribute: str
    type: Any
    description: str
    name: str | None = None
    required: bool = True
    """Of an input type: whether it must be given. One that is not given is UNSET, so that null can mean something else."""


def resolver(description: str, needs: Permission | None = None) -> Callable[[F], F]:
    """`strawberry.field` as a decorator that leaves the method its type, that wants a description, and knows scopes."""
    return cast(Callable[[F], F], strawberry.field(description=description, extensions=[Needs(needs)] if needs else []))


def followed(description: str, needs: Permission) -> Callable[[F], F]:
    """The same for subscriptions."""
    return cast(Callable[[F], F], strawberry.subscription(description=description, extensions=[Needs(needs)]))


def graphql_type(column: Column) -> Any:
    """The type of a present value of the column."""
    if column.json:
        return JSONObject
    if column.name in _IDS or column.name.endswith("_id"):
        return strawberry.ID
    if column.type is list:
        return list[PrivateText] if column.name == "erased" else list[str]
    if column.type is int:
        return int if column.name in _SMALL else SafeInt
    if column.type in (str, bool, Decimal, datetime) or issubclass(column.type, Enum):
        return column.type
    raise TypeError(f"column {column.name} has a type that GraphQL is not told of: {column.type}")


def spoken(description: str) -> str:
    """A description with the names of columns as GraphQL spells them."""
    return _QUOTED_NAME.sub(lambda match: f"`{to_camel_case(match[1])}`", description)


def fields_of(columns: Iterable[Column]) -> list[Field]:
    """An output field for each column."""
    return [
        Field(
            attribute=each.attribute,
            name=None if each.attribute == each.name else to_camel_case(each.name),
            type=graphql_type(each) | None if each.optional else graphql_type(each),
            description=spoken(each.description),
        )
        for each in columns
    ]


def object_type(
    name: str, description: str, made_of: Iterable[Field], *, bases: tuple[type, ...] = (), also: Mapping[str, Any] | None = None
) -> Any:
    """An object type with these fields; `also` holds further attributes of the class, such as `is_type_of`."""
    fields = list(made_of)
    annotations = {each.attribute: each.type for each in fields}
    namespace: dict[str, Any] = {each.attribute: _declared(each) for each in fields}
    made = _new_class(name, bases, annotations, namespace | dict(also or {}))
    return strawberry.type(made, name=name, description=description)


def interface_type(name: str, description: str, made_of: Iterable[Field], *, bases: tuple[type, ...] = ()) -> Any:
    """An interface with these fields."""
    fields = list(made_of)
    annotations = {each.attribute: each.type for each in fields}
    made = _new_class(name, bases, annotations, {each.attribute: _declared(each) for each in fields})
    return strawberry.interface(made, name=name, description=description)


def input_type(name: str, description: str, made_of: Iterable[Field]) -> Any:
    """An input type with these fields."""
    fields = list(made_of)
    annotations = {each.attribute: each.type if each.required else each.type | None for each in fields}
    namespace = {each.attribute: _declared(each) for each in fields}
    return strawberry.input(_new_class(name, (), annotations, namespace), name=name, description=description)


def given(value: Any) -> dict[str, Any]:
    """What a caller stated in an input, by Python name; nulls are kept, and fields that were left out are not there."""
    return {name: item for name, item in vars(value).items() if item is not strawberry.UNSET}


def _declared(field: Field) -> StrawberryField:
    facts: dict[str, Any] = {"name": field.name, "description": field.description}
    made: StrawberryField = strawberry.field(**facts) if field.required else strawberry.field(default=strawberry.UNSET, **facts)
    return made


def _new_class(name: str, bases: tuple[type, ...], annotations: dict[str, Any], namespace: dict[str, Any]) -> type:
    contents = {"__annotations__": annotations, "__module__": __name__, **namespace}
    return types.new_class(name, bases, exec_body=lambda body: body.update(contents))
