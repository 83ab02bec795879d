"""Erasure: private texts are gone wherever they stood, and everything that was proven still holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.domain.account import Account, Permission, Principal, genesis
from app.domain.catalogue import RecordKind
from app.domain.entry import PRIVATE_FIELDS, Entry, EntryKind
from app.domain.errors import InvalidEvent, NotFound, ScopeDenied
from app.ledger.catalogue import upsert
from app.ledger.chain import verify
from app.ledger.commands import Rules, amend, record
from app.ledger.erasure import Erased, erase
from app.ledger.outcome import Status
from app.ports import Store
from app.question.records import Records
from app.question.rows import Rows
from app.question.scope import Scope
from tests.asking import ledger_of, live, nothing_written
from tests.conftest import DURABLE
from tests.events import usage

SECRET = "Ada Lovelace, 12 St James's Square"
PRIVATE = {"message": SECRET, "actor": SECRET, "additional_data": {"address": SECRET}}


async def verified(store: Store, account: Account) -> int:
    """Walk the whole chain; gives how many entries have erased texts."""
    head = await store.head(account.id)
    stream = store.stream(Rows(Scope(account.id, head.sequence), descending=False))
    found = await verify(stream, genesis(account.name), head)
    assert (found.entries, found.chain) == (head.sequence, head.chain)
    return found.erased


def without_texts(entry: Entry, *names: str) -> Entry:
    gone: dict[str, Any] = dict.fromkeys(names)
    return replace(entry, veil=entry.veil.without({name: getattr(entry, name) for name in names}), **gone)


async def test_an_entrys_texts_are_gone_and_its_digests_stay(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await record(store, admin, [usage(**PRIVATE), usage(**PRIVATE), usage()], rules=rules)
    before = await ledger_of(store, account)

    erased = await erase(store, admin, "act_1_1", rules=rules)

    assert erased == Erased(("actor", "additional_data", "message"), (1,))
    first, second, third, act = await ledger_of(store, account)
    assert first == without_texts(before[0], "message", "actor", "additional_data")
    assert (first.erased, first.quantity, first.digest()) == (
        ("message", "actor", "additional_data"),
        1,
        before[0].content_digest,
    )
    assert [second, third] == before[1:]
    assert SECRET not in repr(first)
    assert (act.kind, act.action, act.actor) == (EntryKind.GATEWAY, "entry.erased", "key k1")
    assert orjson.loads(act.record or "") == {
        "kind": "erasure",
        "sequences": [1],
        "fields": ["actor", "additional_data", "message"],
    }
    assert await verified(store, account) == 1


async def test_an_events_ref_means_all_its_versions(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    await record(store, admin, [usage(**PRIVATE)], rules=rules)
    await amend(store, admin, "evt_1_1", {"quantity": "2"}, rules=rules, reason=SECRET, actor=SECRET)
    await record(store, admin, [usage(message="stays")], rules=rules)

    erased = await erase(store, admin, "evt_1_1", rules=rules)

    assert erased == Erased(("actor", "additional_data", "message", "reason"), (1, 2, 3))
    assert SECRET not in repr(await ledger_of(store, account))
    assert (await ledger_of(store, account))[3].message == "stays"
    assert await verified(store, account) == 3


async def test_only_what_is_named_is_erased_and_the_rest_can_follow(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await record(store, admin, [usage(message="m", actor="a", additional_data={"d": 1})], rules=rules)

    assert await erase(store, admin, "act_1_1", rules=rules, names=("actor", "reason")) == Erased(("actor",), (1,))
    entry = (await ledger_of(store, account))[0]
    assert (entry.message, entry.actor, entry.additional_data, entry.erased) == ("m", None, '{"d":1}', ("actor",))
    assert await verified(store, account) == 1

    assert await erase(store, admin, "act_1_1", rules=rules) == Erased(("additional_data", "message"), (1,))
    entry = (await ledger_of(store, account))[0]
    assert (entry.texts(), entry.erased) == ({}, ("message", "actor", "additional_data"))
    assert await verified(store, account) == 1


async def test_erasing_what_is_gone_already_writes_nothing(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await record(store, admin, [usage(**PRIVATE), usage()], rules=rules)
    await erase(store, admin, "act_1_1", rules=rules)
    async with nothing_written(store, account):
        assert await erase(store, admin, "act_1_1", rules=rules) == Erased((), ())
        assert await erase(store, admin, "evt_1_2", rules=rules) == Erased((), ())


async def test_the_texts_are_gone_from_every_answer_also_as_of_before(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await upsert(store, admin, RecordKind.CUSTOMER, "c1", {"name": SECRET, "additional_data": {"a": SECRET}}, rules=rules)
    await record(store, admin, [usage(**PRIVATE)], rules=rules)
    for ref in ("act_1_1", "act_1_2"):
        await erase(store, admin, ref, rules=rules)

    for as_of in (1, 2, 3, 4):
        scope = Scope(account.id, as_of)
        told = [
            await store.rows(Rows(scope)),
            [batch async for batch in store.stream(Rows(scope))],
            await store.records(Records(scope, RecordKind.CUSTOMER)),
        ]
        assert SECRET not in repr(told)
    [customer] = await store.records(Records(Scope(account.id, 4), RecordKind.CUSTOMER))
    assert (customer.name, customer.additional_data, customer.stub, customer.sequence) == (None, None, False, 1)
    assert await store.records(Records(Scope(account.id, 4), RecordKind.CUSTOMER, name=SECRET)) == []
    assert await verified(store, account) == 2


async def test_a_records_versions_are_erased_one_by_one(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    await upsert(store, admin, RecordKind.CUSTOMER, "c1", {"name": "old"}, rules=rules)
    await upsert(store, admin, RecordKind.CUSTOMER, "c1", {"name": "new"}, rules=rules)
    await erase(store, admin, "act_1_1", rules=rules)

    assert [each.name for each in await store.records(Records(Scope(account.id, 1), RecordKind.CUSTOMER))] == [None]
    assert [each.name for each in await store.records(Records(Scope(account.id, 3), RecordKind.CUSTOMER))] == ["new"]

    # A name that was erased can be given again, and is a change.
    await erase(store, admin, "act_1_2", rules=rules)
    renamed, entry = await upsert(store, admin, RecordKind.CUSTOMER, "c1", {"name": "new"}, rules=rules)
    assert entry is not None
    assert (renamed.name, renamed.sequence, renamed.first_sequence) == ("new", 5, 1)


async def test_an_erased_event_is_still_known_by_its_senders_id(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await record(store, admin, [usage(id="a", **PRIVATE)], rules=rules)
    await erase(store, admin, "evt_1_1", rules=rules)
    async with nothing_written(store, account):
        [again] = await record(store, admin, [usage(id="a", **PRIVATE)], rules=rules)
        [other] = await record(store, admin, [usage(id="a", quantity="2", **PRIVATE)], rules=rules)
    assert (again.status, other.status) == (Status.DUPLICATE, Status.CONFLICT)


async def test_an_erased_event_can_be_amended(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    await record(store, admin, [usage(**PRIVATE)], rules=rules)
    await erase(store, admin, "evt_1_1", rules=rules)
    done = await amend(store, admin, "evt_1_1", {"quantity": "2"}, rules=rules, reason="typo")
    assert done.replacement is not None
    assert (done.reversal.additional_data, done.replacement.additional_data, done.replacement.message) == (None, None, None)
    assert (done.replacement.erased, done.replacement.version) == ((), 2)
    assert await verified(store, account) == 1


@pytest.mark.parametrize("ref", ["", "nonsense", "act_1_9", "evt_1_9", "act_2_1", "evt_1_2", "evt_1_4"])
async def test_what_is_no_entry_of_this_account_is_not_found(
    store: Store, account: Account, admin: Principal, stranger: Principal, rules: Rules, ref: str
) -> None:
    await record(store, admin, [usage(**PRIVATE)], rules=rules)
    await amend(store, admin, "evt_1_1", {"quantity": "2"}, rules=rules, reason="typo")  # evt_1_2 is no event's ref
    await upsert(store, admin, RecordKind.CUSTOMER, "c1", {"name": "Ada"}, rules=rules)  # act_1_4 is an entry, evt_1_4 no event
    await record(store, stranger, [usage(**PRIVATE)], rules=rules)
    async with nothing_written(store, account), nothing_written(store, stranger.account):
        with pytest.raises(NotFound):
            await erase(store, admin, ref, rules=rules)


async def test_what_is_not_private_cannot_be_erased(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    await record(store, admin, [usage(**PRIVATE)], rules=rules)
    async with nothing_written(store, account):
        with pytest.raises(InvalidEvent, match="fields: customer_id is no private text"):
            await erase(store, admin, "act_1_1", rules=rules, names=("actor", "customer_id"))


async def test_only_an_admin_erases(
    store: Store, account: Account, admin: Principal, caller_with: Callable[..., Principal], rules: Rules
) -> None:
    await record(store, admin, [usage(**PRIVATE)], rules=rules)
    everything_else = caller_with(*(each for each in Permission if each is not Permission.ADMIN))
    async with nothing_written(store, account):
        with pytest.raises(ScopeDenied):
            await erase(store, everything_else, "act_1_1", rules=rules)


async def test_every_private_field_can_be_erased(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    await record(store, admin, [usage(**PRIVATE)], rules=rules)
    await amend(store, admin, "evt_1_1", {"quantity": "2"}, rules=rules, reason=SECRET)
    await upsert(store, admin, RecordKind.CUSTOMER, "c1", {"name": SECRET}, rules=rules)
    names = set()
    for ref in ("evt_1_1", "act_1_4"):
        names |= set((await erase(store, admin, ref, rules=rules)).names)
    assert names == set(PRIVATE_FIELDS)
    assert SECRET not in repr(await ledger_of(store, account))


def files_that_hold(text: bytes, folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and text in path.read_bytes()]


@pytest.mark.parametrize("engine", DURABLE)
async def test_nothing_of_an_erased_text_is_left_on_the_disk(
    store: Store, account: Account, admin: Principal, rules: Rules, tmp_path: Path
) -> None:
    marks = {name: f"secret-{name}-" + "x" * 40 for name in ("message", "actor", "additional_data")}
    said = usage(message=marks["message"], actor=marks["actor"], additional_data={"a": marks["additional_data"]})
    await record(store, admin, [said, *[usage(message="stays")] * 50], rules=rules)
    await upsert(store, admin, RecordKind.CUSTOMER, "c1", {"name": "secret-name-" + "x" * 40}, rules=rules)

    await erase(store, admin, "act_1_1", rules=rules)
    await erase(store, admin, "act_1_52", rules=rules)
    await store.close()

    assert files_that_hold(b"secret-", tmp_path) == []


async def test_the_act_of_erasing_is_found_among_the_gateways_acts(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await record(store, admin, [usage(**PRIVATE)], rules=rules)
    await erase(store, admin, "act_1_1", rules=rules)
    acts = await store.rows(Rows(await live(store, account), kinds=frozenset({EntryKind.GATEWAY})))
    assert [(act.sequence, act.action) for act in acts] == [(2, "entry.erased")]
