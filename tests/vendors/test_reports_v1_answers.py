"""What the read routes answer: the envelope, paging, the shared vocabulary, the numbers."""

from __future__ import annotations

import re
from collections import defaultdict
from fractions import Fraction
from itertools import pairwise
from typing import Any

import httpx2
import pytest

from tests.vendors.conftest import Gateway
from tests.vendors.served import answered
from tests.vendors.world import VALUES

FEEDS = ("/api/v1/activities", "/api/v1/reports/usage-ledger")
REPORTS = (
    ("/api/v1/reports/usage-summary", ()),
    ("/api/v1/reports/license-audit", (("license_id", "l1"),)),
    ("/api/v1/reports/customer-summary", (("customer_id", "c1"),)),
    ("/api/v1/reports/subscription-settlement", (("subscription_id", "s1"),)),
)
DIMENSIONS = ("product_id", "customer_id", "license_id", "order_id", "subscription_id", "feature_code")
AT_LEAST = (
    *("sequence", "id", "action", "source", "occurred_at", "recorded_at", *DIMENSIONS),
    *("quantity", "request_id", "result_class", "status_code"),
)
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def walk(client: httpx2.Client, path: str, query: tuple[tuple[str, str], ...] = ()) -> list[dict[str, Any]]:
    """All rows of a feed, page by page."""
    rows: list[dict[str, Any]] = []
    cursor: int | None = None
    while True:
        body = answered(client, path, [*query, *([("cursor", str(cursor))] if cursor else [])])
        rows += body["data"]
        cursor = body["page_info"]["next_cursor"]
        if cursor is None:
            return rows


@pytest.fixture(scope="module")
def everything(gateway: Gateway) -> list[dict[str, Any]]:
    """The whole ledger, newest first."""
    with gateway.served.client(gateway.reader) as client:
        return walk(client, FEEDS[0], (("limit", "200"),))


