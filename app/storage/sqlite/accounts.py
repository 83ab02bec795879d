"""Accounts and their keys: `app.ports.Accounts` over the readers and the writer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from app.domain.account import Account, Key, genesis
from app.domain.errors import AlreadyExists
from app.domain.signing import KeptKey
from app.storage.sql.dialect import Statement, compile_statement
from app.storage.sql.mapping import Mapping
from app.storage.sql.tables import accounts, keys
from app.storage.sql.writes import Writes
from app.storage.sqlite.dialect import SqliteDialect
from app.storage.sqlite.readers import Readers
from app.storage.sqlite.writer import Unit, Writer


class SqliteAccounts:
    """See `app.ports.Accounts`."""

    def __init__(self, readers: Readers, writer: Writer) -> None:
        dialect = SqliteDialect()
        self._readers = readers
        self._writer = writer
        self._mapping = Mapping(dialect)
        self._writes = Writes(dialect)
        self._all = compile_statement(select(accounts).order_by(accounts.c.name), dialect)
        self._by_name = compile_statement(select(accounts).where(accounts.c.name == bindparam("name")), dialect)
        self._by_id = compile_statement(select(accounts).where(accounts.c.id == bindparam("id")), dialect)
        self._key = compile_statement(select(keys).where(keys.c.id == bindparam("id")), dialect)
        own = select(keys).where(keys.c.account_id == bindparam("account_id"))
        self._keys = compile_statement(own.order_by(keys.c.created_at, keys.c.id), dialect)

    async def create_account(self, name: str, created_at: datetime) -> Account:
        def work(unit: Unit) -> Account:
            make, head = self._writes.make_account, self._writes.make_head
            values = {"name": name, "created_at": self._mapping.bound(created_at)}
            row = unit.connection.execute(make.sql, make.bind(values)).fetchone()
            if row is None:
                raise AlreadyExists(f"an account named {name} exists")
            account = self._mapping.account(row)
            unit.connection.execute(head.sql, head.bind({"account_id": account.id, "chain": genesis(name)}))
            return account

        return await self._writer.submit(work)

    async def account_named(self, name: str) -> Account | None:
        rows = await self._readers.fetch(self._by_name, {"name": name})
        return self._mapping.account(rows[0]) if rows else None

    async def account(self, account_id: int) -> Account | None:
        rows = await self._readers.fetch(self._by_id, {"id": account_id})
        return self._mapping.account(rows[0]) if rows else None

    async def accounts(self) -> list[Account]:
        return [self._mapping.account(row) for row in await self._readers.fetch(self._all, {})]

    async def key(self, key_id: str) -> Key | None:
        rows = await self._readers.fetch(self._key, {"id": key_id})
        return self._mapping.key(rows[0]) if rows else None

    async def keys(self, account_id: int) -> list[Key]:
        rows = await self._readers.fetch(self._keys, {"account_id": account_id})
        return [self._mapping.key(row) for row in rows]

    async def touch_keys(self, used: dict[str, datetime]) -> None:
        rows = [
            self._writes.touch_key.bind({"id": key_id, "used_at": self._mapping.bound(moment)}) for key_id, moment in used.items()
        ]
        if rows:
            await self._writer.submit(lambda unit: unit.connection.executemany(self._writes.touch_key.sql, rows).rowcount)

    async def secret(self, account_id: int, name: str) -> bytes | None:
        rows = await self._readers.fetch(self._writes.secret, {"account_id": account_id, "name": name})
        return bytes(rows[0][0]) if rows else None

    async def end_session(self, account_id: int, session_id: str, expires_at: datetime) -> None:
        values = {"account_id": account_id, "session_id": session_id, "expires_at": self._mapping.bound(expires_at)}
        await self._change(self._writes.end_session, values)

    async def session_ended(self, account_id: int, session_id: str) -> bool:
        values = {"account_id": account_id, "session_id": session_id}
        return bool(await self._readers.fetch(self._writes.session_ended, values))

    async def forget_sessions(self, account_id: int, moment: datetime) -> None:
        await self._change(self._writes.forget_sessions, {"account_id": account_id, "moment": self._mapping.bound(moment)})

    async def signing_keys(self) -> list[KeptKey]:
        rows = await self._readers.fetch(self._writes.signing_keys, {})
        return [self._mapping.signing_key(row) for row in rows]

    async def keep_signing_key(self, key: KeptKey) -> None:
        keep = self._writes.keep_signing_key
        bound = keep.bind(self._mapping.signing_key_values(key))
        await self._writer.submit(lambda unit: unit.connection.execute(keep.sql, bound).rowcount)

    async def keep_secret(self, account_id: int, name: str, value: bytes) -> bytes:
        keep, kept = self._writes.keep_secret, self._writes.secret
        values = {"account_id": account_id, "name": name, "value": value}

        def work(unit: Unit) -> bytes:
            unit.connection.execute(keep.sql, keep.bind(values))
            return bytes(unit.connection.execute(kept.sql, kept.bind(values)).fetchone()[0])

        return await self._writer.submit(work)

    async def _change(self, statement: Statement, values: dict[str, Any]) -> None:
        bound = statement.bind(values)
        await self._writer.submit(lambda unit: unit.connection.execute(statement.sql, bound).rowcount)
