"""The examples of the page run as they stand against the account of a demonstration."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import httpx2
import pytest
from graphql import FieldNode, OperationDefinitionNode, parse

from app.api.factory import create_app
from app.api.graphql.examples import tabs
from app.api.graphql.schema import schema
from app.api.services import Services
from app.domain.account import Account, Permission, Principal
from app.ledger import demo
from app.ledger.commands import Rules
from app.ports import Store
from tests.contract.conftest import ORIGIN, Door, token_for
from tests.events import START


def test_there_is_one_for_every_read_and_write() -> None:
    shown: set[str] = set()
    for tab in tabs(START):
        for each in parse(tab.query).definitions:
            if isinstance(each, OperationDefinitionNode):
                shown |= {field.name.value for field in each.selection_set.selections if isinstance(field, FieldNode)}
    asked = schema._schema
    assert asked.query_type is not None
    assert asked.mutation_type is not None
    assert asked.subscription_type is not None
    # `nodes` is `node` for several.
    assert shown == {
        name for each in (asked.query_type, asked.mutation_type, asked.subscription_type) for name in each.fields
    } - {"nodes"}


def test_each_has_a_name_of_its_own_and_says_what_it_is_for() -> None:
    names: list[str] = []
    for tab in tabs(START):
        assert tab.query.startswith("# ")
        (operation,) = (each for each in parse(tab.query).definitions if isinstance(each, OperationDefinitionNode))
        assert operation.name is not None
        names.append(operation.name.value)
    assert len(set(names)) == len(names)


async def test_all_of_them_run(
    services: Services, store: Store, account: Account, admin: Principal, rules: Rules, monkeypatch: Any
) -> None:
    monkeypatch.setattr(demo, "DAYS", 3)
    monkeypatch.setattr(demo, "EVENTS_A_DAY", 60)
    await demo.fill(store, admin, now=START)
    token = await token_for(store, account, Permission.ADMIN)
    shown = create_app(dataclasses.replace(services, demo_token=token))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(shown), base_url=ORIGIN) as client:
        page = await client.get("/graphql", headers={"Accept": "text/html"})
        config = json.loads(page.text.split('id="graphiql-config">')[1].split("</script>")[0])
        door, frozen = Door(client, token), ""
        for tab in config["tabs"]:
            if tab["query"].split("\nsubscription ")[1:]:
                continue  # these are followed by the browser of the end-to-end tests
            variables = json.loads(tab["variables"] or "{}")
            if variables.get("id") == "rptx_…":
                variables["id"] = frozen  # as people are told to
            answer = await door.ask(tab["query"], **variables)
            assert answer.data is not None, tab["query"]
            frozen = (answer.data.get("createExport") or {"export": {"id": frozen}})["export"]["id"]
            for name, told in answer.data.items():
                if name in ("cancelExport", "deleteExport", "createExportLink"):  # their ids have to be put in by hand
                    continue
                assert told is not None, tab["query"]
                assert isinstance(told, list) or not told.get("errors"), (name, told)


@pytest.mark.parametrize("refs", [[], ["evt_1_7"]])
def test_without_events_to_correct_the_place_for_one_is_left(refs: list[str]) -> None:
    variables = [tab.variables for tab in tabs(START, refs) if tab.variables and "id" in tab.variables]
    assert variables[-1] == {"id": refs[0] if refs else "evt_…"}
