"""What was tried against the gateway and is held off: slow answers, merged senders, files put over others."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.api.body import query_items
from app.domain.account import Account, Principal
from app.domain.errors import InvalidEvent, InvalidQuery
from app.domain.period import MOST_EDGES, Granularity, Period, cut, zone_named
from app.ledger import commands
from app.ledger.commands import Rules
from app.ledger.exact_json import Unreadable, read_json
from app.ledger.outcome import Status
from app.ports import Store
from app.question.filters import Filters
from app.question.fold import MOST_FILLED, Cell, fold
from app.question.groups import Dimension, Groups
from app.question.scope import Scope
from app.storage.sqlite import open_sqlite
from tests.events import usage


def test_a_key_that_stands_twice_among_many_is_named_without_comparing_each_with_each() -> None:
    text = "{" + ",".join(f'"{number:06}":1' for number in range(60_000)) + ',"000777":1}'
    with pytest.raises(Unreadable, match='"000777" twice'):
        read_json(text)


def test_a_period_of_too_many_buckets_is_refused_before_its_calendar_is_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.domain.period._edges", lambda *_: pytest.fail("the calendar was walked"))
    with pytest.raises(InvalidQuery, match="more than 25,000 buckets"):
        cut(Period(datetime(1000, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)), Granularity.HOUR)


def test_filling_makes_no_more_groups_than_can_be_told() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    buckets = cut(Period(start, start + timedelta(hours=MOST_EDGES)), Granularity.HOUR)
    many = MOST_FILLED // MOST_EDGES + 1
    cells = (Cell(start, (str(each),), None, None, 1, 0, 0, False, False, 0, 0, start, start) for each in range(many))
    with pytest.raises(InvalidQuery) as refused:
        fold(cells, Groups(Scope(1, 1), by=(Dimension.PRODUCT,), buckets=buckets, fill=True))
    assert refused.value.field == "fill"


@pytest.mark.parametrize("name", ["localtime", "posixrules", "Factory", "right/UTC", "posix/UTC", "../UTC", "/etc/localtime", ""])
def test_a_zone_that_only_some_machines_know_is_no_zone(name: str) -> None:
    with pytest.raises(InvalidQuery, match="IANA time zone"):
        zone_named(name)


@pytest.mark.parametrize("query", [b"source=%ff", b"source=%c3", b"%ff=1", b"source=\xc3\xa4", b"source=%ed%a0%80"])
def test_a_query_string_that_is_not_utf8_is_refused(query: bytes) -> None:
    with pytest.raises(InvalidQuery, match="UTF-8"):
        query_items({"type": "http", "query_string": query})


def test_a_query_string_in_utf8_is_read_as_it_is() -> None:
    assert query_items({"query_string": b"a=%C3%A4&a=+b&c="}) == [("a", "ä"), ("a", " b"), ("c", "")]


async def test_what_a_sender_states_is_kept_and_compared(store: Store, admin: Principal, rules: Rules) -> None:
    first = usage(id="x", currency="EUR")
    [recorded] = await commands.record(store, admin, [first], rules=rules)
    assert recorded.entry is not None
    assert recorded.entry.currency == "EUR"
    [again, other] = await commands.record(store, admin, [first, first | {"currency": "USD"}], rules=rules)
    assert (again.status, other.status) == (Status.DUPLICATE, Status.CONFLICT)
    assert other.reason is not None
    assert "currency differs" in other.reason


async def test_an_event_of_before_1970_is_rejected(store: Store, admin: Principal, rules: Rules, account: Account) -> None:
    [outcome] = await commands.record(store, admin, [usage(occurred_at="1969-12-31T23:59:59Z")], rules=rules)
    assert (outcome.status, outcome.field, outcome.reason) == (Status.REJECTED, "occurred_at", "lies before 1970")
    assert (await store.head(account.id)).sequence == 0


async def test_an_amendment_that_changes_nothing_is_refused(store: Store, admin: Principal, rules: Rules) -> None:
    [recorded] = await commands.record(store, admin, [usage()], rules=rules)
    assert recorded.entry is not None
    with pytest.raises(InvalidEvent, match="changes: is empty"):
        await commands.amend(store, admin, recorded.entry.event_ref, {}, rules=rules, reason="none")
    assert (await store.head(admin.account.id)).sequence == 1


async def test_the_database_is_its_owners_alone(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "ledger.db")
    await store.create_account("acme", datetime(2026, 1, 1, tzinfo=UTC))
    modes = modes_in(tmp_path)
    await store.close()
    assert {modes["ledger.db"], modes["ledger.db-wal"], modes["ledger.db-shm"]} == {0o600}


def modes_in(folder: Path) -> dict[str, int]:
    return {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}


def test_filters_take_no_character_that_cannot_be_looked_for() -> None:
    with pytest.raises(InvalidQuery, match="surrogate"):
        Filters(product_id=("\ud800",))
