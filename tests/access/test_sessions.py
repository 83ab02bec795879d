"""Sessions stand for their key at the door where they were opened, for a day or until they are ended, on every engine."""

from __future__ import annotations

import time
from datetime import timedelta
from types import SimpleNamespace

import jwt
import pytest

from app.access.doorkeeper import Doorkeeper
from app.access.sessions import LIFETIME, Session, Sessions, forget_expired
from app.access.tokens import authenticate, new_key
from app.domain.account import Account, Key, Principal
from app.domain.errors import KeyEnded, Unauthenticated
from app.ledger import credentials
from app.ledger.commands import Rules
from app.ports import Store
from tests.conftest import Clock
from tests.events import START

SECOND = timedelta(seconds=1)


async def a_key(store: Store, account: Account, rules: Rules, **stated: object) -> tuple[Key, Principal]:
    key, token = new_key(account, label="legacy", scopes=["usage:write"], created_at=START, **stated)  # type: ignore[arg-type]
    await credentials.issue(store, key, actor="key operator", rules=rules)
    return key, await authenticate(store, token, address="192.0.2.1", at=START)


def sessions(store: Store, rules: Rules, secret: str | None = None) -> Sessions:
    """Those of a process that has just started."""
    return Sessions(store, Doorkeeper(store, rules.clock), secret)


async def opened(store: Store, principal: Principal, rules: Rules) -> tuple[str, Session]:
    return await sessions(store, rules).open("usage_event", principal, at=rules.clock())


async def test_a_session_stands_for_its_key_with_the_same_scopes_in_every_process(
    store: Store, account: Account, rules: Rules
) -> None:
    key, principal = await a_key(store, account, rules)
    token, session = await opened(store, principal, rules)

    admitted = await sessions(store, rules).admit(token, "usage_event", address=None, at=START)

    assert admitted == (principal, session)
    assert session == Session(session.id, "usage_event", account.id, key.id, START + LIFETIME)


async def test_a_session_lives_for_a_day(store: Store, account: Account, rules: Rules) -> None:
    _, principal = await a_key(store, account, rules)
    token, session = await opened(store, principal, rules)
    own = sessions(store, rules)

    assert timedelta(hours=24) == LIFETIME
    assert (await own.admit(token, "usage_event", address=None, at=START + LIFETIME - SECOND))[1] == session
    with pytest.raises(Unauthenticated, match=r"^the session has expired$"):
        await own.admit(token, "usage_event", address=None, at=START + LIFETIME)


async def test_an_ended_session_is_refused_and_its_neighbour_is_not(store: Store, account: Account, rules: Rules) -> None:
    _, principal = await a_key(store, account, rules)
    (token, session), (other, _) = await opened(store, principal, rules), await opened(store, principal, rules)
    own = sessions(store, rules)
    await own.admit(token, "usage_event", address=None, at=START)

    await own.end(token, session, at=START)
    await own.end(token, session, at=START)

    for each in (own, sessions(store, rules)):
        with pytest.raises(Unauthenticated, match=r"^the session was ended$"):
            await each.admit(token, "usage_event", address=None, at=START)
        await each.admit(other, "usage_event", address=None, at=START)


async def test_that_a_session_was_ended_is_kept_no_longer_than_its_token_lives(
    store: Store, account: Account, rules: Rules, clock: Clock
) -> None:
    _, principal = await a_key(store, account, rules)
    token, session = await opened(store, principal, rules)
    clock.advance(hours=1)
    later_token, later = await opened(store, principal, rules)
    for each in ((token, session), (later_token, later)):
        await sessions(store, rules).end(*each, at=clock.now)

    await forget_expired(store, at=session.expires_at - SECOND)
    assert [await store.session_ended(account.id, each.id) for each in (session, later)] == [True, True]
    await forget_expired(store, at=session.expires_at)
    assert [await store.session_ended(account.id, each.id) for each in (session, later)] == [False, True]


async def test_ended_sessions_are_each_accounts_own(store: Store, account: Account, stranger: Principal) -> None:
    await store.end_session(account.id, "s", START)

    assert not await store.session_ended(stranger.account.id, "s")
    await store.forget_sessions(stranger.account.id, START)
    assert await store.session_ended(account.id, "s")


