"""Rules that every part of the schema keeps, whoever adds to it: Relay's, a linter's, and the house's own."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path

import pytest
import typer
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    get_named_type,
    specified_scalar_types,
)
from typer.testing import CliRunner

from app.api.graphql.schema import schema, sdl
from app.cli.schema import schema_command
from app.domain.errors import InvalidBody, Unavailable
from tests.node import node

schema_app = typer.Typer()
schema_app.command()(schema_command)
OWN = {name: each for name, each in schema._schema.type_map.items() if not name.startswith("__")}
OBJECTS = {name: each for name, each in OWN.items() if isinstance(each, GraphQLObjectType)}
ROWS_OF_ENTRIES = {"LicenseAuditActivitiesRow", "LicenseAuditStatesRow"}
PAGED = ["first", "after", "last", "before"]


def connections() -> dict[str, GraphQLField]:
    """Every field that gives a connection, as `Type.field`."""
    return {
        f"{type_}.{name}": field
        for type_, each in OBJECTS.items()
        for name, field in each.fields.items()
        if get_named_type(field.type).name.endswith("Connection")
    }


@pytest.fixture(scope="module")
def complaints() -> list[dict[str, str]]:
    """What the linter says of the schema's file."""
    told: list[dict[str, str]] = json.loads(node("lint.mjs", Path(__file__).parents[2] / "schema.graphql"))
    return told


def test_a_linter_has_nothing_to_say_but_that_parts_of_answers_have_no_id(complaints: list[dict[str, str]]) -> None:
    """An id is for what `node` finds again. What is only part of an answer (an edge, a total, a payload) has none."""
    without_id = [each for each in complaints if each["rule"] == "@graphql-eslint/strict-id-in-types"]
    assert [each for each in complaints if each not in without_id] == []
    named = {each["message"].split('"')[1] for each in without_id}
    roots = {"Query", "Mutation", "Live"}
    assert named == {name for name, each in OBJECTS.items() if OWN["Node"] not in each.interfaces} - roots - ROWS_OF_ENTRIES


def test_whatever_has_an_id_is_a_node() -> None:
    """But for two excerpts of an audit, whose rows are entries with columns of their own: their `id` is the entry's."""
    others = {name for name, each in OBJECTS.items() if "id" in each.fields and OWN["Node"] not in each.interfaces}
    assert others == ROWS_OF_ENTRIES


def test_a_mutation_takes_one_input_of_its_own_and_answers_a_payload() -> None:
    assert isinstance(OWN["Payload"], GraphQLInterfaceType)
    for name, field in OBJECTS["Mutation"].fields.items():
        assert list(field.args) == ["input"], name
        stated = field.args["input"].type
        assert isinstance(stated, GraphQLNonNull), name
        assert isinstance(stated.of_type, GraphQLInputObjectType), name
        # Nullable: what one mutation of a document cannot do takes nothing from what the others did.
        assert isinstance(field.type, GraphQLObjectType), name
        assert OWN["Payload"] in field.type.interfaces, name
    assert not any("clientMutationId" in getattr(each, "fields", {}) for each in OWN.values())


def test_whatever_can_be_followed_names_the_scope_that_it_needs() -> None:
    (live,) = re.findall(r"^type Live \{\n(.*?)\n\}", sdl(), re.MULTILINE | re.DOTALL)
    assert live.count("@requiresScopes(scopes: [[") == len(OBJECTS["Live"].fields)


def test_errors_of_a_payload_are_typed() -> None:
    errors = OWN["Payload"].fields["errors"].type
    assert str(errors) == "[InputError!]!"
    assert isinstance(get_named_type(OBJECTS["InputError"].fields["code"].type), GraphQLEnumType)


def test_every_scalar_of_our_own_says_where_it_is_specified() -> None:
    own = [each for each in OWN.values() if isinstance(each, GraphQLScalarType) and each.name not in specified_scalar_types]
    assert [each.name for each in own if not (each.specified_by_url or "").startswith("https://")] == []


