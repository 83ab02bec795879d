"""An account's own formats: saved as versions on every engine, each saving an entry, found by name or ref for it alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.domain.account import Account, Permission, Principal
from app.domain.canonical import sha256
from app.domain.entry import EntryKind
from app.domain.errors import InvalidEvent, NotFound, ScopeDenied
from app.domain.format_version import FormatVersion
from app.ledger import own_formats
from app.ledger.commands import Rules
from app.ledger.formats import NAMES, document_of
from app.ports import Store, Transaction
from app.question.rows import Rows
from app.question.scope import Scope
from tests.conftest import Clock
from tests.events import START

LONG_TEXTS = [f"{at:03}" + "x" * 250 for at in range(200)]


def a_format(name: str = "meter", **fields: Any) -> dict[str, Any]:
    """A document that maps a few keys."""
    said = {"occurred_at": {"path": "at"}, "quantity": {"path": "n"}} | fields
    return {"version": 1, "name": name, "fields": said}


async def acts(store: Store, account: Account) -> list[dict[str, Any]]:
    head = await store.head(account.id)
    rows = await store.rows(Rows(Scope(account.id, head.sequence), kinds=frozenset({EntryKind.GATEWAY}), descending=False))
    return [{"action": each.action, "actor": each.actor, **json.loads(each.record or "{}")} for each in rows]


async def test_each_saving_is_the_next_version_and_an_entry_of_the_ledger(
    store: Store, account: Account, admin: Principal, rules: Rules, clock: Clock
) -> None:
    first = await own_formats.save(store, admin, a_format(), rules=rules)
    clock.advance(hours=1)
    second = await own_formats.save(store, admin, a_format(unit={"constant": "GB"}), rules=rules)

    digest = sha256(first.document.encode()).hex()
    assert (first.ref, first.version, first.digest, first.created_by, first.created_at) == (
        *("meter@1", 1, digest, "key k1", START),
    )
    assert (second.ref, second.created_at) == ("meter@2", START + timedelta(hours=1))
    assert json.loads(second.document) == a_format(unit={"constant": "GB"})
    assert await store.format_versions(account.id) == [second]
    assert await store.format_versions(account.id, "meter") == [second, first]
    assert await acts(store, account) == [
        {
            "action": "format.saved", "actor": "key k1", "kind": "format", "id": each.ref, "name": "meter",
            "version": each.version, "digest": each.digest,
        }
        for each in (first, second)
    ]  # fmt: skip


async def test_saving_what_the_newest_version_says_makes_no_other(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    first = await own_formats.save(store, admin, a_format(), rules=rules)
    turned = dict(reversed(a_format().items()))

    assert await own_formats.save(store, admin, turned, rules=rules) == first
    assert len(await acts(store, account)) == 1

    await own_formats.save(store, admin, a_format(unit={"path": "u"}), rules=rules)
    again = await own_formats.save(store, admin, a_format(), rules=rules)
    assert again.ref == "meter@3"


async def test_a_format_is_found_by_its_name_in_its_newest_version_and_by_its_ref_for_ever(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await own_formats.save(store, admin, a_format(unit={"constant": "GB"}), rules=rules)
    await own_formats.save(store, admin, a_format(unit={"constant": "TB"}), rules=rules)

    found = [await own_formats.find(store, account.id, ref) for ref in ("meter", "meter@1", "meter@2", "focus")]

    assert [(each.ref, each.constants.get("unit")) for each in found] == [
        ("meter@2", "TB"), ("meter@1", "GB"), ("meter@2", "TB"), ("focus", None),
    ]  # fmt: skip
    assert await own_formats.document(store, account.id, "meter@1") == a_format(unit={"constant": "GB"})
    assert await own_formats.document(store, account.id, "focus") == document_of("focus")


@pytest.mark.parametrize(
    "ref", ["other", "meter@2", "meter@0", "meter@", "meter@x", "meter@99999999999", "focus@1", "a\0b", "\ud800"]
)
async def test_what_nobody_saved_is_not_found(store: Store, account: Account, admin: Principal, rules: Rules, ref: str) -> None:
    await own_formats.save(store, admin, a_format(), rules=rules)
    with pytest.raises(NotFound) as missing:
        await own_formats.find(store, account.id, ref)
    assert missing.value.message == f"no format {ref}; beside the account's own there are {', '.join(NAMES)}"


async def test_an_account_has_its_own_formats(
    store: Store, account: Account, admin: Principal, stranger: Principal, rules: Rules
) -> None:
    await own_formats.save(store, admin, a_format(unit={"constant": "GB"}), rules=rules)
    with pytest.raises(NotFound):
        await own_formats.find(store, stranger.account.id, "meter")

    await own_formats.save(store, stranger, a_format(unit={"constant": "TB"}), rules=rules)

    assert (await own_formats.find(store, account.id, "meter")).constants == {"unit": "GB"}
    assert [each.name for each in await store.format_versions(account.id)] == ["meter"]


@pytest.mark.parametrize(
    ("document", "field", "reason"),
    [
        (a_format("focus"), "name", "focus comes with the gateway; choose another"),
        (a_format(unit={"path": "map(&a, b)"}), "fields.unit.path", "holds a function expression"),
        (a_format(unit={"constant": "a\0"}), "fields.unit.constant", "contains the character NUL"),
        (a_format() | {"none": ["\ud800"]}, "none", "contains half of a surrogate pair"),
        (a_format(unit={"path": '"\0"'}), "fields.unit.path", "contains the character NUL"),
        (a_format(status_code={"constant": 2**60}), "fields.status_code.constant", "is too large a number"),
        (a_format() | {"none": LONG_TEXTS, "json_columns": LONG_TEXTS}, "", "is larger than 65,536 bytes"),
        ([], "", "must be an object of keys and values"),
    ],
)  # fmt: skip
async def test_a_document_that_cannot_be_used_is_not_saved(
    store: Store, account: Account, admin: Principal, rules: Rules, document: Any, field: str, reason: str
) -> None:
    with pytest.raises(InvalidEvent) as refused:
        await own_formats.save(store, admin, document, rules=rules)
    assert refused.value.field == field
    assert refused.value.reason.startswith(reason)
    assert await store.format_versions(account.id) == []
    assert (await store.head(account.id)).sequence == 0


async def test_saving_needs_admin_and_listing_needs_to_record(
    store: Store, account: Account, caller_with: Callable[..., Principal], rules: Rules
) -> None:
    with pytest.raises(ScopeDenied) as denied:
        await own_formats.save(store, caller_with(Permission.USAGE_WRITE), a_format(), rules=rules)
    assert denied.value.scope == "admin"
    with pytest.raises(ScopeDenied):
        await own_formats.versions(store, caller_with(Permission.REPORT_READ))
    assert await own_formats.versions(store, caller_with(Permission.USAGE_WRITE)) == []
    assert (await store.head(account.id)).sequence == 0


async def test_an_account_has_so_many_formats_and_no_more(
    store: Store, admin: Principal, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_formats, "MOST", 2)
    for name in ("b", "a"):
        await own_formats.save(store, admin, a_format(name), rules=rules)
    with pytest.raises(InvalidEvent) as refused:
        await own_formats.save(store, admin, a_format("c"), rules=rules)
    assert refused.value.reason == "would be one more than the 2 formats that an account may have"
    await own_formats.save(store, admin, a_format("a", unit={"path": "u"}), rules=rules)
    assert [each.ref for each in await own_formats.versions(store, admin)] == ["a@2", "b@1"]


async def test_a_format_is_gone_with_a_transaction_that_fails(store: Store, account: Account) -> None:
    made = FormatVersion(account_id=account.id, name="a", version=1, document="{}", digest="d", created_by="me", created_at=START)

    async def body(tx: Transaction) -> None:
        await tx.lock()
        await tx.add_format(made)
        assert await tx.format_version("a") == made
        raise RuntimeError("after all")

    with pytest.raises(RuntimeError, match="after all"):
        await store.transact(account.id, body)
    assert await store.format_versions(account.id) == []
