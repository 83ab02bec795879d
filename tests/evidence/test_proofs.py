"""Proofs over a ledger: each holds where the standard's own rules check it, and one that was touched does not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from app.domain.account import Account, Permission, Principal
from app.domain.canonical import canonical_bytes
from app.domain.errors import InvalidQuery, NotFound, ScopeDenied
from app.domain.merkle import Growing, Nodes
from app.evidence import checkpoints
from app.evidence.keys import Signer
from app.evidence.proofs import consistency, inclusion
from app.evidence.trees import canonical, entry_leaf, extends, included, tree_hash
from app.evidence.verifier import pinned, verify_proof
from app.ledger.commands import Rules, amend, record
from app.ledger.erasure import erase
from app.ports import Store
from app.question.scope import Checkpoint
from app.reports.answer import open_ledger
from app.reports.parameters import parse_as_of
from app.reports.report import PageRequest
from app.reports.tree import tree_of
from tests.asking import ledger_of
from tests.conftest import Clock
from tests.events import usage

SIZE = 1_500


@pytest.fixture
async def signer(store: Store, clock: Clock) -> Signer:
    return Signer(store, clock=clock)


async def fill(store: Store, admin: Principal, rules: Rules, count: int = SIZE) -> None:
    await record(store, admin, [usage(quantity=str(at + 1), message=f"m{at}") for at in range(count)], rules=rules)


async def pin(signer: Signer) -> dict[str, bytes]:
    return pinned(json.dumps(await signer.jwks()))


async def test_an_entry_is_proven_to_be_in_a_checkpoint(
    store: Store, account: Account, admin: Principal, rules: Rules, signer: Signer
) -> None:
    await fill(store, admin, rules)
    proof = (await inclusion(store, signer, admin, ["act_1_1", "act_1_1025", "act_1_1400", "act_1_1"], 1_400)).document()
    told = verify_proof(json.dumps(proof), await pin(signer))
    assert (told.refused, len(told.proven)) == ([], 4)
    assert "act_1_1025 with the content shown is entry 1025 of that checkpoint" in told.proven
    leaves = [each.leaf for each in await ledger_of(store, account)]
    assert proof["checkpoint"]["statement"]["root"] == f"sha256:{tree_hash(leaves[:1_400]).hex()}"
    # Private texts are not in it, but digests of them are.
    content = proof["entries"][0]["content"]
    assert (content["quantity"], content["private"].keys(), '"m0"' in json.dumps(proof)) == ("1", {"message"}, False)


async def test_a_proof_outlives_the_erasure_of_what_it_is_about(
    store: Store, admin: Principal, rules: Rules, signer: Signer
) -> None:
    await fill(store, admin, rules, 20)
    before = (await inclusion(store, signer, admin, ["act_1_3"], 20)).document()
    await erase(store, admin, "act_1_3", rules=rules)
    assert (await inclusion(store, signer, admin, ["act_1_3"], 20)).document() == before
    assert verify_proof(json.dumps(before), await pin(signer)).verified


async def test_a_touched_proof_is_refused(store: Store, admin: Principal, rules: Rules, signer: Signer) -> None:
    await fill(store, admin, rules, 50)
    keys = await pin(signer)
    proof = (await inclusion(store, signer, admin, ["act_1_3"])).document()
    assert verify_proof(json.dumps(proof), keys).verified

    def content(found: Any) -> None:
        found["entries"][0]["content"]["quantity"] = "4"

    def sequence(found: Any) -> None:
        found["entries"][0]["sequence"] = 4

    def moment(found: Any) -> None:
        found["entries"][0]["recorded_at"] = "2026-04-01T12:00:00.000001Z"

    def shorter(found: Any) -> None:
        found["entries"][0]["path"].pop()

    def longer(found: Any) -> None:
        found["entries"][0]["path"].append(found["entries"][0]["path"][0])

    def root(found: Any) -> None:
        found["checkpoint"]["statement"]["root"] = "sha256:" + "0" * 64

    def gone(found: Any) -> None:
        del found["entries"][0]["path"]

    for touch in (content, sequence, moment, shorter, longer, root, gone):
        touched = deepcopy(proof)
        touch(touched)
        told = verify_proof(json.dumps(touched), keys)
        assert not told.verified, touch.__name__
    for text in ("", "{}", "[]", '{"type": 3}', json.dumps({"type": "usage-gateway/inclusion-proof/v1"})):
        assert not verify_proof(text, keys).verified


async def test_a_checkpoint_is_proven_to_go_on_from_an_older_one(
    store: Store, admin: Principal, rules: Rules, signer: Signer
) -> None:
    await fill(store, admin, rules)
    keys = await pin(signer)
    for older, newer in ((0, 1_500), (1, 1_024), (1_023, 1_025), (700, None), (1_500, 1_500)):
        proof = (await consistency(store, signer, admin, older, newer)).document()
        told = verify_proof(json.dumps(proof), keys)
        assert told.refused == [], (older, newer)
        touched = deepcopy(proof)
        touched["path"] = [*proof["path"], "sha256:" + "0" * 64]
        assert not verify_proof(json.dumps(touched), keys).verified
    swapped = (await consistency(store, signer, admin, 10, 20)).document()
    swapped["older"], swapped["newer"] = swapped["newer"], swapped["older"]
    assert not verify_proof(json.dumps(swapped), keys).verified


async def test_what_cannot_be_proven_is_refused(
    store: Store, admin: Principal, stranger: Principal, rules: Rules, signer: Signer, caller_with: Callable[..., Principal]
) -> None:
    await fill(store, admin, rules, 5)
    await fill(store, stranger, rules, 9)
    for ids, reason in (([], "must name 1 to 100"), (["act_1_1"] * 101, "must name 1 to 100"), (["act_1_5"], "after sequence 3")):
        with pytest.raises(InvalidQuery, match=reason):
            await inclusion(store, signer, admin, ids, 3)
    for unknown in ("act_1_6", "act_2_1", "evt_1_1", "nonsense"):
        with pytest.raises(NotFound, match="no entry"):
            await inclusion(store, signer, admin, [unknown])
    with pytest.raises(InvalidQuery, match="older: ends at sequence 4, after the newer one"):
        await consistency(store, signer, admin, 4, 2)
    with pytest.raises(InvalidQuery, match="asOf: is not in the ledger"):
        await consistency(store, signer, admin, 6)
    nobody = caller_with(Permission.USAGE_WRITE)
    for refused in (
        inclusion(store, signer, nobody, ["act_1_1"]),
        consistency(store, signer, nobody, 1),
        checkpoints.checkpoint(store, signer, nobody),
        checkpoints.page(store, nobody, PageRequest()),
    ):
        with pytest.raises(ScopeDenied):
            await refused


async def test_a_kept_checkpoint_stays_as_it_was_signed(
    store: Store, account: Account, admin: Principal, stranger: Principal, rules: Rules, signer: Signer
) -> None:
    await fill(store, admin, rules, 5)
    kept = await checkpoints.keep(store, signer, account)
    assert await checkpoints.keep(store, signer, account) == kept
    await signer.rotate()
    assert await checkpoints.checkpoint(store, signer, admin, 5) == kept
    other = await checkpoints.checkpoint(store, signer, admin, 4)
    assert other["signature"]["kid"] != kept["signature"]["kid"]
    assert (await checkpoints.page(store, admin, PageRequest())).rows == [kept]
    assert (await checkpoints.page(store, stranger, PageRequest())).rows == []
    await amend(store, admin, "evt_1_1", {"quantity": "9"}, rules=rules, reason="typo")
    newer = await checkpoints.keep(store, signer, account)
    first = await checkpoints.page(store, admin, PageRequest(first=1))
    assert (first.rows, first.has_next, first.has_previous) == ([newer], True, False)
    rest = await checkpoints.page(store, admin, PageRequest(after=first.cursors[0]))
    assert (rest.rows, rest.has_next, rest.has_previous) == ([kept], False, True)
    last = await checkpoints.page(store, admin, PageRequest(last=1))
    assert (last.rows, last.has_next, last.has_previous) == ([kept], False, True)
    statement = kept["statement"]
    assert (statement["account"], statement["sequence"]) == ("acme", 5)
    assert statement["recorded_at"] == "2026-04-01T12:00:00.000000Z"


async def test_a_checkpoint_names_a_point_only_of_the_ledger_that_it_is_of(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await fill(store, admin, rules, 5)
    root = (await tree_of(store, account.id, 4)).root()
    named = parse_as_of(str(Checkpoint(4, root)))
    assert named == Checkpoint(4, root) == parse_as_of(f"4:sha256:{root.hex()}")
    assert (await open_ledger(store, admin, named)).scope.as_of == 4
    with pytest.raises(InvalidQuery, match="asOf: is no checkpoint of this ledger, which has another root at sequence 3"):
        await open_ledger(store, admin, Checkpoint(3, root))
    with pytest.raises(InvalidQuery, match="asOf: is not in the ledger"):
        await open_ledger(store, admin, Checkpoint(6, root))


# The vectors by which implementations of Certificate Transparency are tested: leaves, and the roots over the first n of them.
VECTORS = [
    bytes.fromhex(each)
    for each in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def test_the_published_vectors_give_their_roots() -> None:
    leaves = [hashlib.sha256(b"\0" + each).digest() for each in VECTORS]
    tree = Growing()
    for size, root in enumerate(ROOTS):
        assert tree.root().hex() == root
        known = Nodes(size, {(0, 0, size): leaves[:size]})
        assert known.root().hex() == root
        if size:
            assert tree_hash(leaves[:size]).hex() == root
        for index in range(size):
            assert included(leaves[index], index, size, known.inclusion(index)) == bytes.fromhex(root)
        for older in range(size + 1):
            assert extends(older, size, bytes.fromhex(ROOTS[older]), bytes.fromhex(root), known.consistency(older))
        if size < len(leaves):
            tree.add(leaves[size])


async def test_the_verifier_hashes_as_the_gateway_does(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    await record(store, admin, [usage(additional_data={"\U0001f600": 1, "\ufb33": [{}]}, message="é\u2028\x7f")], rules=rules)
    [entry] = await ledger_of(store, account)
    assert canonical(entry.canonical()) == canonical_bytes(entry.canonical())
    odd = {"\U0001f600": 1, "\ufb33": '\b\f\n\r\t\x1f"\\/\x7f\u2028'}
    assert canonical(odd) == canonical_bytes(odd)
    assert entry_leaf(1, "2026-04-01T12:00:00.000000Z", entry.content_digest) == entry.leaf
