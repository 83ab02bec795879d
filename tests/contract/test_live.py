"""Subscriptions through the doors: WebSockets and server-sent events, with other people's clients, and what is refused."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from app.domain.account import Account, Permission
from app.domain.instant import now
from app.ledger.commands import Rules, record
from app.ports import Transaction
from tests.events import START, usage
from tests.exports.world import put
from tests.node import node
from tests.vendors.served import Served, serving

RULES = Rules(clock=lambda: START)
FEED = """subscription ($after: String, $filters: UsageFilters) {
  activities(after: $after, filters: $filters) { cursor edge { cursor node { sequence senderId product { recordId } } } }
}"""
PROGRESS = 'subscription { export(id: "rptx_1") { id status } }'


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway for all tests of this module; each has an account of its own."""
    with serving(tmp_path_factory.mktemp("live"), rules=RULES) as gateway:
        yield gateway


@pytest.fixture
def account(served: Served, request: pytest.FixtureRequest) -> Account:
    return served.account(request.node.name)


@pytest.fixture
def token(served: Served, account: Account) -> str:
    return served.token(account, Permission.REPORT_READ, Permission.REPORT_EXPORT)


def write(served: Served, account: Account, *ids: str) -> None:
    items = [usage(id=each) for each in ids]
    served.run(record(served.services.store, served.principal(account), items, rules=RULES))


@contextmanager
def socket(served: Served, payload: Any = None, **options: Any) -> Iterator[ClientConnection]:
    """A WebSocket; with a payload the connection is begun with it, and acknowledged."""
    url = served.url.replace("http", "ws") + "/graphql"
    with connect(url, subprotocols=["graphql-transport-ws"], **options) as opened:  # type: ignore[list-item]
        if payload is not None:
            opened.send(json.dumps({"type": "connection_init", "payload": payload}))
            assert json.loads(opened.recv(10)) == {"type": "connection_ack"}
        yield opened


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def send(opened: ClientConnection, query: str, identifier: str = "1", **variables: Any) -> None:
    payload = {"query": query, "variables": variables}
    opened.send(json.dumps({"type": "subscribe", "id": identifier, "payload": payload}))


def heard(opened: ClientConnection) -> Any:
    return json.loads(opened.recv(10))