def test_a_connection_is_paged_as_relay_has_it() -> None:
    found = connections()
    assert "Query.activities" in found
    for place, field in found.items():
        assert [name for name in field.args if name in PAGED] == PAGED, place
        assert [str(field.args[name].type) for name in PAGED] == ["Int", "String", "Int", "String"], place
        type_ = get_named_type(field.type)
        assert isinstance(type_, GraphQLObjectType), place
        assert str(type_.fields["pageInfo"].type) == "PageInfo!", place
        edges = type_.fields["edges"].type
        edge = get_named_type(edges)
        assert isinstance(edge, GraphQLObjectType), place
        assert str(edges) == f"[{edge.name}!]!", place
        assert edge.name.removesuffix("Edge") == type_.name.removesuffix("Connection"), place
        assert str(edge.fields["cursor"].type) == "String!", place
        assert isinstance(get_named_type(edge.fields["node"].type), (GraphQLObjectType, GraphQLInterfaceType)), place


def test_what_takes_a_page_size_is_a_connection_or_says_that_it_is_an_excerpt() -> None:
    for name, each in OBJECTS.items():
        for field_name, field in each.fields.items():
            if "first" in field.args and f"{name}.{field_name}" not in connections():
                assert list(set(PAGED) & set(field.args)) == ["first"], f"{name}.{field_name}"
                assert "excerpt" in field.args["first"].description, f"{name}.{field_name}"


def test_a_deprecation_says_what_to_do_instead() -> None:
    for name, each in OWN.items():
        for place, field in getattr(each, "fields", {}).items():
            assert field.deprecation_reason is None or len(field.deprecation_reason) > 10, f"{name}.{place}"
        for place, value in getattr(each, "values", {}).items():
            assert value.deprecation_reason is None or len(value.deprecation_reason) > 10, f"{name}.{place}"


def test_a_change_that_breaks_a_caller_is_told(tmp_path: Path) -> None:
    older = tmp_path / "schema.graphql"
    run = partial(CliRunner().invoke, schema_app)
    older.write_text(sdl())
    same = run(["--since", str(older)])
    assert (same.exit_code, same.output) == (0, "nothing that a caller has to mind has changed\n")
    older.write_text(sdl().replace("type ActivityEvent {\n", 'type ActivityEvent {\n  """Gone."""\n  old: String\n\n'))
    broken = run(["--since", str(older)])
    assert (broken.exit_code, broken.output) == (1, "breaking: Field ActivityEvent.old was removed.\n")
    older.write_text(
        re.sub(r'\n  """The scope `usage:write`."""\n  USAGE_WRITE\n', "\n", sdl()).replace("[[USAGE_WRITE]]", "[[ADMIN]]")
    )
    dangerous = run(["--since", str(older)])
    assert (dangerous.exit_code, dangerous.output) == (0, "dangerous: Enum value Scope.USAGE_WRITE was added.\n")


@pytest.mark.parametrize("content", ["type {", "type A { b: Nobody }"])
def test_what_is_no_schema_is_refused_in_a_line(content: str, tmp_path: Path) -> None:
    older = tmp_path / "schema.graphql"
    run = partial(CliRunner().invoke, schema_app)
    missing = run(["--since", str(older)]).exception
    assert isinstance(missing, Unavailable)
    assert missing.message == f"cannot read {older}: No such file or directory"
    older.write_text(content)
    refused = run(["--since", str(older)]).exception
    assert isinstance(refused, InvalidBody)
    assert refused.message.startswith(f"{older} is no GraphQL schema: ")
    assert "\n" not in refused.message


def test_where_one_of_several_is_chosen_an_input_says_so() -> None:
    for name in ("AsOfInput", "SettlementSubject"):
        assert re.search(rf"^input {name} @oneOf {{", sdl(), re.MULTILINE)


def test_lists_hold_no_null_unless_a_place_may_be_empty() -> None:
    """`nodes` alone keeps the place of what is not there."""
    loose = [
        f"{name}.{field_name}"
        for name, each in OBJECTS.items()
        for field_name, field in each.fields.items()
        for inner in [field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type]
        if isinstance(inner, GraphQLList) and not isinstance(inner.of_type, GraphQLNonNull)
    ]
    assert loose == ["Query.nodes"]
