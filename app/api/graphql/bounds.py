"""Bounds on what one document may hold, looked at before anything else is: its tokens, depth, aliases, directives, breadth and
fields.

None of them depends on data, so a document is within them for everyone or for no one. Fragments are unfolded, each measured once:
short documents of fragments that spread each other twice would keep a walk over every spread busy for hours.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

TOO_COMPLEX = "TOO_COMPLEX"
"""The code of documents that ask for too much at once."""
MOST_TOKENS = 6_000
DEEPEST = 12
MOST_ALIASES = 30
MOST_DIRECTIVES = 50
BROADEST = 200
MOST_FIELDS = 2_000

_CUTS = {
    "levels": "ask for what lies deeper in an operation of its own, by its id",
    "aliases": "ask for some of them in another operation",
    "directives": "leave out those that change nothing",
    "fields in one selection": "ask for some of them in another operation",
    "fields": "spread fewer fragments, or ask for some of them in another operation",
}
"""What to cut, by what there is too much of."""


@dataclass(slots=True)
class _Measured:
    depth: int = 0
    aliases: int = 0
    directives: int = 0
    breadth: int = 0
    """Of the broadest selection below; `own` that of this one."""
    own: int = 0
    fields: int = 0


def overstepped(document: DocumentNode) -> list[GraphQLError]:
    """What is wrong with the document's operations, each error saying what to cut. What lies under `__schema` and `__type` is not
    measured: graphql-core bounds it."""
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    known: dict[str, _Measured] = {}
    errors = []
    for each in document.definitions:
        if isinstance(each, OperationDefinitionNode):
            measured = _measure(each.selection_set, fragments, known)
            errors += _errors(each, measured)
    return errors


def _errors(operation: OperationDefinitionNode, measured: _Measured) -> list[GraphQLError]:
    return [
        GraphQLError(
            f"The operation has {found:,} {what}, and {most:,} is the most: {_CUTS[what]}.",
            operation,
            extensions={"code": TOO_COMPLEX},
        )
        for what, found, most in (
            ("levels", measured.depth, DEEPEST),
            ("aliases", measured.aliases, MOST_ALIASES),
            ("directives", measured.directives + len(operation.directives or ()), MOST_DIRECTIVES),
            ("fields in one selection", max(measured.breadth, measured.own), BROADEST),
            ("fields", measured.fields, MOST_FIELDS),
        )
        if found > most
    ]


def _measure(
    selections: SelectionSetNode | None, fragments: dict[str, FragmentDefinitionNode], known: dict[str, _Measured]
) -> _Measured:
    total = _Measured()
    for each in selections.selections if selections is not None else ():
        if isinstance(each, FieldNode):
            part = _field(each, fragments, known)
        elif isinstance(each, FragmentSpreadNode):
            part = _fragment(each.name.value, fragments, known)
        else:
            assert isinstance(each, InlineFragmentNode)
            part = _measure(each.selection_set, fragments, known)
        total.depth = max(total.depth, part.depth)
        total.aliases += part.aliases
        total.directives += part.directives + len(each.directives or ())
        total.breadth = max(total.breadth, part.breadth)
        total.own += part.own
        total.fields += part.fields
    return total


def _field(field: FieldNode, fragments: dict[str, FragmentDefinitionNode], known: dict[str, _Measured]) -> _Measured:
    introspecting = field.name.value.startswith("__")
    below = _Measured() if introspecting else _measure(field.selection_set, fragments, known)
    return _Measured(
        depth=below.depth + 1,
        aliases=below.aliases + (field.alias is not None),
        directives=below.directives,
        breadth=max(below.breadth, below.own),
        own=1,
        fields=below.fields + 1,
    )


def _fragment(name: str, fragments: dict[str, FragmentDefinitionNode], known: dict[str, _Measured]) -> _Measured:
    if name not in known:
        known[name] = _Measured()  # stands while it is measured: cycles and unknown names are other rules' business
        if name in fragments:
            known[name] = _measure(fragments[name].selection_set, fragments, known)
    return known[name]
