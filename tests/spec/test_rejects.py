"""What was sent and not recorded: kept with its payload and the reason, replayed once and for all, dropped without a trace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.domain.account import Account, Permission, Principal
from app.domain.entry import EntryKind
from app.domain.errors import InvalidEvent, NotFound, ScopeDenied
from app.domain.reject import OPEN, Reject, RejectFilters, RejectStatus, Shape
from app.ledger import own_formats, refusals, replaying
from app.ledger.commands import Rules, record, record_prepared
from app.ledger.erasure import erase, erase_customer
from app.ledger.formats import Format, load
from app.ledger.intake import Item, Kind, reader_for
from app.ledger.outcome import Outcome, Status
from app.ledger.refusals import Arrival
from app.ledger.replaying import drop, replay
from app.ledger.translation import prepare_items
from app.ports import Store, Transaction
from tests.asking import ledger_of, nothing_written, told
from tests.conftest import Clock
from tests.events import START, activity, usage

EVERY = RejectFilters(status=())


def document(**fields: Any) -> dict[str, Any]:
    said = {
        "id": {"path": "id"},
        "occurred_at": {"path": "at", "required": True},
        "quantity": {"path": "n"},
        "additional_data": {"path": "more"},
    }
    return {"version": 1, "name": "meter", "fields": said | fields}


METER = load(document())


def a_line(**said: Any) -> bytes:
    return json.dumps({"id": "a", "at": "2026-03-01T10:00:00Z", "n": 1} | said).encode()


async def send(
    store: Store,
    principal: Principal,
    body: bytes,
    *,
    rules: Rules,
    format_: Format = METER,
    kind: Kind = Kind.JSONL,
    source: str | None = None,
    **bounds: int,
) -> list[Outcome]:
    """What a door does with a body."""
    reader = reader_for(kind)
    items: list[Item] = [*reader.feed(body), *reader.finish()]
    arrival = Arrival(format_, source, written=kind, items=items, **bounds)
    prepared = prepare_items(format_, items, rules=rules, source=source)
    return await record_prepared(store, principal, prepared, rules=rules, arrival=arrival)


async def kept(store: Store, account: Account, filters: RejectFilters = EVERY) -> list[Reject]:
    return await store.rejects(account.id, limit=100, descending=False, filters=filters)


async def totals(store: Store, principal: Principal) -> dict[str, Any]:
    """All totals of the account's usage, by day."""
    return await told(store, principal, "usage-summary", bucket="day")


def short(rejects: Sequence[Reject]) -> list[tuple[str, str | None, str | None, str | None]]:
    return [(each.status.value, each.field, each.sender_id, each.text) for each in rejects]


