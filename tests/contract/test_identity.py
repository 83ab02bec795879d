"""Who is calling: where a token is shown from, told by the server and by the proxies that are trusted, and by nobody else."""

from __future__ import annotations

import dataclasses
from typing import Any

import httpx2
import pytest

from app.api.factory import create_app
from app.api.identity import client_address
from app.api.services import Services
from app.domain.account import Account, Permission
from app.ports import Store
from tests.contract.conftest import ORIGIN, token_for

PROXIES = ("10.0.0.0/8", "fd00::/8", "192.0.2.7")


def seen(client: str | None, *forwarded: str, trusted: tuple[str, ...] = PROXIES) -> str | None:
    """The address that is seen behind these X-Forwarded-For headers."""
    headers = [(b"x-forwarded-for", each.encode()) for each in forwarded]
    return client_address({"type": "http", "client": (client, 1) if client else None, "headers": headers}, trusted)


def test_without_proxies_the_header_is_not_believed() -> None:
    assert seen("198.51.100.1", "203.0.113.9") == "198.51.100.1"
    assert seen("10.0.0.1", "203.0.113.9", trusted=()) == "10.0.0.1"


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        (("203.0.113.9",), "203.0.113.9"),
        (("203.0.113.9, 10.1.1.1",), "203.0.113.9"),
        (("1.1.1.1, 203.0.113.9, 10.1.1.1",), "203.0.113.9"),  # the first is the caller's own invention
        (("1.1.1.1", "203.0.113.9"), "203.0.113.9"),
        (("203.0.113.9:4711",), "203.0.113.9"),
        (("[2001:db8::9]:4711",), "2001:db8::9"),
        (("2001:db8::9",), "2001:db8::9"),
        (("::ffff:203.0.113.9",), "203.0.113.9"),
        (("10.1.1.1, 10.1.1.2",), "10.1.1.1"),
        ((), "10.0.0.1"),
        (("unknown",), None),
        (("203.0.113.9, _hidden",), None),
        (("",), None),
    ],
)
def test_behind_proxies_the_first_hop_that_is_none_of_them_is_the_caller(forwarded: tuple[str, ...], address: str | None) -> None:
    assert seen("10.0.0.1", *forwarded) == address


def test_a_proxy_is_known_by_either_spelling_of_its_address() -> None:
    assert seen("::ffff:10.0.0.1", "203.0.113.9") == "203.0.113.9"
    assert seen("fd00::1", "203.0.113.9") == "203.0.113.9"
    assert seen("192.0.2.7", "203.0.113.9") == "203.0.113.9"
    assert seen("192.0.2.8", "203.0.113.9") == "192.0.2.8"


def test_on_a_unix_socket_nobody_has_an_address() -> None:
    assert seen(None, "203.0.113.9") is None


async def test_a_key_is_accepted_from_its_networks_alone(services: Services, store: Store, account: Account) -> None:
    token = await token_for(store, account, Permission.ADMIN, cidrs=("203.0.113.0/24",))
    behind = create_app(dataclasses.replace(services, trusted_proxies=("127.0.0.1",)))

    async def status(**headers: str) -> Any:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(behind), base_url=ORIGIN) as client:
            sent = {"Authorization": f"Bearer {token}"} | headers
            answer = await client.post("/graphql", headers=sent, json={"query": "{ viewer { scopes } }"})
        return answer.status_code, answer.json().get("errors", [{}])[0].get("message")

    refused = (401, "the token is not accepted from this address")
    assert await status(**{"X-Forwarded-For": "203.0.113.9"}) == (200, None)
    assert await status(**{"X-Forwarded-For": "203.0.114.9"}) == refused
    assert await status(**{"X-Forwarded-For": "203.0.113.9, 198.51.100.1"}) == refused
    assert await status() == refused
