"""What documents cost: told before and after, the same whatever there is to read, and refused before anything is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from graphql import OperationType, parse

from app.access import budget
from app.access.budget import SECONDS, Budget
from app.access.terms import Terms
from app.api.factory import create_app
from app.api.graphql import checks
from app.api.graphql.examples import tabs
from app.api.graphql.price import Prices
from app.api.graphql.schema import schema
from app.api.services import Services
from app.domain.account import Account, Permission, Principal
from app.ledger.commands import Rules, record
from app.ports import Store
from tests.asking import nothing_written
from tests.contract.conftest import ORIGIN, Answer, Door, token_for
from tests.events import START, usage

PRICES = {
    "{ __typename }": 1,
    "{ viewer { scopes } }": 2,
    "{ viewer { account { name } key { label } } }": 4,
    "{ usageLedger(first: 100) { edges { cursor node { id quantity unit } } pageInfo { endCursor } } }": 101,
    "{ usageLedger { edges { node { id } } } }": 51,
    "{ usageLedger(last: 7) { edges { node { id } } } }": 8,
    "{ usageLedger(first: 0) { totalCount } }": 101,
    "{ usageLedger(first: 10) { edges { node { product { name } customer { name } } } } }": 1 + 10 * 3,
    # Asked for twice under one name, it is answered once; under two names twice.
    "{ viewer { account { name } } viewer { account { id } } }": 3,
    "{ a: usageLedger(first: 5) { edges { node { id } } } b: usageLedger(first: 5) { edges { node { id } } } }": 11,
    "{ ...A ...A } fragment A on Query { usageLedger(first: 5) { edges { node { id } } } }": 6,
    # A summary is added up for its total and for its groups; their parts are lists of which nobody knows the length.
    "{ usageSummary { total { events } } }": 1 + 51 + 1,
    "{ usageSummary(groupBy: { dimension: PRODUCT }) { groups(first: 20) { edges { node { events } } } } }": 1 + 51 + 50 + 20,
    "{ usageSummary { groups(first: 20) { edges { node { quantities { unit } } } } } }": 1 + 51 + 50 + 20 + 20 * 5,
    '{ usageSummary(compareWith: { period: { to: "2026-04-01T00:00:00Z" } }) { total { previous { events } } } }': 1
    + 101
    + 1
    + 1,
    "{ usageSummary { groups(first: 20) { edges { node { quantities { percentile(percent: 99) } } } } } }": 1
    + 51
    + 50
    + 20
    + 200,
    # What a number opens into is a page; what came late is counted.
    "{ usageSummary { total { entries(first: 9) { edges { node { id } } } } } }": 1 + 51 + 1 + 9,
    "{ usageSummary { completeness { lateArrivals { sinceAsOf } rejectsWaiting } } }": 1 + 51 + 21 + 201 + 10,
    '{ nodes(ids: ["act_1_1", "act_1_2"]) { id } }': 3,
    '{ licenseAudit(licenseId: "l1", first: 10) { activities { rows { id } } months { events } } }': 1 + 101 + 10 + 5,
    'mutation { recordUsageEvent(input: { occurredAt: "2026-04-01T11:00:00Z" }) { status } }': 1 + 1 + 10,
    "{ __schema { types { name } } }": 101,
    "{ __typename @include(if: false) viewer @skip(if: true) { scopes } }": 2,
}


@pytest.mark.parametrize("document", PRICES)
async def test_a_price_is_read_off_the_document(document: str, door: Door) -> None:
    answer = await door.ask(document)
    assert answer.body["extensions"]["cost"]["price"] == PRICES[document]
    assert await estimated(door, document) == PRICES[document]


async def estimated(door: Door, document: str, **variables: Any) -> int | None:
    query = (
        "query ($document: String!, $variables: JSONObject) { estimate(document: $document, variables: $variables) { price } }"
    )
    price: int | None = (await door.ask(query, document=document, variables=variables)).data["estimate"]["price"]
    return price


async def test_variables_count_with_the_sizes_that_they_name(door: Door) -> None:
    document = "query ($n: Int = 3) { usageLedger(first: $n) { edges { node { id } } } }"
    assert (await door.ask(document, n=40)).body["extensions"]["cost"]["price"] == 41
    assert await estimated(door, document, n=40) == 41
    assert await estimated(door, document) == 4
    # Remembered prices are those of the same sizes.
    priced = Prices(schema._schema, parse(document), parse(document).definitions[0])  # type: ignore[arg-type]
    sizes: list[dict[str, Any]] = [{"n": 40}, {}, {"n": 41}, {"n": 40}, {"n": None}, {"n": 10**9}, {"n": -1}, {"n": True}]
    assert [priced.of(each).points for each in sizes] == [41, 4, 42, 41, 51, 201, 1, 51]
    many = "mutation ($input: UsageEventsInput!) { recordUsageEvents(input: $input) { inserted } }"
    events = [{"occurredAt": "2026-04-01T11:00:00Z", "quantity": "1"}] * 7
    assert (await door.ask(many, input={"events": events})).body["extensions"]["cost"]["price"] == 1 + 1 + 10 + 7


async def test_the_same_document_costs_the_same_in_an_empty_and_in_a_full_account(
    door: Door, strange_door: Door, store: Store, stranger: Principal, rules: Rules
) -> None:
    """Nothing but the schema, the document and its variables goes in: so of a million entries it is as true as of a thousand."""
    for n in range(10):
        await record(store, stranger, [usage(product_id=f"p{n}.{m}") for m in range(100)], rules=rules)
    for tab in tabs(START):
        if parse(tab.query).definitions[0].operation is not OperationType.QUERY:  # type: ignore[attr-defined]
            continue
        empty = await door.ask(tab.query, **(tab.variables or {}))
        full = await strange_door.ask(tab.query, **(tab.variables or {}))
        assert empty.body["extensions"]["cost"] | {"resetSeconds": 0} == full.body["extensions"]["cost"] | {"resetSeconds": 0}


def test_every_example_is_well_within_the_bounds() -> None:
    for tab in tabs(START):
        document = parse(tab.query)
        price = Prices(schema._schema, document, document.definitions[0]).of(tab.variables or {})  # type: ignore[arg-type]
        assert price.points <= 2_000, (tab.query, price.parts)
        assert price.points == 1 + sum(price.parts.values())


HURTFUL: dict[str, tuple[str, str]] = {
    "aliases": (
        "{ " + " ".join(f"a{n}: usageLedger(first: 1) {{ totalCount }}" for n in range(31)) + " }",
        "31 aliases, and 30 is the most: ask for some of them in another operation.",
    ),
    "depth": (
        "{ licenses { edges { node { " + "subscription { order { customer { " * 4 + "id" + " } } }" * 4 + " } } } }",
        "16 levels, and 12 is the most: ask for what lies deeper in an operation of its own, by its id.",
    ),
    "fragments": (
        "{ ...F0 } " + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(12))
        + " fragment F12 on Query { usageLedger { totalCount } }",
        "8,192 fields, and 2,000 is the most: spread fewer fragments, or ask for some of them in another operation.",
    ),
    "cycles": ("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }", "Cannot spread fragment 'A' within itself"),
    "breadth": (
        "{ " + "usageLedger(first: 1) { totalCount } " * 201 + "}",
        "201 fields in one selection, and 200 is the most: ask for some of them in another operation.",
    ),
    "directives": (
        "{ __typename " + "@include(if: true) " * 51 + "}",
        "51 directives, and 50 is the most: leave out those that change nothing.",
    ),
    "tokens": (
        "{ nodes(ids: [" + '"act_1_1" ' * 6_000 + "]) { id } }",
        "The document has more than 6,000 tokens: put values into variables, or ask for some of it in another one.",
    ),
    "page sizes": (
        "{ customers(first: 200) { edges { node { id } } }"
        " usageSummary(groupBy: { dimension: CUSTOMER }) { groups(first: 200) { edges { node {"
        " quantities { unit } charges { currency } a: quantities { unit } b: quantities { unit } c: quantities { unit }"
        " d: quantities { unit } e: quantities { unit } f: quantities { unit } g: quantities { unit } h: quantities { unit }"
        " } } } } }",
        "The operation costs 10,502 points, and 10,000 is the most: 9,000 of them are for"
        " `usageSummary.groups.edges.node.quantities`. Ask for fewer rows there or around it (`first`), or for some of it in"
        " another operation.",
    ),
}  # fmt: skip


@pytest.fixture
def questions(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the store is asked from here on, but for whose token it is."""
    asked: list[str] = []
    names = [each for each in dir(type(store)) if not each.startswith("_") and each not in ("key", "account", "close")]
    for name in names:
        method = getattr(store, name)
        if callable(method):

            def noted(*given: Any, _name: str = name, _method: Any = method, **named: Any) -> Any:
                asked.append(_name)
                return _method(*given, **named)

            monkeypatch.setattr(store, name, noted)
    return asked


