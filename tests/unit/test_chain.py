"""The chain: what sealing makes, and that each kind of tampering is named with its sequence."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from app.domain.account import genesis
from app.domain.entry import Content, Entry, EntryKind, Veil
from app.domain.errors import Corrupt
from app.domain.instant import to_micros
from app.ledger.chain import Verified, leaf, prepare, seal, verify
from app.ports import Head

MOMENT = datetime(2026, 4, 1, tzinfo=UTC)
GENESIS = genesis("acme")
EMPTY = Head(0, None, GENESIS)


def content(number: int) -> Content:
    return Content(
        kind=EntryKind.USAGE,
        action="usage.consumed",
        source="default",
        occurred_at=MOMENT,
        quantity=Decimal(number),
        message=f"message {number}",
    )


def ledger(length: int = 5) -> list[Entry]:
    """So many entries, each recorded a second after the one before."""
    entries: list[Entry] = []
    for number in range(length):
        head = head_of(entries)
        entries += seal(1, [prepare(content(number))], head, MOMENT + timedelta(seconds=number))
    return entries


def head_of(entries: Sequence[Entry]) -> Head:
    return Head(entries[-1].sequence, entries[-1].recorded_at, entries[-1].chain) if entries else EMPTY


def told(found: Verified) -> tuple[int, bytes, int]:
    return found.entries, found.chain, found.erased


async def verified(entries: Sequence[Entry], head: Head, *, batch: int = 2) -> Verified:
    async def batches() -> AsyncIterator[Sequence[Entry]]:
        for at in range(0, len(entries), batch):
            yield entries[at : at + batch]

    return await verify(batches(), GENESIS, head)


def test_the_genesis_names_the_account() -> None:
    assert genesis("acme") == hashlib.sha256(b"usage-gateway/ledger/v1\nacme").digest()


def test_a_leaf_covers_sequence_time_and_content() -> None:
    data = (7).to_bytes(8, "big") + to_micros(MOMENT).to_bytes(8, "big") + b"c" * 32
    assert leaf(7, MOMENT, b"c" * 32) == hashlib.sha256(b"\0" + data).digest()
    assert (
        leaf(7, datetime(1969, 12, 31, tzinfo=UTC), b"c" * 32)
        == hashlib.sha256(b"\0" + (7).to_bytes(8, "big") + (-86_400_000_000).to_bytes(8, "big", signed=True) + b"c" * 32).digest()
    )


def test_sealing_continues_the_head_without_a_gap() -> None:
    entries = seal(1, [prepare(content(1)), prepare(content(2))], Head(41, MOMENT, b"h" * 32), MOMENT + timedelta(seconds=1))

    assert [entry.sequence for entry in entries] == [42, 43]
    assert {entry.recorded_at for entry in entries} == {MOMENT + timedelta(seconds=1)}
    assert entries[0].leaf == leaf(42, MOMENT + timedelta(seconds=1), entries[0].digest())
    assert entries[0].chain == hashlib.sha256(b"h" * 32 + entries[0].leaf).digest()
    assert entries[1].chain == hashlib.sha256(entries[0].chain + entries[1].leaf).digest()
    assert [entry.content_digest for entry in entries] == [entry.digest() for entry in entries]


def test_the_time_of_recording_never_goes_back() -> None:
    entries = seal(1, [prepare(content(1))], Head(1, MOMENT, b"h" * 32), MOMENT - timedelta(hours=1))
    assert entries[0].recorded_at == MOMENT


@pytest.mark.parametrize("batch", [1, 2, 5, 100])
async def test_an_untouched_ledger_verifies(batch: int) -> None:
    entries = ledger()
    assert told(await verified(entries, head_of(entries), batch=batch)) == (5, entries[-1].chain, 0)


async def test_an_empty_ledger_ends_in_its_genesis() -> None:
    assert told(await verified([], EMPTY)) == (0, GENESIS, 0)
    with pytest.raises(Corrupt, match="entry 0: the chain does not end in the digest that the ledger's head states"):
        await verified([], Head(0, None, b"x" * 32))


async def test_erased_texts_are_counted_and_still_verify() -> None:
    entries = ledger()
    texts = entries[1].texts()
    entries[1] = replace(entries[1], message=None, veil=entries[1].veil.without(texts))
    assert told(await verified(entries, head_of(entries))) == (5, entries[-1].chain, 1)


def resealed(entries: list[Entry], at: int, **changes: object) -> None:
    """Change an entry and remake its digest and leaf, as somebody would who knows how they are made."""
    changed = replace(entries[at], **changes)  # type: ignore[arg-type]
    changed.content_digest = changed.digest()
    changed.leaf = leaf(changed.sequence, changed.recorded_at, changed.content_digest)
    entries[at] = changed


def rechained(entries: list[Entry], start: int) -> None:
    for at in range(start, len(entries)):
        before = entries[at - 1].chain if at else GENESIS
        entries[at] = replace(entries[at], chain=hashlib.sha256(before + entries[at].leaf).digest())


def changed_quantity(entries: list[Entry]) -> None:
    entries[2] = replace(entries[2], quantity=Decimal(3))


def changed_text(entries: list[Entry]) -> None:
    entries[2] = replace(entries[2], message="something else")


def changed_salt(entries: list[Entry]) -> None:
    entries[2] = replace(entries[2], veil=Veil({"message": b"x" * 16}, {}))


def removed_text(entries: list[Entry]) -> None:
    entries[2] = replace(entries[2], message=None)


def changed_digest(entries: list[Entry]) -> None:
    entries[2] = replace(entries[2], content_digest=b"x" * 32)


def changed_time(entries: list[Entry]) -> None:
    entries[2] = replace(entries[2], recorded_at=entries[2].recorded_at + timedelta(microseconds=1))


def changed_leaf(entries: list[Entry]) -> None:
    entries[2] = replace(entries[2], leaf=b"x" * 32)


def changed_chain(entries: list[Entry]) -> None:
    entries[2] = replace(entries[2], chain=b"x" * 32)


def changed_content_and_leaf(entries: list[Entry]) -> None:
    resealed(entries, 2, quantity=Decimal(3))


def swapped(entries: list[Entry]) -> None:
    entries[2], entries[3] = entries[3], entries[2]


def removed(entries: list[Entry]) -> None:
    del entries[2]


def doubled(entries: list[Entry]) -> None:
    entries.insert(2, entries[1])


def renumbered_after_a_removal(entries: list[Entry]) -> None:
    del entries[2]
    for at in range(2, len(entries)):
        entries[at] = replace(entries[at], sequence=at + 1)


def recorded_before_its_neighbour(entries: list[Entry]) -> None:
    resealed(entries, 2, recorded_at=MOMENT)
    rechained(entries, 2)


@pytest.mark.parametrize(
    ("tamper", "reason"),
    [
        (changed_quantity, "its content does not give the digest stored for it"),
        (changed_text, "its content does not give the digest stored for it"),
        (changed_salt, "its content does not give the digest stored for it"),
        (removed_text, "its content does not give the digest stored for it"),
        (changed_digest, "its content does not give the digest stored for it"),
        (changed_time, "its sequence, time of recording and content do not give its leaf"),
        (changed_leaf, "its sequence, time of recording and content do not give its leaf"),
        (renumbered_after_a_removal, "its sequence, time of recording and content do not give its leaf"),
        (changed_chain, "its leaf and the chain before it do not give the chain stored for it"),
        (changed_content_and_leaf, "its leaf and the chain before it do not give the chain stored for it"),
        (swapped, "is missing; entry 4 follows entry 2"),
        (removed, "is missing; entry 4 follows entry 2"),
        (doubled, "is missing; entry 2 follows entry 2"),
        (recorded_before_its_neighbour, "it was recorded before the entry that precedes it"),
    ],
)
async def test_tampering_is_named_with_its_first_sequence(tamper: Callable[[list[Entry]], None], reason: str) -> None:
    entries = ledger()
    head = head_of(entries)
    tamper(entries)
    with pytest.raises(Corrupt) as found:
        await verified(entries, head)
    assert (found.value.sequence, found.value.reason) == (3, reason)


async def test_a_cut_end_is_missed_by_the_head() -> None:
    entries = ledger()
    with pytest.raises(Corrupt) as found:
        await verified(entries[:3], head_of(entries))
    assert (found.value.sequence, found.value.reason) == (4, "is missing; the ledger says that it ends at entry 5")


async def test_a_wholly_rewritten_chain_is_betrayed_by_the_digest_kept_elsewhere() -> None:
    entries = ledger()
    kept = head_of(entries)
    resealed(entries, 0, quantity=Decimal(99))
    rechained(entries, 0)
    assert (await verified(entries, head_of(entries))).entries == 5  # by itself it holds
    with pytest.raises(Corrupt) as found:
        await verified(entries, kept)
    assert (found.value.sequence, found.value.reason) == (
        5,
        "the chain does not end in the digest that the ledger's head states",
    )


async def test_another_accounts_ledger_does_not_verify_as_this_one() -> None:
    entries = seal(1, [prepare(content(1))], Head(0, None, genesis("globex")), MOMENT)
    with pytest.raises(Corrupt, match="entry 1: its leaf and the chain before it do not give the chain stored for it"):
        await verified(entries, head_of(entries))
