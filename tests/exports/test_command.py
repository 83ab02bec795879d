"""`gateway export`: the same export that every other door makes, in a file of one's own."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.domain.account import Permission
from app.domain.entry import EntryKind
from app.domain.errors import AlreadyExists, GatewayError, NotFound
from app.ledger.commands import Rules
from app.question.rows import Rows
from app.question.scope import Scope
from app.storage.sqlite import open_sqlite
from tests.conftest import caller
from tests.events import START
from tests.exports.world import ASKED, fill


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the ledger of `acme` in it, where the command line is at home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEWAY_DATABASE_URL", f"sqlite:///{tmp_path / 'gateway.db'}")

    async def filling() -> None:
        store = await open_sqlite(tmp_path / "gateway.db")
        await fill(store, caller(await store.create_account("acme", START), Permission.ADMIN), Rules(clock=lambda: START))
        await store.close()

    asyncio.run(filling())
    return tmp_path


def gateway(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


def acts(place: Path) -> list[str]:
    """The gateway's own acts in the ledger, the oldest first."""

    async def reading() -> list[str]:
        store = await open_sqlite(place / "gateway.db")
        question = Rows(Scope(1, 1_000), kinds=frozenset({EntryKind.GATEWAY}), descending=False)
        found = [each.action for each in await store.rows(question)]
        await store.close()
        return found

    return asyncio.run(reading())


def options(asked: dict[str, list[str]]) -> list[str]:
    return [word for name, texts in asked.items() for text in texts for word in (f"--{name.replace('_', '-')}", text)]


@pytest.mark.parametrize("kind", ASKED)
def test_it_writes_the_file_and_tells_the_digests_that_prove_it(place: Path, kind: str) -> None:
    ran = gateway("export", kind, "--account", "acme", "--out", "out.json", "--json", *options(ASKED[kind]))

    assert ran.exit_code == 0, ran.output
    told, data = json.loads(ran.stdout), (place / "out.json").read_bytes()
    assert told["artifact_digest"] == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert (told["report_kind"], told["format"], told["status"], told["as_of"]) == (kind, "json", "ready", 6)
    assert (told["size"], told["filters"], told["created_by"]) == (len(data), ASKED[kind], "key operator")
    assert json.loads(data)["as_of"] == 6
    assert acts(place) == ["export.created", "export.downloaded"]
    assert sorted(each.name for each in place.iterdir() if each.name.startswith((".", "out"))) == [
        "out.json",
        "out.json.manifest.json",
    ]


def test_for_people_it_tells_the_same_in_words(place: Path) -> None:
    ran = gateway("export", "usage-ledger", "--account", "acme", "--out", "out.csv", "--format", "csv", "--customer-id", "c1")

    digest = hashlib.sha256((place / "out.csv").read_bytes()).hexdigest()
    assert "wrote out.csv: 2 rows as of sequence 6, " in ran.stdout
    assert f"artifact digest  sha256:{digest}" in ran.stdout


@pytest.mark.parametrize("kind", ASKED)
def test_the_csv_of_a_live_report_is_that_of_an_export(place: Path, kind: str) -> None:
    gateway("export", kind, "--account", "acme", "--out", "out.csv", "--format", "csv", "--as-of", "6", *options(ASKED[kind]))
    ran = gateway("report", kind, "--account", "acme", "--csv", "--as-of", "6", *options(ASKED[kind]))

    assert ran.exit_code == 0, ran.output
    assert ran.stdout_bytes == (place / "out.csv").read_bytes()


def test_a_report_explains_where_each_total_was_found(place: Path) -> None:
    asked = ("report", "customer-summary", "--account", "acme", "--customer-id", "c1", "--csv")
    plain, explained = gateway(*asked), gateway(*asked, "--explain")

    assert explained.stdout_bytes == plain.stdout_bytes
    assert plain.stderr == ""
    assert explained.stderr.splitlines()[:2] == [
        "totals by license_id, product_id: contract_days: the smallest that has customer_id, license_id, product_id",
        "totals by feature_code: feature_days: the smallest that has customer_id, feature_code",
    ]


def test_an_earlier_point_is_frozen_when_it_is_named(place: Path) -> None:
    for name in ("one", "two"):
        gateway("export", "usage-ledger", "--account", "acme", "--out", name, "--as-of", "3")

    assert (place / "one").read_bytes() == (place / "two").read_bytes()
    assert len(json.loads((place / "one").read_bytes())["sections"]["entries"]) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["usage-ledger", "--format", "docx"], "format: is not a format"),
        (["activities"], "report_kind: is not a report that can be exported"),
        (["license-audit"], "filters.license_id: is missing"),
        (["usage-ledger", "--from", "x"], "filters.from: is not an RFC 3339"),
        (["usage-ledger", "--as-of", "99"], "filters.as_of: is not in the ledger"),
        (["usage-ledger", "--account", "nobody"], "no account nobody"),
    ],
)
def test_what_is_refused_leaves_neither_file_nor_entry(place: Path, words: list[str], said: str) -> None:
    before = sorted(each.name for each in place.iterdir())

    ran = gateway("export", "--account", "acme", "--out", "out", *words)

    assert isinstance(ran.exception, GatewayError)
    assert ran.exception.message.startswith(said)
    assert acts(place) == []
    assert sorted({*(each.name for each in place.iterdir())} - {*before, "artifacts"}) == []


def test_a_place_that_cannot_be_written_is_found_out_before_anything_is_recorded(place: Path) -> None:
    ran = gateway("export", "usage-ledger", "--account", "acme", "--out", "nowhere/out")

    assert isinstance(ran.exception, GatewayError)
    assert ran.exception.message == "cannot write nowhere/out: No such file or directory"
    assert acts(place) == []


def test_a_file_that_was_there_stays_until_it_may_be_replaced_and_the_new_one_is_whole(place: Path) -> None:
    (place / "out").write_text("earlier")

    kept = gateway("export", "license-audit", "--account", "acme", "--out", "out", "--license-id", "l1")
    assert isinstance(kept.exception, AlreadyExists)
    failed = gateway("export", "license-audit", "--account", "acme", "--out", "out", "--license-id", "l9", "--overwrite")
    assert isinstance(failed.exception, NotFound)
    assert ((place / "out").read_text(), acts(place)) == ("earlier", [])

    gateway("export", "license-audit", "--account", "acme", "--out", "out", "--license-id", "l1", "--overwrite")
    assert json.loads((place / "out").read_bytes())["report"] == "license_audit"


def test_a_summary_is_asked_with_the_words_of_its_parameters(place: Path) -> None:
    words = ("report", "usage-summary", "--account", "acme", "--customer-id", "c1", "--customer-id", "nobody", "--json")
    asked = ("--group-by", "data.region", "--having", "events>=1", "--top", "1", "--measures", "customers,quantity_p95")
    answered = json.loads(gateway(*words, *asked).stdout)

    assert [each["additional_data"] for each in answered["groups"]] == [{"region": None}]
    assert {each["measure"] for each in answered["total_statistics"]} == {"customers", "quantity_p95"}
    assert answered["other"] == []
    assert answered["completeness"] == {
        "sequence": answered["as_of"],
        "recorded_at": "2026-04-01T12:00:00.000000Z",
        "late_after_period": None,
        "late_since_as_of": 0,
        "rejects_waiting": 0,
        "unknown": [{"filter": "customer_id", "value": "nobody"}],
    }
    table = gateway(*words[:-1]).stdout
    assert "customer_id nobody is not known here" in table
    assert "Other" not in table