@pytest.mark.parametrize("what", HURTFUL)
async def test_a_document_that_is_made_to_hurt_is_refused_before_the_store_is_asked(
    what: str, door: Door, store: Store, account: Account, questions: list[str]
) -> None:
    document, told = HURTFUL[what]
    for accept, status in (("application/json", 200), ("application/graphql-response+json", 400)):
        answer = await door.post({"query": document}, Accept=accept)
        assert answer.status == status
        assert "data" not in answer.body
        assert told in "\n".join(each["message"] for each in answer.body["errors"])
        assert answer.body["errors"][0]["extensions"]["code"] == ("INVALID_QUERY" if what == "cycles" else "TOO_COMPLEX")
    estimate = "query ($document: String!) { estimate(document: $document) { allowed problems } }"
    told_before = (await door.ask(estimate, document=document)).data["estimate"]
    assert told_before["allowed"] is False
    assert any(told in each or "tokens" in each for each in told_before["problems"])
    assert questions == []


async def test_what_is_not_refused_does_ask_the_store(door: Door, questions: list[str]) -> None:
    assert (await door.ask("{ usageLedger { edges { node { id } } } }")).status == 200
    assert "rows" in questions


@pytest.fixture
def bounded_app(services: Services) -> FastAPI:
    """Where a key has 100 points and 3 calls a minute, and one operation may cost 60 points."""
    terms = Terms(most_points=60)
    return create_app(dataclasses.replace(services, terms=terms, points=Budget("points", 100), calls=Budget("calls", 3)))


