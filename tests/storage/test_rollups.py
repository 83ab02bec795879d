"""Rollups say what the ledger says, whatever was recorded and taken back, and what is false in them is found and made anew."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.domain.account import Account, Permission
from app.domain.period import Granularity, Period, cut
from app.ledger.commands import Rules, amend, record, retract
from app.ports import Store
from app.question.filters import Filters
from app.question.groups import Grouped, GroupOrder, Groups
from app.question.keys import Dimension
from app.question.measures import Measure
from app.question.order import place
from app.question.scope import Scope
from app.storage.sql import chosen, planner, summaries
from app.storage.sqlite import runs
from tests.conftest import DURABLE, Clock, caller, opened
from tests.databases import DATABASES
from tests.events import START, usage

Run = Callable[[str], Awaitable[None]]
MARCH = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
pytestmark = pytest.mark.parametrize("engine", DURABLE)


@pytest.fixture
async def store(engine: str, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store of each engine that keeps rollups."""
    async with opened(engine, tmp_path) as empty:
        yield empty


@pytest.fixture
def run(engine: str, tmp_path: Path, store: Store) -> Run:
    """Runs SQL on the store's database behind its back."""

    async def on_postgres(sql: str) -> None:
        connection = await asyncpg.connect(DATABASES.lent[tmp_path])
        await connection.execute(sql)
        await connection.close()

    async def on_sqlite(sql: str) -> None:
        connection = sqlite3.connect(tmp_path / "ledger.db")
        with connection:
            connection.execute(sql)
        connection.close()

    return on_sqlite if engine == "sqlite" else on_postgres


@pytest.fixture
async def refs(store: Store, account: Account, rules: Rules) -> list[str]:
    """Ten events an hour apart from the morning of 10 March, of two customers and one license."""
    items = [
        usage(
            occurred_at=datetime(2026, 3, 10, 8 + at, tzinfo=UTC),
            customer_id=f"c{at % 2}",
            product_id="maps",
            feature_code="tiles",
            license_id="l1",
            quantity=str(at + 1),
        )
        for at in range(10)
    ]
    outcomes = await record(store, caller(account, Permission.ADMIN), items, rules=rules)
    return [each.entry.event_ref for each in outcomes if each.entry is not None]


async def both(store: Store, question: Groups, monkeypatch: pytest.MonkeyPatch) -> Grouped:
    """The answer, by whichever way, once the ledger alone has said the same."""
    answer = await store.groups(question)
    with monkeypatch.context() as patch:
        patch.setattr(planner, "ROLLUPS", ())
        assert await store.groups(question) == answer
    return answer


async def at_head(store: Store, account: Account) -> Scope:
    """Everything that the account has recorded."""
    return Scope(account.id, (await store.head(account.id)).sequence)


def source(answer: Grouped) -> str:
    """What told it."""
    assert answer.way is not None
    return answer.way.source


async def test_each_question_takes_the_smallest_rollup_that_has_all_of_it(
    store: Store, account: Account, refs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = await at_head(store, account)
    product, customer, feature, license_ = (
        Dimension.PRODUCT, Dimension.CUSTOMER, Dimension.FEATURE, Dimension.LICENSE,
    )  # fmt: skip
    week = Period(datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 3, 15, tzinfo=UTC))
    asked = {
        Groups(scope): "product_months and usage_days",
        Groups(scope, Filters(week)): "usage_days",
        Groups(scope, Filters(week), (feature,)): "code_days",
        Groups(scope, Filters(week), (product, feature)): "product_days",
        Groups(scope, Filters(MARCH), (feature,)): "product_months and code_days",
        Groups(scope, Filters(week), (customer,)): "customer_days",
        Groups(scope, Filters(MARCH), (customer,)): "customer_months and customer_days",
        Groups(scope, Filters(week, customer_id=("c1",))): "contract_days",
        Groups(scope, Filters(week, license_id=("l1",)), (product, customer)): "contract_days",
        Groups(scope, Filters(week, license_id=("l1",)), (feature,)): "feature_days",
        Groups(scope, Filters(license_id=("nobody's",))): "contract_days",
        Groups(scope, Filters(week), (product,), cut(week, Granularity.DAY)): "usage_days",
        Groups(scope, Filters(MARCH), (), cut(MARCH, Granularity.MONTH)): "product_months and usage_days",
        Groups(scope, Filters(MARCH), (), cut(MARCH, Granularity.WEEK, "Europe/Berlin")): "usage_days and usage_hours",
        Groups(scope, Filters(week), (), cut(week, Granularity.HOUR)): "usage_hours",
        Groups(scope, Filters(week), (feature,), cut(week, Granularity.HOUR)): "ledger",
        Groups(scope, Filters(week), (product,), cut(week, Granularity.DAY, "Asia/Tokyo")): "usage_hours",
        Groups(scope, Filters(week), (product,), cut(week, Granularity.DAY, "Asia/Kolkata")): "usage_hours",
        Groups(scope, Filters(week), (), cut(week, Granularity.HOUR, "Asia/Kolkata")): "ledger",
        Groups(scope, Filters(week, customer_id=("c1",)), (), cut(week, Granularity.DAY, "Asia/Tokyo")): "ledger",
        Groups(scope, Filters(week), (license_,)): "ledger",
        Groups(scope, Filters(week, product_id=("maps",)), (customer,)): "ledger",
        Groups(scope, Filters(week, status_code=(200,))): "ledger",
    }
    told = {question: source(await both(store, question, monkeypatch)) for question in asked}
    assert told == asked


