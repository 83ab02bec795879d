"""What one process takes of a server, what it may do there, and what is said when the server is not what it should be."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from sqlalchemy import text

from app.domain.account import Account
from app.domain.errors import Unavailable
from app.storage.migrations import REVISIONS
from app.storage.postgres import Limits, PostgresStore, open_postgres
from app.storage.postgres.dialect import PostgresDialect
from app.storage.sql.dialect import Statement, compile_statement
from tests.databases import DATABASES
from tests.storage.postgres.conftest import LIMITS, seen


def asked(sql: str) -> Statement:
    """A statement without parameters."""
    return compile_statement(text(sql), PostgresDialect())


async def shown(store: PostgresStore, name: str, *, steady: bool = False) -> str:
    """A setting as a question's connection has it."""
    [[value]] = await store._readers.fetch(asked(f"SHOW {name}"), {}, steady=steady)
    return str(value)


def test_connections_are_shared_out_between_questions_and_writing() -> None:
    shares = [(limits.readers, limits.walkers, limits.writers) for limits in (Limits(3), Limits(4), Limits(10), Limits(40))]
    assert shares == [(1, 1, 1), (2, 1, 1), (4, 3, 3), (14, 13, 13)]


async def test_a_process_takes_no_more_connections_than_it_may(url: str, outside: asyncpg.Connection) -> None:
    store = await open_postgres(url, Limits(connections=4))
    sleeping = asked("SELECT pg_sleep(0.05)")
    await asyncio.gather(*(store._readers.fetch(sleeping, {}, steady=at % 2 == 0) for at in range(10)))
    mine = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'usage-gateway'"
    assert await outside.fetchval(mine) == 3
    await store.close()


async def test_plans_are_made_for_their_parameters_and_sessions_lean_on_no_setting_of_the_server(postgres: PostgresStore) -> None:
    found = {name: await shown(postgres, name) for name in ("plan_cache_mode", "TimeZone", "jit", "statement_timeout")}
    assert found == {"plan_cache_mode": "force_custom_plan", "TimeZone": "UTC", "jit": "off", "statement_timeout": "1min"}
    assert await shown(postgres, "plan_cache_mode", steady=True) == "force_generic_plan"


async def test_a_question_cannot_write(postgres: PostgresStore, acme: Account) -> None:
    for steady in (False, True):
        with pytest.raises(Unavailable, match="takes nothing new") as refused:
            await postgres._readers.fetch(asked("DELETE FROM heads"), {}, steady=steady)
        assert refused.value.detail == "cannot execute DELETE in a read-only transaction"


async def test_a_statement_that_takes_too_long_is_given_up(url: str) -> None:
    store = await open_postgres(url, Limits(connections=3, statement_seconds=0.05))
    with pytest.raises(Unavailable, match="the store took too long"):
        await store._readers.fetch(asked("SELECT pg_sleep(30)"), {})
    await store.ready()
    await store.close()


async def test_a_question_whose_caller_goes_away_is_stopped_on_the_server(url: str, outside: asyncpg.Connection) -> None:
    store = await open_postgres(url, Limits(connections=3))
    running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(60)'"
    question = asyncio.create_task(store._readers.fetch(asked("SELECT pg_sleep(60)"), {}))
    await seen(outside, running, 1)
    question.cancel()
    with pytest.raises(asyncio.CancelledError):
        await question
    await seen(outside, running, 0)
    await store.ready()  # over the one connection that there is for questions
    await store.close()


async def test_a_server_that_does_not_answer_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="the database cannot be reached"):
        await open_postgres("postgresql://gateway@127.0.0.1:1/usage")


async def test_a_database_that_is_not_there_is_unavailable(url: str) -> None:
    with pytest.raises(Unavailable, match="the database refuses the connection") as refused:
        await open_postgres(url.rpartition("/")[0] + "/nowhere")
    assert refused.value.detail == 'database "nowhere" does not exist'


async def test_an_empty_database_is_made_ready_by_whoever_comes_first() -> None:
    url = await DATABASES.new()
    stores = await asyncio.gather(*(open_postgres(url, LIMITS) for _ in range(4)))
    for store in stores:
        await store.ready()
        await store.close()


async def test_a_database_of_a_newer_version_is_refused_and_left_alone(
    url: str, postgres: PostgresStore, outside: asyncpg.Connection
) -> None:
    await outside.execute("UPDATE alembic_version SET version_num = '9999'")
    try:
        for question in (open_postgres(url), postgres.ready()):
            with pytest.raises(Unavailable) as refused:
                await question
            word = "database revision 9999 is unknown to this version; a newer version of the gateway made it"
            assert (refused.value.message, refused.value.detail) == (
                word,
                f"this version knows revisions up to {REVISIONS[-1]}",
            )
        assert await outside.fetchval("SELECT version_num FROM alembic_version") == "9999"
    finally:
        await outside.execute(f"UPDATE alembic_version SET version_num = '{REVISIONS[-1]}'")


async def test_an_older_database_waits_for_the_operator(url: str, postgres: PostgresStore, outside: asyncpg.Connection) -> None:
    await outside.execute("UPDATE alembic_version SET version_num = '0001'")
    try:
        for question in (open_postgres(url), postgres.ready()):
            with pytest.raises(Unavailable, match=f"at revision 0001, this version needs {REVISIONS[-1]}") as refused:
                await question
            assert refused.value.detail == "`gateway migrate` brings it there"
    finally:
        await outside.execute(f"UPDATE alembic_version SET version_num = '{REVISIONS[-1]}'")