def streamed(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """The events of a stream: names and what they hold. Comments keep the connection alive and say nothing."""
    event = ""
    for line in lines:
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        elif line.startswith("data:"):
            text = line.removeprefix("data:").strip()
            yield event, json.loads(text) if text else None


def test_a_page_and_a_subscription_fit_together_without_a_gap(served: Served, account: Account, token: str) -> None:
    write(served, account, "a", "b")
    document = "{ activities(first: 1) { pageInfo { startCursor } edges { node { senderId } } } }"
    with served.client(token) as client:
        page = client.post("/graphql", json={"query": document}).json()["data"]["activities"]
    assert page["edges"] == [{"node": {"senderId": "b"}}]
    write(served, account, "c")
    with socket(served, bearer(token)) as opened:
        send(opened, FEED, after=page["pageInfo"]["startCursor"])
        event = heard(opened)
        edge = event["payload"]["data"]["activities"]["edge"]
        assert (event["type"], event["id"], edge["node"]) == (
            "next",
            "1",
            {
                "sequence": 3,
                "senderId": "c",
                "product": {"recordId": "api"},
            },
        )
        write(served, account, "d")
        assert heard(opened)["payload"]["data"]["activities"]["edge"]["node"]["senderId"] == "d"
        opened.send(json.dumps({"type": "complete", "id": "1"}))


def test_without_a_cursor_it_begins_at_once_and_now(served: Served, account: Account, token: str) -> None:
    write(served, account, "before")
    with socket(served, bearer(token)) as opened:
        send(opened, FEED)
        first = heard(opened)["payload"]["data"]["activities"]
        assert first["edge"] is None
        write(served, account, "after")
        assert heard(opened)["payload"]["data"]["activities"]["edge"]["node"]["senderId"] == "after"
    with socket(served, bearer(token)) as again:  # as after a cut: from the very first event's cursor
        send(again, FEED, after=first["cursor"])
        assert heard(again)["payload"]["data"]["activities"]["edge"]["node"]["senderId"] == "after"


@pytest.mark.parametrize("protocol", ["ws", "sse"])
def test_other_peoples_clients_see_every_entry_once_however_often_they_are_cut_off(
    protocol: str, served: Served, account: Account, token: str
) -> None:
    writing = threading.Event()

    def keep_writing() -> None:
        writing.wait(30)
        for n in range(0, 120, 4):
            write(served, account, *(str(n + m) for m in range(4)))
            time.sleep(0.02)

    writer = threading.Thread(target=keep_writing)
    writer.start()
    # The first event of a subscription tells the place before the first entry.
    with (
        served.client(token) as client,
        client.stream("POST", "/graphql", json={"query": FEED}, headers={"Accept": "text/event-stream"}) as stream,
    ):
        begins = next(streamed(stream.iter_lines()))[1]["data"]["activities"]["cursor"]
    writing.set()
    try:
        events = json.loads(node("follow.mjs", protocol, f"{served.url}/graphql", token, FEED, begins, "120", "50"))
    finally:
        writer.join()
    assert [each["edge"]["node"]["senderId"] for each in events] == [str(n) for n in range(120)]


def test_server_sent_events_carry_queries_subscriptions_and_errors(served: Served, account: Account, token: str) -> None:
    def asked(query: str) -> list[tuple[str, Any]]:
        with (
            served.client(token) as client,
            client.stream("POST", "/graphql", json={"query": query}, headers={"Accept": "text/event-stream"}) as stream,
        ):
            assert stream.status_code == 200
            assert stream.headers["content-type"].startswith("text/event-stream")
            return list(streamed(stream.iter_lines()))

    (name, told), end = asked("{ __typename }")
    assert (name, told["data"], end) == ("next", {"__typename": "Query"}, ("complete", None))
    assert told["extensions"]["cost"]["price"] == 1
    (name, told), end = asked("{ nope }")
    assert (name, told["errors"][0]["extensions"]["code"], end) == ("next", "INVALID_QUERY", ("complete", None))
    served.run(put(served.services.store, account, "rptx_1"))
    store = served.services.store

    async def finish() -> None:
        async def body(tx: Transaction) -> None:
            export = await tx.export("rptx_1")
            assert export is not None
            await tx.put_export(replace(export, status=export.status.FAILED, reason="no", updated_at=now()))

        await store.transact(account.id, body)

    timer = threading.Timer(0.3, lambda: served.run(finish()))
    timer.start()
    statuses = [each[1]["data"]["export"]["status"] for each in asked(PROGRESS) if each[0] == "next"]
    timer.join()
    assert statuses[0] in ("PENDING", "RUNNING")
    assert statuses[-1] == "FAILED"


def test_a_subscription_needs_a_stream_to_be_answered_with(served: Served, token: str) -> None:
    with served.client(token) as client:
        for answer in (
            client.post("/graphql", json={"query": FEED}),
            client.get("/graphql", params={"query": FEED}),
        ):
            assert answer.status_code == 406
            assert answer.json()["errors"][0]["message"] == (
                "Subscriptions are asked over a WebSocket, or with `Accept: text/event-stream`."
            )


@pytest.mark.parametrize(
    "payload", [{}, {"Authorization": "Bearer gwk_nope"}, {"Authorization": "Basic x"}, {"authorization": 7}]
)
def test_a_connection_without_a_good_token_is_closed(payload: Any, served: Served) -> None:
    with socket(served) as opened:
        opened.send(json.dumps({"type": "connection_init", "payload": payload}))
        with pytest.raises(ConnectionClosed) as closed:
            opened.recv(10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403


def test_a_token_may_also_come_with_the_handshake(served: Served, token: str) -> None:
    with socket(served, {}, additional_headers=bearer(token)) as opened:
        send(opened, "{ __typename }")
        assert heard(opened)["payload"]["data"] == {"__typename": "Query"}
        assert heard(opened) == {"type": "complete", "id": "1"}


def test_nothing_is_told_before_the_connection_is_begun(served: Served) -> None:
    with socket(served) as opened:
        send(opened, "{ __typename }")
        with pytest.raises(ConnectionClosed) as closed:
            opened.recv(10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


@pytest.mark.parametrize(
    "message",
    [
        *("[]", "7", "{}", "{", '"x"', '{"type": 7}', '{"type": "nope"}', '{"type": "complete"}'),
        *('{"type": "subscribe"}', '{"type": "subscribe", "id": "1"}', '{"type": "subscribe", "id": "1", "payload": {}}'),
        '{"type": "subscribe", "id": "1", "payload": {"query": 7}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ x }", "variables": []}}',
        '{"type": "subscribe", "id": "", "payload": {"query": "{ x }"}}',
    ],
)
def test_what_is_no_message_of_the_protocol_closes_the_connection(message: str, served: Served, token: str) -> None:
    with socket(served, bearer(token)) as opened:
        opened.send(message)
        with pytest.raises(ConnectionClosed) as closed:
            opened.recv(10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4400


def test_a_page_of_another_origin_opens_no_socket(served: Served) -> None:
    with pytest.raises(InvalidStatus) as refused, socket(served, origin="https://evil.example"):
        pass
    assert refused.value.response.status_code == 403
    with socket(served, origin=served.url):  # the gateway's own pages do
        pass


def test_without_the_scope_nothing_is_followed(served: Served, account: Account) -> None:
    caller = served.token(account, Permission.USAGE_WRITE)
    with socket(served, bearer(caller)) as opened:
        for query, scope in ((FEED, "report:read"), (PROGRESS, "report:export")):
            send(opened, query)
            message = heard(opened)
            assert (message["type"], message["id"]) == ("error", "1")
            extensions = message["payload"][0]["extensions"]
            assert (extensions["code"], extensions["requiredScope"]) == ("TOKEN_SCOPE_DENIED", scope)


def test_another_accounts_export_and_cursor_are_not_known(served: Served, account: Account, token: str) -> None:
    other = served.account(f"other than {account.name}")
    write(served, other, "theirs")
    with socket(served, bearer(served.token(other, Permission.REPORT_READ))) as opened:
        send(opened, FEED)
        cursor = heard(opened)["payload"]["data"]["activities"]["cursor"]
    with socket(served, bearer(token)) as opened:
        send(opened, FEED, after=cursor)
        refused = heard(opened)["payload"][0]["extensions"]
        assert (refused["code"], refused["field"]) == ("INVALID_QUERY", "after")
        send(opened, PROGRESS.replace("rptx_1", "rptx_2"))
        assert heard(opened)["payload"][0]["extensions"]["code"] == "NOT_FOUND"


def test_filters_are_those_of_the_feed_and_a_cursor_is_bound_to_them(served: Served, account: Account, token: str) -> None:
    with socket(served, bearer(token)) as opened:
        send(opened, FEED, filters={"productId": ["maps"]})
        cursor = heard(opened)["payload"]["data"]["activities"]["cursor"]
        items = [usage(id="a"), usage(id="b", product_id="maps")]
        served.run(record(served.services.store, served.principal(account), items, rules=RULES))
        assert heard(opened)["payload"]["data"]["activities"]["edge"]["node"]["senderId"] == "b"
        send(opened, FEED, "2", after=cursor)
        assert heard(opened)["payload"][0]["extensions"]["code"] == "INVALID_QUERY"
        send(opened, FEED, "3", filters={"productId": []})
        assert heard(opened)["payload"][0]["extensions"]["field"] == "productId"


@pytest.mark.parametrize("protocol", ["ws", "sse"])
def test_a_subscription_ends_when_its_token_is_revoked(protocol: str, served: Served, account: Account) -> None:
    caller = served.token(account, Permission.REPORT_READ)
    key_id = caller.split("_")[1]

    async def revoke() -> None:
        key = await served.services.store.key(key_id)
        assert key is not None

        async def body(tx: Transaction) -> None:
            await tx.put_key(replace(key, revoked_at=now()))

        await served.services.store.transact(account.id, body)

    if protocol == "ws":
        with socket(served, bearer(caller)) as opened:
            send(opened, FEED)
            assert heard(opened)["payload"]["data"]["activities"]["edge"] is None
            served.run(revoke())
            message = heard(opened)
            assert message["type"] == "next"
            assert message["payload"]["errors"][0]["extensions"]["code"] == "UNAUTHORIZED"
            assert heard(opened) == {"type": "complete", "id": "1"}
            send(opened, "{ viewer { scopes } }", "2")  # and nothing else is answered on that connection
            refused = heard(opened)
            assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "UNAUTHORIZED")
        return
    with (
        served.client(caller) as client,
        client.stream("POST", "/graphql", json={"query": FEED}, headers={"Accept": "text/event-stream"}) as stream,
    ):
        events = streamed(stream.iter_lines())
        assert next(events)[1]["data"]["activities"]["edge"] is None
        served.run(revoke())
        event, told = next(events)
        assert (event, told["errors"][0]["extensions"]["code"]) == ("next", "UNAUTHORIZED")
        assert next(events) == ("complete", None)


def test_many_operations_share_a_connection_and_each_sees_its_own_end_of_the_ledger(
    served: Served, account: Account, token: str
) -> None:
    count = "{ activities { totalCount } }"
    with socket(served, bearer(token)) as opened:
        for n in range(3):
            write(served, account, str(n))
            send(opened, count, f"q{n}")
            assert heard(opened)["payload"]["data"]["activities"]["totalCount"] == n + 1
            assert heard(opened) == {"type": "complete", "id": f"q{n}"}


def test_two_hundred_subscribers_cost_one_reader(
    served: Served, account: Account, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = {"head": 0, "rows": 0, "key": 0}
    for name in reads:
        asked = getattr(served.services.store, name)

        async def counted(*given: Any, _name: str = name, _asked: Any = asked) -> Any:
            of = given[0].scope.account_id if _name == "rows" else given[0]
            reads[_name] += of in (account.id, token.split("_")[1])
            return await _asked(*given)

        monkeypatch.setattr(served.services.store, name, counted)
    query = "subscription { activities { edge { node { senderId } } } }"
    url = served.url.replace("http", "ws") + "/graphql"
    entries = [str(n) for n in range(5)]

    async def subscriber(begun: asyncio.Barrier) -> list[str]:
        async with connect_async(url, subprotocols=["graphql-transport-ws"], proxy=None) as opened:  # type: ignore[list-item]
            await opened.send(json.dumps({"type": "connection_init", "payload": bearer(token)}))
            await opened.recv()
            await opened.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": query}}))
            await opened.recv()
            await begun.wait()
            told = [json.loads(await opened.recv()) for _ in entries]
            return [each["payload"]["data"]["activities"]["edge"]["node"]["senderId"] for each in told]

    async def follow() -> list[list[str]]:
        begun = asyncio.Barrier(201)
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            subscribers = [tasks.create_task(subscriber(begun)) for _ in range(200)]
            await begun.wait()
            reads.update(head=0, rows=0, key=0)
            await asyncio.to_thread(write, served, account, *entries)
        return [each.result() for each in subscribers]

    assert asyncio.run(follow()) == [entries] * 200
    # The five were recorded together, and are read together: once, or again where a reader is slow, never for each follower.
    assert 1 <= reads["rows"] <= len(entries)
    # The ends of ledger and key are looked at from time to time, by one for all.
    assert reads["head"] + reads["key"] < 200
