"""Accounts and their keys: `app.ports.Accounts` over the readers and the writing pool."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import asyncpg
from sqlalchemy import bindparam, select

from app.domain.account import Account, Key, genesis
from app.domain.errors import AlreadyExists
from app.domain.signing import KeptKey
from app.storage.postgres.connection import translating
from app.storage.postgres.dialect import PostgresDialect
from app.storage.postgres.readers import Readers
from app.storage.sql.dialect import Statement, compile_statement
from app.storage.sql.mapping import Mapping
from app.storage.sql.tables import accounts, keys
from app.storage.sql.writes import Writes


class PostgresAccounts:
    """See `app.ports.Accounts`."""

    def __init__(self, readers: Readers, pool: asyncpg.Pool) -> None:
        dialect = PostgresDialect()
        self._readers = readers
        self._pool = pool
        self._mapping = Mapping(dialect)
        self._writes = Writes(dialect)
        self._all = compile_statement(select(accounts).order_by(accounts.c.name), dialect)
        self._by_name = compile_statement(select(accounts).where(accounts.c.name == bindparam("name")), dialect)
        self._by_id = compile_statement(select(accounts).where(accounts.c.id == bindparam("id")), dialect)
        self._key = compile_statement(select(keys).where(keys.c.id == bindparam("id")), dialect)
        own = select(keys).where(keys.c.account_id == bindparam("account_id"))
        self._keys = compile_statement(own.order_by(keys.c.created_at, keys.c.id), dialect)

    async def create_account(self, name: str, created_at: datetime) -> Account:
        make, head = self._writes.make_account, self._writes.make_head
        with translating():
            async with self._pool.acquire() as connection, connection.transaction():
                row = await connection.fetchrow(make.sql, *make.bind({"name": name, "created_at": created_at}))
                if row is None:
                    raise AlreadyExists(f"an account named {name} exists")
                account = self._mapping.account(row)
                await connection.execute(head.sql, *head.bind({"account_id": account.id, "chain": genesis(name)}))
        return account

    async def account_named(self, name: str) -> Account | None:
        rows = await self._readers.fetch(self._by_name, {"name": name}, steady=True)
        return self._mapping.account(rows[0]) if rows else None

    async def account(self, account_id: int) -> Account | None:
        rows = await self._readers.fetch(self._by_id, {"id": account_id}, steady=True)
        return self._mapping.account(rows[0]) if rows else None

    async def accounts(self) -> list[Account]:
        return [self._mapping.account(row) for row in await self._readers.fetch(self._all, {})]

    async def key(self, key_id: str) -> Key | None:
        rows = await self._readers.fetch(self._key, {"id": key_id}, steady=True)
        return self._mapping.key(rows[0]) if rows else None

    async def keys(self, account_id: int) -> list[Key]:
        rows = await self._readers.fetch(self._keys, {"account_id": account_id})
        return [self._mapping.key(row) for row in rows]

    async def touch_keys(self, used: dict[str, datetime]) -> None:
        touch = self._writes.touch_key
        # In one order everywhere, so that two processes never wait for each other.
        rows = [touch.bind({"id": key_id, "used_at": used[key_id]}) for key_id in sorted(used)]
        if rows:
            with translating():
                async with self._pool.acquire() as connection:
                    await connection.executemany(touch.sql, rows)

    async def secret(self, account_id: int, name: str) -> bytes | None:
        rows = await self._readers.fetch(self._writes.secret, {"account_id": account_id, "name": name}, steady=True)
        return bytes(rows[0][0]) if rows else None

    async def end_session(self, account_id: int, session_id: str, expires_at: datetime) -> None:
        values = {"account_id": account_id, "session_id": session_id, "expires_at": expires_at}
        await self._change(self._writes.end_session, values)

    async def session_ended(self, account_id: int, session_id: str) -> bool:
        values = {"account_id": account_id, "session_id": session_id}
        return bool(await self._readers.fetch(self._writes.session_ended, values, steady=True))

    async def forget_sessions(self, account_id: int, moment: datetime) -> None:
        await self._change(self._writes.forget_sessions, {"account_id": account_id, "moment": moment})

    async def signing_keys(self) -> list[KeptKey]:
        return [self._mapping.signing_key(row) for row in await self._readers.fetch(self._writes.signing_keys, {})]

    async def keep_signing_key(self, key: KeptKey) -> None:
        keep = self._writes.keep_signing_key
        with translating():
            async with self._pool.acquire() as connection:
                await connection.execute(keep.sql, *keep.bind(self._mapping.signing_key_values(key)))

    async def keep_secret(self, account_id: int, name: str, value: bytes) -> bytes:
        keep, kept = self._writes.keep_secret, self._writes.secret
        values = {"account_id": account_id, "name": name, "value": value}
        with translating():
            async with self._pool.acquire() as connection:
                await connection.execute(keep.sql, *keep.bind(values))
                return bytes(await connection.fetchval(kept.sql, *kept.bind(values)))

    async def _change(self, statement: Statement, values: dict[str, Any]) -> None:
        with translating():
            async with self._pool.acquire() as connection:
                await connection.execute(statement.sql, *statement.bind(values))