async def called(app: FastAPI, token: str, path: str, **sent: Any) -> httpx2.Response:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=ORIGIN) as client:
        headers = {"Authorization": f"Bearer {token}"} | sent.pop("headers", {})
        return await client.request("POST" if sent else "GET", path, headers=headers, **sent)


async def test_a_key_has_so_many_points_a_minute(
    bounded_app: FastAPI, store: Store, account: Account, questions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    token, other = await token_for(store, account, Permission.ADMIN), await token_for(store, account, Permission.ADMIN)
    page = {"query": "{ usageLedger(first: 48) { edges { node { id } } } }"}

    first = await called(bounded_app, token, "/graphql", json=page)
    assert first.json()["extensions"] == {
        "cost": {"price": 49, "most": 60, "budget": 100, "left": 51, "resetSeconds": SECONDS},
    }
    assert first.headers["ratelimit-policy"] == f'"points";q=100;w={SECONDS}'
    assert first.headers["ratelimit"] == f'"points";r=51;t={SECONDS}'
    assert (await called(bounded_app, token, "/graphql", json=page)).json()["extensions"]["cost"]["left"] == 2

    before = len(questions)
    for accept in ("application/json", "application/graphql-response+json"):
        refused = await called(bounded_app, token, "/graphql", json=page, headers={"Accept": accept})
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= SECONDS
        assert refused.headers["ratelimit"].startswith('"points";r=2;t=')
        (error,) = refused.json()["errors"]
        assert error["message"] == f"this costs 49 points, and 2 are left until the next {SECONDS} s"
        assert (error["extensions"]["code"], error["extensions"]["retryAfter"]) == (
            "RATE_LIMITED",
            int(refused.headers["retry-after"]),
        )
        assert "data" not in refused.json()
    assert len(questions) == before  # and nothing was paid for it either
    cheap = await called(bounded_app, token, "/graphql", json={"query": "{ __typename }"})
    assert cheap.json()["extensions"]["cost"]["left"] == 1
    assert (await called(bounded_app, other, "/graphql", json=page)).json()["extensions"]["cost"]["left"] == 51

    moved = budget.time.time() + SECONDS
    monkeypatch.setattr(budget.time, "time", lambda: moved)
    assert (await called(bounded_app, token, "/graphql", json=page)).json()["extensions"]["cost"]["left"] == 51


async def test_what_cannot_be_paid_is_not_recorded(bounded_app: FastAPI, store: Store, account: Account) -> None:
    token = await token_for(store, account, Permission.ADMIN)
    events = ", ".join(['{ occurredAt: "2026-04-01T11:00:00Z", quantity: 1 }'] * 60)
    async with nothing_written(store, account):
        answer = await called(
            bounded_app,
            token,
            "/graphql",
            json={"query": f"mutation {{ recordUsageEvents(input: {{ events: [{events}] }}) {{ inserted }} }}"},
        )
    assert answer.json()["errors"][0]["extensions"]["code"] == "TOO_COMPLEX"


async def test_an_estimate_tells_where_the_points_are_and_what_is_left(
    bounded_app: FastAPI, store: Store, account: Account
) -> None:
    token = await token_for(store, account, Permission.EVENT_READ)  # no scope is needed

    async def asked(document: str) -> Any:
        query = """query ($document: String!) { estimate(document: $document) {
          price most allowed budget left resetSeconds costliest { path points } problems
        } }"""
        sent = {"query": query, "variables": {"document": document}}
        return (await called(bounded_app, token, "/graphql", json=sent)).json()["data"]["estimate"]

    told = await asked("{ usageLedger(first: 20) { totalCount edges { node { product { id } } } } }")
    assert told == {
        "price": 141, "most": 60, "allowed": False, "budget": 100, "resetSeconds": told["resetSeconds"], "left": told["left"],
        "costliest": [
            {"path": "usageLedger.totalCount", "points": 100},
            {"path": "usageLedger.edges.node", "points": 20},
            {"path": "usageLedger.edges.node.product", "points": 20},
        ],
        "problems": [
            "The operation costs 141 points, and 60 is the most: 100 of them are for `usageLedger.totalCount`. Ask for fewer rows"
            " there or around it (`first`), or for some of it in another operation.",
            f"Only {told['left']} points are left for {told['resetSeconds']} seconds.",
        ],
    }  # fmt: skip
    assert await asked("{ nope }") | {"left": 0, "resetSeconds": 0} == {
        "price": None,
        "most": 60,
        "allowed": False,
        "budget": 100,
        "left": 0,
        "resetSeconds": 0,
        "costliest": [],
        "problems": ["Cannot query field 'nope' on type 'Query'. Did you mean 'node' or 'nodes'?"],
    }
    assert (await asked("query A { __typename } query B { __typename }"))["problems"] == [
        "Must provide operationName, since the document has several operations."
    ]


async def test_a_key_may_call_rest_so_often_where_the_operator_says_so(
    bounded_app: FastAPI, app: FastAPI, store: Store, account: Account
) -> None:
    token = await token_for(store, account, Permission.ADMIN)
    path = "/api/v1/reports/usage-summary"
    left = [(await called(bounded_app, token, path)).headers["ratelimit"] for _ in range(3)]
    assert left == [f'"calls";r={each};t={SECONDS}' for each in (2, 1, 0)]
    async with nothing_written(store, account):
        refused = await called(bounded_app, token, "/api/v1/usage-events", json=[{"quantity": "1"}])
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "RATE_LIMITED"
    assert 1 <= int(refused.headers["retry-after"]) <= SECONDS
    assert refused.headers["ratelimit-policy"] == f'"calls";q=3;w={SECONDS}'
    unbounded = await called(app, token, path)
    assert (unbounded.status_code, "ratelimit" in unbounded.headers) == (200, False)


async def test_so_many_documents_are_remembered_and_no_more(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MOST_REMEMBERED", 3)
    for n in range(5):
        assert (await door.ask(f"{{ a{n}: __typename }}")).data == {f"a{n}": "Query"}
    assert list(checks._known) == [f"{{ a{n}: __typename }}" for n in (2, 3, 4)]
    assert checks._characters == sum(len(each) for each in checks._known)
    monkeypatch.setattr(checks, "MOST_CHARACTERS", 100)
    long = "{ __typename" + " " * 100 + "}"
    assert (await door.ask(long)).data == {"__typename": "Query"}
    assert (list(checks._known), checks._characters) == ([], 0)


async def test_the_usual_budget_is_more_than_anyone_can_spend(door_with: Callable[..., Any]) -> None:
    answer: Answer = await (await door_with(Permission.EVENT_READ)).ask("{ __typename }")
    assert answer.body["extensions"]["cost"]["left"] == 60_000_000 - 1
