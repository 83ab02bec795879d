"""The contract of `/v1/client/usage-report`, call by call through a real socket: the documented pairs, and every refusal."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest
from openpyxl import load_workbook

from app.api.body import exact_json
from app.domain.account import Account, Permission
from app.domain.entry import Entry
from app.domain.errors import Unavailable
from app.exports.workbooks import Workbook, clear_away
from app.ledger import credentials
from app.ledger.commands import Rules, amend, record, retract
from app.question.rows import Rows
from app.question.scope import Scope
from app.storage.files import LocalFiles
from tests.conftest import Clock
from tests.vendors.served import Served, serving

REPORT = "/v1/client/usage-report"
COLUMNS = ["Transaction Id", "Timestamp(UTC)", "Product Id", "Status", "Message", "Charge"]
NOW = datetime(2024, 5, 12, 12, tzinfo=UTC)
WEEK = {"since_date": "2024-05-05", "until_date": "2024-05-12"}
CALL = {"product_id": "PAN-Plus", "status_code": 200, "charge": "2.95", "currency": "INR"}
DOCUMENTED = [
    ("9cb1fa27-c768-430c-9aa3-c13c477a1b0b", "2024-05-11T23:33:32.092089+00:00", "Invalid Pan Number."),
    ("fd93b66e-74e1-4150-8e0f-5b8f78a3a010", "2024-05-11T22:25:48.586394+00:00", "Pan Verified Successfully."),
    ("15d46c64-41fe-4938-8510-2aa87fba7694", "2024-05-11T22:25:07.844149+00:00", "Pan Verified Successfully."),
]
"""The rows of the contract's own page, in its order."""
_NUMBERS = count(1)


@dataclass
class Client:
    """An ordinary client of this contract, authorized, and its account."""

    served: Served
    account: Account
    clock: Clock
    http: httpx2.Client
    client_id: str
    client_secret: str

    def report(self, **query: Any) -> httpx2.Response:
        return self.http.get(REPORT, params=WEEK | query)

    def rows(self, **query: Any) -> list[dict[str, Any]]:
        response = self.report(**query)
        assert response.status_code == 200, response.text
        told: list[dict[str, Any]] = exact_json(response.content)["data"]["usage_data"]
        return told

    def record(self, *items: dict[str, Any]) -> list[Entry]:
        services = self.served.services
        made = [CALL | {"occurred_at": "2024-05-11T10:00:00Z"} | each for each in items]
        recording = record(services.store, self.served.principal(self.account), made, rules=services.rules)
        return [each.entry for each in self.served.run(recording) if each.entry is not None]

    def entries(self) -> list[Entry]:
        store = self.served.services.store
        head = self.served.run(store.head(self.account.id))
        return self.served.run(store.rows(Rows(Scope(self.account.id, head.sequence), limit=500)))

    def revoke(self) -> None:
        services = self.served.services
        revoking = credentials.revoke(services.store, self.account.id, self.client_id, actor="key operator", rules=services.rules)
        self.served.run(revoking)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Clock]]:
    clock = Clock(NOW)
    with serving(tmp_path_factory.mktemp("usage-report"), rules=Rules(clock=clock)) as served:
        yield served, clock


@pytest.fixture
def client(gateway: tuple[Served, Clock]) -> Iterator[Client]:
    """Each test has an account of its own."""
    served, clock = gateway
    clock.now = NOW
    account = served.account(f"client-{next(_NUMBERS)}")
    _, client_id, client_secret = served.token(account, Permission.REPORT_READ).split("_", 2)
    with served.client() as http:
        form = {"client_id": client_id, "client_secret": client_secret}
        http.headers["Authorization"] = f"Bearer {http.post('/v1/authorize', data=form).json()['access_token']}"
        http.headers["x-api-key"] = client_secret
        yield Client(served, account, clock, http, client_id, client_secret)


def documented(client: Client) -> None:
    """The documented rows, recorded in another order than they happened in."""
    for at in (1, 0, 2):
        transaction, moment, message = DOCUMENTED[at]
        client.record({"transaction_id": transaction, "occurred_at": moment, "message": message})


