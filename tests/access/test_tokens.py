"""A token opens its own account, for as long, from where and to what its key says, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.access.doorkeeper import Doorkeeper
from app.access.tokens import authenticate, new_key
from app.domain.account import Account, Key
from app.domain.errors import Conflict, InvalidEvent, NotFound, Unauthenticated
from app.ledger import credentials
from app.ledger.commands import Rules
from app.ports import Store
from app.question.rows import Rows
from app.question.scope import Scope
from tests.conftest import Clock
from tests.events import START, at


async def issued(store: Store, account: Account, rules: Rules, **how: object) -> tuple[Key, str]:
    key, token = new_key(account, **({"label": "test", "scopes": ["report:read"], "created_at": START} | how))  # type: ignore[arg-type]
    await credentials.issue(store, key, actor="key operator", rules=rules)
    return key, token


async def test_a_token_gives_its_account_its_key_and_its_scopes(store: Store, account: Account, rules: Rules) -> None:
    key, token = await issued(store, account, rules, scopes=["usage:write", "report:read"])
    principal = await authenticate(store, token, address=None, at=START)
    assert (principal.account, principal.key_id, principal.scopes) == (account, key.id, {"usage:write", "report:read"})


async def test_only_a_digest_of_the_secret_is_kept(store: Store, account: Account, rules: Rules) -> None:
    key, token = await issued(store, account, rules)
    secret = token.removeprefix(f"gwk_{key.id}_").encode()
    kept = await store.key(key.id)
    assert kept is not None
    assert secret not in repr(kept).encode()
    head = await store.head(account.id)
    entries = await store.rows(Rows(Scope(account.id, head.sequence), limit=10))
    assert all(secret not in repr(entry).encode() for entry in entries)


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda token: token[:-1], "malformed"),
        (lambda token: token + "A", "malformed"),
        (lambda token: "", "malformed"),
        (lambda token: "gwk_" + "a" * 16 + token[20:], "unknown"),
        (lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"), "unknown"),
        (lambda token: token.upper(), "malformed"),
        (lambda token: "\ud800" + token, "malformed"),
    ],
)
async def test_anything_but_the_token_itself_is_refused(store: Store, account: Account, rules: Rules, damage, word) -> None:
    _, token = await issued(store, account, rules)
    with pytest.raises(Unauthenticated, match=word):
        await authenticate(store, damage(token), address=None, at=START)


async def test_a_token_is_refused_from_the_instant_it_expires(store: Store, account: Account, rules: Rules) -> None:
    _, token = await issued(store, account, rules, expires_at=at(1))
    assert (await authenticate(store, token, address=None, at=at(1) - timedelta(microseconds=1))).account == account
    with pytest.raises(Unauthenticated, match="expired"):
        await authenticate(store, token, address=None, at=at(1))


@pytest.mark.parametrize(
    ("address", "accepted"),
    [
        ("192.0.2.7", True),
        ("192.0.3.7", False),
        ("2001:db8::1", True),
        ("::ffff:192.0.2.7", True),
        ("2001:db9::1", False),
        (None, False),
        ("not an address", False),
    ],
)
async def test_a_token_bound_to_networks_is_refused_from_elsewhere(
    store: Store, account: Account, rules: Rules, address: str | None, accepted: bool
) -> None:
    _, token = await issued(store, account, rules, cidrs=["192.0.2.0/24", "2001:db8::/32"])
    if accepted:
        assert (await authenticate(store, token, address=address, at=START)).account == account
    else:
        with pytest.raises(Unauthenticated, match="not accepted from this address"):
            await authenticate(store, token, address=address, at=START)


@pytest.mark.parametrize(
    ("how", "field"),
    [
        ({"scopes": []}, "scope"),
        ({"scopes": ["report:read", "everything"]}, "scope"),
        ({"cidrs": ["192.0.2.0/33"]}, "cidr"),
        ({"expires_at": START}, "expires"),
    ],
)
def test_a_key_that_cannot_be_meant_is_not_made(how: dict[str, object], field: str) -> None:
    account = Account(1, "acme", START)
    with pytest.raises(InvalidEvent) as refused:
        new_key(account, **({"label": "", "scopes": ["admin"], "created_at": START} | how))  # type: ignore[arg-type]
    assert refused.value.field == field


async def test_issuing_rotating_and_revoking_stand_in_the_ledger(
    store: Store, account: Account, rules: Rules, clock: Clock
) -> None:
    old, old_token = await issued(store, account, rules)
    successor, new_token = new_key(account, label="test", scopes=old.scopes, created_at=START, replaces=old.id)
    await credentials.rotate(store, old, successor, grace=timedelta(hours=1), actor="key operator", rules=rules)
    for token in (old_token, new_token):
        assert (await authenticate(store, token, address=None, at=START)).account == account
    with pytest.raises(Unauthenticated, match="expired"):
        await authenticate(store, old_token, address=None, at=at(1))
    clock.advance(minutes=5)
    await credentials.revoke(store, account.id, successor.id, actor="key operator", rules=rules)
    with pytest.raises(Unauthenticated, match="revoked"):
        await authenticate(store, new_token, address=None, at=clock.now)
    head = await store.head(account.id)
    entries = await store.rows(Rows(Scope(account.id, head.sequence), descending=False, limit=10))
    assert [each.action for each in entries] == ["key.created", "key.created", "key.rotated", "key.revoked"]


async def test_a_key_is_revoked_once_and_only_by_its_own_account(
    store: Store, account: Account, stranger: object, rules: Rules
) -> None:
    key, _ = await issued(store, account, rules)
    head = await store.head(account.id)
    with pytest.raises(NotFound):
        await credentials.revoke(store, stranger.account.id, key.id, actor="x", rules=rules)  # type: ignore[attr-defined]
    assert await store.head(account.id) == head
    await credentials.revoke(store, account.id, key.id, actor="x", rules=rules)
    with pytest.raises(Conflict, match="was revoked"):
        await credentials.revoke(store, account.id, key.id, actor="x", rules=rules)


async def test_the_doorkeeper_refuses_a_revoked_key_once_it_forgets_it(
    store: Store, account: Account, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    monotonic = 1_000.0
    monkeypatch.setattr("app.access.memory.time.monotonic", lambda: monotonic)
    key, token = await issued(store, account, rules)
    doorkeeper = Doorkeeper(store, rules.clock)
    assert (await doorkeeper.admit(token, None)).key_id == key.id
    await credentials.revoke(store, account.id, key.id, actor="x", rules=rules)
    monotonic += 0.51  # well within the second that is promised
    with pytest.raises(Unauthenticated, match="revoked"):
        await doorkeeper.admit(token, None)


async def test_the_doorkeeper_checks_expiry_and_network_of_keys_it_remembers(
    store: Store, account: Account, rules: Rules, clock: Clock
) -> None:
    _, token = await issued(store, account, rules, expires_at=at(1), cidrs=["192.0.2.0/24"])
    doorkeeper = Doorkeeper(store, clock)
    await doorkeeper.admit(token, "192.0.2.1")
    with pytest.raises(Unauthenticated, match="address"):
        await doorkeeper.admit(token, "192.0.3.1")
    clock.now = at(1)
    with pytest.raises(Unauthenticated, match="expired"):
        await doorkeeper.admit(token, "192.0.2.1")


async def test_last_use_is_noted_and_never_goes_back(store: Store, account: Account, rules: Rules, clock: Clock) -> None:
    key, token = await issued(store, account, rules)
    doorkeeper = Doorkeeper(store, clock)
    clock.advance(minutes=1)
    await doorkeeper.admit(token, None)
    await doorkeeper.flush()
    noted = await store.key(key.id)
    assert noted is not None
    assert noted.last_used_at == clock.now
    await store.touch_keys({key.id: START})
    assert await store.key(key.id) == noted
