"""The keys that the gateway signs with: kept sealed, rotated without breaking what was signed, and never made twice."""

from __future__ import annotations

import json

import pytest

from app.domain.errors import Conflict, InvalidSetting
from app.domain.signing import KeptKey, thumbprint
from app.evidence.keys import Signer
from app.evidence.verifier import NotProven, document, pinned, signed
from app.ports import Store
from tests.conftest import Clock

SECRET = "a secret of the operator's, long enough"
STATEMENT = {"type": "t", "é": ["\U0001f600", "\ufb33", 1, None, True], "a\u20ac": {"b": '\u2028"\\\n\x01'}}


async def pin(signer: Signer) -> dict[str, bytes]:
    return pinned(json.dumps(await signer.jwks()))


async def test_what_is_signed_holds_with_the_pinned_key_and_with_no_other(store: Store, clock: Clock) -> None:
    signer = Signer(store, clock=clock)
    made = await signer.sign(STATEMENT)
    keys = await pin(signer)
    assert signed(made, keys, "t") == STATEMENT
    [key] = await signer.published()
    assert (list(keys), key.valid_until) == ([key.id], None)
    assert key.id == thumbprint(key.public_key) == made["signature"]["kid"]
    assert pinned(str(key.jwk()["x"])) == pinned(json.dumps(key.jwk())) == keys

    assert await pin(Signer(store, clock=clock)) == keys  # another process finds the key that is there
    with pytest.raises(NotProven, match="which is not pinned"):
        signed(made, pinned("A" * 42 + "A"), "t")
    with pytest.raises(NotProven, match="does not belong to what the document states"):
        signed({**made, "statement": STATEMENT | {"a\u20ac": {}}}, keys, "t")
    with pytest.raises(NotProven, match="not of the kind"):
        signed(made, keys, "u")


async def test_every_flipped_character_of_a_signed_document_is_refused(store: Store, clock: Clock) -> None:
    signer = Signer(store, clock=clock)
    text = json.dumps(await signer.sign({"type": "t", "n": 41}))
    keys = await pin(signer)
    held = []
    for at in range(len(text)):
        flipped = text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]
        try:
            statement = signed(document(flipped), keys, "t")
        except NotProven:
            continue
        held.append((text[at], statement))
    # A space between tokens may become nothing but another character that JSON refuses.
    assert held == []


async def test_a_rotated_key_signs_no_more_and_what_it_signed_still_holds(store: Store, clock: Clock) -> None:
    signer = Signer(store, clock=clock)
    before = await signer.sign(STATEMENT)
    clock.advance(days=1)
    second = await signer.rotate()
    after = await signer.sign(STATEMENT)
    assert after["signature"]["kid"] == second.id != before["signature"]["kid"]
    keys = await pin(signer)
    assert signed(before, keys, "t") == signed(after, keys, "t") == STATEMENT
    old, new = await signer.published()
    assert (old.valid_until, new.valid_from, new.valid_until) == (clock.now, clock.now, None)
    assert [each["kid"] for each in (await signer.jwks())["keys"]] == [new.id, old.id]
    # Another process that has signed before signs with the new one at once.
    assert (await Signer(store, clock=clock).sign(STATEMENT)) == after


async def test_a_seed_is_sealed_with_the_operators_secret(store: Store, clock: Clock) -> None:
    signer = Signer(store, SECRET, clock)
    document = await signer.sign(STATEMENT)
    [kept] = await store.signing_keys()
    assert kept.seed[0] == 1
    assert len(kept.seed) == 1 + 12 + 32 + 16
    assert (await Signer(store, SECRET, clock).sign(STATEMENT)) == document
    for wrong in (None, SECRET + "!"):
        with pytest.raises(InvalidSetting, match="GATEWAY_SECRET"):
            await Signer(store, wrong, clock).sign(STATEMENT)
    # What has no secret can still tell the public halves, and begin anew with a key of its own.
    bare = Signer(store, None, clock)
    assert len(await bare.published()) == 1
    await bare.rotate()
    assert signed(await bare.sign(STATEMENT), await pin(bare), "t") == STATEMENT


async def test_a_key_that_was_kept_plain_still_signs_once_there_is_a_secret(store: Store, clock: Clock) -> None:
    document = await Signer(store, None, clock).sign(STATEMENT)
    assert await Signer(store, SECRET, clock).sign(STATEMENT) == document


async def test_a_seed_put_in_the_place_of_another_is_refused(store: Store, clock: Clock) -> None:
    theirs = Signer(store, SECRET, clock)
    await theirs.rotate()
    first, second = await store.signing_keys()
    await store.keep_signing_key(KeptKey(3, second.seed, first.public_key, clock.now))
    with pytest.raises(InvalidSetting, match="is not the one that the signing key was sealed with"):
        await theirs.sign(STATEMENT)


async def test_of_two_that_rotate_at_once_one_is_told_so(store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    signer, other = Signer(store, clock=clock), Signer(store, clock=clock)
    await signer.published()
    keep = type(store).keep_signing_key

    async def outrun(self: Store, key: KeptKey) -> None:
        monkeypatch.undo()
        await other.rotate()
        await keep(self, key)

    monkeypatch.setattr(type(store), "keep_signing_key", outrun)
    with pytest.raises(Conflict, match="rotated by somebody else"):
        await signer.rotate()
    assert len(await signer.published()) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "nonsense",
        '{"keys": []}',
        '{"keys": [{"kty": "RSA"}]}',
        '{"kty":"OKP","crv":"Ed25519","x":"AA"}',
        "[]",
        '{"keys": 3}',
    ],
)
def test_what_is_no_key_is_not_pinned(text: str) -> None:
    with pytest.raises(NotProven, match="no Ed25519 public key"):
        pinned(text)
