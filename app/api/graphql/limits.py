"""Bounds on what one document may ask: its tokens, its depth, its aliases, and how many fields its fragments unfold to.

Strawberry's own limiters for depth and aliases walk every spread of a fragment anew, so a short document of fragments that spread
each other twice keeps them busy for hours; this rule measures each fragment once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationRule,
)
from strawberry.extensions import SchemaExtension

MOST_TOKENS = 6_000
DEEPEST = 12
MOST_ALIASES = 30
MOST_FIELDS = 2_000


@dataclass(slots=True)
class _Measured:
    depth: int = 0
    aliases: int = 0
    fields: int = 0


class Bounds(ValidationRule):
    """Refuses operations over the bounds. What lies under `__schema` and `__type` is not measured: graphql-core bounds it."""

    def enter_document(self, node: DocumentNode, *_args: Any) -> None:
        """Measure every operation of the document."""
        fragments = {each.name.value: each for each in node.definitions if isinstance(each, FragmentDefinitionNode)}
        known: dict[str, _Measured] = {}
        for each in node.definitions:
            if isinstance(each, OperationDefinitionNode):
                self._check(each, _measure(each.selection_set, fragments, known))

    def _check(self, operation: OperationDefinitionNode, measured: _Measured) -> None:
        for what, found, most in (
            ("levels", measured.depth, DEEPEST),
            ("aliases", measured.aliases, MOST_ALIASES),
            ("fields", measured.fields, MOST_FIELDS),
        ):
            if found > most:
                self.report_error(GraphQLError(f"The operation has more than {most:,} {what}.", operation))


class NamedOperation(SchemaExtension):
    """Refuses a document of several operations that does not say which one is meant; Strawberry would run the first."""

    def on_validate(self) -> Iterator[None]:
        """Look at the document before it is validated."""
        document = self.execution_context.graphql_document
        assert document is not None
        operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
        # What the caller said; the public attribute has the first name in the place of none.
        if len(operations) > 1 and not self.execution_context._provided_operation_name:
            raise GraphQLError("Must provide operationName, since the document has several operations.", operations)
        yield


def _measure(
    selections: SelectionSetNode | None, fragments: dict[str, FragmentDefinitionNode], known: dict[str, _Measured]
) -> _Measured:
    total = _Measured()
    for each in selections.selections if selections is not None else ():
        if isinstance(each, FragmentSpreadNode):
            part = _fragment(each.name.value, fragments, known)
        elif isinstance(each, FieldNode):
            introspecting = each.name.value.startswith("__")
            part = _Measured() if introspecting else _measure(each.selection_set, fragments, known)
            part.depth += 1
            part.fields += 1
            part.aliases += each.alias is not None
        else:
            assert isinstance(each, InlineFragmentNode)
            part = _measure(each.selection_set, fragments, known)
        total.depth = max(total.depth, part.depth)
        total.aliases += part.aliases
        total.fields += part.fields
    return total


def _fragment(name: str, fragments: dict[str, FragmentDefinitionNode], known: dict[str, _Measured]) -> _Measured:
    if name not in known:
        known[name] = _Measured()  # stands while it is measured: cycles and unknown names are other rules' business
        if name in fragments:
            known[name] = _measure(fragments[name].selection_set, fragments, known)
    return known[name]
