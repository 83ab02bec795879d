"""Which argument an error is about, by its path: `filters.from`, as a caller wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphql import (
    ArgumentNode,
    DocumentNode,
    GraphQLArgument,
    GraphQLInputObjectType,
    Node,
    ObjectFieldNode,
    VariableNode,
    get_named_type,
)

_HEAD = re.compile(r"[^.\[]+")
_VARIABLE = re.compile(r"^Variable '\$(\w+)' has invalid value(?: at (\.?[\w.\[\]]+))?:")
_MISSING = re.compile(r"^Argument '[\w.]+\((\w+):\)' of type")
_DEEPEST = 3


def argument_of(document: DocumentNode, nodes: Sequence[Node]) -> str | None:
    """The path of the argument that the first of the nodes stands in, or is; None where it stands in none."""
    return next(_paths(document, nodes[0], ()), None) if nodes else None


def _paths(node: Any, wanted: Node, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(node, (list, tuple)):
        for each in node:
            yield from _paths(each, wanted, path)
    elif isinstance(node, Node):
        if isinstance(node, (ArgumentNode, ObjectFieldNode)):
            path = (*path, node.name.value)
        if node is wanted and path:
            yield ".".join(path)
            return
        for key in node.keys:
            if key not in ("loc", "name"):
                yield from _paths(getattr(node, key), wanted, path)


def variable_in(message: str) -> tuple[str, str] | None:
    """The name of the variable that an error of reading it is about, as graphql-core words it, and the path in its value."""
    named = _VARIABLE.search(message)
    return None if named is None else (named[1], named[2] or "")


def missing_in(message: str) -> str | None:
    """The name of the argument that an error of validation says is missing."""
    named = _MISSING.search(message)
    return None if named is None else named[1]


def argument_for(document: DocumentNode, variable: str) -> str | None:
    """The path of the first argument that the variable stands for."""
    waiting: list[tuple[Any, tuple[str, ...]]] = [(document, ())]
    while waiting:
        node, path = waiting.pop(0)
        if isinstance(node, (list, tuple)):
            waiting += [(each, path) for each in node]
        elif isinstance(node, VariableNode):
            if node.name.value == variable and path:
                return ".".join(path)
        elif isinstance(node, Node):
            if isinstance(node, (ArgumentNode, ObjectFieldNode)):
                path = (*path, node.name.value)
            waiting += [(getattr(node, key), path) for key in node.keys if key not in ("loc", "name")]
    return None


def argument_named(arguments: Mapping[str, GraphQLArgument], field: str) -> str | None:
    """The path of the argument that has that field in it, or is it: a filter is told by its own name alone."""
    head = _HEAD.match(field)
    if head is None:
        return None
    if head[0] in arguments:
        return field
    for name, argument in arguments.items():
        found = _within(argument.type, head[0], (name,))
        if found is not None:
            return ".".join((*found, field))
    return None


def _within(type_: Any, name: str, path: tuple[str, ...]) -> tuple[str, ...] | None:
    named = get_named_type(type_)
    if not isinstance(named, GraphQLInputObjectType) or len(path) > _DEEPEST:
        return None
    if name in named.fields:
        return path
    found = (_within(each.type, name, (*path, inner)) for inner, each in named.fields.items())
    return next((each for each in found if each is not None), None)