@pytest.mark.parametrize(
    ("by", "minutes", "told"),
    [
        ((), 0, (12, "usage_days and usage_hours", 2, 0)),
        ((Dimension.PRODUCT,), 0, (12, "usage_days and usage_hours", 2, 0)),
        ((Dimension.PRODUCT,), 30, (12, "usage_days and usage_hours", 2, 2)),
        ((Dimension.FEATURE,), 0, (12, "code_days", 2, 2)),
    ],
)
async def test_the_edges_of_a_period_are_told_by_hours_and_what_is_left_by_the_ledger(
    store: Store,
    account: Account,
    refs: list[str],
    rules: Rules,
    monkeypatch: pytest.MonkeyPatch,
    by: tuple[Dimension, ...],
    minutes: int,
    told: tuple[int, str, int, int],
) -> None:
    items = [usage(occurred_at=datetime(2026, 3, day, 12, minutes, tzinfo=UTC)) for day in (9, 11, 12)]
    await record(store, caller(account, Permission.ADMIN), items, rules=rules)
    period = Period(datetime(2026, 3, 9, 12, minutes, tzinfo=UTC), datetime(2026, 3, 12, 12, minutes, tzinfo=UTC))
    answer = await both(store, Groups(await at_head(store, account), Filters(period), by), monkeypatch)
    assert answer.way is not None
    assert (answer.total.events, answer.way.source, answer.way.days, answer.way.parts) == told


