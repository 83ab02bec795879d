"""Evidence on the command line: what is written is what is verified, and what was touched fails with exit code 1."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.domain.account import Permission
from app.domain.errors import Unavailable
from app.ledger.commands import Rules
from app.storage.sqlite import open_sqlite
from tests.conftest import caller
from tests.databases import harm_index
from tests.events import START
from tests.exports.world import fill


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the ledger of `acme` in it, an export with its manifest, the keys and a checkpoint."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEWAY_DATABASE_URL", f"sqlite:///{tmp_path / 'gateway.db'}")

    async def filling() -> None:
        store = await open_sqlite(tmp_path / "gateway.db")
        await fill(store, caller(await store.create_account("acme", START), Permission.ADMIN), Rules(clock=lambda: START))
        await store.close()

    asyncio.run(filling())
    done("export", "usage-ledger", "--account", "acme", "--out", "out.csv", "--format", "csv")
    (tmp_path / "keys.json").write_text(done("signing-key", "list", "--json"))
    done("ledger", "checkpoint", "--account", "acme", "--out", "kept.json")
    return tmp_path


def gateway(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


def done(*words: str) -> str:
    ran = gateway(*words)
    assert ran.exit_code == 0, ran.output
    return str(ran.stdout)


def export_id(place: Path) -> str:
    return str(json.loads((place / "out.csv.manifest.json").read_text())["statement"]["export"])


def test_an_export_is_verified_with_the_manifest_beside_it(place: Path) -> None:
    told = done("verify", "out.csv", "--key", "keys.json")
    assert told.startswith("VERIFIED out.csv\n")
    for word in ("proven", "not proven", "rests on"):
        assert f"\n  {word} " in told
    as_json = json.loads(done("verify", "out.csv", "--manifest", "out.csv.manifest.json", "--key", "keys.json", "--json"))
    assert (as_json["verified"], as_json["refused"], as_json["block"]) == (True, [], None)
    x = json.loads((place / "keys.json").read_text())["keys"][0]["x"]
    done("verify", "out.csv", "--key", x)


def test_what_was_touched_fails(place: Path) -> None:
    data = (place / "out.csv").read_bytes()
    (place / "out.csv").write_bytes(data.replace(b"act_1_4", b"act_1_5"))
    ran = gateway("verify", "out.csv", "--key", "keys.json")
    assert ran.exit_code == 1
    assert ran.stdout.startswith("NOT VERIFIED out.csv\n  refused     file: its ")
    assert "the first difference lies in block 1, rows 1 to 1024" in ran.stdout
    (place / "out.csv").write_bytes(data)
    for key in ("A" * 43, "nonsense", "missing.json"):
        assert gateway("verify", "out.csv", "--key", key).exit_code == 1
    assert gateway("verify", "out.csv").exit_code == 2  # there is nothing to be proven without a pinned key


def test_it_needs_no_database(place: Path) -> None:
    (place / "gateway.db").unlink()
    done("verify", "out.csv", "--key", "keys.json")
    assert not (place / "gateway.db").exists()


def test_proofs_and_checkpoints_are_verified_too(place: Path) -> None:
    done("ledger", "prove-inclusion", "act_1_2", "6", "--account", "acme", "--as-of", "6", "--out", "in.json")
    done("ledger", "prove-consistency", "3", "--account", "acme", "--out", "more.json")
    for file, word in (
        ("kept.json", "acme had the root"),
        ("in.json", "act_1_6 with the content shown is entry 6 of that checkpoint"),
        ("more.json", "the 3 entries of the older checkpoint are the first of the 8 of the newer one"),
    ):
        assert word in done("verify", file, "--key", "keys.json")
    listed = done("ledger", "checkpoint", "--account", "acme", "--all").strip().splitlines()
    assert [json.loads(each) for each in listed] == [json.loads((place / "kept.json").read_text())]
    point = json.loads(done("ledger", "checkpoint", "--account", "acme", "--as-of", "3"))
    assert point["statement"]["sequence"] == 3


def test_a_ledger_is_verified_against_what_was_kept(place: Path) -> None:
    told = done("ledger", "verify", "--account", "acme", "--checkpoint", "kept.json", "--key", "keys.json")
    assert "This rests on your checkpoint and the key that you pinned." in told
    assert "keep a checkpoint elsewhere" in done("ledger", "verify", "--account", "acme")
    assert "pin one with --key" in done("ledger", "verify", "--account", "acme", "--checkpoint", "kept.json")
    with sqlite3.connect(place / "gateway.db") as connection:
        connection.execute("UPDATE entries SET customer_id = 'c9' WHERE sequence = 3")
    connection.close()
    ran = gateway("ledger", "verify", "--account", "acme", "--checkpoint", "kept.json", "--json")
    assert (ran.exit_code, json.loads(ran.stdout)["sequence"]) == (1, 3)
    (place / "kept.json").write_text((place / "kept.json").read_text().replace('"sequence": 8', '"sequence": 7'))
    ran = gateway("ledger", "verify", "--account", "acme", "--checkpoint", "kept.json")
    assert ran.exit_code == 1
    assert "NOT VERIFIED: a checkpoint: the signature does not belong to what the document states" in ran.stdout


def test_an_index_that_tells_otherwise_than_its_table_is_noticed(place: Path) -> None:
    harm_index(place / "gateway.db", "entries_by_customer_id", b"c1", b"c2")
    ran = gateway("ledger", "verify", "--account", "acme", "--json")
    assert ran.exit_code == 1
    assert "entries_by_customer_id" in json.loads(ran.stdout)["reason"]
    assert gateway("ledger", "verify", "--account", "acme").stdout.startswith(
        "NOT VERIFIED: the ledger holds, but not the file: "
    )


def test_files_that_are_not_there_are_said_to_be_missing(place: Path) -> None:
    ran = gateway("ledger", "verify", "--account", "acme", "--checkpoint", "nowhere.json")
    assert isinstance(ran.exception, Unavailable)
    assert ran.exception.message == "cannot read nowhere.json: No such file or directory"


def test_a_key_is_rotated_and_old_documents_still_hold(place: Path) -> None:
    before = done("signing-key", "list")
    done("signing-key", "rotate")
    assert len(json.loads(done("signing-key", "list", "--json"))["keys"]) == 2
    assert done("signing-key", "list") != before
    done("verify", "out.csv", "--key", "keys.json")
    done("export", "usage-ledger", "--account", "acme", "--out", "new.json")
    assert gateway("verify", "new.json", "--key", "keys.json").exit_code == 1
    (place / "keys.json").write_text(done("signing-key", "list", "--json"))
    for file in ("out.csv", "new.json"):
        done("verify", file, "--key", "keys.json")


def test_drift_and_erasure(place: Path) -> None:
    done("ledger", "retract", "evt_1_2", "--account", "acme", "--reason", "never happened")
    told = json.loads(done("ledger", "drift", export_id(place), "--account", "acme", "--json"))
    assert told["counts"] == {"added": 0, "amended": 0, "retracted": 1}
    assert [each["reason"] for each in told["changes"]] == ["never happened"]
    assert "1 retracted" in done("ledger", "drift", export_id(place), "--account", "acme")

    erased = json.loads(done("ledger", "erase", "evt_1_2", "--account", "acme", "--json"))
    assert erased == {"fields": ["actor", "reason"], "sequences": [9], "expired_exports": []}
    assert gateway("ledger", "erase", "--account", "acme").exit_code == 1
    assert done("ledger", "erase", "--customer", "c1", "--account", "acme") == "nothing left to erase\n"
    done("verify", "out.csv", "--key", "keys.json")
