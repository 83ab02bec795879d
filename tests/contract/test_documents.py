"""Documents that are known by a name: those that callers sent before, and those that the operator trusts."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.access import documents
from app.access.documents import Documents, read_manifest
from app.access.terms import Terms
from app.api.factory import create_app
from app.api.services import Services
from app.bootstrap import terms_of
from app.domain.account import Account, Permission
from app.domain.errors import InvalidSetting
from app.ports import Store
from app.settings import Settings
from tests.asking import nothing_written
from tests.contract.conftest import ORIGIN, Door, token_for

WHO = "{ viewer { account { name } } }"
ACME = {"viewer": {"account": {"name": "acme"}}}
RECORD = 'mutation { recordUsageEvent(input: { occurredAt: "2026-04-01T11:00:00Z", quantity: 1 }) { status } }'


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def named(text: str) -> dict[str, Any]:
    """The extensions by which a document is asked for that was sent before."""
    return {"persistedQuery": {"version": 1, "sha256Hash": sha(text)}}


async def test_a_hash_stands_for_a_document_once_both_were_sent(door: Door) -> None:
    unknown = await door.post({"extensions": named(WHO)})
    assert (unknown.status, unknown.error["message"], unknown.code) == (
        *(200, "PersistedQueryNotFound"),
        "PERSISTED_QUERY_NOT_FOUND",
    )
    assert (await door.post({"query": WHO, "extensions": named(WHO)})).data == ACME
    assert (await door.post({"extensions": named(WHO)})).data == ACME
    asked = {"extensions": json.dumps(named(WHO))}
    by_get = await door.client.get("/graphql", params=asked, headers=door.headers)
    assert by_get.json()["data"] == ACME


async def test_another_account_may_use_the_hash_and_sees_its_own(door: Door, strange_door: Door) -> None:
    await door.post({"query": WHO, "extensions": named(WHO)})
    assert (await strange_door.post({"extensions": named(WHO)})).data == {"viewer": {"account": {"name": "globex"}}}


async def test_a_hash_of_something_else_is_refused_and_not_kept(door: Door) -> None:
    answer = await door.post({"query": "{ __typename }", "extensions": named(WHO)})
    assert (answer.status, answer.code) == (400, "INVALID_JSON")
    assert (await door.post({"extensions": named(WHO)})).code == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    "stated", [7, {}, {"version": 2, "sha256Hash": "0" * 64}, {"version": 1, "sha256Hash": "x"}, {"version": 1, "sha256Hash": 7}]
)
async def test_a_hash_that_is_none_is_refused(stated: Any, door: Door) -> None:
    answer = await door.post({"query": WHO, "extensions": {"persistedQuery": stated}})
    assert (answer.status, answer.code) == (400, "INVALID_JSON")


async def test_a_mutation_by_its_hash_does_not_come_with_get(door: Door, store: Store, account: Account) -> None:
    refused = await door.client.get(
        "/graphql", params={"query": RECORD, "extensions": json.dumps(named(RECORD))}, headers=door.headers
    )
    assert refused.status_code == 405
    async with nothing_written(store, account):
        again = await door.client.get("/graphql", params={"extensions": json.dumps(named(RECORD))}, headers=door.headers)
    assert again.status_code == 405
    assert (await door.post({"extensions": named(RECORD)})).data == {"recordUsageEvent": {"status": "INSERTED"}}


def test_what_callers_sent_is_forgotten_when_there_is_too_much_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MOST_KNOWN", 3)
    monkeypatch.setattr(documents, "MOST_CHARACTERS", 100)
    known = Documents()

    def is_known(text: str) -> bool:
        try:
            return known.text(None, None, named(text)) == text
        except documents.DocumentUnknown:
            return False

    for text in ("a", "b", "c"):
        known.text(text, None, named(text))
    assert is_known("a")  # and is thereby the one that was asked for last
    known.text("d", None, named("d"))
    assert [is_known(each) for each in "abcd"] == [True, False, True, True]
    known.text("x" * 99, None, named("x" * 99))
    assert [is_known(each) for each in ("a", "c", "d", "x" * 99)] == [False, False, True, True]


@pytest.fixture
async def trusting(services: Services, store: Store, account: Account) -> AsyncIterator[Callable[..., Any]]:
    """Makes a caller of a gateway that trusts these documents."""
    clients = []

    async def make(trusted: dict[str, str], *, only: bool) -> Door:
        terms = Terms(documents=Documents(trusted, only=only))
        app = create_app(dataclasses.replace(services, terms=terms))
        clients.append(httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=ORIGIN))
        return Door(clients[-1], await token_for(store, account, Permission.ADMIN))

    yield make
    for each in clients:
        await each.aclose()


async def test_a_trusted_document_is_asked_for_by_its_id_or_hash(trusting: Callable[..., Any]) -> None:
    caller: Door = await trusting({"who-1": WHO, sha("{ __typename }"): "{ __typename }"}, only=False)
    assert (await caller.post({"documentId": "who-1"})).data == ACME
    by_get = await caller.client.get("/graphql", params={"documentId": "who-1"}, headers=caller.headers)
    assert by_get.json()["data"] == ACME
    assert (await caller.post({"documentId": f"sha256:{sha('{ __typename }')}"})).data == {"__typename": "Query"}
    assert (await caller.post({"extensions": named("{ __typename }")})).data == {"__typename": "Query"}
    unknown = await caller.post({"documentId": "who-2"})
    assert (unknown.status, unknown.code) == (403, "UNTRUSTED_DOCUMENT")
    assert (await caller.post({"query": "{ viewer { scopes } }"})).status == 200


async def test_where_only_trusted_documents_are_taken_no_other_is(
    trusting: Callable[..., Any], store: Store, account: Account
) -> None:
    caller: Door = await trusting({"who": WHO}, only=True)
    assert (await caller.post({"documentId": "who"})).data == ACME
    assert (await caller.post({"query": WHO})).data == ACME  # the same text, and so the same document
    async with nothing_written(store, account):
        for body in ({"query": RECORD}, {"query": RECORD, "extensions": named(RECORD)}, {"query": WHO + " "}):
            answer = await caller.post(body)
            assert (answer.status, answer.code) == (403, "UNTRUSTED_DOCUMENT")
        assert (await caller.post({"extensions": named(RECORD)})).code == "PERSISTED_QUERY_NOT_FOUND"  # nothing was remembered
        streamed = await caller.client.post(
            "/graphql", headers=caller.headers | {"Accept": "text/event-stream"}, json={"query": RECORD}
        )
        assert "UNTRUSTED_DOCUMENT" in streamed.text


def test_a_manifest_is_what_relay_or_apollo_writes(tmp_path: Path) -> None:
    file = tmp_path / "documents.json"
    file.write_text(json.dumps({"a": WHO}))
    assert read_manifest(file) == {"a": WHO}
    operations = [{"id": "b", "name": "Who", "type": "query", "body": WHO}]
    file.write_text(json.dumps({"format": "apollo-persisted-query-manifest", "version": 1, "operations": operations}))
    assert read_manifest(file) == {"b": WHO}
    for wrong in ("[]", "{", '{"a": 7}', '{"": "x"}', '{"format": "apollo-persisted-query-manifest", "operations": [7, {}]}'):
        file.write_text(wrong)
        with pytest.raises(InvalidSetting) as refused:
            read_manifest(file)
        assert refused.value.field == "GATEWAY_TRUSTED_DOCUMENTS"
    with pytest.raises(InvalidSetting, match="cannot be read"):
        read_manifest(tmp_path / "missing.json")


def test_the_settings_say_what_is_allowed(tmp_path: Path) -> None:
    file = tmp_path / "documents.json"
    file.write_text(json.dumps({"who": WHO}))
    terms = terms_of(
        Settings(graphql_price=7, introspection=False, suggestions=False, trusted_documents=file, trusted_documents_only=True)
    )
    assert (terms.most_points, terms.introspection, terms.suggestions) == (7, False, False)
    assert terms.documents.text(None, "who", None) == WHO
    with pytest.raises(documents.DocumentRefused):
        terms.documents.check("{ __typename }")
    usual = terms_of(Settings())
    assert (usual.most_points, usual.introspection, usual.suggestions) == (10_000, True, True)
    usual.documents.check("{ __typename }")
    with pytest.raises(InvalidSetting):
        terms_of(Settings(trusted_documents=tmp_path / "missing.json"))
