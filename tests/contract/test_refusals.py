"""Each door: nobody without a token, nothing without the scope, and nothing from another account; refused is not written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from graphql import FieldDefinitionNode, ObjectTypeDefinitionNode, parse, print_ast

from app.api.graphql.schema import schema, sdl
from app.domain.account import Account, Permission, Principal
from app.domain.catalogue import RecordKind
from app.ledger.catalogue import upsert
from app.ledger.commands import Rules, record
from app.ports import Store
from tests.asking import ledger_of, nothing_written
from tests.conftest import Clock
from tests.contract.conftest import Door
from tests.events import START, usage
from tests.exports.world import put

WHEN = '"2026-04-01T11:00:00Z"'


@dataclass(frozen=True)
class Case:
    """One field of Query or Mutation: how it is asked, and the scope that it needs."""

    query: str
    scope: Permission | None


READS = {
    "estimate": Case('{ estimate(document: "{ __typename }") { price } }', None),
    "viewer": Case("{ viewer { account { id name } scopes } }", None),
    "node": Case('{ node(id: "act_1_1") { id } }', Permission.REPORT_READ),
    "nodes": Case('{ nodes(ids: ["act_1_1"]) { id } }', Permission.REPORT_READ),
    "activities": Case("{ activities { totalCount edges { node { id } } } }", Permission.REPORT_READ),
    "usageLedger": Case("{ usageLedger { totalCount edges { node { id } } } }", Permission.REPORT_READ),
    "usageSummary": Case(
        "{ usageSummary(groupBy: [{ dimension: PRODUCT }]) { total { events } groups { totalCount } } }", Permission.REPORT_READ
    ),
}
REPORTS = {
    "licenseAudit": Case('{ licenseAudit(licenseId: "l1") { total { events } } }', Permission.REPORT_READ),
    "customerSummary": Case('{ customerSummary(customerId: "c1") { total { events } } }', Permission.REPORT_READ),
    "subscriptionSettlement": Case(
        '{ subscriptionSettlement(subject: { orderId: "o1" }) { total { events } } }', Permission.REPORT_READ
    ),
}
IDS = {"customer": "c1", "product": "api", "license": "l1", "order": "o1", "subscription": "s1", "document": "d1"}
CATALOGUE = {
    name: Case(f'{{ {name}(id: "{record_id}") {{ id }} }}', Permission.REPORT_READ) for name, record_id in IDS.items()
} | {f"{name}s": Case(f"{{ {name}s {{ totalCount edges {{ node {{ id }} }} }} }}", Permission.REPORT_READ) for name in IDS}
EXPORTS = {
    "exports": Case("{ exports { edges { node { id } } } }", Permission.REPORT_EXPORT),
    "export": Case('{ export(id: "rptx_1") { id } }', Permission.REPORT_EXPORT),
    "drift": Case('{ drift(exportId: "rptx_1") { counts { added } } }', Permission.REPORT_EXPORT),
}
WRITES = {
    **{
        name: Case(f'mutation {{ {name}(input: {{ id: "rptx_1" }}) {{ errors {{ code }} }} }}', Permission.REPORT_EXPORT)
        for name in ("cancelExport", "deleteExport", "createExportLink")
    },
    "createExport": Case(
        "mutation { createExport(input: { report: USAGE_LEDGER }) { export { id } errors { code } } }", Permission.REPORT_EXPORT
    ),
    "recordUsageEvent": Case(
        f'mutation {{ recordUsageEvent(input: {{ occurredAt: {WHEN}, quantity: "1" }}) {{ status }} }}', Permission.USAGE_WRITE
    ),
    "recordUsageEvents": Case(
        f'mutation {{ recordUsageEvents(input: {{ events: [{{ occurredAt: {WHEN}, quantity: "1" }}] }}) {{ inserted }} }}',
        Permission.USAGE_WRITE,
    ),
    "recordActivity": Case(
        f'mutation {{ recordActivity(input: {{ action: "license.issued", occurredAt: {WHEN} }}) {{ status }} }}',
        Permission.USAGE_WRITE,
    ),
    "amendUsageEvent": Case(
        'mutation { amendUsageEvent(input: { id: "evt_1_1", changes: { quantity: "2" }, reason: "r" }) { errors { code } } }',
        Permission.USAGE_WRITE,
    ),
    "retractUsageEvent": Case(
        'mutation { retractUsageEvent(input: { id: "evt_1_1", reason: "r" }) { errors { code } } }', Permission.USAGE_WRITE
    ),
    "eraseTexts": Case('mutation { eraseTexts(input: { id: "evt_1_1" }) { texts errors { code } } }', Permission.ADMIN),
} | {
    f"upsert{kind}": Case(f'mutation {{ upsert{kind}(input: {{ id: "x", name: "X" }}) {{ errors {{ code }} }} }}', scope)
    for kind, scope in {
        "Customer": Permission.LICENSE_WRITE,
        "Product": Permission.PRODUCT_WRITE,
        "License": Permission.LICENSE_WRITE,
        "Order": Permission.LICENSE_WRITE,
        "Subscription": Permission.LICENSE_WRITE,
        "Document": Permission.LICENSE_WRITE,
    }.items()
}
EVIDENCE = {
    "signingKeys": Case("{ signingKeys { keyId } }", None),
    "checkpoint": Case("{ checkpoint { sequence } }", Permission.REPORT_READ),
    "checkpoints": Case("{ checkpoints { edges { node { sequence } } } }", Permission.REPORT_READ),
    "inclusionProof": Case('{ inclusionProof(ids: ["act_1_1"]) { checkpoint { sequence } } }', Permission.REPORT_READ),
    "consistencyProof": Case("{ consistencyProof(older: { sequence: 0 }) { path } }", Permission.REPORT_READ),
}
INTAKE = {
    "formats": Case("{ formats { ref } }", Permission.USAGE_WRITE),
    "format": Case('{ format(ref: "focus") { ref } }', Permission.USAGE_WRITE),
    "tryFormat": Case('{ tryFormat(format: { ref: "default" }, samples: "{}") { status } }', Permission.USAGE_WRITE),
    "rejects": Case("{ rejects { totalCount edges { node { id } } } }", Permission.USAGE_WRITE),
    "why": Case('{ why(id: "e1") { verdict } }', Permission.USAGE_WRITE),
}
WRITES |= {
    "saveFormat": Case(
        'mutation { saveFormat(input: { document: { version: 1, name: "m", fields: {} } }) { errors { code } } }',
        Permission.ADMIN,
    ),
    "replayRejects": Case("mutation { replayRejects(input: {}) { inserted errors { code } } }", Permission.USAGE_WRITE),
    "dropRejects": Case("mutation { dropRejects(input: { ids: [] }) { ids errors { code } } }", Permission.ADMIN),
}
ASKED = INTAKE | EVIDENCE | READS | REPORTS | CATALOGUE | EXPORTS
DOORS = ASKED | WRITES
SCOPED = {name: case for name, case in DOORS.items() if case.scope is not None}


@cache
def declared() -> dict[str, FieldDefinitionNode]:
    """The fields of Query and Mutation as the schema's file has them."""
    roots = [each for each in parse(sdl()).definitions if isinstance(each, ObjectTypeDefinitionNode)]
    return {field.name.value: field for each in roots if each.name.value in ("Query", "Mutation") for field in each.fields or ()}