async def test_a_session_ends_with_its_key_within_a_second(
    store: Store, account: Account, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, principal = await a_key(store, account, rules)
    token, _ = await opened(store, principal, rules)
    passed = 0.0
    monkeypatch.setattr("app.access.memory.time", SimpleNamespace(monotonic=lambda: time.monotonic() + passed))
    own = sessions(store, rules)
    await own.admit(token, "usage_event", address=None, at=START)

    await credentials.revoke(store, account.id, key.id, actor="key operator", rules=rules)
    passed = 0.9

    with pytest.raises(KeyEnded, match=r"^the token was revoked$"):
        await own.admit(token, "usage_event", address=None, at=START)


async def test_a_session_ends_when_its_key_expires(store: Store, account: Account, rules: Rules, clock: Clock) -> None:
    _, principal = await a_key(store, account, rules, expires_at=START + SECOND)
    token, _ = await opened(store, principal, rules)
    clock.advance(seconds=1)

    with pytest.raises(KeyEnded, match=r"^the token has expired$"):
        await sessions(store, rules).admit(token, "usage_event", address=None, at=clock.now)


async def test_a_session_is_accepted_from_its_keys_networks_alone(store: Store, account: Account, rules: Rules) -> None:
    _, principal = await a_key(store, account, rules, cidrs=["192.0.2.0/24"])
    token, session = await opened(store, principal, rules)
    own = sessions(store, rules)

    assert (await own.admit(token, "usage_event", address="192.0.2.9", at=START))[1] == session
    for address in ("198.51.100.1", None):
        with pytest.raises(Unauthenticated, match="not accepted from this address"):
            await own.admit(token, "usage_event", address=address, at=START)


@pytest.mark.parametrize("engine", ["memory"])
async def test_a_session_opens_no_other_door(store: Store, account: Account, rules: Rules) -> None:
    _, principal = await a_key(store, account, rules)
    token, _ = await opened(store, principal, rules)
    own = sessions(store, rules)

    for _ in range(2):  # looked up, and remembered
        with pytest.raises(Unauthenticated, match="not valid"):
            await own.admit(token, "client_usage_report", address=None, at=START)
        await own.admit(token, "usage_event", address=None, at=START)


@pytest.mark.parametrize("engine", ["memory"])
@pytest.mark.parametrize("secret", [None, "s" * 32])
async def test_a_changed_or_foreign_token_is_refused(
    store: Store, account: Account, stranger: Principal, rules: Rules, secret: str | None
) -> None:
    _, principal = await a_key(store, account, rules)
    own = sessions(store, rules, secret)
    token, session = await own.open("usage_event", principal, at=START)
    claims = {"sub": session.key_id, "aud": "usage_event", "jti": "x", "iat": 0, "exp": 2**40}
    kid = {"kid": str(account.id)}
    forged = [
        *(token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :] for at in range(len(token) - 1)),
        jwt.encode(claims, None, algorithm="none", headers=kid),
        jwt.encode(claims, "k" * 32, algorithm="HS256", headers=kid),
        jwt.encode(claims, "k" * 32, algorithm="HS256"),
        jwt.encode(claims, "k" * 32, algorithm="HS256", headers={"kid": "9" * 30}),
        jwt.encode(claims, "k" * 32, algorithm="HS256", headers={"kid": "²"}),
        "", ".", "..", "a.b.c", "\ud800", token + "=", "x" * 3_000,
    ]  # fmt: skip
    for each in forged:
        with pytest.raises(Unauthenticated, match="not valid"):
            await own.admit(each, "usage_event", address=None, at=START)
    assert (await own.admit(token, "usage_event", address=None, at=START))[1] == session


@pytest.mark.parametrize("engine", ["memory"])
async def test_a_token_that_another_account_signed_opens_nothing_here(
    store: Store, account: Account, stranger: Principal, rules: Rules
) -> None:
    """Each account has a key of its own, but an operator that can read one account's must gain no other."""
    key, _ = await a_key(store, account, rules)
    theirs = Principal(stranger.account, key.id, stranger.scopes)
    token, _ = await opened(store, theirs, rules)

    with pytest.raises(Unauthenticated, match=r"^the key is unknown$"):
        await sessions(store, rules).admit(token, "usage_event", address=None, at=START)
