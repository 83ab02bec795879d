"""The offline verifier proves every report in every format, and refuses whatever was touched, with the block of rows named."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.domain.account import Account, Principal
from app.domain.errors import ExportNotReady
from app.evidence import checkpoints
from app.evidence.keys import Signer
from app.evidence.manifests import manifest
from app.evidence.verifier import NotProven, pinned, verify_export
from app.exports.formats import FORMATS
from app.exports.freeze import Patience
from app.ledger.commands import Rules, record
from app.ports import Files, Store
from app.storage.memory import open_memory
from tests.conftest import Clock
from tests.events import usage
from tests.exports.world import ASKED, content, correct, fill, frozen

ROWS_BACK = {"json", "jsonl", "csv", "xlsx"}


@dataclass(frozen=True)
class Proof:
    """An export's file, its manifest, and the key to pin."""

    file: Path
    manifest: str
    keys: dict[str, bytes]
    data: bytes


@pytest.fixture
def signer(store: Store, clock: Clock) -> Signer:
    return Signer(store, clock=clock)


async def proof(
    store: Store,
    files: Files,
    admin: Principal,
    rules: Rules,
    signer: Signer,
    folder: Path,
    kind: str = "usage-ledger",
    format: str = "json",
    parameters: Any = None,
) -> Proof:
    export = await frozen(store, files, admin, rules, kind, format, parameters, patience=Patience(None, None))
    data = await content(files, export)
    (folder / "export").write_bytes(data)
    signed = json.dumps(await manifest(store, signer, admin, export.id))
    return Proof(folder / "export", signed, pinned(json.dumps(await signer.jwks())), data)


@pytest.mark.parametrize("format", [each.name for each in FORMATS])
@pytest.mark.parametrize("kind", ASKED)
async def test_every_report_is_proven_in_every_format(
    store: Store, files: Files, admin: Principal, rules: Rules, signer: Signer, tmp_path: Path, kind: str, format: str
) -> None:
    await fill(store, admin, rules)
    await correct(store, admin, rules)
    made = await proof(store, files, admin, rules, signer, tmp_path, kind, format)
    told = verify_export(made.file, made.manifest, made.keys)
    assert told.refused == []
    assert any("made again from the file" in each for each in told.proven) == (format in ROWS_BACK)
    assert any("its bytes alone are compared" in each for each in told.not_proven) == (format not in ROWS_BACK)
    assert any("give a checkpoint" in each for each in told.not_proven)
    assert told.trust == [f"the pinned key {next(iter(made.keys))}"]


@pytest.mark.parametrize("format", sorted(ROWS_BACK))
async def test_options_of_a_file_change_nothing_of_what_is_proven(
    store: Store, files: Files, admin: Principal, rules: Rules, signer: Signer, tmp_path: Path, format: str
) -> None:
    await fill(store, admin, rules)
    chosen = {"local_time": ["Europe/Berlin"], "decimals": ["comma"], "compression": ["gzip"]}
    taken = next(each.options for each in FORMATS if each.name == format)
    options = {name: texts for name, texts in chosen.items() if name in taken}
    assert options
    made = await proof(store, files, admin, rules, signer, tmp_path, "license-audit", format, ASKED["license-audit"] | options)
    told = verify_export(made.file, made.manifest, made.keys)
    assert told.refused == []
    assert any("made again from the file" in each for each in told.proven)


async def test_a_manifest_says_what_was_asked_and_what_the_ledger_was(
    store: Store, files: Files, account: Account, admin: Principal, rules: Rules, signer: Signer
) -> None:
    await fill(store, admin, rules)
    export = await frozen(store, files, admin, rules, "usage-ledger", "csv", {"customer_id": ["c1"]})
    document = await manifest(store, signer, admin, export.id)
    told = document["statement"]
    assert told["export"] == export.id
    assert (told["report"], told["format"], told["parameters"]) == ("usage_ledger", "csv", {"customer_id": ["c1"]})
    assert (told["as_of"], told["created_sequence"], told["rows"], told["schema_version"]) == (6, 7, 2, 1)
    assert (told["digest"], told["artifact_digest"], told["size"]) == (export.digest, export.artifact_digest, export.size)
    assert told["subtrees"] == []
    [section] = told["sections"]
    assert (section["name"], section["rows"], section["columns"][0]) == ("entries", 2, {"name": "id", "type": "text"})
    assert section["totals"] == [
        {"column": "quantity", "of": "call", "sum": "1.000000000000000001"},
        {"column": "charge", "of": "EUR", "sum": "0.1"},
        {"column": "charge", "of": "USD", "sum": "3"},
    ]
    point = (await checkpoints.checkpoint(store, signer, admin, 6))["statement"]
    assert told["ledger"] == {name: value for name, value in point.items() if name != "type"}
    # It is kept as it was first signed, and given so after the key was rotated.
    await signer.rotate()
    assert await manifest(store, signer, admin, export.id) == document