def refused(response: httpx2.Response, status: int, detail: str) -> None:
    assert (response.status_code, response.json()) == (status, {"detail": detail})
    assert response.headers["content-type"] == "application/json"


def test_the_documented_report_is_answered_as_documented(client: Client) -> None:
    documented(client)
    response = client.report()
    answer = response.json()

    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    assert list(answer) == ["code", "timestamp", "transaction_id", "sub_code", "message", "data"]
    assert re.fullmatch("[0-9a-f]{32}", answer["transaction_id"])
    assert (answer["code"], answer["timestamp"]) == (200, 1_715_515_200_000)
    assert (answer["sub_code"], answer["message"]) == ("SUCCESS", "User usage report generated successfully")
    assert answer["data"] == {
        "file_url": None,
        "usage_data": [
            {
                "Transaction Id": transaction,
                "Timestamp(UTC)": moment,
                "Product Id": "PAN-Plus",
                "Status": 200,
                "Message": message,
                "Charge": 2.95,
            }
            for transaction, moment, message in DOCUMENTED
        ],
    }
    assert [list(row) for row in answer["data"]["usage_data"]] == [COLUMNS] * 3


@pytest.mark.parametrize("kind", ["data", "files"])
def test_a_client_is_authorized_by_forms_of_both_kinds(client: Client, kind: str) -> None:
    form = {"client_id": client.client_id, "client_secret": client.client_secret}
    sent = {"data": form} if kind == "data" else {"files": {name: (None, value) for name, value in form.items()}}
    response = client.http.post("/v1/authorize", **sent)

    assert response.request.headers["content-type"].startswith(
        "application/x-www-form-urlencoded" if kind == "data" else "multipart/form-data"
    )
    answer = response.json()
    assert (response.status_code, list(answer)) == (200, ["access_token", "token_type", "expiry"])
    assert (answer["token_type"], answer["expiry"]) == ("bearer", "2024-05-13T12:00:00Z")
    client.http.headers["Authorization"] = f"bearer {answer['access_token']}"
    assert client.rows() == []


def test_a_client_is_not_authorized_by_anything_else(client: Client) -> None:
    right = {"client_id": client.client_id, "client_secret": client.client_secret}
    for form in (right | {"client_secret": "wrong"}, right | {"client_id": "wrong"}, right | {"client_id": "a" * 16}):
        refused(client.http.post("/v1/authorize", data=form), 401, "Incorrect client_id or client_secret")
    for name in right:
        for form in ({name: right[name]}, right | {next(each for each in right if each != name): ""}):
            missing = next(each for each in right if each != name)
            refused(client.http.post("/v1/authorize", data=form), 422, f"{missing}: is missing: send it as a form field")
    refused(client.http.post("/v1/authorize", json=right), 422, "client_id: is missing: send it as a form field")
    refused(client.http.post("/v1/authorize"), 422, "client_id: is missing: send it as a form field")
    broken = client.http.post("/v1/authorize", content=b"x", headers={"Content-Type": "multipart/form-data"})
    assert broken.status_code == 422
    assert broken.json()["detail"].startswith("the form cannot be read: ")
    refused(client.http.post("/v1/authorize", data=right | {"more": "x" * 70_000}), 413, "the body is larger than 65,536 bytes")


def test_the_token_and_the_key_of_the_same_client_are_needed(client: Client) -> None:
    documented(client)
    token = client.http.headers["Authorization"]
    _, other_id, other_secret = client.served.token(client.account, Permission.REPORT_READ).split("_", 2)
    bare = client.served.token(client.account, Permission.ADMIN)
    for headers, told in (
        ({"Authorization": None, "x-api-key": client.client_secret}, "Not authenticated"),
        ({"Authorization": token, "x-api-key": None}, "Not authenticated"),
        ({"Authorization": "Basic x", "x-api-key": client.client_secret}, "Not authenticated"),
        ({"Authorization": token + "x", "x-api-key": client.client_secret}, "Not a valid token"),
        ({"Authorization": f"Bearer {bare}", "x-api-key": bare.split("_", 2)[2]}, "Not a valid token"),
        ({"Authorization": token, "x-api-key": other_secret}, "Incorrect client_id or client_secret"),
        ({"Authorization": token, "x-api-key": "x"}, "Incorrect client_id or client_secret"),
    ):
        for name, value in headers.items():
            client.http.headers.pop(name, None)
            if value is not None:
                client.http.headers[name] = value
        refused(client.report(), 401, told)
    assert other_id != client.client_id