@pytest.fixture(scope="module")
def usage_rows(everything: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All that was used, newest first."""
    return [row for row in everything if row["kind"] == "usage"]


@pytest.mark.parametrize("path", FEEDS)
def test_a_feed_answers_rows_with_page_info_and_meta(reader: httpx2.Client, path: str) -> None:
    body = answered(reader, path, [("limit", "3")])

    assert list(body) == ["data", "page_info", "meta"]
    assert len(body["data"]) == 3
    assert body["page_info"] == {"next_cursor": body["data"][-1]["sequence"]}
    assert set(body["meta"]) == {"request_id", "timestamp"}
    assert INSTANT.fullmatch(body["meta"]["timestamp"])


@pytest.mark.parametrize("path", FEEDS)
def test_rows_carry_the_contracts_columns_and_absent_values_are_null(reader: httpx2.Client, path: str) -> None:
    for row in answered(reader, path, [("limit", "200")])["data"]:
        assert set(AT_LEAST) <= set(row)
        assert all(value != "" for value in row.values())


@pytest.mark.parametrize(("path", "query"), REPORTS)
def test_a_report_is_one_object(reader: httpx2.Client, path: str, query: tuple[tuple[str, str], ...]) -> None:
    body = answered(reader, path, query)

    assert list(body) == ["data", "meta"]
    data = body["data"]
    assert data["report"] == path.rpartition("/")[2]
    assert data["as_of"] == 805
    assert data["data_through"] == "2026-04-01T12:00:00.000000Z"
    assert data["period"] == {"from": None, "to": None}
    assert isinstance(data["total"], dict)


@pytest.mark.parametrize("path", FEEDS)
def test_pages_run_newest_first_and_meet_every_row_once(reader: httpx2.Client, path: str) -> None:
    rows = walk(reader, path, (("limit", "97"),))

    sequences = [row["sequence"] for row in rows]
    assert sequences == sorted(set(sequences), reverse=True)
    assert sequences == [row["sequence"] for row in walk(reader, path, (("limit", "200"),))]


def test_activities_are_every_entry_and_the_usage_ledger_those_of_usage(
    reader: httpx2.Client, everything: list[dict[str, Any]]
) -> None:

    assert [row["sequence"] for row in everything] == list(range(805, 0, -1))
    assert walk(reader, FEEDS[1], (("limit", "200"),)) == [row for row in everything if row["kind"] == "usage"]


@pytest.mark.parametrize("path", FEEDS)
def test_the_last_page_says_null_also_when_it_is_full(reader: httpx2.Client, path: str) -> None:
    rows = walk(reader, path, (("limit", "200"),))
    cursor = str(rows[-8]["sequence"])

    body = answered(reader, path, [("cursor", cursor), ("limit", "7")])
    assert [row["sequence"] for row in body["data"]] == [row["sequence"] for row in rows[-7:]]
    assert body["page_info"] == {"next_cursor": None}
    assert answered(reader, path, [("cursor", "1")]) | {"meta": None} == {
        "data": [],
        "page_info": {"next_cursor": None},
        "meta": None,
    }


@pytest.mark.parametrize("path", FEEDS)
@pytest.mark.parametrize(("limit", "rows"), [(None, 50), ("1", 1), ("007", 7), ("200", 200), ("201", 200), ("9" * 40, 200)])
def test_limit_is_50_by_default_and_at_most_200(reader: httpx2.Client, path: str, limit: str | None, rows: int) -> None:
    query = [] if limit is None else [("limit", limit)]

    assert len(answered(reader, path, query)["data"]) == rows


def test_a_cursor_beyond_the_ledger_asks_for_everything(reader: httpx2.Client) -> None:
    newest = answered(reader, FEEDS[0], [("limit", "2")])["data"]

    assert answered(reader, FEEDS[0], [("limit", "2"), ("cursor", str(2**63 - 1))])["data"] == newest


@pytest.mark.parametrize("name", VALUES)
def test_every_filter_of_the_feeds_equals_a_scan(reader: httpx2.Client, everything: list[dict[str, Any]], name: str) -> None:
    values = [value for value in VALUES[name] if value is not None]
    for value in [*values, 599 if name == "status_code" else "nobody"]:
        expected = [row for row in everything if row[name] == value]
        assert walk(reader, FEEDS[0], ((name, str(value)), ("limit", "200"))) == expected
    either = ((name, str(values[0])), (name, str(values[1])), ("limit", "200"))
    assert walk(reader, FEEDS[0], either) == [row for row in everything if row[name] in values[:2]]


@pytest.mark.parametrize("action", ["usage.consumed", "license.issued", "license.updated", "nothing.happened"])
def test_the_action_filter_equals_a_scan(
    reader: httpx2.Client, everything: list[dict[str, Any]], usage_rows: list[dict[str, Any]], action: str
) -> None:
    for path, rows in zip(FEEDS, (everything, usage_rows), strict=True):
        expected = [row for row in rows if row["action"] == action]
        assert walk(reader, path, (("action", action), ("limit", "200"))) == expected


def test_the_result_class_filter_equals_a_scan(reader: httpx2.Client, everything: list[dict[str, Any]]) -> None:
    for word in ("success", "client_error", "server_error", "other"):
        found = walk(reader, FEEDS[0], (("result_class", word), ("limit", "200")))
        assert found == [row for row in everything if row["result_class"] == word]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-03-01", None),
        (None, "2026-03-01T00:00:00Z"),
        ("2026-03-01", "2026-03-02"),
        ("2026-03-01T01:00:00+01:00", "2026-03-01T22:30:00.5-05:00"),
        ("2030-01-01", "2030-01-02"),
    ],
)
def test_from_is_inclusive_to_is_exclusive_and_a_date_is_its_midnight_in_utc(
    reader: httpx2.Client, everything: list[dict[str, Any]], start: str | None, end: str | None
) -> None:
    utc = {
        "2026-03-01": "2026-03-01T00:00:00.000000Z",
        "2026-03-01T00:00:00Z": "2026-03-01T00:00:00.000000Z",
        "2026-03-02": "2026-03-02T00:00:00.000000Z",
        "2026-03-01T01:00:00+01:00": "2026-03-01T00:00:00.000000Z",
        "2026-03-01T22:30:00.5-05:00": "2026-03-02T03:30:00.500000Z",
        "2030-01-01": "2030-01-01T00:00:00.000000Z",
        "2030-01-02": "2030-01-02T00:00:00.000000Z",
        None: None,
    }
    low, high = utc[start] or "", utc[end] or "9"
    query = tuple((name, text) for name, text in (("from", start), ("to", end)) if text is not None)

    assert walk(reader, FEEDS[0], (*query, ("limit", "200"))) == [row for row in everything if low <= row["occurred_at"] < high]
    told = answered(reader, "/api/v1/reports/usage-summary", query)["data"]["period"]
    assert told == {"from": utc[start], "to": utc[end]}


def test_the_edges_of_a_period_belong_to_it_as_said(reader: httpx2.Client) -> None:
    row = answered(reader, FEEDS[1], [("limit", "1")])["data"][0]
    moment = row["occurred_at"]
    after = f"{moment[:-1]}999Z"  # digits past the microsecond say nothing

    assert row in walk(reader, FEEDS[1], (("from", moment), ("limit", "200")))
    assert row not in walk(reader, FEEDS[1], (("to", moment), ("limit", "200")))
    assert row in walk(reader, FEEDS[1], (("from", after), ("limit", "200")))


def scanned(rows: list[dict[str, Any]], by: tuple[str, ...]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Groups of usage rows, added up one by one."""
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = tuple(row[name] for name in by)
        group = groups.setdefault(key, {"events": 0, "quantities": defaultdict(Fraction), "charges": defaultdict(Fraction)})
        group["events"] += -1 if row["correction"] == "reversal" else 1
        if row["quantity"] is not None:
            group["quantities"][row["unit"]] += Fraction(row["quantity"])
        if row["charge"] is not None:
            group["charges"][row["currency"]] += Fraction(row["charge"])
    return groups


def told_groups(data: dict[str, Any], by: tuple[str, ...]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The groups of a summary in the shape of `scanned`."""
    return {
        tuple(group[name] for name in by): {
            "events": group["events"],
            "quantities": {part["unit"]: Fraction(part["quantity"]) for part in group["quantities"]},
            "charges": {part["currency"]: Fraction(part["charge"]) for part in group["charges"]},
        }
        for group in data["groups"]
    }


@pytest.mark.parametrize("by", [(), ("product_id",), ("customer_id", "feature_code"), DIMENSIONS])
@pytest.mark.parametrize("name", DIMENSIONS)
def test_every_filter_of_a_summary_equals_a_scan_of_the_ledger(
    reader: httpx2.Client, usage_rows: list[dict[str, Any]], name: str, by: tuple[str, ...]
) -> None:
    value = VALUES[name][0]
    rows = [row for row in usage_rows if row[name] == value]
    query = [(name, value), ("limit", "200"), *(("group_by", each) for each in by)]
    data = answered(reader, "/api/v1/reports/usage-summary", query)["data"]

    expected = scanned(rows, by)
    if len(expected) > 200:
        assert data["truncated"] == ["groups"]
        assert len(data["groups"]) == 200
        assert told_groups(data, by).items() <= expected.items()
    else:
        assert data["truncated"] == []
        assert told_groups(data, by) == expected
    assert told_groups({"groups": [data["total"]]}, ())[()] == scanned(rows, ())[()]


def test_group_by_repeats_or_is_separated_by_commas(reader: httpx2.Client) -> None:
    path = "/api/v1/reports/usage-summary"
    repeated = answered(reader, path, [("group_by", "product_id"), ("group_by", "order_id")])["data"]

    assert repeated["group_by"] == ["product_id", "order_id"]
    assert answered(reader, path, [("group_by", "product_id,order_id")])["data"] == repeated
    assert answered(reader, path, [("group_by", "product_id, order_id")])["data"] == repeated
    other = answered(reader, path, [("group_by", "order_id,product_id")])["data"]
    assert other["group_by"] == ["order_id", "product_id"]
    assert told_groups(other, ("product_id", "order_id")) == told_groups(repeated, ("product_id", "order_id"))


def test_without_grouping_a_summary_is_one_total(reader: httpx2.Client) -> None:
    data = answered(reader, "/api/v1/reports/usage-summary")["data"]

    assert data["group_by"] == []
    (only,) = data["groups"]
    keys = {*DIMENSIONS, "bucket_start", "bucket_end"}
    assert {name: value for name, value in only.items() if name not in keys} == data["total"]
    assert {only[name] for name in keys} == {None}


@pytest.mark.parametrize(("bucket", "hours"), [("1h", 1), ("1d", 24)])
def test_buckets_cut_time_and_add_up_to_the_total(
    reader: httpx2.Client, usage_rows: list[dict[str, Any]], bucket: str, hours: int
) -> None:
    query = [("bucket", bucket), ("from", "2026-03-03"), ("to", "2026-03-08"), ("limit", "200")]
    data = answered(reader, "/api/v1/reports/usage-summary", query)["data"]

    starts = [group["bucket_start"] for group in data["groups"]]
    assert starts == sorted(set(starts))
    assert all(start[14:] == "00:00.000000Z" and (hours == 1 or start[11:13] == "00") for start in starts)
    assert sum(group["events"] for group in data["groups"]) == data["total"]["events"]
    rows = [row for row in usage_rows if "2026-03-03" <= row["occurred_at"] < "2026-03-08"]
    cut = 13 if hours == 1 else 10
    assert {start[:cut] for start in starts} == {row["occurred_at"][:cut] for row in rows}


def test_a_time_zone_moves_the_edges_of_days(reader: httpx2.Client) -> None:
    query = [("bucket", "1d"), ("time_zone", "Asia/Kolkata"), ("limit", "200")]
    data = answered(reader, "/api/v1/reports/usage-summary", query)["data"]

    assert data["time_zone"] == "Asia/Kolkata"
    assert {group["bucket_start"][11:] for group in data["groups"]} == {"18:30:00.000000Z"}
    assert all(after["bucket_start"] >= before["bucket_end"] for before, after in pairwise(data["groups"]))


def test_as_of_answers_as_the_ledger_was(reader: httpx2.Client, everything: list[dict[str, Any]]) -> None:
    known = [row for row in everything if row["sequence"] <= 422]
    assert everything[-423]["recorded_at"] > known[0]["recorded_at"]

    assert walk(reader, FEEDS[0], (("as_of", "422"), ("limit", "200"))) == known
    assert walk(reader, FEEDS[0], (("as_of", known[0]["recorded_at"]), ("limit", "200"))) == known
    data = answered(reader, "/api/v1/reports/usage-summary", [("as_of", "422")])["data"]
    assert (data["as_of"], data["data_through"]) == (422, known[0]["recorded_at"])
    assert told_groups(data, ()) == scanned([row for row in known if row["kind"] == "usage"], ())
    empty = answered(reader, "/api/v1/reports/usage-summary", [("as_of", "0")])["data"]
    assert (empty["as_of"], empty["data_through"], empty["total"]["events"]) == (0, None, 0)


def test_numbers_are_json_numbers_with_all_their_digits(reader: httpx2.Client) -> None:
    text = reader.get("/api/v1/reports/usage-summary").text

    assert '"quantity":35724643062623532441.054715447324931607,"events":153' in text
    assert '"charge":25062480348687215664.59919289540552243,"events":94' in text


def test_additional_data_keeps_its_numbers_exact(everything: list[dict[str, Any]]) -> None:
    stated = [row["additional_data"] for row in everything if row["additional_data"] is not None]

    assert len(stated) == 149
    assert {each["region"] for each in stated} == {"eu", "us"}
    assert all(each["weight"] == {"$decimal": "0.1"} for each in stated)


@pytest.mark.parametrize(("path", "query"), REPORTS[1:])
def test_what_limit_cuts_says_so_and_totals_stay_whole(
    reader: httpx2.Client, path: str, query: tuple[tuple[str, str], ...]
) -> None:
    whole = answered(reader, path, [*query, ("limit", "200")])["data"]
    cut = answered(reader, path, [*query, ("limit", "2")])["data"]

    assert cut["total"] == whole["total"]
    for name in cut["truncated"]:
        assert cut[name] == whole[name][:2]
        assert len(whole[name]) > 2
    same = cut.keys() - {"truncated", *cut["truncated"]}
    assert {name: cut[name] for name in same} == {name: whole[name] for name in same}


def test_a_settlement_is_about_a_subscription_an_order_or_both(reader: httpx2.Client) -> None:
    path = "/api/v1/reports/subscription-settlement"
    for query in ((("subscription_id", "s1"),), (("order_id", "o2"),), (("subscription_id", "s1"), ("order_id", "o2"))):
        data = answered(reader, path, query)["data"]
        assert {(each["kind"], each["id"]) for each in data["subject"]} == {(name[:-3], value) for name, value in query}
        rows = walk(reader, FEEDS[1], (*query, ("limit", "200")))
        assert told_groups({"groups": [data["total"]]}, ()) == scanned(rows, ())


def test_another_account_sees_nothing_of_it(stranger: httpx2.Client, gateway: Gateway) -> None:
    (row,) = walk(stranger, FEEDS[0])
    assert row["id"] == "act_2_1"
    assert [each["id"] for each in walk(stranger, FEEDS[1])] == ["act_2_1"]
    summary = answered(stranger, "/api/v1/reports/usage-summary", [("group_by", "customer_id")])["data"]
    assert [(each["customer_id"], each["events"]) for each in summary["groups"]] == [("c1", 1)]
    audit = answered(stranger, "/api/v1/reports/license-audit", [("license_id", "l1")])["data"]
    assert [each["id"] for each in audit["activities"]] == ["act_2_1"]
    for path, query in (
        ("license-audit", ("license_id", "l2")),
        ("customer-summary", ("customer_id", "c2")),
        ("subscription-settlement", ("subscription_id", "s1")),
        ("subscription-settlement", ("order_id", "o1")),
    ):
        assert stranger.get(f"/api/v1/reports/{path}", params=[query]).status_code == 404
