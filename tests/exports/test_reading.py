"""Reading back: from a file of every format but PDF, whatever its options, the offline verifier makes its rows again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.domain.account import Principal
from app.evidence.keys import Signer
from app.evidence.manifests import manifest
from app.evidence.verifier import READERS, verify_export
from app.ledger.commands import Rules
from app.ports import Files, Store
from tests.conftest import Clock
from tests.exports import nations
from tests.exports.world import content, frozen

OPTIONS: dict[str, list[dict[str, list[str]]]] = {
    "json": [{}, {"local_time": ["Asia/Kolkata"]}, {"compression": ["gzip"]}],
    "jsonl": [{}, {"local_time": ["Asia/Kolkata"], "compression": ["gzip"]}],
    "csv": [{}, {"local_time": ["Asia/Kolkata"]}, {"decimals": ["comma"], "local_time": ["UTC"], "compression": ["gzip"]}],
    "xlsx": [{}, {"local_time": ["Asia/Kolkata"]}],
}


@pytest.mark.parametrize("kind", nations.ASKED)
async def test_the_rows_of_a_file_and_their_digest_are_proven_from_it(
    store: Store, files: Files, admin: Principal, rules: Rules, clock: Clock, kind: str, tmp_path: Path
) -> None:
    await nations.fill(store, admin, rules)
    asked, as_of = nations.ASKED[kind], (await store.head(admin.account.id)).sequence
    signer = Signer(store, clock=clock)

    digests, artifacts, refused, unproven = set(), set(), [], []
    for format, choices in OPTIONS.items():
        for options in choices:
            export = await frozen(store, files, admin, rules, kind, format, asked | options, as_of=as_of)
            (tmp_path / export.file_name).write_bytes(await content(files, export))
            document = json.dumps(await manifest(store, signer, admin, export.id))
            keys = {each.id: each.public_key for each in await signer.published()}
            told = verify_export(tmp_path / export.file_name, document, keys)
            refused += told.refused
            if not any(each.startswith(f"the {export.rows} rows, made again from the file") for each in told.proven):
                unproven.append((format, options, told))
            digests.add(export.digest)
            artifacts.add(export.artifact_digest)

    assert (refused, unproven, len(digests)) == ([], [], 1)
    assert len(artifacts) == sum(map(len, OPTIONS.values()))
    assert set(OPTIONS) == set(READERS)