async def test_an_export_that_is_not_ready_has_no_manifest(
    store: Store, files: Files, admin: Principal, rules: Rules, signer: Signer
) -> None:
    await fill(store, admin, rules)
    export = await frozen(store, files, admin, rules, patience=Patience(0, None))
    with pytest.raises(ExportNotReady, match="is pending and has no digests to state"):
        await manifest(store, signer, admin, export.id)


async def thousands(store: Store, admin: Principal, rules: Rules) -> None:
    """2,500 rows, which are three blocks, with all that makes a cell hard to read back."""
    data = [{"z": "12", "é": None}, {"a": True, "b": "true", "c": ""}, {"n": [1, "x"], "o": {}}, {"q": 'say "=1"\r\n', "i": -7}]
    said = [usage(quantity=f"{at}.5", message="=1+1 'x" if at % 7 else None, additional_data=data[at % 4]) for at in range(2_500)]
    await record(store, admin, said, rules=rules)


@pytest.mark.parametrize("format", ["json", "csv"])
async def test_a_flipped_byte_is_placed_in_its_block(
    store: Store, files: Files, admin: Principal, rules: Rules, signer: Signer, tmp_path: Path, format: str
) -> None:
    await thousands(store, admin, rules)
    made = await proof(store, files, admin, rules, signer, tmp_path, "usage-ledger", format, {"order": ["asc"]})
    assert verify_export(made.file, made.manifest, made.keys).verified
    end = b'"' if format == "json" else b","
    first, third = (made.data.index(f"act_1_{row}".encode() + end) for row in (1, 2_049))
    draw = random.Random(format)
    for at in sorted(draw.sample(range(len(made.data)), 12)):
        flipped = bytearray(made.data)
        flipped[at] ^= 1 << draw.randrange(8)
        made.file.write_bytes(bytes(flipped))
        told = verify_export(made.file, made.manifest, made.keys)
        assert told.refused[0].startswith("file: "), at
        assert told.block is not None or any("stands around them" in each for each in told.refused), (at, told.refused)
        if told.block is not None:
            assert any(f"block {told.block}, rows" in each for each in told.refused)
        if at < first:
            assert told.block in (None, 1)
        elif at >= third:
            assert told.block == 3
    for row, block in ((1, 1), (1_024, 1), (1_025, 2), (2_048, 2), (2_049, 3), (2_500, 3)):
        at = made.data.index(f"act_1_{row}".encode() + end) + 2
        made.file.write_bytes(made.data[:at] + b"x" + made.data[at + 1 :])
        assert verify_export(made.file, made.manifest, made.keys).block == block
    # Cut off, or with a row more or less, also where the file's own digest is not looked at.
    for data, block in (
        (made.data[: len(made.data) // 2], 2),
        (made.data[:-2], 3),
        (b"", 1),
        (made.data + b"x", 3),
    ):
        made.file.write_bytes(data)
        assert verify_export(made.file, made.manifest, made.keys).block == block


@pytest.mark.parametrize("format", [each.name for each in FORMATS if each.name not in ("json", "csv")])
async def test_a_flipped_byte_of_any_other_format_is_refused(
    store: Store, files: Files, admin: Principal, rules: Rules, signer: Signer, tmp_path: Path, format: str
) -> None:
    await fill(store, admin, rules)
    made = await proof(store, files, admin, rules, signer, tmp_path, "usage-ledger", format)
    draw = random.Random(format)
    for at in draw.sample(range(len(made.data)), 25):
        flipped = bytearray(made.data)
        flipped[at] ^= 1 << draw.randrange(8)
        made.file.write_bytes(bytes(flipped))
        assert not verify_export(made.file, made.manifest, made.keys).verified, at


async def test_a_touched_manifest_is_refused(
    store: Store, files: Files, admin: Principal, rules: Rules, signer: Signer, tmp_path: Path
) -> None:
    await fill(store, admin, rules)
    made = await proof(store, files, admin, rules, signer, tmp_path)
    draw = random.Random(1)
    for at in draw.sample(range(len(made.manifest)), 150):
        flipped = made.manifest[:at] + chr(ord(made.manifest[at]) ^ (1 << draw.randrange(6))) + made.manifest[at + 1 :]
        told = verify_export(made.file, flipped, made.keys)
        # White space between tokens says nothing; all else is refused, and nothing is said of the file.
        assert (told.refused[0].startswith("manifest: ") and told.proven == []) or json.loads(flipped) == json.loads(
            made.manifest
        )
    for text in ("", "[]", "{}", '{"statement": {}, "signature": {}}', '{"statement": {"type": 1}, "signature": {"kid": []}}'):
        assert verify_export(made.file, text, made.keys).refused[0].startswith("manifest: ")


async def test_whoever_swaps_the_key_fails_unless_that_one_is_pinned(
    store: Store, files: Files, admin: Principal, rules: Rules, signer: Signer, tmp_path: Path, clock: Clock
) -> None:
    await fill(store, admin, rules)
    made = await proof(store, files, admin, rules, signer, tmp_path)
    forger = Signer(open_memory(), clock=clock)
    statement = json.loads(made.manifest)["statement"]
    made.file.write_bytes(forged := made.data.replace(b'"quantity":"1"', b'"quantity":"9"'))
    assert forged != made.data
    statement |= {"artifact_digest": f"sha256:{hashlib.sha256(forged).hexdigest()}", "size": len(forged)}
    signed = json.dumps(await forger.sign(statement))
    told = verify_export(made.file, signed, made.keys)
    assert told.refused[0].startswith("manifest: it was signed with the key")
    assert told.proven == []
    # With the forger's key pinned the signature holds, but not what it is over.
    theirs = pinned(json.dumps(await forger.jwks()))
    told = verify_export(made.file, signed, theirs)
    assert [each.split(":")[0] for each in told.refused] == ["rows"]
    # A flipped bit of the key is another key.
    key = bytearray(next(iter(made.keys.values())))
    key[3] ^= 1
    assert verify_export(made.file, made.manifest, {next(iter(made.keys)): bytes(key)}).refused
    with pytest.raises(NotProven):
        pinned("")


async def test_totals_that_do_not_add_up_are_refused_though_signed(
    store: Store, files: Files, admin: Principal, rules: Rules, signer: Signer, tmp_path: Path
) -> None:
    await fill(store, admin, rules)
    made = await proof(store, files, admin, rules, signer, tmp_path)
    statement = json.loads(made.manifest)["statement"]
    statement["sections"][0]["totals"][0]["sum"] = "1000"
    told = verify_export(made.file, json.dumps(await signer.sign(statement)), made.keys)
    assert told.refused == ["totals: entries adds up to -2.5, the manifest states 1000"]
    statement["sections"][0]["rows"] = 5
    told = verify_export(made.file, json.dumps(await signer.sign(statement)), made.keys)
    assert told.refused[0] == "rows: entries has 4, the manifest states 5"


async def test_a_checkpoint_kept_elsewhere_ties_the_export_to_the_ledger(
    store: Store,
    files: Files,
    account: Account,
    admin: Principal,
    stranger: Principal,
    rules: Rules,
    signer: Signer,
    tmp_path: Path,
) -> None:
    await fill(store, admin, rules)
    await fill(store, stranger, rules)
    kept = await checkpoints.keep(store, signer, account)
    made = await proof(store, files, admin, rules, signer, tmp_path)
    told = verify_export(made.file, made.manifest, made.keys, json.dumps(kept))
    assert told.refused == []
    assert told.proven[-1] == "the export is as of the very ledger that the checkpoint at sequence 6 states"
    assert len(told.trust) == 2

    other = await checkpoints.checkpoint(store, signer, admin, 5)
    assert "the export at another point" in verify_export(made.file, made.manifest, made.keys, json.dumps(other)).refused[0]
    strange = await checkpoints.keep(store, signer, stranger.account)
    assert not verify_export(made.file, made.manifest, made.keys, json.dumps(strange)).verified
    forked = await signer.sign(kept["statement"] | {"root": "sha256:" + "0" * 64})
    assert "was not the same to both" in verify_export(made.file, made.manifest, made.keys, json.dumps(forked)).refused[0]
    assert verify_export(made.file, made.manifest, made.keys, "{}").refused[0].startswith("checkpoint: ")