async def test_what_is_refused_is_kept_as_it_came_with_the_place_and_the_reason(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    lines = [a_line(), a_line(n=2), a_line(id="b", n="many", more={"x": "\u00e4"}), b'{"id": "c", "n": 0.10 ', b'{"n": 0.10}']
    outcomes = await send(store, admin, b"\n".join(lines), rules=rules, source="cloud")

    assert [each.reject for each in outcomes] == [None, "rej_1_1", "rej_1_2", "rej_1_3", "rej_1_4"]
    first, second, third, fourth = await kept(store, account)
    reason = "was recorded as evt_1_1 with other content: quantity differs"
    assert first == Reject(
        account_id=account.id, number=1, digest=first.digest, status=RejectStatus.CONFLICT, kind=EntryKind.USAGE, format="meter",
        source="cloud", shape=Shape.JSON, payload=lines[1], field="id", reason=reason, sender="cloud", sender_id="a",
        sequence=1, times=1, first_at=START, last_at=START, received_by="key k1",
    )  # fmt: skip
    assert (second.status, second.field, second.reason, second.sender_id, second.payload, second.sequence) == (
        *("rejected", "n", "is not a decimal number", "b", lines[2]), None,
    )  # fmt: skip
    assert (third.field, third.reason, third.sender_id, third.text) == (
        *(None, "is not JSON: expecting ',' delimiter at column 22", None), lines[3].decode().rstrip(),
    )  # fmt: skip
    assert (fourth.field, fourth.reason, fourth.sender, fourth.text) == ("at", "is missing", "cloud", '{"n": 0.10}')
    assert await store.reject(account.id, 2) == second
    assert await store.reject(account.id, 5) is None
    assert len(await ledger_of(store, account)) == 1


async def test_a_batch_of_nothing_but_refusals_is_kept_too_and_appends_nothing(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    async with nothing_written(store, account):
        await send(store, admin, b"nonsense\n[1]\n", rules=rules)
    assert [each.text for each in await kept(store, account)] == ["nonsense", "[1]"]


async def test_the_same_thing_sent_again_is_one_reject_and_without_an_id_each_is_its_own(
    store: Store, account: Account, admin: Principal, rules: Rules, clock: Clock
) -> None:
    body = b"\n".join([a_line(n="x"), b'{"n": 1}', b"nonsense", a_line(n="x")])
    await send(store, admin, body, rules=rules)
    clock.advance(hours=1)
    await send(store, admin, body, rules=rules)

    found = await kept(store, account)
    assert [(each.text, each.times) for each in found] == [
        (a_line(n="x").decode(), 4), ('{"n": 1}', 1), ("nonsense", 2), ('{"n": 1}', 1),
    ]  # fmt: skip
    assert (found[0].first_at, found[0].last_at) == (START, START + timedelta(hours=1))


async def test_of_what_was_recorded_before_it_is_noted_that_it_came_again_and_nothing_else(
    store: Store, account: Account, admin: Principal, rules: Rules, clock: Clock
) -> None:
    await send(store, admin, a_line(), rules=rules)
    clock.advance(hours=2)
    await send(store, admin, a_line() + b"\n" + a_line(), rules=rules)
    [outcome] = await send(store, admin, a_line(), rules=rules)

    [only] = await kept(store, account)
    assert outcome.reject == only.id
    assert (only.status, only.sequence, only.times, only.payload, only.sender_id) == ("duplicate", 1, 3, None, "a")
    assert await kept(store, account, RejectFilters()) == []


async def test_no_more_is_kept_of_a_call_than_its_bounds_allow(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    body = b"\n".join([*(a_line(id=f"r{at}", n="x") for at in range(3)), *(a_line(id="d") for _ in range(4))])
    outcomes = await send(store, admin, body, rules=rules, room=2, room_for_duplicates=1)
    assert [each.reject for each in outcomes] == ["rej_1_1", "rej_1_2", None, None, "rej_1_3", None, None]
    assert [(each.status.value, each.times) for each in await kept(store, account)] == [
        ("rejected", 1), ("rejected", 1), ("duplicate", 1),
    ]  # fmt: skip


async def test_what_no_engine_can_keep_as_a_text_is_kept_all_the_same(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    body = b'{"id": "\\u0000", "at": 1, "n": 1}\n' + b'nul\x00 \xff\n{"id": "\\ud800", "at": "x"}'
    await send(store, admin, body, rules=rules)
    found = await kept(store, account)
    assert [each.sender_id for each in found] == [None, None, None]
    assert [each.payload for each in found] == [
        b'{"id": "\\u0000", "at": 1, "n": 1}', "nul\x00 \ufffd".encode(), b'{"id": "\\ud800", "at": "x"}',
    ]  # fmt: skip
    assert (await replay(store, admin, rules=rules, format_ref="default")).told()["rejected"] == 3


async def test_rejects_are_listed_by_what_became_of_them_by_format_by_id_and_by_entry(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await own_formats.save(store, admin, document(), rules=rules)
    second = (await own_formats.save(store, admin, document(unit={"path": "u"}), rules=rules)).ref
    for format_ in (METER, *[await own_formats.find(store, account.id, ref) for ref in ("meter@1", second)]):
        await send(store, admin, a_line(id=format_.ref, n="x"), rules=rules, format_=format_)
    await send(
        store, admin, a_line() + b"\n" + a_line() + b"\n" + a_line(n=2), rules=rules, format_=load(document() | {"name": "m"})
    )

    async def asked(**wanted: Any) -> list[int]:
        found = await kept(store, account, RejectFilters(**wanted))
        assert await store.count_rejects(account.id, RejectFilters(**wanted)) == len(found)
        return [each.number for each in found]

    assert await asked() == [1, 2, 3, 5]
    assert await asked(status=()) == [1, 2, 3, 4, 5]
    assert await asked(status=(RejectStatus.DUPLICATE,)) == [4]
    assert await asked(format=("meter",)) == [1, 2, 3]
    assert await asked(format=("meter@2", "m")) == [3, 5]
    assert await asked(sender_id=("a", "meter@1")) == [2, 5]
    assert await asked(status=(), sequence=(3,)) == [4, 5]
    assert await asked(sender_id=("nobody",)) == []
    newest = await store.rejects(account.id, limit=2, below=5)
    assert [each.number for each in newest] == [3, 2]
    assert [each.number for each in await store.rejects(account.id, limit=2, above=1, descending=False)] == [2, 3]


async def test_each_account_has_its_own_rejects(
    store: Store, account: Account, admin: Principal, stranger: Principal, rules: Rules
) -> None:
    for principal in (admin, stranger):
        await send(store, principal, a_line(n="x"), rules=rules)
    assert [each.id for each in await kept(store, stranger.account)] == ["rej_2_1"]
    with pytest.raises(NotFound, match="no reject rej_2_1"):
        await replay(store, admin, rules=rules, ids=["rej_2_1"])
    with pytest.raises(NotFound, match="no reject rej_2_1"):
        await drop(store, admin, ["rej_2_1"], rules=rules)
    await replay(store, admin, rules=rules, format_ref="default")
    assert [each.status for each in await kept(store, stranger.account)] == ["rejected"]


async def test_once_the_format_is_mended_a_replay_empties_the_rejects_and_the_ledger_is_that_of_a_clean_import(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    broken = document(quantity={"path": "n", "required": True})
    mended = document(quantity={"path": "n || amount"})
    lines = [a_line(id=f"e{at}", n=f"0.{at + 1}") for at in range(0, 9, 2)]
    lines += [json.dumps({"id": f"e{at}", "at": "2026-03-01T10:00:00Z", "amount": at}).encode() for at in range(1, 9, 2)]
    lines += [b'{"at": "2026-03-02T10:00:00Z", "amount": 7}'] * 2
    await own_formats.save(store, admin, broken, rules=rules)
    format_ = await own_formats.find(store, account.id, "meter")
    outcomes = await send(store, admin, b"\n".join(lines), rules=rules, format_=format_)
    assert [each.status for each in outcomes].count(Status.REJECTED) == 6

    await own_formats.save(store, admin, mended, rules=rules)
    done = await replay(store, admin, rules=rules)

    assert done.told() == {"inserted": 6, "duplicate": 0, "conflict": 0, "rejected": 0}
    assert done.left_first == []
    assert await kept(store, account, RejectFilters()) == []
    clean = await store.create_account("clean", START)
    principal = Principal(clean, "k1", frozenset({Permission.ADMIN.value}))
    await send(store, principal, b"\n".join(lines), rules=rules, format_=load(mended))
    facts = [
        sorted((str(each.sender_id), each.occurred_at, str(each.quantity)) for each in entries if each.kind is EntryKind.USAGE)
        for entries in (await ledger_of(store, account), await ledger_of(store, clean))
    ]
    assert facts[0] == facts[1]
    assert await totals(store, admin) == await totals(store, principal)

    assert (await replay(store, admin, rules=rules)).told() == {"inserted": 0, "duplicate": 0, "conflict": 0, "rejected": 0}
    assert len(await ledger_of(store, account)) == 11 + 2
    for reject in await kept(store, account):
        assert (reject.status, reject.payload, reject.format) == ("recorded", None, "meter@2")
        assert reject.reason == "is missing"
        [entry] = [each for each in await ledger_of(store, account) if each.sequence == reject.sequence]
        assert entry.sender_id == reject.sender_id


async def test_however_many_replay_at_once_each_is_recorded_once(
    store: Store, account: Account, admin: Principal, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "BATCH", 3)
    await send(store, admin, b"\n".join([b'{"at": "2026-03-01T10:00:00Z", "amount": 1}'] * 8), rules=rules)
    await own_formats.save(store, admin, document(quantity={"path": "amount"}), rules=rules)
    done = await asyncio.gather(*(replay(store, admin, rules=rules, format_ref="meter") for _ in range(4)))
    assert sum(each.counts["inserted"] for each in done) == 8
    assert [each.kind for each in await ledger_of(store, account)].count(EntryKind.USAGE) == 8


async def test_what_its_sender_has_mended_meanwhile_is_not_counted_twice(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await send(store, admin, b'{"id": "a", "at": "2026-03-01T10:00:00Z", "amount": 1}', rules=rules)
    await send(store, admin, a_line(), rules=rules)
    await own_formats.save(store, admin, document(quantity={"path": "n || amount"}), rules=rules)

    assert (await replay(store, admin, rules=rules, format_ref="meter")).told()["duplicate"] == 1

    [only] = await kept(store, account)
    assert (only.status, only.sequence, only.payload) == ("duplicate", 1, None)
    assert [each.kind for each in await ledger_of(store, account)].count(EntryKind.USAGE) == 1


async def test_what_is_still_refused_stays_with_the_reason_of_today(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await send(store, admin, a_line() + b"\n" + a_line(n=2) + b"\n" + a_line(id="b", n="x") + b"\nnonsense", rules=rules)
    saved = await own_formats.save(store, admin, document(unit={"path": "u", "required": True}), rules=rules)

    done = await replay(store, admin, rules=rules, format_ref="meter", filters=RejectFilters(sender_id=("b",)))
    assert done.told() == {"inserted": 0, "duplicate": 0, "conflict": 0, "rejected": 1}
    assert [(each.id, each.field, each.reason, each.format) for each in done.left_first] == [
        ("rej_1_2", "u", "is missing", saved.ref)
    ]
    assert [(each.field, each.text) for each in await kept(store, account)] == [
        ("id", a_line(n=2).decode()), ("u", a_line(id="b", n="x").decode()), (None, "nonsense"),
    ]  # fmt: skip

    done = await replay(store, admin, rules=rules, format_ref="default", ids=["rej_1_1", "rej_1_3"])
    assert done.told() == {"inserted": 0, "duplicate": 0, "conflict": 0, "rejected": 2}


async def test_rows_and_lines_of_every_kind_can_be_replayed(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    table = b'id,at,u\na,2026-03-01T10:00:00Z,"x, y"\nshort\n'
    await send(store, admin, table, rules=rules, kind=Kind.CSV)
    log = b'10.0.0.7 - ann [01/Mar/2026:10:00:00 +0100] "GET / HTTP/1.1" 200 5\n'
    await send(store, admin, log * 2 + b"nonsense\n", rules=rules, kind=Kind.ACCESS_LOG)
    found = await kept(store, account)
    assert [each.shape for each in found] == ["json", "cells", "json", "json", "access-log"]
    assert found[0].text == '{"id": "a", "at": "2026-03-01T10:00:00Z", "u": "x, y"}'
    assert found[1].text == '["short"]'

    await own_formats.save(store, admin, document(quantity={"constant": 1}, unit={"path": "u"}), rules=rules)
    assert (await replay(store, admin, rules=rules, ids=["rej_1_1"], format_ref="meter")).told()["inserted"] == 1
    assert (await replay(store, admin, rules=rules, format_ref="access-log")).told() == {
        "inserted": 2, "duplicate": 0, "conflict": 0, "rejected": 2,
    }  # fmt: skip
    entries = [each for each in await ledger_of(store, account) if each.kind is EntryKind.USAGE]
    assert [(each.sender_id, each.unit, each.status_code) for each in entries[:1]] == [("a", "x, y", None)]
    assert {each.customer_id for each in entries[1:]} == {"ann"}
    assert len({each.sender_id for each in entries}) == 3
    assert [each.reason for each in await kept(store, account, RejectFilters())] == [
        "has 1 cells, the header has 3",
        'is no line of the combined log format: host ident user [time] "request" status bytes "referer" "agent"',
    ]


async def test_events_and_activities_that_were_stated_field_by_field_are_kept_in_the_ledgers_own_words(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    for kind, item in (
        (EntryKind.USAGE, usage(id="u", quantity=Decimal("0.5"), currency="eur", additional_data={"a": Decimal("1.50")})),
        (EntryKind.ACTIVITY, activity(id="l", action="license.Issued")),
    ):
        await record(store, admin, [item], rules=rules, kind=kind, arrival=refusals.stated([item], kind))
    first, second = await kept(store, account)
    assert (first.kind, second.kind) == (EntryKind.USAGE, EntryKind.ACTIVITY)
    assert first.text == (
        '{"occurred_at": "2026-04-01T11:00:00.000000Z", "product_id": "api", "customer_id": "c1", "quantity": 0.5,'
        ' "unit": "call", "id": "u", "currency": "eur", "additional_data": {"a": 1.50}}'
    )
    assert (await replay(store, admin, rules=rules)).told()["rejected"] == 2

    async def body(tx: Transaction) -> None:
        await tx.lock()
        mended = [
            replace(each, payload=(each.payload or b"").replace(b'"eur"', b'"EUR"').replace(b"Issued", b"issued"))
            for each in (first, second)
        ]
        await tx.put_rejects(mended)

    await store.transact(account.id, body)
    assert (await replay(store, admin, rules=rules)).told()["inserted"] == 2
    assert [(each.kind, each.action) for each in await ledger_of(store, account)] == [
        (EntryKind.USAGE, "usage.consumed"), (EntryKind.ACTIVITY, "license.issued"),
    ]  # fmt: skip


async def test_what_is_dropped_is_gone_and_that_it_was_dropped_stands_in_the_ledger(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await send(store, admin, a_line(n="x") + b"\nnonsense", rules=rules)

    assert await drop(store, admin, ["rej_1_1", "rej_1_1"], rules=rules) == ["rej_1_1"]

    gone, left = await kept(store, account)
    assert (gone.status, gone.payload, gone.field, gone.reason, gone.sender, gone.sender_id) == ("dropped", *[None] * 5)
    assert left.text == "nonsense"
    [act] = await ledger_of(store, account)
    assert (act.action, act.actor, json.loads(act.record or "")) == (
        "reject.dropped", "key k1", {"kind": "reject", "ids": ["rej_1_1"]},
    )  # fmt: skip
    assert await drop(store, admin, ["rej_1_1"], rules=rules) == []
    with pytest.raises(NotFound, match="no reject rej_1_9"):
        await drop(store, admin, ["rej_1_2", "rej_1_9"], rules=rules)
    assert len(await ledger_of(store, account)) == 1
    assert [each.id for each in await kept(store, account, RejectFilters())] == ["rej_1_2"]
    with pytest.raises(InvalidEvent, match=r"ids: has more than 1,000 items"):
        await drop(store, admin, ["rej_1_2"] * 1_001, rules=rules)


async def test_what_has_outlived_its_time_is_forgotten_and_no_number_is_given_twice(
    store: Store, account: Account, admin: Principal, stranger: Principal, rules: Rules, clock: Clock
) -> None:
    await send(store, admin, a_line(n="x") + b"\nnonsense", rules=rules)
    await send(store, stranger, a_line(n="x"), rules=rules)
    clock.advance(days=1)
    await send(store, stranger, b"nonsense", rules=rules)

    assert await store.forget_rejects(START) == 0
    assert await store.forget_rejects(clock()) == 3
    assert await store.forget_rejects(clock()) == 0

    assert short(await kept(store, account)) == [("dropped", None, None, None)]
    assert [(each.id, each.text) for each in await kept(store, stranger.account)] == [("rej_2_2", "nonsense")]
    [outcome] = await send(store, admin, a_line(n="x"), rules=rules)
    assert outcome.reject == "rej_1_3"


async def test_refusals_are_gone_with_a_transaction_that_fails(
    store: Store, account: Account, admin: Principal, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Arrival, outcomes: Sequence[Outcome]) -> None:
        raise AssertionError("told of what was not committed")

    monkeypatch.setattr(Arrival, "told", fail)

    async def failing(tx: Transaction, *args: Any, **kwargs: Any) -> list[Outcome]:
        await refusals.keep(tx, *args, **kwargs)
        raise RuntimeError("after all")

    monkeypatch.setattr("app.ledger.commands.keep", failing)
    async with nothing_written(store, account):
        with pytest.raises(RuntimeError, match="after all"):
            await send(store, admin, a_line() + b"\n" + a_line(n=2), rules=rules)
    assert await kept(store, account) == []


async def test_replaying_needs_to_record_and_dropping_needs_admin(
    store: Store, account: Account, admin: Principal, caller_with: Callable[..., Principal], rules: Rules
) -> None:
    await send(store, admin, a_line(n="x"), rules=rules)
    with pytest.raises(ScopeDenied):
        await replay(store, caller_with(Permission.REPORT_READ), rules=rules)
    with pytest.raises(ScopeDenied):
        await drop(store, caller_with(Permission.USAGE_WRITE), ["rej_1_1"], rules=rules)
    assert [each.status in OPEN for each in await kept(store, account)] == [True]


async def test_what_contradicts_an_event_goes_with_the_events_texts(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    said = a_line(more={"who": "Ann"})
    await send(store, admin, b"\n".join([said, a_line(more={"who": "Bob"}), a_line(id="b", n="x")]), rules=rules)
    await erase(store, admin, "evt_1_1", rules=rules)
    assert [(each.status.value, each.text) for each in await kept(store, account)] == [
        ("dropped", None), ("rejected", a_line(id="b", n="x").decode()),
    ]  # fmt: skip
    assert [each.action for each in await ledger_of(store, account)] == ["usage.consumed", "entry.erased", "reject.dropped"]


async def test_what_names_a_customer_goes_with_the_customers_texts(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    format_ = load(document(customer_id={"path": "c"}))
    lines = [
        a_line(c="7"), a_line(id="own", c="7", n="x"), a_line(id="number", c=7, n="x"), a_line(id="within", c="17", n="x"),
        a_line(id="other", c="8", n="7.x"), b"c=7 nonsense", b"c=17 nonsense",
    ]  # fmt: skip
    await send(store, admin, b"\n".join(lines), rules=rules, format_=format_)
    await erase_customer(store, admin, "7", rules=rules)
    assert [each.text for each in await kept(store, account)] == [
        None, None, *(line.decode() for line in lines[3:5]), None, "c=17 nonsense",
    ]  # fmt: skip
