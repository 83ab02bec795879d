"""Bounds on one document: what is over them is refused at once, however cleverly it is folded."""

from __future__ import annotations

import pytest
from graphql import build_client_schema, get_introspection_query

from app.api.graphql.bounds import BROADEST, DEEPEST, MOST_ALIASES, MOST_DIRECTIVES, MOST_FIELDS, MOST_TOKENS
from tests.contract.conftest import Door


async def test_a_document_has_so_many_tokens(door: Door) -> None:
    def document(values: int) -> str:
        return '{ nodes(ids: ["x"]) { id @include(if: true) __typename } nope(x: [' + "1 " * values + "]) }"

    fits = await door.ask(document(MOST_TOKENS - 32))
    assert fits.error["message"] == "Cannot query field 'nope' on type 'Query'. Did you mean 'node' or 'nodes'?"
    answer = await door.ask(document(MOST_TOKENS))
    assert answer.code == "TOO_COMPLEX"
    assert answer.error["message"] == (
        f"The document has more than {MOST_TOKENS:,} tokens: put values into variables, or ask for some of it in another one."
    )


async def test_an_operation_has_so_many_aliases(door: Door) -> None:
    def aliased(count: int) -> str:
        return "{ " + " ".join(f"a{number}: __typename" for number in range(count)) + " }"

    assert len((await door.ask(aliased(MOST_ALIASES))).data) == MOST_ALIASES
    answer = await door.ask(aliased(MOST_ALIASES + 1))
    assert (answer.code, answer.error["message"]) == (
        "TOO_COMPLEX",
        f"The operation has {MOST_ALIASES + 1} aliases, and {MOST_ALIASES} is the most: ask for some of them in another"
        " operation.",
    )


async def test_an_operation_is_so_deep(door: Door) -> None:
    deep = "{ usageSummary { groups { edges { node { quantities { unit } } } } } }"  # the deepest there is
    assert (await door.ask(deep)).status == 200
    answer = await door.ask("{ viewer " * DEEPEST + "{ scopes }" + " }" * DEEPEST)
    assert (answer.code, answer.error["message"]) == (
        "TOO_COMPLEX",
        f"The operation has {DEEPEST + 1} levels, and {DEEPEST} is the most: ask for what lies deeper in an operation of its own,"
        " by its id.",
    )


async def test_an_operation_has_so_many_directives(door: Door) -> None:
    def directed(count: int) -> str:
        return "{ __typename " + "@skip(if: true) " * count + "}"

    fits = await door.ask(directed(MOST_DIRECTIVES))
    assert "directive '@skip' can only be used once" in fits.body["errors"][0]["message"]
    answer = await door.ask(directed(MOST_DIRECTIVES + 1))
    assert (answer.code, answer.error["message"]) == (
        "TOO_COMPLEX",
        f"The operation has {MOST_DIRECTIVES + 1} directives, and {MOST_DIRECTIVES} is the most: leave out those that change"
        " nothing.",
    )


async def test_a_selection_is_so_broad(door: Door) -> None:
    assert (await door.ask("{ " + "__typename " * BROADEST + "}")).data == {"__typename": "Query"}
    answer = await door.ask("{ " + "__typename " * (BROADEST + 1) + "}")
    assert (answer.code, answer.error["message"]) == (
        "TOO_COMPLEX",
        f"The operation has {BROADEST + 1} fields in one selection, and {BROADEST} is the most: ask for some of them in another"
        " operation.",
    )


async def test_fragments_count_as_often_as_they_are_spread(door: Door) -> None:
    answer = await door.ask(
        "query { usageLedger { edges { node { ...A ...A } } } } fragment A on Entry { "
        + " ".join(f"b{number}: id" for number in range(16))
        + " }"
    )
    assert answer.error["message"].startswith(f"The operation has 32 aliases, and {MOST_ALIASES} is the most")


async def test_fragments_that_double_each_other_are_measured_in_no_time(door: Door) -> None:
    doubling = [f"fragment F{number} on Query {{ ...F{number + 1} ...F{number + 1} }}" for number in range(200)]
    document = "{ ...F0 } " + " ".join(doubling) + " fragment F200 on Query { __typename }"
    answer = await door.ask(document)  # a walk over every spread would take longer than the world has
    assert [each["extensions"]["code"] for each in answer.body["errors"]] == ["TOO_COMPLEX"] * 2
    assert answer.body["errors"][1]["message"] == (
        f"The operation has {2**200:,} fields, and {MOST_FIELDS:,} is the most: spread fewer fragments, or ask for some of them"
        " in another operation."
    )
    assert "data" not in answer.body


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{ ...A } fragment A on Query { ...A }", "Cannot spread fragment 'A' within itself."),
        ("{ ...Nope }", "Unknown fragment 'Nope'."),
        ("{ a " * 2_000, "Syntax Error: Document is nested too deeply. Parsing aborted."),
    ],
)
async def test_what_is_wrong_otherwise_is_still_told(document: str, message: str, door: Door) -> None:
    answer = await door.ask(document)
    assert message in [each["message"] for each in answer.body["errors"]]
    assert "data" not in answer.body


async def test_of_several_operations_one_is_named(door: Door) -> None:
    document = "query A { __typename } query B { viewer { account { name } } }"
    answer = await door.ask(document)
    assert (answer.code, answer.error["message"]) == (
        "INVALID_QUERY",
        "Must provide operationName, since the document has several operations.",
    )
    named = await door.post({"query": document, "operationName": "B"})
    assert named.data == {"viewer": {"account": {"name": "acme"}}}


async def test_explorers_may_read_the_whole_schema(door: Door) -> None:
    query = get_introspection_query(specified_by_url=True, input_value_deprecation=True, one_of=True)
    told = build_client_schema((await door.ask(query)).data)
    assert told.get_type("Entry") is not None


async def test_the_schema_is_not_unfolded_without_end(door: Door) -> None:
    deep = "fields { type { " * 10 + "name" + " } }" * 10
    answer = await door.ask(f"{{ __schema {{ types {{ {deep} }} }} }}")
    assert answer.code == "INVALID_QUERY"
