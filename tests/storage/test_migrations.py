"""The migrations make the tables that the models declare, and a database of another version is migrated or refused."""

from __future__ import annotations

import asyncio
import importlib.resources
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from app.domain.errors import Unavailable
from app.storage import migrations
from app.storage.migrations import REVISIONS, current, move, upgrade
from app.storage.sql.tables import Shared
from app.storage.sqlite import open_sqlite
from app.storage.sqlite.dialect import Own
from tests.events import START


def test_the_migrated_tables_are_those_that_the_models_declare(tmp_path: Path) -> None:
    migrated, declared = f"sqlite:///{tmp_path}/migrated.db", f"sqlite:///{tmp_path}/declared.db"
    upgrade(migrated)
    engine = create_engine(migrated)
    with engine.connect() as connection:
        found = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(found, [Shared.metadata, Own.metadata]) == []
    engine.dispose()
    # What Alembic does not compare: conditions of indexes, STRICT, WITHOUT ROWID.
    engine = create_engine(declared)
    for metadata in (Shared.metadata, Own.metadata):
        metadata.create_all(engine)
    engine.dispose()
    assert told(tmp_path / "migrated.db") == told(tmp_path / "declared.db")


def told(file: Path) -> dict[str, object]:
    """Of each table its options and its columns with type, NOT NULL and place in the key; of each index its text."""
    connection = sqlite3.connect(file)
    found: dict[str, object] = {}
    schema = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE tbl_name <> 'alembic_version'").fetchall()
    for kind, name, sql in schema:
        found[name] = sql
        if kind == "table":
            columns = connection.execute(f"PRAGMA table_xinfo({name})").fetchall()
            options = " ".join(sql[sql.rindex(")") + 1 :].split())
            found[name] = (options, sorted((each[1], each[2], each[3], each[5]) for each in columns))
    connection.close()
    return found


def test_the_revisions_are_known_by_name() -> None:
    config = Config()
    config.set_main_option("script_location", str(importlib.resources.files(migrations)))
    scripts = ScriptDirectory.from_config(config)
    assert tuple(each.revision for each in scripts.walk_revisions("base", "heads"))[::-1] == REVISIONS


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    assert current(url) is None
    upgrade(url)
    before = told(tmp_path / "ledger.db")
    upgrade(url)
    assert current(url) == REVISIONS[-1]
    assert told(tmp_path / "ledger.db") == before


async def test_a_file_of_every_older_version_is_brought_up_to_date_when_it_is_opened(tmp_path: Path) -> None:
    for older in REVISIONS[:-1]:
        file = tmp_path / f"{older}.db"
        await asyncio.to_thread(move, f"sqlite:///{file}", older)
        connection = sqlite3.connect(file)
        connection.execute("INSERT INTO accounts (name, created_at) VALUES ('acme', 0)")
        connection.commit()
        connection.close()
        store = await open_sqlite(file)
        await store.ready()
        assert [account.name for account in await store.accounts()] == ["acme"]
        await store.close()
        assert told(file) == told(await asyncio.to_thread(newest, tmp_path))


def newest(folder: Path) -> Path:
    """A file that was made by this version."""
    upgrade(f"sqlite:///{folder}/newest.db")
    return folder / "newest.db"


async def test_what_was_written_is_there_when_the_file_is_opened_again(file: Path) -> None:
    store = await open_sqlite(file)
    account = await store.create_account("acme", START)
    await store.close()
    store = await open_sqlite(file)
    assert await store.accounts() == [account]
    await store.close()


async def test_a_database_of_a_newer_version_is_refused_and_left_alone(file: Path) -> None:
    await (await open_sqlite(file)).close()
    connection = sqlite3.connect(file)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    with pytest.raises(Unavailable, match="revision 9999 is unknown to this version"):
        await open_sqlite(file)
    assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)
    connection.close()


async def test_readiness_ends_when_another_version_migrates_the_file(file: Path) -> None:
    store = await open_sqlite(file)
    await store.ready()
    connection = sqlite3.connect(file)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(Unavailable, match="unknown to this version"):
        await store.ready()
    await store.close()


def test_a_file_that_is_no_database_is_refused(file: Path) -> None:
    text = "not a database, and longer than the header of one: " + "x" * 200
    file.write_text(text)
    with pytest.raises(Unavailable, match="cannot be opened"):
        asyncio.run(open_sqlite(file))
    assert file.read_text() == text
