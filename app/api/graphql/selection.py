"""What an operation reads of the rows of a connection, so that no more is read from the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, SelectionSetNode
from strawberry.utils.str_converters import to_camel_case

from app.api.graphql.context import Info
from app.api.graphql.links import LINKED
from app.domain.entry import fields_behind
from app.reports.feed import COLUMNS

_ATTRIBUTES: dict[str, str] = {"__typename": "sequence"} | {
    name: each.attribute
    for each in COLUMNS
    for name in (to_camel_case(each.name), *([to_camel_case(each.name.removesuffix("_id"))] if each.name in LINKED else ()))
}
"""By the name of a field of an entry: the attribute that it is told from. A link is told from the id that it follows."""


def entry_fields(info: Info) -> frozenset[str] | None:
    """The fields of entries that are read below the connection that is being resolved; None where it may be any of them.

    What `@skip` and `@include` leave out counts as read.
    """
    raw = info._raw_info
    names = {
        field.name.value
        for connection in raw.field_nodes
        for edges in _named("edges", connection.selection_set, raw.fragments)
        for node in _named("node", edges.selection_set, raw.fragments)
        for field in _fields(node.selection_set, raw.fragments)
    }
    attributes = [_ATTRIBUTES.get(name, "") for name in names]
    return fields_behind(attributes)


def _named(name: str, within: SelectionSetNode | None, fragments: Mapping[str, FragmentDefinitionNode]) -> Iterator[FieldNode]:
    return (each for each in _fields(within, fragments) if each.name.value == name)


def _fields(within: SelectionSetNode | None, fragments: Mapping[str, FragmentDefinitionNode]) -> Iterator[FieldNode]:
    """The fields selected there, fragments opened. Validation has seen to it that these stand in no circle."""
    for each in _selections(within):
        if isinstance(each, FieldNode):
            yield each
        elif isinstance(each, FragmentSpreadNode):
            found = fragments.get(each.name.value)
            yield from _fields(None if found is None else found.selection_set, fragments)
        else:
            yield from _fields(each.selection_set, fragments)  # type: ignore[attr-defined]


def _selections(within: SelectionSetNode | None) -> Iterable[object]:
    return () if within is None else within.selections