def test_a_token_lives_for_24_hours(client: Client) -> None:
    client.clock.advance(hours=24, seconds=-1)
    assert client.report().status_code == 200
    client.clock.advance(seconds=1)

    refused(client.report(), 401, "Not a valid token")


def test_a_client_without_the_scope_has_no_access(client: Client) -> None:
    _, client_id, client_secret = client.served.token(client.account, Permission.USAGE_WRITE).split("_", 2)
    form = {"client_id": client_id, "client_secret": client_secret}
    client.http.headers["Authorization"] = f"Bearer {client.http.post('/v1/authorize', data=form).json()['access_token']}"
    client.http.headers["x-api-key"] = client_secret
    before = client.entries()

    refused(client.report(generate_excel="true"), 403, "No access: it requires report:read")
    assert client.entries() == before


def test_a_revoked_client_is_inactive_within_a_second(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    passed = 0.0
    monkeypatch.setattr("app.access.memory.time", SimpleNamespace(monotonic=lambda: time.monotonic() + passed))
    documented(client)
    url = client.report(generate_excel="true").json()["data"]["file_url"]
    client.revoke()
    passed = 0.9

    refused(client.report(), 400, "Inactive client_id")
    form = {"client_id": client.client_id, "client_secret": client.client_secret}
    refused(client.http.post("/v1/authorize", data=form), 400, "Inactive client_id")
    refused(httpx2.get(url, verify=False), 403, "the key that this link was made with is no longer accepted")
    refused(
        client.http.post("/v1/authorize", data=form | {"client_secret": "x" * 43}), 401, "Incorrect client_id or client_secret"
    )


@pytest.mark.parametrize(
    ("since", "until", "told"),
    [
        ("2024-05-10", "2024-05-11", [3, 2, 1]),
        ("2024-05-11", "2024-05-11", [3, 2]),
        ("2024-05-12", "2024-05-12", [4]),
        ("2024-05-10T23:59:59.999999Z", "2024-05-11T00:00:00Z", [2, 1]),
        ("2024-05-11T02:00:00+02:00", "2024-05-11T00:00:00Z", [2]),
        ("2024-05-11T00:00:00.000001Z", "2024-05-11", [3]),
        ("2024-05-05", "2024-05-12", [4, 3, 2, 1]),
        ("2024-05-05T00:00:00Z", "2024-05-12T00:00:00Z", [4, 3, 2, 1]),
    ],
)
def test_both_ends_of_the_range_are_in_it(client: Client, since: str, until: str, told: list[int]) -> None:
    moments = ("2024-05-10T23:59:59.999999Z", "2024-05-11T00:00:00Z", "2024-05-11T23:59:59.999999Z", "2024-05-12T00:00:00Z")
    client.record(*({"occurred_at": each, "transaction_id": f"t{at}"} for at, each in enumerate(moments, start=1)))

    rows = client.rows(since_date=since, until_date=until)
    assert [row["Transaction Id"] for row in rows] == [f"t{at}" for at in told]


def test_a_plus_that_was_not_escaped_is_understood(client: Client) -> None:
    response = client.http.get(f"{REPORT}?since_date=2024-05-11T02:00:00+02:00&until_date=2024-05-12")

    assert response.status_code == 200


@pytest.mark.parametrize(
    ("query", "status", "detail"),
    [
        ({"until_date": "2024-05-13"}, 400, "until_date: must be at most 7 days after since_date"),
        (
            {"since_date": "2024-05-05T00:00:00Z", "until_date": "2024-05-12T00:00:00.000001Z"},
            400,
            "until_date: must be at most 7 days after since_date",
        ),
        ({"since_date": "2024-05-13"}, 400, "until_date: must not be before since_date"),
        ({"since_date": ""}, 422, "since_date: is missing"),
        ({"until_date": " "}, 422, "until_date: is missing"),
        ({"since_date": "2024-02-30"}, 422, "since_date: names a date that does not exist"),
        ({"since_date": "yesterday"}, 422, "since_date: is not an RFC 3339 date and time, such as 2026-04-01T00:00:00Z"),
        ({"until_date": "2024-05-12T00:00:00"}, 422, "until_date: has no UTC offset; end it with Z or an offset such as +02:00"),
        (
            {"since_date": "9999-12-28", "until_date": "9999-12-31"},
            422,
            "until_date: names a date that does not exist",
        ),
        ({"since_date": ["2024-05-05", "2024-05-06"]}, 422, "since_date: is given more than once"),
        ({"generate_excel": "perhaps"}, 422, "generate_excel: must be true or false"),
        ({"product_id": "x" * 257}, 400, "product_id: must have 1 to 256 characters"),
    ],
)
def test_a_range_that_cannot_be_reported_is_refused(client: Client, query: dict[str, Any], status: int, detail: str) -> None:
    before = client.entries()
    refused(
        client.report(generate_excel="true", **query) if "generate_excel" not in query else client.report(**query), status, detail
    )
    assert client.entries() == before


def test_a_missing_date_and_a_query_that_is_not_utf_8_are_refused(client: Client) -> None:
    refused(client.http.get(REPORT), 422, "since_date: is missing")
    response = client.http.get(f"{REPORT}?since_date=2024-05-05&until_date=2024-05-06&product_id=%FF")
    assert (response.status_code, list(response.json())) == (422, ["detail"])


def test_names_that_the_contract_does_not_know_do_not_matter(client: Client) -> None:
    assert client.report(colour="red", generate_excel="FALSE").json()["data"]["file_url"] is None


def test_only_the_products_asked_for_are_told(client: Client) -> None:
    client.record(*({"product_id": each, "transaction_id": f"t-{each}"} for each in ("a", "b", None, "c")))

    assert [row["Transaction Id"] for row in client.rows(product_id="b")] == ["t-b"]
    assert [row["Transaction Id"] for row in client.rows(product_id=["c", "a"])] == ["t-c", "t-a"]
    assert client.rows(product_id="z") == []
    assert [row["Product Id"] for row in client.rows(product_id="")] == ["c", None, "b", "a"]


def test_rows_tell_what_stands_and_tell_it_exactly(client: Client) -> None:
    one, two, bare = client.record(
        {"transaction_id": "t1", "charge": "12345678901234567890.123456789012345678", "message": 'say "é"\n'},
        {"transaction_id": "t2"},
        {"occurred_at": "2024-05-11T09:00:00Z", "charge": None, "currency": None, "quantity": 1, "status_code": 503},
        {"occurred_at": "2024-05-11T09:00:00Z", "charge": None, "currency": None, "quantity": 1, "status_code": None},
    )[:3]
    services, principal = client.served.services, client.served.principal(client.account)
    changes = {"status_code": 404}
    client.served.run(amend(services.store, principal, one.event_ref, changes, rules=services.rules, reason="r"))
    client.served.run(retract(services.store, principal, two.event_ref, rules=services.rules, reason="r"))

    response = client.report()
    assert '"Charge":12345678901234567890.123456789012345678}' in response.text
    amended, other = exact_json(response.content)["data"]["usage_data"]
    assert (amended["Transaction Id"], amended["Status"], amended["Message"]) == ("t1", 404, 'say "é"\n')
    assert list(other.values()) == [bare.event_ref, "2024-05-11T09:00:00.000000+00:00", "PAN-Plus", 503, None, None]


def test_a_busy_week_is_told_whole_and_the_workbook_has_the_same_rows(client: Client) -> None:
    start = datetime(2024, 5, 6, tzinfo=UTC)
    for first in range(0, 2_500, 500):
        client.record(
            *(
                {
                    "transaction_id": f"t{at}",
                    "occurred_at": start + timedelta(seconds=at // 3),
                    "charge": f"{at}.01",
                    "message": f"=call {at}" if at % 2 else None,
                }
                for at in range(first, first + 500)
            )
        )
    answer = client.report(generate_excel="true").json()["data"]

    rows = answer["usage_data"]
    assert [row["Transaction Id"] for row in rows] == [f"t{at}" for at in reversed(range(2_500))]
    content = httpx2.get(answer["file_url"], verify=False).content
    book = load_workbook(io.BytesIO(content), read_only=True)
    heading, *told = book.active.iter_rows(values_only=True)
    assert (book.sheetnames, list(heading)) == (["Usage report"], COLUMNS)
    assert [dict(zip(COLUMNS, row, strict=True)) for row in told] == rows


def test_the_workbook_opens_as_a_browser_opens_it(client: Client) -> None:
    documented(client)
    url = client.report(generate_excel="true").json()["data"]["file_url"]
    assert re.fullmatch(re.escape(client.served.url) + r"/v1/client/usage-report/[A-Za-z0-9._-]+\.xlsx", url)
    head = httpx2.head(url, verify=False)
    response = httpx2.get(url, verify=False)

    assert (response.status_code, response.headers["content-type"]) == (
        200,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    )
    assert response.headers["content-disposition"] == 'attachment; filename="usage-report.xlsx"'
    assert int(response.headers["content-length"]) == len(response.content) == int(head.headers["content-length"])
    rows = list(load_workbook(io.BytesIO(response.content)).active.iter_rows(values_only=True))
    assert rows == [
        tuple(COLUMNS),
        *((transaction, moment, "PAN-Plus", 200, message, 2.95) for transaction, moment, message in DOCUMENTED),
    ]
    downloaded, created, *_ = client.entries()
    assert (downloaded.action, downloaded.actor, created.action) == (
        "workbook.downloaded",
        f"key {client.client_id}",
        "workbook.created",
    )
    facts = exact_json(created.record or "")
    assert (facts["rows"], facts["as_of"], facts["since_date"], facts["until_date"]) == (3, 3, "2024-05-05", "2024-05-12")
    assert exact_json(downloaded.record or "") == {"kind": "workbook", "id": facts["id"]}


def test_behind_a_proxy_the_link_is_the_public_one(client: Client) -> None:
    host = {"Host": "internal:9999", "X-Forwarded-Host": "evil.example"}
    response = client.http.get(REPORT, params=WEEK | {"generate_excel": "true"}, headers=host)

    assert response.json()["data"]["file_url"].startswith(f"{client.served.services.public_url}/v1/client/usage-report/")


def test_a_tampered_link_is_refused(client: Client) -> None:
    url = client.report(generate_excel="true").json()["data"]["file_url"]
    start, text = url.removesuffix(".xlsx").rsplit("/", 1)
    before = client.entries()
    account, rest = text.split(".", 1)
    for other in (text[:-1] + ("A" if text[-1] != "A" else "B"), text[1:], "x", f"{int(account) + 1}.{rest}"):
        refused(
            httpx2.get(f"{start}/{other}.xlsx", verify=False),
            403,
            "this link is not valid: it was changed on its way, or is for something else",
        )
    assert client.entries() == before


def test_an_expired_link_is_refused_and_its_file_is_cleared_away(client: Client) -> None:
    url = client.report(generate_excel="true").json()["data"]["file_url"]
    files = client.served.services.files
    (name,) = [each for each in client.served.run(files.names("workbook-")) if f"-{client.account.id}-" in each]

    client.clock.advance(hours=1, seconds=-1)
    assert httpx2.get(url, verify=False).status_code == 200
    client.clock.advance(seconds=1)
    before = client.entries()
    refused(
        httpx2.get(url, verify=False),
        403,
        "this link expired at 2024-05-12T13:00:00.000000Z; ask whoever sent it for a new one",
    )
    assert client.entries() == before

    client.served.run(clear_away(files, at=client.clock.now - timedelta(seconds=1)))
    assert client.served.run(files.size(name)) is not None
    client.served.run(clear_away(files, at=client.clock.now))
    assert client.served.run(files.size(name)) is None
    client.clock.advance(seconds=-1)
    refused(httpx2.get(url, verify=False), 404, "the workbook is not there, or no longer")


def test_an_answer_that_breaks_off_leaves_no_workbook(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.record(*({"transaction_id": f"t{at}"} for at in range(1_200)))
    before, add = client.entries(), Workbook.add

    async def failing(workbook: Workbook, rows: Sequence[Any]) -> None:
        if len(rows) < 1_000:
            raise Unavailable("there is no room left for files of exports")
        await add(workbook, rows)

    monkeypatch.setattr(Workbook, "add", failing)
    with pytest.raises(httpx2.RemoteProtocolError):
        client.report(generate_excel="true")

    files = client.served.services.files
    assert client.entries() == before
    assert [each for each in client.served.run(files.names("workbook-")) if f"-{client.account.id}-" in each] == []
    assert list(cast(LocalFiles, files).folder.glob(".draft-*")) == []


def test_where_there_is_no_room_for_a_workbook_the_answer_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(files: LocalFiles) -> None:
        raise Unavailable("there is no room left for files of exports")

    monkeypatch.setattr(LocalFiles, "create", full)
    refused(client.report(generate_excel="true"), 503, "there is no room left for files of exports")
    assert client.report().status_code == 200


def test_asking_for_the_head_makes_no_workbook(client: Client) -> None:
    documented(client)
    before = client.entries()
    response = client.http.head(REPORT, params=WEEK | {"generate_excel": "true"})

    assert (response.status_code, response.content) == (200, b"")
    assert client.entries() == before


def test_another_account_sees_nothing_of_it(client: Client, gateway: tuple[Served, Clock]) -> None:
    documented(client)
    served, _ = gateway
    other = served.account(f"other-{client.account.id}")
    _, client_id, client_secret = served.token(other, Permission.ADMIN).split("_", 2)
    form = {"client_id": client_id, "client_secret": client_secret}
    client.http.headers["Authorization"] = f"Bearer {client.http.post('/v1/authorize', data=form).json()['access_token']}"
    client.http.headers["x-api-key"] = client_secret

    assert client.rows() == []


def test_one_key_opens_every_door(client: Client) -> None:
    """As bearer token, as api_key and password, as client_id and client_secret; with the same scopes, and until it is revoked."""
    _, key_id, secret = (token := client.served.token(client.account, Permission.REPORT_READ, Permission.USAGE_WRITE)).split(
        "_", 2
    )
    with client.served.client() as http:
        session = http.post("/auth/login", json={"api_key": key_id, "password": secret}).json()
        jwt = http.post("/v1/authorize", data={"client_id": key_id, "client_secret": secret}).json()["access_token"]
        event = {"timestamp": "2024-05-11T10:00:00Z", "customer_ref": "c", "usage_product_ref": "p", "quantity": 1}

        def calls() -> list[int]:
            sender = {"Authorization": f"Bearer {session}", "Version": "V0"}
            reader = {"Authorization": f"Bearer {jwt}", "x-api-key": secret}
            return [
                http.get("/api/v1/activities", headers={"Authorization": f"Bearer {token}"}).status_code,
                http.post("/graphql", json={"query": "{ __typename }"}, headers={"Authorization": f"Bearer {token}"}).status_code,
                http.post("/api/usage/event", json=event, headers=sender).status_code,
                http.get(REPORT, params=WEEK, headers=reader).status_code,
                http.post("/auth/login", json={"api_key": key_id, "password": secret}).status_code,
                http.post("/v1/authorize", data={"client_id": key_id, "client_secret": secret}).status_code,
            ]

        assert calls() == [200] * 6
        client.client_id = key_id
        client.revoke()
        time.sleep(1)
        assert calls() == [401, 401, 401, 400, 401, 400]
