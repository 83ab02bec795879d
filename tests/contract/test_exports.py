"""Exports over GraphQL: frozen with the words of every other question, found again, and fetched where it says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from app.api.graphql.schema import schema
from app.domain.account import Account, Permission, Principal
from app.exports.formats import FORMATS
from app.exports.freeze import Patience
from app.ledger.commands import Rules
from app.ports import Files, Store
from app.reports.catalog import REPORTS
from tests.asking import nothing_written
from tests.contract.conftest import ORIGIN, Answer, Door
from tests.exports.world import ASKED, fill, frozen

FREEZE = """
mutation Freeze($input: CreateExportInput!) {
  createExport(input: $input) {
    export {
      id report format parameters asOf dataThrough status reason rows rowsExpected sections { name rows }
      digest artifactDigest contentType size fileName downloadUrl createdBy createdAt updatedAt
    }
    errors { code field message }
  }
}
"""
FIND = """
query Find($id: ID!) {
  export(id: $id) { id status digest artifactDigest downloadUrl rows }
  node(id: $id) { id ... on Export { fileName } }
}
"""
LIST = """
query List($filters: ExportFilters, $first: Int, $after: String, $last: Int, $before: String) {
  exports(filters: $filters, first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { id } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
END = """
mutation End($id: ID!, $delete: Boolean!) {
  cancelExport(input: { id: $id }) @skip(if: $delete) { export { ...Ended } errors { code field message } }
  deleteExport(input: { id: $id }) @include(if: $delete) { export { ...Ended } errors { code field message } }
}
fragment Ended on Export { status reason digest downloadUrl }
"""
INPUTS: dict[str, dict[str, Any]] = {
    "usage-summary": {
        "filters": {"from": "2026-03-01T00:00:00Z", "to": "2026-05-01T02:00:00+02:00"},
        "groupBy": [{"dimension": "PRODUCT"}, {"dimension": "CUSTOMER"}],
        "bucket": {"granularity": "DAY"},
    },
    "usage-ledger": {},
    "license-audit": {"filters": {"licenseId": ["l1"]}},
    "customer-summary": {"filters": {"customerId": ["c1"]}},
    "subscription-settlement": {"filters": {"subscriptionId": ["s1"]}},
}
"""What `tests.exports.world.ASKED` asks, in this door's words."""


@pytest.fixture
async def filled(store: Store, admin: Principal, rules: Rules) -> None:
    """The ledger has something in it."""
    await fill(store, admin, rules)


async def freeze(door: Door, kind: str, **stated: Any) -> Answer:
    return await door.ask(FREEZE, input={"report": kind.replace("-", "_").upper()} | stated)


@pytest.mark.parametrize("kind", ASKED)
async def test_a_report_is_frozen_here_as_everywhere(
    door: Door, store: Store, files: Files, admin: Principal, rules: Rules, filled: None, kind: str
) -> None:
    answered = (await freeze(door, kind, format="CSV", asOf={"sequence": 6}, **INPUTS[kind])).data["createExport"]

    other = await frozen(store, files, admin, rules, kind, "csv", as_of=6)
    export = answered["export"]
    assert answered["errors"] == []
    assert (export["digest"], export["artifactDigest"]) == (other.digest, other.artifact_digest)
    assert export["sections"] == [{"name": name, "rows": rows} for name, rows in other.sections.items()]
    assert (export["rows"], export["size"], export["fileName"]) == (other.rows, other.size, other.file_name)


async def test_it_is_told_with_all_that_there_is_to_know(door: Door, filled: None) -> None:
    stated = {"filters": {"customerId": ["c1", "c2"], "statusCode": [500]}, "order": "OLDEST_FIRST"}
    export = (await freeze(door, "usage-ledger", **stated)).data["createExport"]["export"]

    for name in ("id", "digest", "artifactDigest", "size", "downloadUrl", "createdBy"):
        assert export.pop(name) is not None
    assert export == {
        "report": "USAGE_LEDGER",
        "format": "JSON",
        "parameters": {"customer_id": ["c1", "c2"], "status_code": ["500"], "order": ["asc"]},
        "asOf": 6,
        "dataThrough": "2026-04-01T12:00:00.000000Z",
        "status": "READY",
        "reason": None,
        "rows": 1,
        "rowsExpected": 1,
        "sections": [{"name": "entries", "rows": 1}],
        "contentType": "application/json",
        "fileName": "usage-ledger-as-of-6.json",
        "createdAt": "2026-04-01T12:00:00.000000Z",
        "updatedAt": "2026-04-01T12:00:00.000000Z",
    }


async def test_the_words_of_a_summary_are_those_of_the_query(door: Door, filled: None) -> None:
    stated = {
        "groupBy": [{"dimension": "CUSTOMER"}],
        "bucket": {"granularity": "MONTH", "timeZone": "Europe/Berlin", "fill": True},
        "orderBy": {"measure": "QUANTITY", "direction": "DESCENDING", "unit": "call"},
    }
    export = (await freeze(door, "usage-summary", **stated)).data["createExport"]["export"]

    assert export["parameters"] == {
        "group_by": ["customer_id"],
        "bucket": ["month"],
        "fill": ["true"],
        "time_zone": ["Europe/Berlin"],
        "order_by": ["quantity"],
        "order": ["desc"],
        "unit": ["call"],
    }


async def test_what_a_summary_tells_beside_sums_is_asked_in_the_words_of_the_query(door: Door, filled: None) -> None:
    stated = {
        "filters": {"from": "2026-04-01T00:00:00Z", "to": "2026-05-01T00:00:00Z"},
        "groupBy": [{"data": "a,b"}, {"dimension": "PRODUCT"}],
        "orderBy": {"measure": "QUANTITY_PERCENTILE", "percentile": "99.9", "unit": "call"},
        "having": [{"measure": "EVENTS", "atLeast": "1"}, {"measure": "LAST_USE", "to": "2026-05-01T00:00:00Z"}],
        "top": 5,
        "compareWith": {"period": {"from": "2026-03-01T00:00:00Z", "to": "2026-04-01T00:00:00Z"}},
        "measures": [{"measure": "CUSTOMERS"}, {"measure": "QUANTITY_PERCENTILE"}],
    }
    export = (await freeze(door, "usage-summary", **stated)).data["createExport"]["export"]

    assert export["parameters"] == {
        "from": ["2026-04-01T00:00:00.000000Z"],
        "to": ["2026-05-01T00:00:00.000000Z"],
        "group_by": ['data."a,b"', "product_id"],
        "order_by": ["quantity_p99.9"],
        "order": ["asc"],
        "unit": ["call"],
        "having": ["events>=1", "last_use<2026-05-01T00:00:00.000000Z"],
        "top": ["5"],
        "compare_with": ["2026-03-01T00:00:00.000000Z/2026-04-01T00:00:00.000000Z"],
        "measures": ["customers", "quantity_p50"],
    }
    refused = (await freeze(door, "usage-summary", top=101)).data["createExport"]
    assert (refused["export"], [each["field"] for each in refused["errors"]]) == (None, ["top"])


async def test_a_report_that_cuts_time_by_itself_takes_a_time_zone(door: Door, filled: None) -> None:
    stated = INPUTS["license-audit"] | {"timeZone": "Asia/Tokyo"}
    export = (await freeze(door, "license-audit", **stated)).data["createExport"]["export"]
    assert export["parameters"] == {"license_id": ["l1"], "time_zone": ["Asia/Tokyo"]}


async def test_options_of_the_file_are_asked_for_as_words_and_stand_with_what_was_asked(door: Door, filled: None) -> None:
    options = {"localTime": "Asia/Tokyo", "decimals": "COMMA", "compression": "GZIP"}
    export = (await freeze(door, "usage-ledger", format="CSV", options=options)).data["createExport"]["export"]
    assert export["parameters"] == {"local_time": ["Asia/Tokyo"], "decimals": ["comma"], "compression": ["gzip"]}
    assert (export["status"], export["fileName"], export["contentType"]) == (
        "READY",
        f"usage-ledger-as-of-{export['asOf']}.csv.gz",
        "application/gzip",
    )


@pytest.mark.parametrize(
    ("kind", "stated", "code", "field"),
    [
        ("license-audit", {}, "VALIDATION_ERROR", "filters.licenseId"),
        ("license-audit", {"filters": {"licenseId": ["l9"]}}, "NOT_FOUND", None),
        ("license-audit", {"filters": {"licenseId": ["l1", "l2"]}}, "VALIDATION_ERROR", "filters.licenseId"),
        ("usage-ledger", {"filters": {"customerId": []}}, "VALIDATION_ERROR", "filters.customerId"),
        ("usage-ledger", {"groupBy": [{"dimension": "PRODUCT"}]}, "VALIDATION_ERROR", "groupBy"),
        ("usage-summary", {"groupBy": [{"dimension": "PRODUCT"}, {"dimension": "PRODUCT"}]}, "VALIDATION_ERROR", "groupBy"),
        ("usage-ledger", {"bucket": {"granularity": "DAY"}}, "VALIDATION_ERROR", "bucket"),
        ("usage-ledger", {"timeZone": "Asia/Tokyo"}, "VALIDATION_ERROR", "timeZone"),
        ("usage-summary", {"timeZone": "UTC", "bucket": {"granularity": "DAY"}}, "VALIDATION_ERROR", "timeZone"),
        ("usage-summary", {"order": "NEWEST_FIRST", "orderBy": {}}, "VALIDATION_ERROR", "order"),
        ("usage-ledger", {"orderBy": {"measure": "EVENTS"}}, "VALIDATION_ERROR", "orderBy"),
        ("usage-ledger", {"asOf": {"sequence": 99}}, "VALIDATION_ERROR", "asOf"),
        ("usage-ledger", {"filters": {"statusCode": [99]}}, "VALIDATION_ERROR", "filters.statusCode"),
        ("usage-ledger", {"options": {"decimals": "COMMA"}}, "VALIDATION_ERROR", "options.decimals"),
        ("usage-ledger", {"format": "PDF", "options": {"compression": "GZIP"}}, "VALIDATION_ERROR", "options.compression"),
        (
            "usage-ledger",
            {"filters": {"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}},
            "VALIDATION_ERROR",
            "filters.from",
        ),
    ],
)
async def test_what_is_wrong_is_told_by_its_place_in_the_input_with_nothing_recorded(
    door: Door, store: Store, account: Account, filled: None, kind: str, stated: Any, code: str, field: str | None
) -> None:
    async with nothing_written(store, account):
        answered = (await freeze(door, kind, **stated)).data["createExport"]

    assert answered["export"] is None
    assert [(each["code"], each["field"]) for each in answered["errors"]] == [(code, field)]
    assert await store.exports(account.id, limit=1) == []


async def test_an_export_is_found_again_and_its_file_is_where_it_says(door: Door, filled: None) -> None:
    made = (await freeze(door, "usage-ledger", format="CSV")).data["createExport"]["export"]

    found = (await door.ask(FIND, id=made["id"])).data
    assert found["export"] == {name: made[name] for name in found["export"]}
    assert found["node"] == {"id": made["id"], "fileName": made["fileName"]}
    assert made["downloadUrl"].startswith(ORIGIN + "/")
    fetched = await door.client.get(made["downloadUrl"].removeprefix(ORIGIN), headers=door.headers)
    assert (fetched.status_code, fetched.headers["content-type"]) == (200, "text/csv")
    assert f"sha256:{hashlib.sha256(fetched.content).hexdigest()}" == made["artifactDigest"]


async def test_exports_come_in_pages_the_newest_first(door: Door, strange_door: Door, filled: None) -> None:
    made = [(await freeze(door, "usage-ledger")).data["createExport"]["export"]["id"] for _ in range(3)]
    await freeze(strange_door, "usage-ledger")

    first = (await door.ask(LIST, first=2)).data["exports"]
    rest = (await door.ask(LIST, after=first["pageInfo"]["endCursor"])).data["exports"]
    back = (await door.ask(LIST, last=1, before=first["pageInfo"]["endCursor"])).data["exports"]

    assert [[edge["node"]["id"] for edge in page["edges"]] for page in (first, rest, back)] == [
        [made[2], made[1]],
        [made[0]],
        [made[2]],
    ]
    assert [(page["pageInfo"]["hasNextPage"], page["pageInfo"]["hasPreviousPage"]) for page in (first, rest, back)] == [
        (True, False),
        (False, True),
        (True, False),
    ]
    assert (await door.ask(LIST, after="x")).code == "INVALID_QUERY"


async def test_exports_are_found_by_what_they_are(door: Door, filled: None) -> None:
    made = {each: (await freeze(door, "usage-ledger", format=each)).data["createExport"]["export"] for each in ("JSON", "CSV")}

    async def found(**filters: Any) -> list[str]:
        edges = (await door.ask(LIST, filters=filters)).data["exports"]["edges"]
        return [edge["node"]["id"] for edge in edges]

    everything = [made["CSV"]["id"], made["JSON"]["id"]]
    assert await found(report=["USAGE_LEDGER"], status=["READY", "FAILED"]) == everything
    assert await found(format=["CSV"]) == everything[:1]
    assert await found(createdBy=[made["CSV"]["createdBy"]], format=None) == everything
    assert await found(createdBy=["key nobody"]) == []
    refused = await door.ask(LIST, filters={"format": []})
    assert (refused.code, refused.error["message"]) == ("INVALID_QUERY", "format names no value; leave it out to ask for all")


async def test_an_export_is_called_off_or_its_file_deleted(
    door: Door, store: Store, files: Files, admin: Principal, rules: Rules, filled: None
) -> None:
    made = (await freeze(door, "usage-ledger")).data["createExport"]["export"]
    left = await frozen(store, files, admin, rules, patience=Patience(rows=0, seconds=None))

    cancelled = (await door.ask(END, id=left.id, delete=False)).data["cancelExport"]
    deleted = (await door.ask(END, id=made["id"], delete=True)).data["deleteExport"]

    assert (cancelled["errors"], deleted["errors"]) == ([], [])
    assert (cancelled["export"]["status"], cancelled["export"]["digest"]) == ("CANCELLED", None)
    assert cancelled["export"]["reason"].startswith("cancelled by key ")
    assert deleted["export"]["reason"].startswith("its file was deleted by key ")
    assert deleted["export"] == {
        "status": "EXPIRED",
        "reason": deleted["export"]["reason"],
        "digest": made["digest"],
        "downloadUrl": None,
    }
    gone = await door.client.get(made["downloadUrl"].removeprefix(ORIGIN), headers=door.headers)
    assert (gone.status_code, gone.json()["error"]["message"]) == (409, f"the file of export {made['id']} was deleted")


@pytest.mark.parametrize("delete", [False, True])
async def test_what_cannot_be_ended_is_told_as_data_with_nothing_recorded(
    door: Door, strange_door: Door, store: Store, account: Account, files: Files, admin: Principal, rules: Rules, delete: bool
) -> None:
    ready = await frozen(store, files, admin, rules)
    field = "deleteExport" if delete else "cancelExport"
    async with nothing_written(store, account):
        unknown = (await strange_door.ask(END, id=ready.id, delete=delete)).data[field]
        refused = {} if delete else (await door.ask(END, id=ready.id, delete=delete)).data[field]
    assert unknown == {"export": None, "errors": [{"code": "NOT_FOUND", "field": None, "message": f"no export {ready.id}"}]}
    if not delete:
        message = f"export {ready.id} is ready: there is nothing left to cancel"
        assert refused == {"export": None, "errors": [{"code": "CONFLICT", "field": None, "message": message}]}


async def test_another_accounts_export_is_as_unknown_as_one_that_never_was(door: Door, strange_door: Door, filled: None) -> None:
    made = (await freeze(door, "usage-ledger")).data["createExport"]["export"]["id"]
    for export_id in (made, "rptx_" + 24 * "0", "nonsense"):
        assert (await strange_door.ask(FIND, id=export_id)).data == {"export": None, "node": None}
    assert (await strange_door.ask(LIST)).data["exports"]["edges"] == []


async def test_reading_reports_is_not_enough(
    door: Door, door_with: Callable[..., Any], store: Store, account: Account, filled: None
) -> None:
    made = (await freeze(door, "usage-ledger")).data["createExport"]["export"]["id"]
    reader = await door_with(Permission.REPORT_READ)
    async with nothing_written(store, account):
        refused = [await freeze(reader, "usage-ledger"), await reader.ask(LIST), await reader.ask('{ export(id: "x") { id } }')]
        refused += [await reader.ask(END, id=made, delete=each) for each in (False, True)]

    for answer in refused:
        assert (answer.code, answer.error["extensions"]["requiredScope"]) == ("TOKEN_SCOPE_DENIED", "report:export")
    exporter = await door_with(Permission.REPORT_EXPORT)
    assert (await freeze(exporter, "usage-ledger")).data["createExport"]["export"]["status"] == "READY"
    assert (await exporter.ask(FIND, id=made)).data["export"]["id"] == made


def test_reports_and_formats_are_those_that_there_are() -> None:
    types = schema._schema.type_map
    assert list(types["ReportKind"].values) == [each.name.upper() for each in REPORTS if each.exported]  # type: ignore[attr-defined]
    assert list(types["ExportFormat"].values) == [each.name.upper() for each in FORMATS]  # type: ignore[attr-defined]
