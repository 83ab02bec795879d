"""The pages for people: where each lies, what it may load, and what programs are told there."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import httpx2
import pytest

from app.api.factory import create_app
from app.api.graphql.schema import sdl
from app.api.pages import readme
from app.api.services import Services
from tests.contract.conftest import ORIGIN, Door

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
ROOT = Path(__file__).parents[2]


async def test_people_are_welcomed_and_led_on(door: Door) -> None:
    shown = await door.client.get("/", headers=HTML)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for place in ("/graphql", "/reference", "/schema.graphql", "/readme", "/readyz", "/metrics", "/api/v1/openapi.json"):
        assert f'href="{place}"' in shown.text
        assert (await door.client.get(place, headers=HTML)).status_code == 200, place


async def test_programs_are_told_the_same_places(door: Door) -> None:
    told = (await door.client.get("/")).json()
    assert told["name"] == "usage-gateway"
    assert (told["graphql"], told["schema"], told["rest"]) == ("/graphql", "/schema.graphql", "/reference")


async def test_the_schema_is_the_file_in_the_tree(door: Door) -> None:
    answer = await door.client.get("/schema.graphql")
    assert answer.headers["content-type"].startswith("application/graphql")
    assert answer.text == sdl() == (ROOT / "schema.graphql").read_text()


async def test_the_readme_is_a_page_for_people_and_a_text_for_programs(door: Door) -> None:
    stated = (ROOT / "README.md").read_text()
    assert (await door.client.get("/readme")).text == stated == readme.text()
    page = await door.client.get("/readme", headers=HTML)
    assert "<h1>Usage gateway</h1>" in page.text
    assert "<table " in page.text
    assert '<code><span class="option">--out</span></code>' in page.text  # which no browser breaks after a hyphen
    assert 'href="app/MAP.md"' not in page.text  # which no page shows
    assert "</span>\n" not in page.text  # blocks of commands stay as they are
    assert page.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("page", ["/", "/readme", "/reference", "/graphql"])
async def test_no_page_may_load_anything_from_elsewhere(page: str, door: Door) -> None:
    shown = await door.client.get(page, headers=HTML)
    policy = dict(each.split(" ", 1) for each in shown.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy.get("script-src", "'none'") in ("'self'", "'none'")
    assert not any("http" in each or "unsafe-eval" in each for each in policy.values())
    assert 'src="http' not in shown.text


async def test_the_reference_holds_a_demonstrations_token_alone(services: Services, door: Door) -> None:
    assert "gwk_" not in (await door.client.get("/reference")).text
    shown = create_app(dataclasses.replace(services, demo_token=door.token))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(shown), base_url=ORIGIN) as client:
        answer = await client.get("/reference")
    assert door.token in answer.text
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", ["no-such.png", "..%2fREADME.md", "README.md", "%2e%2e"])
async def test_nothing_but_pictures_lies_beside_the_readme(name: str, door: Door) -> None:
    assert (await door.client.get(f"/docs/{name}")).status_code == 404
