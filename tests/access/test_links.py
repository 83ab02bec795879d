"""Signed links: they hold for a time, for one purpose, for one thing, and every changed character is refused."""

from __future__ import annotations

import string
from datetime import timedelta

import pytest

from app.access.links import LONGEST, Link, Links
from app.domain.account import Account, Principal
from app.domain.errors import LinkExpired, LinkRefused
from app.ports import Store
from tests.events import START

HOUR = timedelta(hours=1)
SUBJECT = "rptx_0123 sha256:ab/Ü"


async def signed(links: Links, account: Account, purpose: str = "export") -> str:
    text, _ = await links.sign(purpose, account.id, SUBJECT, issuer="key k1", at=START, lifetime=HOUR)
    return text


async def test_a_link_says_what_was_signed_to_every_process(store: Store, account: Account) -> None:
    text, link = await Links(store).sign("export", account.id, SUBJECT, issuer="key k1", at=START, lifetime=HOUR)

    assert link == Link("export", account.id, SUBJECT, "key k1", START + HOUR)
    assert await Links(store).check(text, "export", at=START + HOUR - timedelta(seconds=1)) == link
    assert set(text) <= {*string.ascii_letters, *string.digits, *"-_."}


async def test_two_processes_that_make_the_key_at_once_agree(store: Store, account: Account) -> None:
    assert await store.secret(account.id, "links") is None
    assert await store.keep_secret(account.id, "links", b"first") == b"first"
    assert await store.keep_secret(account.id, "links", b"second") == b"first"
    assert await store.secret(account.id, "links") == b"first"


@pytest.mark.parametrize("engine", ["memory"])
@pytest.mark.parametrize("secret", [None, "s" * 32])
async def test_one_changed_character_is_refused_wherever_it_stands(store: Store, account: Account, secret: str | None) -> None:
    links = Links(store, secret)
    text = await signed(links, account)
    for at, was in enumerate(text):
        for other in {"A", "b", "-", "0", "1", ".", chr(ord(was) ^ 1)} - {was}:
            with pytest.raises(LinkRefused) as refused:
                await links.check(text[:at] + other + text[at + 1 :], "export", at=START)
            assert refused.value.code == "LINK_REFUSED"
        with pytest.raises(LinkRefused):
            await links.check(text[:at] + text[at + 1 :], "export", at=START)
    for other in (text + "A", text + "=", "", "." * 4, text.replace(".", " "), "1" * (LONGEST + 1)):
        with pytest.raises(LinkRefused):
            await links.check(other, "export", at=START)


async def test_a_link_that_has_expired_says_so(store: Store, account: Account) -> None:
    links = Links(store)
    text = await signed(links, account)

    with pytest.raises(LinkExpired, match=r"^this link expired at 2026-.*Z; ask whoever sent it for a new one$") as refused:
        await links.check(text, "export", at=START + HOUR)
    assert refused.value.code == "LINK_EXPIRED"


@pytest.mark.parametrize("engine", ["memory"])
async def test_a_link_opens_no_other_door_and_no_other_account(store: Store, account: Account, stranger: Principal) -> None:
    links = Links(store)
    text = await signed(links, account)
    await signed(links, stranger.account)

    with pytest.raises(LinkRefused):
        await links.check(text, "workbook", at=START)
    with pytest.raises(LinkRefused):
        await links.check(f"{stranger.account.id}{text.removeprefix(str(account.id))}", "export", at=START)


async def test_a_forged_link_leaves_no_trace_in_the_store(store: Store, account: Account) -> None:
    text = await signed(Links(store, "s" * 32), account)

    with pytest.raises(LinkRefused):
        await Links(store).check(text, "export", at=START)
    assert await store.secret(account.id, "links") is None


@pytest.mark.parametrize("engine", ["memory"])
async def test_the_operators_secret_signs_where_there_is_one(store: Store, account: Account) -> None:
    text = await signed(Links(store, "s" * 32), account)

    assert (await Links(store, "s" * 32).check(text, "export", at=START)).subject == SUBJECT
    with pytest.raises(LinkRefused):
        await Links(store, "t" * 32).check(text, "export", at=START)
