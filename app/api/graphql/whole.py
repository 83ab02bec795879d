"""Answering operations that ask for one page of plain rows and nothing else, which most do, without walking through them anew.

For such an operation a plan is made once and kept with its document: which field is asked for, and a function compiled for all
that is selected below it (see `completion`). With each call the field's own resolver runs, with its own extensions, between the
same conversion of arguments before it and that function after it. Whatever else an operation asks for, and whatever goes wrong
on the way, is answered by the library from the beginning, which then finds the errors and tells them. So only queries have
plans. Instants in such an answer are written with it, by orjson, which takes a fifth of the time. A test holds both against each
other.
"""

from __future__ import annotations

from functools import partial, reduce
from typing import Any

import orjson
from graphql import DirectiveNode, DocumentNode, OperationDefinitionNode, OperationType
from graphql.execution.collect_fields import collect_fields
from graphql.execution.values import get_argument_values, get_variable_values
from graphql.pyutils import Path
from strawberry import Schema
from strawberry.extensions.field_extension import build_field_extension_resolvers
from strawberry.schema.schema_converter import GraphQLCoreConverter, get_arguments
from strawberry.types import ExecutionResult
from strawberry.types.field import StrawberryField

from app.api.graphql.checks import Prepared, chosen, parts, pay, prepared
from app.api.graphql.completion import FlatExecutor, NotFlat, compiled
from app.api.graphql.context import Context

_MOST_KNOWN = 64
"""Sets of variables of which a plan remembers the arguments."""
_LONGEST_KNOWN = 1_000
"""Bytes that these have at most, as JSON."""


async def answered(
    schema: Schema, query: str, variables: dict[str, Any], context: Context, operation_name: str | None
) -> ExecutionResult | None:
    """The result of an operation that has a plan; None where the library has to find it."""
    try:
        document = prepared(query)
        operation = chosen(document.document, operation_name)
        plan = _plan(schema, document, operation, variables, context)
        if plan is None:
            return None
        extensions, refused = await pay(document, schema._schema, operation, variables, context)
        if refused is not None:
            return None
        context.paid = extensions
        data = {plan.name: await plan.value(variables, context)}
    except Exception:  # the library meets it again, and tells it with its path
        return None
    context.paid = None
    return ExecutionResult(data=data, errors=None, extensions=extensions)


def _plan(
    schema: Schema, document: Prepared, operation: OperationDefinitionNode, variables: dict[str, Any], context: Context
) -> Plan | None:
    name = operation.name.value if operation.name is not None else ""
    if name not in document.plans:
        if document.problems(schema._schema, introspection=context.services.terms.introspection):
            return None
        try:
            document.plans[name] = Plan(schema, document.document, operation, variables)
        except NotFlat:
            document.plans[name] = None
    plan: Plan | None = document.plans[name]
    return plan


class Plan:
    """How one operation is answered. Raises NotFlat for those that have none."""

    def __init__(
        self, schema: Schema, document: DocumentNode, operation: OperationDefinitionNode, variables: dict[str, Any]
    ) -> None:
        core = schema._schema
        # With directives the selection would hang on the variables.
        if operation.operation is not OperationType.QUERY or any(isinstance(each, DirectiveNode) for each in parts(document)):
            raise NotFlat
        name = operation.name.value if operation.name is not None else None
        executor = FlatExecutor.build(core, document, raw_variable_values=variables, operation_name=name)
        if isinstance(executor, list):
            raise executor[0]
        assert core.query_type is not None
        asked = collect_fields(core, executor.fragments, executor.variable_values, core.query_type, operation).grouped_field_set
        if len(asked) != 1:
            raise NotFlat
        [(self.name, details)] = asked.items()
        nodes = [each.node for each in details]
        field = core.query_type.fields.get(nodes[0].name.value)
        declared = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF) if field is not None else None
        if field is None or not isinstance(declared, StrawberryField) or declared.base_resolver is None:
            raise NotFlat
        self._schema, self._operation, self._field, self._declared, self._node = schema, operation, field, declared, nodes[0]
        self._takes_source = declared.base_resolver.self_parameter is not None
        self._complete = compiled(executor, field.type, details, instants=True)
        path = Path(None, self.name, core.query_type.name)
        self._info = executor.build_resolve_info(field, nodes, core.query_type, path)
        chain = build_field_extension_resolvers(declared)
        self._resolve: Any = reduce(lambda inner, each: partial(each, inner), chain, self._resolved)
        self._known: dict[bytes, dict[str, Any]] = {}

    async def value(self, variables: dict[str, Any], context: Context) -> Any:
        """What the field gives, completed."""
        info = self._schema.config.info_class(_raw_info=self._info._replace(context=context), _field=self._declared)
        found = self._resolve(None, info, **self._arguments(variables, info))
        return self._complete([await found])[0]

    def _resolved(self, _source: Any, info: Any, **arguments: Any) -> Any:
        own = [None] if self._takes_source else []
        return self._declared.get_result(None, info=info, args=own, kwargs=arguments | {"info": info})

    def _arguments(self, variables: dict[str, Any], info: Any) -> dict[str, Any]:
        """The resolver's arguments. They are the same for the same variables, and nothing changes them."""
        try:
            key = orjson.dumps(variables)
        except TypeError:  # a number with a point
            return self._converted(variables, info)
        found = self._known.get(key)
        if found is None:
            found = self._converted(variables, info)
            if len(key) <= _LONGEST_KNOWN:
                if len(self._known) >= _MOST_KNOWN:
                    self._known.clear()
                self._known[key] = found
        return found

    def _converted(self, variables: dict[str, Any], info: Any) -> dict[str, Any]:
        schema = self._schema
        values = get_variable_values(schema._schema, self._operation.variable_definitions or (), variables)
        if isinstance(values, list):
            raise values[0]
        given = get_argument_values(self._field, self._node, values)
        registry = schema.schema_converter.scalar_registry
        _, converted = get_arguments(
            field=self._declared, source=None, info=info, kwargs=given, config=schema.config, scalar_registry=registry
        )
        converted.pop("info", None)
        return converted
