"""Why: what became of everything that was sent, by whatever id, and in which reports it counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.domain.account import Account, Permission, Principal
from app.domain.catalogue import RecordKind
from app.domain.errors import NotFound, ScopeDenied
from app.explanation.why import Counted, Explanation, Verdict, why
from app.exports.freeze import create
from app.ledger import own_formats
from app.ledger.catalogue import upsert
from app.ledger.commands import Rules, amend, retract
from app.ledger.replaying import drop, replay
from app.ports import Files, Store
from tests.conftest import Clock
from tests.spec.test_rejects import a_line, document, send

EVERYWHERE = (Counted("activities"), Counted("usage_summary"), Counted("usage_ledger"))
AT = "2026-04-01T12:00:00.000000Z"


async def only(store: Store, principal: Principal, asked: str, **stated: Any) -> Explanation:
    [found] = await why(store, principal, asked, **stated)
    return found


async def told(store: Store, principal: Principal, asked: str, **stated: Any) -> list[tuple[str, str]]:
    return [(each.verdict.value, each.told) for each in await why(store, principal, asked, **stated)]


async def test_each_class_of_bad_event_is_explained(
    store: Store, account: Account, admin: Principal, rules: Rules, clock: Clock
) -> None:
    """One of each: repeated, contradicting, and refused by format, by ledger, by reader."""
    meter = await own_formats.save(store, admin, document(currency={"path": "c"}, charge={"path": "p"}), rules=rules)
    format_ = await own_formats.find(store, account.id, meter.ref)
    lines = [
        a_line(), a_line(), a_line(), a_line(n=2), a_line(id="no-time", at=None), a_line(id="text", n="x"),
        a_line(id="price", p=1),
        a_line(id="future", at="2027-01-01T00:00:00Z"), a_line(id="nothing", n=None), b"nonsense", b"[1]",
    ]  # fmt: skip
    outcomes = await send(store, admin, b"\n".join(lines), rules=rules, format_=format_)

    conflict = "conflict with evt_1_2: id: was recorded as evt_1_2 with other content: quantity differs, last on " + AT
    again = f"duplicate of evt_1_2: the same came again, 2 times, last on {AT}"
    accepted = f"accepted as evt_1_2 on {AT}"
    assert await told(store, admin, "a") == [("accepted", accepted), ("conflict", conflict), ("duplicate", again)]
    assert await told(store, admin, "evt_1_2") == await told(store, admin, "a")
    assert await told(store, admin, "act_1_2") == await told(store, admin, "a")
    assert await told(store, admin, str(outcomes[1].reject)) == [("duplicate", again)]
    assert await told(store, admin, str(outcomes[3].reject)) == [("conflict", conflict)]
    reasons = {
        "no-time": "at: is missing",
        "text": "n: is not a decimal number",
        "price": "c: is missing: a charge has a currency",
        "future": "at: lies more than 24 hours in the future",
        "nothing": "n: is missing, and so is charge: a usage event has one of them or both",
    }
    for at, (asked, reason) in enumerate(reasons.items(), start=4):
        rejected = [("rejected", f"rejected because {reason}, last on {AT}")]
        assert await told(store, admin, asked) == rejected
        assert await told(store, admin, str(outcomes[at].reject)) == rejected
    assert await told(store, admin, str(outcomes[9].reject)) == [
        ("rejected", f"rejected because is not JSON: expecting value at column 1, last on {AT}")
    ]
    assert await told(store, admin, str(outcomes[10].reject)) == [
        ("rejected", f"rejected because must be an object of keys and values, last on {AT}")
    ]


async def test_what_was_mended_and_replayed_is_accepted_and_says_why_it_was_not_at_first(
    store: Store, account: Account, admin: Principal, rules: Rules, clock: Clock
) -> None:
    [outcome] = await send(store, admin, b'{"id": "a", "at": "2026-03-01T10:00:00Z", "amount": 1}', rules=rules)
    clock.advance(hours=1)
    await own_formats.save(store, admin, document(quantity={"path": "amount"}), rules=rules)
    await replay(store, admin, rules=rules)

    first = "n: is missing, and so is charge: a usage event has one of them or both"
    expected = [("accepted", f"accepted as evt_1_2 on 2026-04-01T13:00:00.000000Z; it was rejected at first: {first}")]
    for asked in ("a", "evt_1_2", str(outcome.reject)):
        assert await told(store, admin, asked) == expected
    found = await only(store, admin, "a")
    assert found.reject is not None
    assert (found.reject.id, found.reject.status, found.reject.payload) == ("rej_1_1", "recorded", None)


async def test_what_was_amended_retracted_or_dropped_says_so(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await send(store, admin, a_line() + b"\n" + a_line(id="b") + b"\n" + a_line(id="c", n="x"), rules=rules)
    await amend(store, admin, "evt_1_1", {"quantity": 5}, rules=rules, reason="r")
    await retract(store, admin, "evt_1_2", rules=rules, reason="r")
    await drop(store, admin, ["rej_1_1"], rules=rules)

    found = await only(store, admin, "a")
    assert (found.told, found.standing and found.standing.id) == (
        f"accepted as evt_1_1 on {AT}; amended since, version 2 stands", "act_1_4",
    )  # fmt: skip
    assert [each.told for each in await why(store, admin, "act_1_4")] == [found.told]
    found = await only(store, admin, "b")
    assert (found.verdict, found.told, found.standing) == (
        Verdict.RETRACTED, f"accepted as evt_1_2 on {AT}; retracted by act_1_5 on {AT}", None,
    )  # fmt: skip
    assert found.counted_in == EVERYWHERE
    assert await told(store, admin, "rej_1_1") == [("dropped", f"taken away for good; it came last on {AT}")]
    with pytest.raises(NotFound):
        await why(store, admin, "c")


async def test_the_reports_and_exports_that_an_event_counts_in_are_told(
    store: Store, account: Account, admin: Principal, rules: Rules, files: Files
) -> None:
    fields = {name: {"path": name} for name in ("customer_id", "license_id", "subscription_id")}
    links = {"customer_id": "c1", "license_id": "l1", "subscription_id": "s1"}
    meter = await own_formats.save(store, admin, document(**fields), rules=rules)
    format_ = await own_formats.find(store, account.id, meter.ref)
    early, _ = await create(store, files, admin, "usage-ledger", "json", {}, rules=rules), None
    await send(store, admin, a_line(**links) + b"\n" + a_line(id="b", customer_id="c2"), rules=rules, format_=format_)
    whole = await create(store, files, admin, "usage-ledger", "json", {}, rules=rules)
    own = await create(store, files, admin, "customer-summary", "json", {"customer_id": ["c1"]}, rules=rules)
    other = await create(store, files, admin, "usage-ledger", "csv", {"from": ["2026-03-02"]}, rules=rules)

    found = await only(store, admin, "a")
    assert found.counted_in == (
        *EVERYWHERE,
        Counted("license_audit", "license_id", "l1"),
        Counted("customer_summary", "customer_id", "c1"),
        Counted("subscription_settlement", "subscription_id", "s1"),
    )
    ids = {name: each.id for name, each in (("early", early), ("whole", whole), ("own", own), ("other", other))}
    assert sorted(found.exports) == sorted([ids["whole"], ids["own"]])
    second = await only(store, admin, "b")
    assert second.counted_in == (*EVERYWHERE, Counted("customer_summary", "customer_id", "c2"))
    assert second.exports == (ids["whole"],)


async def test_an_id_of_several_sources_is_told_for_each_or_for_the_one_that_is_named(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await own_formats.save(store, admin, document(source={"constant": "cloud"}), rules=rules)
    format_ = await own_formats.find(store, account.id, "meter")
    await send(store, admin, a_line(), rules=rules, format_=format_)
    await send(store, admin, a_line(), rules=rules)
    await send(store, admin, a_line(), rules=rules, source="elsewhere")

    assert [each.entry and each.entry.source for each in await why(store, admin, "a")] == ["default", "cloud"]
    found = await only(store, admin, "a", source="elsewhere")
    assert found.entry is not None
    assert found.entry.source == "elsewhere"


async def test_entries_of_other_kinds_are_accepted_as_they_stand(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await upsert(store, admin, RecordKind.CUSTOMER, "c1", {"name": "One"}, rules=rules)
    found = await only(store, admin, "act_1_1")
    assert (found.verdict, found.told, found.counted_in) == (
        Verdict.ACCEPTED, f"accepted as act_1_1 on {AT}", (Counted("activities"),),
    )  # fmt: skip


@pytest.mark.parametrize("asked", ["nobody", "evt_1_9", "act_2_1", "rej_1_1", "rej_2_1", "", "x" * 600, "a\0", "\ud800"])
async def test_nothing_is_known_of_what_never_came(store: Store, account: Account, admin: Principal, asked: str) -> None:
    with pytest.raises(NotFound) as missing:
        await why(store, admin, asked)
    assert missing.value.message == f"nothing is known of {asked[:80]}"


async def test_what_came_to_another_account_is_not_told(
    store: Store, admin: Principal, stranger: Principal, rules: Rules
) -> None:
    await send(store, admin, a_line() + b"\n" + a_line(n=2), rules=rules)
    for asked in ("a", "evt_1_1", "rej_1_1"):
        with pytest.raises(NotFound):
            await why(store, stranger, asked)


async def test_asking_why_needs_to_record(store: Store, caller_with: Callable[..., Principal]) -> None:
    with pytest.raises(ScopeDenied):
        await why(store, caller_with(Permission.REPORT_READ), "a")
