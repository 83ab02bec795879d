"""Evidence through GraphQL and REST: the same documents, which the offline verifier takes with the keys that are published."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.domain.account import Account, Permission, Principal
from app.domain.export import Export
from app.evidence import checkpoints
from app.evidence.verifier import pinned, verify_proof
from app.ledger.commands import Rules
from app.ports import Files, Store
from tests.contract.conftest import Door
from tests.exports.world import correct, fill, frozen

ROUTES = {
    "checkpoint": "report:read",
    "inclusion?entry_id=act_1_1": "report:read",
    "consistency?older=1": "report:read",
    "exports/rptx_1/manifest": "report:export",
    "exports/rptx_1/drift": "report:export",
}


@pytest.fixture
async def export(store: Store, files: Files, admin: Principal, rules: Rules) -> Export:
    """A frozen ledger of six entries, corrected since: eleven in all."""
    await fill(store, admin, rules)
    made = await frozen(store, files, admin, rules)
    await correct(store, admin, rules)
    return made


async def get(door: Door, path: str, **query: Any) -> Any:
    answer = await door.client.get(path, params=query, headers=door.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def data(door: Door, path: str, **query: Any) -> Any:
    return (await get(door, f"/api/v1/evidence/{path}", **query))["data"]


async def keys(nobody: Door) -> dict[str, bytes]:
    """The published keys, fetched without a token."""
    return pinned(json.dumps(await get(nobody, "/.well-known/jwks.json")))


async def test_both_doors_give_the_same_documents_and_they_are_proven(
    door: Door, nobody: Door, export: Export, store: Store, account: Account
) -> None:
    told = (
        await door.ask("""{
          signingKeys { keyId x validUntil jwk }
          checkpoint(asOf: { sequence: 9 }) { name sequence root chain keyId document }
          inclusionProof(ids: ["act_1_8", "act_1_2"], asOf: { sequence: 9 }) {
            document checkpoint { name } entries { leaf leafIndex path entry { id } }
          }
          consistencyProof(older: { sequence: 3 }, newer: { sequence: 9 }) { document path older { sequence } newer { name } }
        }""")
    ).data
    pin = await keys(nobody)
    assert [each["keyId"] for each in told["signingKeys"]] == list(pin)
    point = told["checkpoint"]
    assert point["document"] == await data(door, "checkpoint", as_of="9")
    assert point["name"] == f"9:{point['root'].removeprefix('sha256:')}"
    proof = told["inclusionProof"]
    assert proof["document"] == await data(door, "inclusion", entry_id=["act_1_8", "act_1_2"], as_of=point["name"])
    assert [(each["entry"]["id"], each["leafIndex"]) for each in proof["entries"]] == [("act_1_8", 7), ("act_1_2", 1)]
    extension = told["consistencyProof"]
    assert extension["document"] == await data(door, "consistency", older="3", as_of="9")
    assert (extension["older"], extension["newer"]) == ({"sequence": 3}, {"name": point["name"]})
    for document in (point["document"], proof["document"], extension["document"]):
        assert verify_proof(json.dumps(document), pin).refused == []


async def test_every_question_can_be_asked_as_of_a_checkpoint(door: Door, export: Export) -> None:
    name = (await door.ask("{ checkpoint(asOf: { sequence: 6 }) { name } }")).data["checkpoint"]["name"]
    query = "query ($name: String!) { usageLedger(asOf: { checkpoint: $name }) { asOf edges { node { sequence } } } }"
    told = (await door.ask(query, name=name)).data["usageLedger"]
    assert (told["asOf"], [each["node"]["sequence"] for each in told["edges"]]) == (6, [4, 3, 2, 1])
    rest = await get(door, "/api/v1/reports/usage-ledger", as_of=name)
    assert [each["sequence"] for each in rest["data"]] == [4, 3, 2, 1]
    other = await door.ask(query, name=f"5:{name.partition(':')[2]}")
    assert (other.code, other.error["extensions"]["field"]) == ("INVALID_QUERY", "asOf")
    assert "is no checkpoint of this ledger, which has another root at sequence 5" in other.error["message"]
    for nonsense in ("", "6", "6:ab", "x:" + "0" * 64):
        assert (await door.ask(query, name=nonsense)).code == "INVALID_QUERY"


async def test_kept_checkpoints_are_paged(door: Door, export: Export, store: Store, account: Account, services: Any) -> None:
    await checkpoints.keep(store, services.signer, account)
    query = "{ checkpoints(first: 1) { edges { cursor node { sequence document } } pageInfo { hasNextPage } } }"
    told = (await door.ask(query)).data["checkpoints"]
    assert told["pageInfo"] == {"hasNextPage": False}
    assert [each["node"]["sequence"] for each in told["edges"]] == [11]


async def test_an_exports_manifest_is_the_same_at_every_door(door: Door, export: Export) -> None:
    query = "query ($id: ID!) { export(id: $id) { manifest manifestUrl } }"
    told = (await door.ask(query, id=export.id)).data["export"]
    answer = await door.client.get(told["manifestUrl"], headers=door.headers)
    assert answer.json() == told["manifest"]
    assert told["manifest"]["statement"]["export"] == export.id
    assert answer.headers["content-disposition"] == 'attachment; filename="usage-ledger-as-of-6.json.manifest.json"'


async def test_drift_is_told_by_both_doors(door: Door, export: Export) -> None:
    told = (
        await door.ask(
            """query ($id: ID!) { drift(exportId: $id) {
              asOf export { id } counts { added amended retracted }
              differences { measure unit then now change }
              changes(first: 2) {
                edges { cursor node { kind actor reason entries { id quantity } } } pageInfo { hasNextPage endCursor }
              }
              erasures { texts }
            } }""",
            id=export.id,
        )
    ).data["drift"]
    assert (told["asOf"], told["export"]["id"], told["erasures"]) == (11, export.id, [])
    assert told["counts"] == {"added": 1, "amended": 1, "retracted": 1}
    assert {"measure": "QUANTITY", "unit": "GB", "then": "-2.5", "now": "0", "change": "2.5"} in told["differences"]
    first, second = (each["node"] for each in told["changes"]["edges"])
    assert (first["kind"], first["reason"]) == ("AMENDED", "typo")
    assert [each["id"] for each in first["entries"]] == ["act_1_8", "act_1_9"]
    assert (second["kind"], second["reason"]) == ("RETRACTED", "never happened")

    answer = await door.client.get(f"/api/v1/evidence/exports/{export.id}/drift", params={"limit": 2}, headers=door.headers)
    rest = answer.json()["data"]
    assert (rest["counts"], rest["frozen_at"], rest["as_of"]) == (told["counts"], 6, 11)
    assert [each["kind"] for each in rest["changes"]] == ["amended", "retracted"]
    assert '"quantity":2.5,' in answer.text  # a number with all its digits
    assert '"then":2.000000000000000001,' in answer.text
    rest = await data(door, f"exports/{export.id}/drift", after=rest["next"])
    assert ([each["kind"] for each in rest["changes"]], rest["next"]) == (["added"], None)


@pytest.mark.parametrize("path", ROUTES)
async def test_each_route_needs_its_scope_and_a_token(path: str, nobody: Door, door_with: Any, export: Export) -> None:
    answer = await nobody.client.get(f"/api/v1/evidence/{path}")
    assert answer.status_code == 401
    caller = await door_with(*(each for each in Permission if each.value not in (ROUTES[path], "admin")))
    answer = await nobody.client.get(f"/api/v1/evidence/{path}", headers=caller.headers)
    assert (answer.status_code, answer.json()["error"]["detail"]) == (403, f"requires {ROUTES[path]}")


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        ("checkpoint?colour=red", 400, "colour: is not a parameter here; there are as_of"),
        ("checkpoint?as_of=", 400, "as_of: is empty"),
        ("checkpoint?as_of=1&as_of=2", 400, "as_of: is given more than once"),
        ("checkpoint?as_of=12", 400, "asOf: is not in the ledger"),
        ("checkpoint?as_of=soon", 400, "as_of: is not an RFC 3339"),
        ("inclusion", 400, "entry_id: must be given 1 to 100 times"),
        ("inclusion?entry_id=act_1_12", 404, "no entry act_1_12"),
        ("inclusion?entry_id=act_2_1", 404, "no entry act_2_1"),
        ("inclusion?entry_id=act_1_9&as_of=8", 400, "was recorded after sequence 8"),
        ("consistency", 400, "older: is missing"),
        ("consistency?older=9&as_of=8", 400, "older: ends at sequence 9, after the newer one"),
        ("exports/rptx_1/manifest", 404, "no export rptx_1"),
        ("exports/rptx_1/drift?limit=0", 404, "no export rptx_1"),
    ],
)
async def test_what_cannot_be_asked_is_refused_with_the_reason(
    path: str, status: int, word: str, door: Door, export: Export
) -> None:
    answer = await door.client.get(f"/api/v1/evidence/{path}", headers=door.headers)
    assert answer.status_code == status
    assert word in answer.json()["error"]["message"]


async def test_another_account_has_none_of_it(strange_door: Door, export: Export) -> None:
    for path in ("inclusion?entry_id=act_1_1", f"exports/{export.id}/manifest", f"exports/{export.id}/drift"):
        answer = await strange_door.client.get(f"/api/v1/evidence/{path}", headers=strange_door.headers)
        assert answer.status_code == 404


async def test_the_bounds_of_a_page_of_drift(door: Door, export: Export) -> None:
    for limit in ("0", "201", "x", "1.5", "-1"):
        path = f"/api/v1/evidence/exports/{export.id}/drift"
        answer = await door.client.get(path, params={"limit": limit}, headers=door.headers)
        assert (answer.status_code, answer.json()["error"]["message"]) == (400, "limit: must be a whole number from 1 to 200")
