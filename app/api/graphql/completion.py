"""Completing long lists of plain rows at once: the same answer as graphql-core's, field by field, in a tenth of the time.

graphql-core completes a page of 100 rows by some thousand calls for each of which it builds a path and an info object. Where
a list's selection reads nothing but attributes, one function is compiled for that selection and run over the rows. It knows
only the ordinary case: exact types, no null where none may be. Whatever else it meets, it gives up, and the whole list is
completed by graphql-core, which then finds the errors, their paths and what becomes null. Resolvers, arguments, interfaces,
unions and custom directives are never compiled. A test compares both on random documents and rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
)
from graphql.execution import Executor
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

_FEWEST = 3
"""Rows for which it is worth looking for a compiled function."""
_EXACT: dict[str, type] = {
    "ID": str,
    "String": str,
    "Boolean": bool,
    "Int": int,
    "SafeInt": int,
    "Decimal": Decimal,
    "DateTime": datetime,
    "JSONObject": str,
    "URL": str,
}
"""The one Python type in which a compiled function expects the values of a scalar."""
_AS_THEY_ARE = frozenset({"ID", "String", "Boolean", "SafeInt", "URL"})
"""Scalars whose values are sent as they are."""


class NotFlat(Exception):
    """A selection that is not compiled."""


class _NotOrdinary(Exception):
    """A value that a compiled function does not know."""


class FlatExecutor(StrawberryGraphQLCoreExecutionContext):
    """Strawberry's executor, with lists of plain rows completed by compiled functions."""

    def complete_iterable_value(
        self,
        item_type: GraphQLOutputType,
        field_details_list: Any,
        info: Any,
        path: Any,
        items: Iterable[Any],
        position_context: Any,
    ) -> Any:
        """The list's items, completed."""
        if type(items) in (list, tuple) and len(items) >= _FEWEST and position_context is None:  # type: ignore[arg-type]
            try:
                return compiled(self, item_type, field_details_list)(items)
            except Exception:  # graphql-core meets it again below, and tells it with its path
                pass
        return super().complete_iterable_value(item_type, field_details_list, info, path, items, position_context)


def compiled(
    executor: Executor[Any], item_type: GraphQLOutputType, details: Any, *, instants: bool = False
) -> Callable[[Any], list[Any]]:
    """The function that completes items of that type with that selection. Raises NotFlat where there is none.

    With `instants` it leaves instants to whoever writes the answer (see `app.domain.instant.WRITTEN`), but those of a whole
    second, of which orjson would leave out the microseconds.
    """
    return _compiled(executor.schema, _Source(executor, item_type, details, instants).text)


class _Source:
    """The source text of the functions for one selection. Equal selections give equal texts, which are compiled once.

    The text holds names from the schema and response names, which GraphQL allows nothing but letters, digits and underscores.
    """

    def __init__(self, executor: Executor[Any], item_type: GraphQLOutputType, details: Any, instants: bool) -> None:
        self._executor = executor
        self._instants = instants
        self._functions: list[str] = []
        self._variables = 0
        if executor.middleware_manager is not None and executor.middleware_manager.middlewares:
            raise NotFlat
        self._functions.append(f"def complete(items):\n    return [{self._value(item_type, details, 'item')} for item in items]")

    @property
    def text(self) -> str:
        """The source, in which `complete` takes the items."""
        return "\n".join(self._functions)

    def _value(self, type_: GraphQLOutputType, details: Any, source: str) -> str:
        """An expression for the completed value of the expression `source`."""
        if isinstance(type_, GraphQLNonNull):
            type_, otherwise = type_.of_type, "stop()"
        else:
            otherwise = "None if {value} is None else stop()"
        self._variables += 1
        value = f"v{self._variables}"
        otherwise = otherwise.format(value=value)
        match type_:
            case GraphQLScalarType(name=name) if name in _EXACT:
                shown = value if name in _AS_THEY_ARE or name == "Int" else f"shown_{name}({value})"
                if name == "DateTime" and self._instants:
                    shown = f"({value} if {value}.microsecond else {shown})"
                fits = f" and -0x80000000 <= {value} <= 0x7fffffff" if name == "Int" else ""
                return f"({shown} if type({value} := {source}) is exact_{name}{fits} else {otherwise})"
            case GraphQLEnumType(name=name):
                return f"(words_{name}[{value}] if ({value} := {source}) in words_{name} else {otherwise})"
            case GraphQLList(of_type=item_type):
                self._variables += 1
                item = f"v{self._variables}"
                items = f"[{self._value(item_type, details, item)} for {item} in {value}]"
                return f"({items} if type({value} := {source}) in lists else {otherwise})"
            case GraphQLObjectType():
                function = self._object(type_, details)
                fits = f"is_{type_.name}({value}, None) is True" if type_.is_type_of else f"{value} is not None"
                return f"({function}({value}) if ({value} := {source}) is not None and {fits} else {otherwise})"
        raise NotFlat

    def _object(self, type_: GraphQLObjectType, details: Any) -> str:
        """The name of a function that completes objects of that type."""
        fields, deferred, _ = self._executor.collect_subfields(type_, details)
        members = []
        for name, each in fields.items():
            asked = each[0].node.name.value
            if asked == "__typename":
                members.append(f"{name!r}: {type_.name!r}")
            else:
                field = type_.fields[asked]
                members.append(f"{name!r}: {self._value(field.type, each, f'row.{_attribute(field)}')}")
        # A function that looks at nothing would take an exception for a row.
        if deferred or not (type_.is_type_of or any("row." in each for each in members)):
            raise NotFlat
        function = f"f{len(self._functions)}"
        self._functions.append(f"def {function}(row):\n    return {{{', '.join(members)}}}")
        return function


def _attribute(field: GraphQLField) -> str:
    """The attribute that the field reads, if it does nothing else."""
    declared = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(declared, StrawberryField) or not declared.is_basic_field or declared.default_resolver is not getattr:
        raise NotFlat
    return declared.python_name


@lru_cache(maxsize=512)  # bounded: response names are the callers' choice
def _compiled(schema: GraphQLSchema, source: str) -> Callable[[Any], Any]:
    names = dict(_names(schema))
    exec(compile(source, "<a GraphQL selection>", "exec"), names)
    return names["complete"]  # type: ignore[no-any-return]


@lru_cache(maxsize=4)
def _names(schema: GraphQLSchema) -> dict[str, Any]:
    """What the compiled functions refer to: for each type, how its values are told and what they must be."""
    names: dict[str, Any] = {"stop": _stop, "lists": (list, tuple)}
    for name, type_ in schema.type_map.items():
        if isinstance(type_, GraphQLScalarType) and name in _EXACT:
            names[f"exact_{name}"] = _EXACT[name]
            names[f"shown_{name}"] = type_.coerce_output_value
        elif isinstance(type_, GraphQLEnumType) and hasattr(type_, "wrapped_cls"):
            names[f"words_{name}"] = {each: type_.coerce_output_value(each) for each in type_.wrapped_cls}
        elif isinstance(type_, GraphQLObjectType) and type_.is_type_of:
            names[f"is_{name}"] = type_.is_type_of
    return names


def _stop() -> Any:
    raise _NotOrdinary
