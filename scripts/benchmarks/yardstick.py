"""The yardstick: a REST route written by hand over the gateway's tables, as quick as one is likely to write it.

It has what the gateway's own doors have around them (authentication, the request's id and its log line, metrics) and none of
what is inside: one statement with just the columns that are sent, on the event loop, and orjson. `rows` answers twelve fields
of a page, `whole` the columns of the legacy page. Started as `python -m scripts.benchmarks.yardstick PORT`.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import asyncpg
import orjson
import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import Response

from app.api.identity import authenticate
from app.api.request_id import RequestIds
from app.bootstrap import configure_logs, opened_services
from app.domain.entry import Veil
from app.observability.metrics import Measured
from app.settings import load
from app.storage.sqlite.connection import connect_reader

LIMBS = ("28", "18", "9", "0")
PLAIN = (
    *("sequence", "version", "kind", "action", "source", "product_id", "customer_id", "license_id", "order_id"),
    *("subscription_id", "feature_code", "unit", "currency", "request_id", "result_class", "status_code", "transaction_id"),
    *("sender_id", "message", "actor", "reason", "name", "correction"),
)
"""Columns that are sent as they are kept."""
TURNED = ("event", "corrects", "additional_data", "record", "veil")
"""Columns of which something is made."""
Piece = Callable[[str], Any]
"""What is made of a text that is JSON."""
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_OCCURRED = "FROM entries WHERE account_id = {} AND kind = 'usage' AND occurred_at >= {} AND occurred_at < {} ORDER BY sequence"


@lru_cache(maxsize=65_536)
def _number(top: int, upper: int, middle: int, lowest: int) -> str:
    """The decimal whose limbs these are, without a float."""
    value = top * 10**28 + upper * 10**18 + middle * 10**9 + lowest
    whole, rest = divmod(abs(value), 10**18)
    text = f"{whole}.{rest:018}".rstrip("0").rstrip(".") if rest else str(whole)
    return f"-{text}" if value < 0 else text


def _instant(micros: int) -> str:
    moment = _BEGINNING + timedelta(microseconds=micros)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06}Z"


def _told(row: dict[str, Any], account: int, piece: Piece) -> dict[str, Any]:
    """The row with the columns that are made of `TURNED`, which it has beside its plain ones."""
    event, corrects, veil = row.pop("event"), row["corrects"], row.pop("veil")
    row["id"] = f"act_{account}_{row['sequence']}"
    row["event_ref"] = f"evt_{account}_{row['sequence'] if event is None else event}"
    row["corrects"] = None if corrects is None else f"act_{account}_{corrects}"
    for name in ("additional_data", "record"):
        if row[name] is not None:
            row[name] = piece(row[name])
    row["erased"] = list(Veil.from_bytes(bytes(veil)).erased) if veil else []
    return row


class Sqlite:
    """One connection, used on the event loop itself: nothing is quicker."""

    def __init__(self, path: Any) -> None:
        self._connection = connect_reader(path)
        self._connection.row_factory = None
        limbs = ", ".join(f"{name}_{power}" for name in ("quantity", "charge") for power in LIMBS)
        self._few = (
            f"sequence, action, occurred_at, recorded_at, customer_id, product_id, license_id, feature_code, unit, {limbs}"
        )
        self._all = f"{', '.join((*PLAIN, *TURNED))}, occurred_at, recorded_at, {limbs}"

    async def few(self, account: int, customer: str | None, below: int, limit: int) -> list[dict[str, Any]]:
        made = []
        for row in self._rows(self._few, account, customer, below, limit):
            sequence, action, occurred, recorded, customer_id, product, license_, feature, unit, *numbers = row
            made.append(
                {
                    "sequence": sequence,
                    "id": f"act_{account}_{sequence}",
                    "action": action,
                    "occurredAt": _instant(occurred),
                    "recordedAt": _instant(recorded),
                    "customerId": customer_id,
                    "productId": product,
                    "licenseId": license_,
                    "featureCode": feature,
                    "quantity": None if numbers[0] is None else _number(*numbers[:4]),
                    "unit": unit,
                    "charge": None if numbers[4] is None else _number(*numbers[4:]),
                }
            )
        return made

    async def whole(self, account: int, customer: str | None, below: int, limit: int) -> list[dict[str, Any]]:
        return self._wholes(self._rows(self._all, account, customer, below, limit), account)

    async def stream(
        self, account: int, since: datetime, until: datetime, size: int, piece: Piece
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """The usage that occurred in between, in its order, so many rows at a time."""
        span = [(moment - _BEGINNING) // timedelta(microseconds=1) for moment in (since, until)]
        cursor = self._connection.execute(f"SELECT {self._all} {_OCCURRED.format('?', '?', '?')}", [account, *span])
        while rows := cursor.fetchmany(size):
            yield self._wholes(rows, account, piece)

    def _wholes(self, rows: Iterable[Any], account: int, piece: Piece = orjson.Fragment) -> list[dict[str, Any]]:
        made = []
        for row in rows:
            plain = _told(dict(zip((*PLAIN, *TURNED), row, strict=False)), account, piece)
            occurred, recorded, *numbers = row[len(PLAIN) + len(TURNED) :]
            plain["occurred_at"] = _instant(occurred)
            plain["recorded_at"] = _instant(recorded)
            plain["quantity"] = None if numbers[0] is None else piece(_number(*numbers[:4]))
            plain["charge"] = None if numbers[4] is None else piece(_number(*numbers[4:]))
            made.append(plain)
        return made

    def _rows(self, columns: str, account: int, customer: str | None, below: int, limit: int) -> list[Any]:
        named = "" if customer is None else "AND customer_id = ? "
        sql = (
            f"SELECT {columns} FROM entries WHERE account_id = ? {named}AND sequence < ? AND kind = 'usage'"
            " ORDER BY sequence DESC LIMIT ?"
        )
        values = [account, *([] if customer is None else [customer]), below, limit]
        return self._connection.execute(sql, values).fetchall()


class Postgres:
    """A pool; numbers and instants come as text, which is the quickest that asyncpg has."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        instants = ", ".join(
            f"""to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS {name}"""
            for name in ("occurred_at", "recorded_at")
        )
        numbers = ", ".join(f"trim_scale({name})::text AS {name}" for name in ("quantity", "charge"))
        few = "sequence, action, customer_id, product_id, license_id, feature_code, unit"
        self._few = f"{few}, {instants}, {numbers}"
        self._all = f"{', '.join((*PLAIN, *TURNED))}, {instants}, {numbers}"

    async def few(self, account: int, customer: str | None, below: int, limit: int) -> list[dict[str, Any]]:
        return [
            {
                "sequence": row["sequence"],
                "id": f"act_{account}_{row['sequence']}",
                "action": row["action"],
                "occurredAt": row["occurred_at"],
                "recordedAt": row["recorded_at"],
                "customerId": row["customer_id"],
                "productId": row["product_id"],
                "licenseId": row["license_id"],
                "featureCode": row["feature_code"],
                "quantity": row["quantity"],
                "unit": row["unit"],
                "charge": row["charge"],
            }
            for row in await self._rows(self._few, account, customer, below, limit)
        ]

    async def whole(self, account: int, customer: str | None, below: int, limit: int) -> list[dict[str, Any]]:
        return self._wholes(await self._rows(self._all, account, customer, below, limit), account)

    async def stream(
        self, account: int, since: datetime, until: datetime, size: int, piece: Piece
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """The usage that occurred in between, in its order, so many rows at a time."""
        sql = f"SELECT {self._all} {_OCCURRED.format('$1', '$2', '$3')}"
        async with self._pool.acquire() as connection, connection.transaction():
            cursor = await connection.cursor(sql, account, since, until)
            while rows := await cursor.fetch(size):
                yield self._wholes(rows, account, piece)

    def _wholes(self, rows: Iterable[Any], account: int, piece: Piece = orjson.Fragment) -> list[dict[str, Any]]:
        made = []
        for row in rows:
            plain = _told(dict(row), account, piece)
            for name in ("quantity", "charge"):
                plain[name] = None if row[name] is None else piece(row[name])
            made.append(plain)
        return made

    async def _rows(self, columns: str, account: int, customer: str | None, below: int, limit: int) -> list[Any]:
        named = "" if customer is None else "AND customer_id = $4 "
        sql = (
            f"SELECT {columns} FROM entries WHERE account_id = $1 AND sequence < $2 AND kind = 'usage' {named}"
            "ORDER BY sequence DESC LIMIT $3"
        )
        return await self._pool.fetch(sql, account, below, limit, *([] if customer is None else [customer]))


def create() -> FastAPI:
    """The application, over the database that the environment names."""
    settings = load()
    configure_logs(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with opened_services(settings) as services:
            app.state.services = services
            if settings.embedded:
                app.state.rows = Sqlite(settings.database_path)
            else:
                app.state.rows = Postgres(await asyncpg.create_pool(settings.database_url, min_size=4, max_size=10))
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/rows")
    async def rows(request: Request, customer_id: str | None = None, below: int = 2**62, limit: int = 100) -> Response:
        principal = await authenticate(request.app.state.services, request.scope)
        found = await request.app.state.rows.few(principal.account.id, customer_id, below, limit + 1)
        return Response(orjson.dumps({"data": found[:limit], "more": len(found) > limit}), media_type="application/json")

    @app.get("/whole")
    async def whole(request: Request, customer_id: str | None = None, below: int = 2**62, limit: int = 100) -> Response:
        principal = await authenticate(request.app.state.services, request.scope)
        found = await request.app.state.rows.whole(principal.account.id, customer_id, below, limit + 1)
        return Response(orjson.dumps({"data": found[:limit], "more": len(found) > limit}), media_type="application/json")

    app.add_middleware(Measured)
    app.add_middleware(RequestIds)
    return app


def main() -> None:
    """Serve until interrupted."""
    config = uvicorn.Config(
        create(),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
