"""What a page in a browser can do: nothing in its visitor's name, and only what the operator lets its origin do."""

from __future__ import annotations

import dataclasses

import httpx2
import pytest

from app.api.factory import create_app
from app.api.services import Services
from app.domain.account import Account, Permission
from app.ports import Store
from tests.asking import nothing_written
from tests.contract.conftest import ORIGIN, Door, token_for

RECORD = 'mutation { recordUsageEvent(input: { occurredAt: "2026-04-01T11:00:00Z", quantity: 1 }) { status } }'
OF_A_FORM = ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "text/plain; charset=utf-8"]
"""The content types that a form of any page can send without asking first."""
PAGE = "https://app.example.com"


@pytest.mark.parametrize("content_type", [*OF_A_FORM, ""])
async def test_what_a_form_can_send_is_not_taken(content_type: str, door: Door, store: Store, account: Account) -> None:
    body = f'{{"query": {RECORD!r}}}'.replace("'", '"').replace('"2026', '\\"2026').replace('Z"', 'Z\\"')
    async with nothing_written(store, account):
        answer = await door.post(body, Content_Type=content_type)
    assert (answer.status, answer.code) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert (await door.post(body)).data == {"recordUsageEvent": {"status": "INSERTED"}}  # with application/json, it is


async def test_nothing_that_a_browser_sends_by_itself_lets_anyone_in(door: Door) -> None:
    """A token stands in a header that a page must set itself, and so must ask for first; never in a cookie or in a URL."""
    token = door.token
    for headers in ({"Cookie": f"Authorization=Bearer {token}; token={token}"}, {"Cookie": f"session={token}"}):
        answer = await door.client.get("/graphql", params={"query": "{ __typename }"}, headers=headers)
        assert answer.status_code == 401
    in_url = {"query": "{ __typename }", "token": str(token), "access_token": str(token), "authorization": f"Bearer {token}"}
    assert (await door.client.get("/graphql", params=in_url)).status_code == 401
    answer = await door.client.get("/graphql", params={"query": "{ __typename }"}, headers=door.headers)
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("header", ["authorization", "content-type", "apollo-require-preflight", "x-requested-with"])
async def test_a_page_of_an_allowed_origin_may_send_what_clients_send(header: str, services: Services) -> None:
    app = create_app(dataclasses.replace(services, cors_origins=(PAGE,)))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=ORIGIN) as client:
        asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": header}
        answer = await client.options("/graphql", headers=asked)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, PAGE)
        refused = await client.options("/graphql", headers=asked | {"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in refused.headers


async def test_a_page_may_read_what_its_calls_cost(services: Services, store: Store, account: Account) -> None:
    app = create_app(dataclasses.replace(services, cors_origins=(PAGE,)))
    token = await token_for(store, account, Permission.REPORT_READ)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=ORIGIN) as client:
        headers = {"Origin": PAGE, "Authorization": f"Bearer {token}"}
        answer = await client.post("/graphql", headers=headers, json={"query": "{ __typename }"})
    exposed = {each.strip().lower() for each in answer.headers["access-control-expose-headers"].split(",")}
    assert {"ratelimit", "ratelimit-policy", "retry-after", "x-request-id"} <= exposed
    assert "access-control-allow-credentials" not in answer.headers