@pytest.fixture
async def event(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    """One event of `acme` that names a record of each kind and has a text that can be erased, a document, and an export."""
    named = {"license_id": "l1", "order_id": "o1", "subscription_id": "s1"}
    await record(store, admin, [usage(id="e1", message="secret", **named)], rules=rules)
    await upsert(store, admin, RecordKind.DOCUMENT, "d1", {"type": "invoice"}, rules=rules)
    await put(store, account, "rptx_1")


def test_no_door_is_left_out() -> None:
    asked = schema._schema
    assert asked.query_type is not None
    assert asked.mutation_type is not None
    assert set(ASKED) == set(asked.query_type.fields)
    assert set(WRITES) == set(asked.mutation_type.fields)


@pytest.mark.parametrize("name", DOORS)
def test_the_schema_names_the_scope_that_a_field_needs(name: str) -> None:
    field = declared()[name]
    named = {each.name.value: print_ast(each) for each in field.directives or ()}
    # What `node` needs depends on the id: `viewer` gives some that need nothing.
    scope = None if name in ("node", "nodes") else DOORS[name].scope
    assert named == ({} if scope is None else {"requiresScopes": f"@requiresScopes(scopes: [[{scope.name}]])"})
    assert field.description is not None
    assert scope is None or field.description.value.endswith(f"Needs the scope `{scope}`.")


async def test_the_scope_is_looked_at_before_anything_is_read(door_with: Callable[..., Any], store: Store, event: None) -> None:
    caller: Door = await door_with(Permission.EVENT_READ)
    read: list[str] = []
    for name in ("head", "rows", "records", "groups", "export", "exports", "transact"):
        setattr(store, name, lambda *_a, _name=name, **_k: read.append(_name))
    for name, case in SCOPED.items():
        if name not in ("node", "nodes"):
            assert (await caller.ask(case.query)).code == "TOKEN_SCOPE_DENIED"
    assert read == []


@pytest.mark.parametrize("name", DOORS)
async def test_nobody_comes_in_without_a_token(name: str, nobody: Door, store: Store, account: Account, event: None) -> None:
    async with nothing_written(store, account):
        answer = await nobody.ask(DOORS[name].query)
    assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert set(answer.body) == {"errors"}


@pytest.mark.parametrize("name", SCOPED)
async def test_nothing_is_done_without_the_scope(
    name: str, door_with: Callable[..., Any], store: Store, account: Account, event: None
) -> None:
    case = SCOPED[name]
    caller: Door = await door_with(*(each for each in Permission if each not in (case.scope, Permission.ADMIN)))
    async with nothing_written(store, account):
        answer = await caller.ask(case.query)
    assert answer.status == 200
    assert answer.code == "TOKEN_SCOPE_DENIED"
    assert answer.error["extensions"]["requiredScope"] == case.scope
    assert answer.error["path"] == [name] or answer.error["path"][0] == name
    assert not answer.body["data"] or answer.body["data"] == {name: None}


@pytest.mark.parametrize("name", SCOPED)
async def test_the_scope_is_enough(name: str, door_with: Callable[..., Any], event: None) -> None:
    caller: Door = await door_with(SCOPED[name].scope)
    answer = await caller.ask(SCOPED[name].query)
    assert answer.data[name] is not None


async def test_another_account_reads_nothing_of_it(strange_door: Door, event: None) -> None:
    asked = {name: case for name, case in READS.items() if name != "estimate"}  # which reads nothing
    answers = {name: (await strange_door.ask(case.query)).data[name] for name, case in asked.items()}
    assert answers == {
        "viewer": {"account": {"id": "acc_2", "name": "globex"}, "scopes": ["ADMIN"]},
        "node": None,
        "nodes": [None],
        "activities": {"totalCount": 0, "edges": []},
        "usageLedger": {"totalCount": 0, "edges": []},
        "usageSummary": {"total": {"events": 0}, "groups": {"totalCount": 0}},
    }


@pytest.mark.parametrize("name", REPORTS)
async def test_another_account_hears_that_there_is_no_such_subject(name: str, strange_door: Door, event: None) -> None:
    answer = await strange_door.ask(REPORTS[name].query)
    assert (answer.status, answer.code, answer.body["data"]) == (200, "NOT_FOUND", {name: None})


async def test_another_account_has_evidence_of_its_own_alone(strange_door: Door, event: None) -> None:
    own = (await strange_door.ask(EVIDENCE["checkpoint"].query)).data
    assert own == {"checkpoint": {"sequence": 0}}
    for name in ("inclusionProof", "drift"):
        answer = await strange_door.ask(ASKED[name].query)
        assert (answer.status, answer.code, answer.body["data"]) == (200, "NOT_FOUND", None)


@pytest.mark.parametrize("name", CATALOGUE)
async def test_another_account_finds_none_of_its_records(name: str, strange_door: Door, event: None) -> None:
    found = (await strange_door.ask(CATALOGUE[name].query)).data[name]
    assert found == (None if name in IDS else {"totalCount": 0, "edges": []})


@pytest.mark.parametrize("name", ["amendUsageEvent", "retractUsageEvent", "eraseTexts"])
async def test_another_account_corrects_nothing_of_it(
    name: str, strange_door: Door, store: Store, account: Account, event: None
) -> None:
    async with nothing_written(store, account):
        answer = await strange_door.ask(WRITES[name].query)
    assert answer.data[name]["errors"] == [{"code": "NOT_FOUND"}]


@pytest.mark.parametrize("name", [name for name in WRITES if name.startswith(("record", "upsert"))])
async def test_what_another_account_records_is_its_own(
    name: str, strange_door: Door, stranger: Principal, store: Store, account: Account, event: None
) -> None:
    async with nothing_written(store, account):
        assert (await strange_door.ask(WRITES[name].query)).data[name] is not None
    assert len(await ledger_of(store, stranger.account)) == 1


async def test_another_accounts_cursor_is_refused(door: Door, strange_door: Door, event: None) -> None:
    page = (await door.ask("{ usageLedger { pageInfo { endCursor } } }")).data["usageLedger"]
    answer = await strange_door.ask(
        "query ($after: String) { usageLedger(after: $after) { edges { node { id } } } }", after=page["pageInfo"]["endCursor"]
    )
    assert (answer.code, answer.error["extensions"]["field"]) == ("INVALID_QUERY", "after")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("Basic YWNtZTpzZWNyZXQ=", "the Authorization header must be `Bearer <token>`"),
        ("Bearer", "the Authorization header must be `Bearer <token>`"),
        ("Bearer   ", "the Authorization header must be `Bearer <token>`"),
        ("Bearer nonsense", "the token is malformed"),
        ("Bearer gwk_aaaaaaaaaaaaaaaa_" + "A" * 43, "the token is unknown"),
    ],
)
async def test_a_bad_header_is_refused_with_its_reason(header: str, message: str, nobody: Door) -> None:
    answer = await nobody.client.post("/graphql", headers={"Authorization": header}, json={"query": "{ viewer { scopes } }"})
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["message"] == message


async def test_an_expired_key_is_refused_from_its_last_instant_on(door_with: Callable[..., Any], clock: Clock) -> None:
    caller: Door = await door_with(Permission.ADMIN, expires_at=START + timedelta(hours=1))
    clock.now = START + timedelta(minutes=59)
    assert (await caller.ask("{ viewer { scopes } }")).status == 200
    clock.now = START + timedelta(hours=1)
    answer = await caller.ask("{ viewer { scopes } }")
    assert (answer.status, answer.error["message"]) == (401, "the token has expired")


async def test_the_schema_is_not_told_without_a_token(nobody: Door, door: Door) -> None:
    query = "{ __schema { queryType { name } } }"
    assert (await nobody.ask(query)).status == 401
    assert (await door.ask(query)).data == {"__schema": {"queryType": {"name": "Query"}}}