async def test_hours_are_told_as_of_what_was_recorded_and_taken_back_since(
    store: Store, account: Account, refs: list[str], rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = caller(account, Permission.ADMIN)
    period = Period(datetime(2026, 3, 10, 5, tzinfo=UTC), datetime(2026, 3, 11, 5, tzinfo=UTC))
    days = cut(period, Granularity.HOUR)
    await retract(store, admin, refs[0], rules=rules, reason="never was")
    then = await at_head(store, account)
    await record(store, admin, [usage(occurred_at=datetime(2026, 3, 10, 8, 30, tzinfo=UTC), product_id="maps")], rules=rules)
    await retract(store, admin, refs[1], rules=rules, reason="never was")
    for scope, first in ((then, 9), (await at_head(store, account), 8)):
        for question in (Groups(scope, Filters(period), (Dimension.PRODUCT,)), Groups(scope, Filters(period), (), days)):
            answer = await both(store, question, monkeypatch)
            assert (source(answer), answer.total.events) == ("usage_hours", 9)
            assert answer.total.first_use is not None
            assert answer.total.first_use.hour == first


async def test_a_question_behind_the_head_takes_off_what_is_newer(
    store: Store, account: Account, refs: list[str], rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    then = await at_head(store, account)
    admin = caller(account, Permission.ADMIN)
    late = usage(occurred_at=datetime(2026, 3, 10, 7, tzinfo=UTC), customer_id="c0", product_id="maps", quantity="100")
    other = usage(occurred_at=datetime(2026, 3, 11, 7, tzinfo=UTC), customer_id="c9", product_id="other", quantity="1")
    await record(store, admin, [late, other], rules=rules)
    await amend(store, admin, refs[9], {"quantity": "1000", "product_id": "moved"}, rules=rules, reason="typo")
    question = Groups(then, Filters(MARCH), (Dimension.PRODUCT,))
    answer = await both(store, question, monkeypatch)
    [group] = answer.groups
    assert (group.dimensions, group.events, str(group.quantities[0].quantity)) == (("maps",), 10, "55")
    assert (group.first_use, group.last_use) == (datetime(2026, 3, 10, 8, tzinfo=UTC), datetime(2026, 3, 10, 17, tzinfo=UTC))
    assert answer.way is not None
    assert (answer.way.source, answer.way.newer) == ("usage_days", 4)
    monkeypatch.setattr(summaries, "NEAR", 3)
    assert source(await both(store, question, monkeypatch)) == "ledger"


async def test_a_page_of_customers_is_chosen_by_the_engine_as_it_is_cut_from_all(
    store: Store, account: Account, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = caller(account, Permission.ADMIN)
    # Ties in number, an absent customer among them, and two units of one.
    names = ["b", "b", "b", "é", "é", "a", "a", None, None, "c", "c", "Z"]
    items = [
        usage(occurred_at=START - timedelta(days=at), customer_id=name, unit="GB" if at % 2 else "call")
        for at, name in enumerate(names)
    ]
    await record(store, admin, items, rules=rules)
    before = await at_head(store, account)
    await record(store, admin, [usage(customer_id="new"), usage(customer_id="Z"), usage(customer_id=None)], rules=rules)
    for scope in (await at_head(store, account), before):
        for order in (GroupOrder(measure, turned) for measure in (Measure.EVENTS, Measure.KEY) for turned in (False, True)):
            everything = Groups(scope, by=(Dimension.CUSTOMER,), order=order)
            groups = (await store.groups(everything)).groups
            assert len(groups) == (6 if scope is before else 7)
            for at, group in enumerate(groups):
                for after, end, from_end in ((place(group, everything), None, False), (None, place(group, everything), True)):
                    question = replace(everything, limit=2, after=after, before=end, from_end=from_end)
                    answer = await both(store, question, monkeypatch)
                    assert answer.groups == (groups[max(0, at - 2) : at] if from_end else groups[at + 1 : at + 3])
            question = replace(everything, limit=3, after=place(groups[0], everything), before=place(groups[-1], everything))
            answer = await both(store, question, monkeypatch)
            assert (answer.groups, source(answer)) == (groups[1:-1][:3], "customer_months and customer_days")
            monkeypatch.setattr(chosen, "MOST_TOUCHED", 2)
            assert await store.groups(question) == answer
            monkeypatch.undo()


async def test_a_use_that_was_taken_back_is_looked_up(
    store: Store, account: Account, refs: list[str], rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = caller(account, Permission.ADMIN)
    for ref in (refs[0], refs[9]):
        await retract(store, admin, ref, rules=rules, reason="never happened")
    for by, looked_up in (((), 2), ((Dimension.CUSTOMER,), 2), ((Dimension.PRODUCT, Dimension.FEATURE), 2)):
        answer = await both(store, Groups(await at_head(store, account), Filters(MARCH), by), monkeypatch)
        assert (answer.total.first_use, answer.total.last_use) == (
            datetime(2026, 3, 10, 9, tzinfo=UTC),
            datetime(2026, 3, 10, 16, tzinfo=UTC),
        )
        assert answer.way is not None
        assert answer.way.looked_up == looked_up
    for ref in refs[1:9]:
        await retract(store, admin, ref, rules=rules, reason="never happened")
    answer = await both(store, Groups(await at_head(store, account)), monkeypatch)
    assert (answer.total.events, answer.total.first_use, answer.total.last_use) == (0, None, None)
    assert answer.way is not None
    assert answer.way.looked_up == 0  # nothing stands: there is nothing to look for
    assert await store.false_total(account.id) is None


async def test_an_amended_quantity_leaves_no_use_uncertain(
    store: Store, account: Account, refs: list[str], rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ref in (refs[0], refs[9]):
        await amend(store, caller(account, Permission.ADMIN), ref, {"quantity": "7"}, rules=rules, reason="typo")
    answer = await both(store, Groups(await at_head(store, account), Filters(MARCH), (Dimension.CUSTOMER,)), monkeypatch)
    assert answer.way is not None
    assert answer.way.looked_up == 0


async def test_the_first_and_the_last_day_are_looked_for_where_a_rollup_has_them(
    store: Store, account: Account, refs: list[str], rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = caller(account, Permission.ADMIN)
    await retract(store, admin, refs[0], rules=rules, reason="never happened")  # it happened in the ledger all the same
    then = await at_head(store, account)
    late = usage(occurred_at=START - timedelta(days=3), customer_id="c0", license_id="l1")
    await record(store, admin, [late, usage(customer_id="busy")], rules=rules)
    first, last = datetime(2026, 3, 10, 8, tzinfo=UTC), datetime(2026, 3, 10, 17, tzinfo=UTC)
    for filters in (Filters(license_id=("l1",)), Filters(product_id=("maps",)), Filters(feature_code=("tiles",))):
        assert await store.extent(then, filters) == (first, last)
    now = await at_head(store, account)
    assert await store.extent(now, Filters(license_id=("l1",))) == (first, START - timedelta(days=3))
    assert await store.extent(now, Filters(license_id=("nobody's",))) is None
    monkeypatch.setattr(summaries, "MOST_CUSTOMERS", 1)
    assert await store.extent(now, Filters(license_id=("l1",))) == (first, START - timedelta(days=3))


async def test_what_nobody_recorded_is_found_in_a_rollup_and_made_anew(
    store: Store, account: Account, refs: list[str], rules: Rules, run: Run
) -> None:
    wrongs = {
        "UPDATE usage_days SET events = events + 1": "usage_days differs on 2026-03-10 (product_id maps)",
        "UPDATE product_months SET first_use = first_use + 2": (
            "product_months differs on 2026-03-01 (product_id maps, feature_code tiles)"
        ),
        "DELETE FROM customer_days WHERE customer_id = 'c1'": "customer_days differs on 2026-03-10 (customer_id c1)",
        "UPDATE customer_months SET customer_id = 'c2' WHERE customer_id = 'c1'": (
            "customer_months differs on 2026-03-01 (customer_id c1)"
        ),
        "UPDATE contract_days SET day = day - 100 WHERE customer_id = 'c0'": (
            "contract_days differs on 2026-03-10"
            " (customer_id c0, product_id maps, license_id l1, order_id none, subscription_id none)"
        ),
        "UPDATE feature_days SET last_use = last_use - 3": (
            "feature_days differs on 2026-03-10 (customer_id c0, license_id l1, feature_code tiles)"
        ),
        "DELETE FROM contract_customers": "contract_customers lacks the customer c0 of the license_id l1",
    }
    for sql, told in wrongs.items():
        await run(sql)
        assert await store.false_total(account.id) == told
        await store.transact(account.id, lambda tx: tx.total_anew())
        assert await store.false_total(account.id) is None


async def test_what_is_made_anew_knows_what_was_taken_back_later(
    store: Store, account: Account, refs: list[str], rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.storage.sql import rollup_writes

    await retract(store, caller(account, Permission.ADMIN), refs[0], rules=rules, reason="never happened")
    monkeypatch.setattr(rollup_writes, "WINDOW", 3)
    await store.transact(account.id, lambda tx: tx.total_anew())
    assert await store.false_total(account.id) is None
    answer = await both(store, Groups(await at_head(store, account), Filters(MARCH)), monkeypatch)
    assert answer.way is not None
    assert (answer.total.first_use, answer.way.looked_up) == (datetime(2026, 3, 10, 9, tzinfo=UTC), 0)


async def test_what_is_used_after_everything_was_taken_back_is_certain_when_it_is_made_anew(
    store: Store, account: Account, refs: list[str], rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = caller(account, Permission.ADMIN)
    for ref in refs:
        await retract(store, admin, ref, rules=rules, reason="never happened")
    again = datetime(2026, 3, 10, 12, tzinfo=UTC)
    item = usage(occurred_at=again, customer_id="c0", product_id="maps", feature_code="tiles", license_id="l1", quantity="1")
    await record(store, admin, [item], rules=rules)
    await store.transact(account.id, lambda tx: tx.total_anew())
    assert await store.false_total(account.id) is None
    for filters in (Filters(MARCH), Filters(customer_id=("c0",)), Filters(license_id=("l1",))):
        answer = await both(store, Groups(await at_head(store, account), filters), monkeypatch)
        assert (answer.total.events, answer.total.first_use, answer.total.last_use) == (1, again, again)
        assert answer.way is not None
        assert answer.way.looked_up == 0


async def test_questions_are_exact_while_others_record(
    store: Store, account: Account, rules: Rules, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = caller(account, Permission.ADMIN)

    async def recording() -> None:
        for batch in range(30):
            items = [usage(occurred_at=START - timedelta(hours=batch * at), product_id=f"p{at}", quantity="1") for at in range(4)]
            await record(store, admin, items, rules=rules)

    async def asking() -> list[tuple[int, int]]:
        found = []
        while not task.done():
            head = await store.head(account.id)
            answer = await store.groups(Groups(Scope(account.id, head.sequence), by=(Dimension.PRODUCT,)))
            found.append((head.sequence, answer.total.events))
        return found

    task = asyncio.create_task(recording())
    told = await asking()
    await task
    assert told
    assert all(sequence == events for sequence, events in told)
    assert await store.false_total(account.id) is None


@pytest.fixture
async def folded(
    store: Store, account: Account, rules: Rules, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> dict[str, list[str]]:
    """What `many` and `few` have used, noon by noon from 28 January to 10 March, by day of reporting: the former's days are
    folded from its fourth row on. The last were reported on 12 March."""
    from app.storage.sql import rollup_writes

    monkeypatch.setattr(rollup_writes, "EVERY", 1)
    monkeypatch.setattr(rollup_writes, "MANY", 8)
    admin = caller(account, Permission.ADMIN)
    refs: dict[str, list[str]] = {"many": [], "few": []}
    for day in range(42):
        noon = datetime(2026, 1, 28, 12, tzinfo=UTC) + timedelta(days=day)
        clock.now = noon + timedelta(days=2)
        for name in ("many", *(["few"] if day == 40 else [])):
            item = usage(occurred_at=noon, customer_id=name, license_id=f"l-{name}", product_id="maps", quantity="1")
            [outcome] = await record(store, admin, [item], rules=rules)
            assert outcome.entry is not None
            refs[name].append(outcome.entry.event_ref)
    return refs


MANY, FEW = Filters(customer_id=("many",)), Filters(customer_id=("few",))


async def test_days_that_are_past_are_told_by_month_of_whoever_has_many(
    store: Store, account: Account, folded: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = await at_head(store, account)
    by_license = Filters(license_id=("l-many",))
    products = (Dimension.PRODUCT,)

    def during(start: tuple[int, int], end: tuple[int, int], filters: Filters = MANY) -> Groups:
        """From one month and day of the year to before the other."""
        days = (datetime(2026, *each, tzinfo=UTC) for each in (start, end))
        return Groups(scope, replace(filters, period=Period(*days)), products)

    both_customers = replace(MANY, customer_id=("few", "many"))
    whole_months = Groups(scope, MANY, (), cut(Period(datetime(2026, 1, 1, tzinfo=UTC), MARCH.end), Granularity.MONTH))
    asked = {
        Groups(scope, MANY, products): ("contract_months and contract_days", 42),
        Groups(scope, by_license, (Dimension.FEATURE,)): ("feature_months and feature_days", 42),
        whole_months: ("contract_months and contract_days", 42),
        during((2, 1), (3, 1)): ("contract_months and contract_days", 28),
        during((2, 1), (2, 20)): ("contract_days", 19),  # no whole month
        during((1, 1), (2, 20)): ("contract_months and contract_days", 23),
        during((1, 1), (3, 5)): ("contract_months and contract_days", 36),  # ends within days that are folded
        during((1, 1), (3, 10)): ("contract_months and contract_days", 41),  # and after them, or where they end
        during((1, 1), (3, 9)): ("contract_months and contract_days", 40),
        during((1, 29), (3, 20)): ("contract_months and contract_days", 41),
        during((1, 29), (4, 2), by_license): ("contract_months and contract_days", 41),
        Groups(scope, FEW, products): ("contract_days", 1),
        Groups(scope, both_customers, products): ("contract_days", 43),
    }
    told = {}
    for question in asked:
        answer = await both(store, question, monkeypatch)
        told[question] = (source(answer), answer.total.events)
    assert told == asked
    assert await store.false_total(account.id) is None
    monkeypatch.setattr(runs, "MOST_RUNS", 2)  # asked in several parts on SQLite, of which some have no whole month
    winter = Period(datetime(2025, 12, 1, tzinfo=UTC), datetime(2026, 3, 5, tzinfo=UTC))
    answer = await both(store, Groups(scope, replace(MANY, period=winter), (), cut(winter, Granularity.MONTH)), monkeypatch)
    assert (source(answer), [each.events for each in answer.groups]) == ("contract_months and contract_days", [4, 28, 4])


async def test_what_comes_late_for_a_folded_day_is_added_and_taken_back_there(
    store: Store, account: Account, folded: dict[str, list[str]], rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = caller(account, Permission.ADMIN)
    before = await at_head(store, account)
    noon = datetime(2026, 2, 10, 12, tzinfo=UTC)
    await record(store, admin, [usage(occurred_at=noon, customer_id="many", license_id="l-many", quantity="5")], rules=rules)
    await retract(store, admin, folded["many"][0], rules=rules, reason="never happened")
    await amend(store, admin, folded["many"][1], {"quantity": "7"}, rules=rules, reason="counted again")
    now = await at_head(store, account)
    since_march = replace(MANY, period=Period(datetime(2026, 3, 1, tzinfo=UTC)))
    for question, events, newer in (
        (Groups(now, MANY), 42, 0),
        (Groups(before, MANY), 42, 4),  # the months that newer entries are about are told by their days
        (Groups(before, since_march), 10, 0),
    ):
        answer = await both(store, question, monkeypatch)
        assert answer.way is not None
        assert (source(answer), answer.total.events, answer.way.newer) == ("contract_months and contract_days", events, newer)
    assert await store.false_total(account.id) is None


async def test_folded_days_that_are_false_are_found_and_folded_anew(
    store: Store, account: Account, folded: dict[str, list[str]], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = "(customer_id many, product_id maps, license_id l-many, order_id none, subscription_id none)"
    wrongs = {
        "UPDATE contract_months SET events = events + 1": f"contract_months differs on 2026-01-01 {many}",
        "DELETE FROM feature_months": (
            "feature_months differs on 2026-01-01 (customer_id many, license_id l-many, feature_code none)"
        ),
        "UPDATE folded_customers SET until = until - 1": f"contract_months differs on 2026-03-01 {many}",
        "DELETE FROM folded_customers": "contract_months has 1 rows from 2026-01-01 to 2026-01-31, the ledger gives 0",
    }
    for sql, told in wrongs.items():
        await run(sql)
        assert await store.false_total(account.id) == told
        await store.transact(account.id, lambda tx: tx.total_anew())
        assert await store.false_total(account.id) is None
        answer = await both(store, Groups(await at_head(store, account), MANY), monkeypatch)
        assert source(answer) == "contract_months and contract_days"


@pytest.mark.usefixtures("refs")
async def test_where_a_license_leads_is_taken_for_granted_for_a_moment_and_of_one_scope(
    store: Store, account: Account, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    ledger: Any = store
    customers = ledger._summaries.reads.customers

    def noted(question: Groups, *given: Any) -> Any:
        asked.append(question.scope.as_of)
        return customers(question, *given)

    monkeypatch.setattr(ledger._summaries.reads, "customers", noted)
    monkeypatch.setattr(summaries, "_LINKED_SECONDS", 3_600)
    of_license = Filters(license_id=("l1",))
    for _ in range(2):
        assert (await store.groups(Groups(await at_head(store, account), of_license))).total.events == 10
    assert asked == [10]
    monkeypatch.setattr(summaries, "_LINKED_SECONDS", -1)
    new = usage(occurred_at=datetime(2026, 3, 11, tzinfo=UTC), customer_id="c9", license_id="l1", quantity="1")
    await record(store, caller(account, Permission.ADMIN), [new], rules=rules)
    for _ in range(2):
        found = await store.groups(Groups(await at_head(store, account), of_license, (Dimension.CUSTOMER,)))
        assert [each.dimensions for each in found.groups] == [("c0",), ("c1",), ("c9",)]
    assert asked == [10, 11, 11]
