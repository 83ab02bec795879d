"""Erasure reaches all that names a person and the files that told it; whatever was proven before still is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from app.domain.account import Account, Permission, Principal
from app.domain.catalogue import RecordKind
from app.domain.entry import EntryKind
from app.domain.errors import ExportNotReady, InvalidEvent, NotFound, ScopeDenied
from app.domain.export import Export, ExportStatus
from app.evidence import checkpoints
from app.evidence.erasure import REASON, Erased, erase
from app.evidence.keys import Signer
from app.evidence.manifests import manifest
from app.evidence.proofs import inclusion
from app.evidence.verification import roots_in, verify_ledger
from app.evidence.verifier import pinned, verify_export, verify_proof
from app.exports.downloads import opened
from app.exports.freeze import Patience
from app.exports.making import keep, make
from app.exports.order import order_of
from app.exports.register import find
from app.ledger.catalogue import upsert
from app.ledger.commands import Rules, amend, record
from app.ports import Files, Store
from app.question.rows import Rows
from app.question.scope import Scope
from app.storage.files import LocalFiles
from tests.asking import ledger_of, nothing_written, told
from tests.conftest import ENGINES, Clock
from tests.events import activity, usage
from tests.exports.world import content, frozen

SECRET = "Ada Lovelace was here"


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def live(store: Store, admin: Principal, rules: Rules) -> None:
    """Two customers, of whom the first is named in usage, in a correction, in an activity, and in three records."""
    said = {"message": SECRET, "actor": SECRET, "additional_data": {"note": SECRET}, "license_id": "l1"}
    await record(store, admin, [usage(**said), usage(customer_id="c2", message="stays")], rules=rules)
    await amend(store, admin, "evt_1_1", {"quantity": "2"}, rules=rules, reason=SECRET)
    await record(store, admin, [activity(message=SECRET)], rules=rules, kind=EntryKind.ACTIVITY)
    await upsert(store, admin, RecordKind.CUSTOMER, "c1", {"name": SECRET}, rules=rules)
    await upsert(store, admin, RecordKind.LICENSE, "l1", {"name": SECRET, "customer_id": "c1"}, rules=rules)
    await upsert(store, admin, RecordKind.CUSTOMER, "c2", {"name": "stays"}, rules=rules)


async def test_a_customer_is_erased_from_everything_that_names_it(
    store: Store, files: Files, account: Account, admin: Principal, rules: Rules
) -> None:
    await live(store, admin, rules)
    done = await erase(store, files, admin, customer_id="c1", rules=rules)
    assert done == Erased(("actor", "additional_data", "message", "name", "reason"), (1, 3, 4, 5, 6, 7), ())
    entries = await ledger_of(store, account)
    assert SECRET not in repr(entries)
    assert [each.sequence for each in entries if "stays" in (each.message, each.name)] == [2, 8]
    [act] = [each for each in entries if each.action == "entry.erased"]
    assert json.loads(act.record or "")["customer_id"] == "c1"
    assert await erase(store, files, admin, customer_id="c1", rules=rules) == Erased((), (), ())
    assert (await verify_ledger(store, account, {})).erased == 6


async def test_reports_say_what_was_erased(store: Store, files: Files, admin: Principal, rules: Rules) -> None:
    await live(store, admin, rules)
    before = await told(store, admin, "customer_summary", customer_id="c1")
    assert [(each["name"], each["erased"]) for each in before["customer"]] == [(SECRET, [])]
    await erase(store, files, admin, customer_id="c1", rules=rules)
    for as_of in (8, None):
        summary = await told(store, admin, "customer_summary", as_of=as_of, customer_id="c1")
        assert [(each["name"], each["erased"]) for each in summary["customer"]] == [(None, ["name"])]
        entries = {each["sequence"]: each["erased"] for each in summary["activities"]}
        assert entries[1] == ["message", "actor", "additional_data"]
    other = await told(store, admin, "customer_summary", customer_id="c2")
    assert [(each["name"], each["erased"]) for each in other["customer"]] == [("stays", [])]
    # Named anew, it is a version from which nothing was erased.
    await upsert(store, admin, RecordKind.CUSTOMER, "c1", {"name": "N. N."}, rules=rules)
    again = await told(store, admin, "customer_summary", customer_id="c1")
    assert [(each["name"], each["erased"]) for each in again["customer"]] == [("N. N.", [])]


async def test_a_version_that_was_given_to_another_customer_is_erased_too(
    store: Store, files: Files, account: Account, admin: Principal, rules: Rules
) -> None:
    await record(store, admin, [usage(message=SECRET)], rules=rules)
    await amend(store, admin, "evt_1_1", {"customer_id": "c2"}, rules=rules, reason="moved")
    other = await frozen(store, files, admin, rules, parameters={"customer_id": ["c2"]})
    done = await erase(store, files, admin, customer_id="c1", rules=rules)
    assert (done.sequences, done.exports) == ((1, 2, 3), (other.id,))
    assert SECRET not in repr(await ledger_of(store, account))


async def test_what_was_proven_before_still_is(
    store: Store, files: Files, account: Account, admin: Principal, rules: Rules, clock: Clock, tmp_path: Path
) -> None:
    signer = Signer(store, clock=clock)
    await live(store, admin, rules)
    export = await frozen(store, files, admin, rules)
    copy = tmp_path / "copy.json"
    copy.write_bytes(await content(files, export))
    signed = json.dumps(await manifest(store, signer, admin, export.id))
    kept = await checkpoints.keep(store, signer, account)
    proof = json.dumps((await inclusion(store, signer, admin, ["act_1_1"], 8)).document())
    keys = pinned(json.dumps(await signer.jwks()))

    assert (await erase(store, files, admin, customer_id="c1", rules=rules)).exports == (export.id,)

    assert verify_export(copy, signed, keys).verified
    assert verify_proof(proof, keys).verified
    assert (await verify_ledger(store, account, roots_in(json.dumps(kept), keys, account))).checkpoints == (9,)
    # The manifest is still given; the file is not, and says why.
    assert json.dumps(await manifest(store, signer, admin, export.id)) == signed
    gone = await find(store, admin, export.id)
    assert (gone.status, gone.reason, gone.file, gone.digest) == (ExportStatus.EXPIRED, REASON, None, export.digest)
    with pytest.raises(ExportNotReady):
        await opened(store, files, admin, export.id, rules=rules)
    assert isinstance(files, LocalFiles)
    assert [each.name for each in files.folder.iterdir()] == []
    # Frozen again as of the same sequence, the report tells all but the texts.
    again = await frozen(store, files, admin, rules, as_of=export.as_of)
    assert again.rows == export.rows
    assert SECRET.encode() not in await content(files, again)


async def test_only_exports_that_may_tell_the_text_lose_their_files(
    store: Store, files: Files, admin: Principal, rules: Rules
) -> None:
    await record(store, admin, [usage(customer_id="c2")], rules=rules)
    before = await frozen(store, files, admin, rules)
    await live(store, admin, rules)
    texts: dict[str, Export] = {}
    asked: dict[str, tuple[str, dict[str, list[str]]]] = {
        "all": ("usage-ledger", {}),
        "own": ("usage-ledger", {"customer_id": ["c1"]}),
        "other": ("usage-ledger", {"customer_id": ["c2"]}),
        "elsewhere": ("usage-ledger", {"license_id": ["l2"]}),
        "sums": ("usage-summary", {"group_by": ["customer_id"]}),
        "notes": ("usage-summary", {"group_by": ["data.note"]}),
        "summary": ("customer-summary", {"customer_id": ["c1"]}),
        "audit": ("license-audit", {"license_id": ["l1"]}),
    }
    for name, (kind, parameters) in asked.items():
        texts[name] = await frozen(store, files, admin, rules, kind, parameters=parameters)
    by_id = {each.id: name for name, each in texts.items()} | {before.id: "before"}

    done = await erase(store, files, admin, customer_id="c1", rules=rules)
    assert {by_id[each] for each in done.exports} == {"all", "own", "notes", "summary", "audit"}


async def test_an_events_erasure_takes_the_exports_that_tell_it(
    store: Store, files: Files, admin: Principal, rules: Rules
) -> None:
    await record(store, admin, [usage(message=SECRET), usage(customer_id="c2", message=SECRET)], rules=rules)
    first = await frozen(store, files, admin, rules, parameters={"customer_id": ["c1"]})
    second = await frozen(store, files, admin, rules, parameters={"customer_id": ["c2"]})
    assert (await erase(store, files, admin, ref="evt_1_1", names=("actor",), rules=rules)).exports == ()
    assert (await erase(store, files, admin, ref="evt_1_1", names=("message",), rules=rules)).exports == (first.id,)
    assert (await erase(store, files, admin, ref="act_1_2", rules=rules)).exports == (second.id,)


async def test_what_is_being_made_meanwhile_is_made_anew(store: Store, files: Files, admin: Principal, rules: Rules) -> None:
    await record(store, admin, [usage(message=SECRET)], rules=rules)
    pending = await frozen(store, files, admin, rules, patience=Patience(0, None))
    wanted, point = order_of(pending)
    made = await make(store, files, wanted, point)
    await erase(store, files, admin, ref="evt_1_1", rules=rules)
    left = await keep(store, files, pending, made, rules=rules)
    assert left.status is ExportStatus.PENDING
    assert isinstance(files, LocalFiles)
    assert [each.name for each in files.folder.iterdir()] == []
    anew = await keep(store, files, pending, await make(store, files, wanted, point), rules=rules)
    assert anew.status is ExportStatus.READY
    assert SECRET.encode() not in await content(files, anew)


async def test_a_thousand_entries_of_a_customer_are_several_transactions(
    store: Store, files: Files, account: Account, admin: Principal, rules: Rules
) -> None:
    await record(store, admin, [usage(message=SECRET) for _ in range(1_001)], rules=rules)
    done = await erase(store, files, admin, customer_id="c1", rules=rules)
    assert done.sequences == tuple(range(1, 1_002))
    scope = Scope(account.id, (await store.head(account.id)).sequence)
    acts = await store.rows(Rows(scope, kinds=frozenset({EntryKind.GATEWAY})))
    assert [len(json.loads(each.record or "")["sequences"]) for each in acts] == [1, 500, 500]


async def test_what_cannot_be_erased_is_refused(
    store: Store,
    files: Files,
    account: Account,
    admin: Principal,
    stranger: Principal,
    rules: Rules,
    caller_with: Callable[..., Principal],
) -> None:
    await live(store, admin, rules)
    async with nothing_written(store, account):
        for both in ({}, {"ref": "evt_1_1", "customer_id": "c1"}):
            with pytest.raises(InvalidEvent, match="id: or a customer's id has to be given, and not both"):
                await erase(store, files, admin, rules=rules, **both)  # type: ignore[arg-type]
        for caller, customer in ((admin, "nobody"), (stranger, "c1")):
            with pytest.raises(NotFound, match="no customer"):
                await erase(store, files, caller, customer_id=customer, rules=rules)
        with pytest.raises(InvalidEvent, match="customer_id is no private text"):
            await erase(store, files, admin, customer_id="c1", rules=rules, names=("customer_id",))
        with pytest.raises(ScopeDenied):
            await erase(store, files, caller_with(Permission.USAGE_WRITE), customer_id="c1", rules=rules)
