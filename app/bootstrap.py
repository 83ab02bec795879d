"""The one composition root: what the settings say becomes a store, services and an application."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from importlib.metadata import version

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.budget import Budget
from app.access.documents import Documents, read_manifest
from app.access.doorkeeper import Doorkeeper
from app.access.links import Links
from app.access.sessions import Sessions, forget_expired
from app.access.terms import Terms
from app.api.services import Services
from app.domain.errors import GatewayError
from app.domain.instant import now
from app.evidence.keys import Signer
from app.evidence.schedule import Schedule, Witness
from app.exports.disposal import sweep
from app.exports.jobs import Worker
from app.exports.workbooks import clear_away
from app.ledger.commands import Rules
from app.observability.logs import configure
from app.ports import Files, Store
from app.settings import LogFormat, Settings
from app.storage.copying import Transferable
from app.storage.files import open_files
from app.storage.migrations import move
from app.storage.sqlite import open_sqlite
from app.storage.witnesses import to_file, to_log, to_webhook

_FLUSH_SECONDS = 5.0
_SWEEP_SECONDS = 600.0
_TIDY_SECONDS = 600.0
_YOUNG = 20_000
"""Objects that are made and not yet gone before the collector of garbage looks through them. At the usual 700 it looked a dozen
times for a batch of 1,000 events, which took 4 ms of the processor for one caller and 10 for each of four at once."""


async def open_store(settings: Settings) -> Transferable:
    """The store that the settings name: an empty database is made ready, and an older file migrated. Raises Unavailable."""
    if settings.embedded:
        return await open_sqlite(settings.database_path)
    from app.storage.postgres import Limits, open_postgres  # not loaded by those who need no driver for it

    return await open_postgres(settings.database_url, Limits(settings.database_connections, settings.database_statement_seconds))


def move_database(settings: Settings, target: str, *, down: bool) -> tuple[str | None, str | None]:
    """Bring the database that the settings name to that revision, and tell those before and after. Blocks; see `move`."""
    if settings.embedded:
        settings.database_path.parent.mkdir(parents=True, exist_ok=True)
    return move(settings.database_url, target, down=down)


async def open_artifacts(settings: Settings) -> Files:
    """The folder of the exports' files, made if it is missing. Raises Unavailable."""
    return await open_files(settings.artifacts_path)


def configure_logs(settings: Settings) -> None:
    """Log as the settings say."""
    configure(settings.log_level, as_json=settings.log_format is LogFormat.JSON)


def rules_of(settings: Settings) -> Rules:
    """What the operator decided about recording."""
    return Rules(max_future=settings.max_future)


def signer_of(settings: Settings, store: Store) -> Signer:
    """What signs checkpoints and manifests."""
    return Signer(store, settings.secret)


def schedule_of(settings: Settings, store: Store, signer: Signer) -> Schedule:
    """What signs the ledgers from time to time, and sends that where the settings say."""
    elsewhere: dict[str, Witness] = {}
    if settings.checkpoint_file is not None:
        elsewhere["file"] = to_file(settings.checkpoint_file)
    if settings.checkpoint_webhook is not None:
        elsewhere["webhook"] = to_webhook(settings.checkpoint_webhook)
    if settings.checkpoint_print:
        elsewhere["log"] = to_log
    return Schedule(store, signer, settings.checkpoint_seconds, elsewhere)


def terms_of(settings: Settings) -> Terms:
    """What is allowed of GraphQL. Raises InvalidSetting for a file of trusted documents that is none."""
    trusted = {} if settings.trusted_documents is None else read_manifest(settings.trusted_documents)
    return Terms(
        most_points=settings.graphql_price,
        introspection=settings.introspection,
        suggestions=settings.suggestions,
        documents=Documents(trusted, only=settings.trusted_documents_only),
    )


@asynccontextmanager
async def opened_services(settings: Settings, *, demo_token: str | None = None) -> AsyncIterator[Services]:
    """Everything that the doors need, for as long as the context lasts."""
    terms = terms_of(settings)
    store = await open_store(settings)
    try:
        files = await open_artifacts(settings)
    except GatewayError:
        await store.close()
        raise
    rules = rules_of(settings)
    doorkeeper = Doorkeeper(store)
    signer = signer_of(settings, store)
    worker = Worker(store, files, rules=rules)
    tasks = [
        asyncio.create_task(_flush(doorkeeper)),
        asyncio.create_task(worker.run()),
        asyncio.create_task(_tidy(store, files, settings)),
        asyncio.create_task(_sweep(store, files, settings, rules)),
    ]
    if settings.checkpoint_seconds:
        tasks.append(asyncio.create_task(schedule_of(settings, store, signer).run()))
    try:
        yield Services(
            store=store,
            files=files,
            notify_exports=worker.notify,
            doorkeeper=doorkeeper,
            links=Links(store, settings.secret),
            sessions=Sessions(store, doorkeeper, settings.secret),
            signer=signer,
            rules=rules,
            public_url=settings.url(),
            version=version("usage-gateway"),
            trusted_proxies=settings.trusted_proxies,
            cors_origins=settings.cors_origins,
            terms=terms,
            points=Budget("points", settings.graphql_points),
            calls=Budget("calls", settings.rest_calls),
            demo_token=demo_token,
        )
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        with suppress(Exception):
            await doorkeeper.flush()
        await store.close()


async def _flush(doorkeeper: Doorkeeper) -> None:
    log = structlog.stdlib.get_logger("gateway.keys")
    while True:
        await asyncio.sleep(_FLUSH_SECONDS)
        try:
            await doorkeeper.flush()
        except Exception:  # last use is a convenience: a store that is busy for once must not end the noting of it
            log.exception("last uses of keys were not written")


async def _tidy(store: Store, files: Files, settings: Settings) -> None:
    log = structlog.stdlib.get_logger("gateway.tidying")
    while True:
        try:
            await forget_expired(store, at=now())
            await clear_away(files, at=now())
            if settings.rejects_retention is not None:
                await store.forget_rejects(now() - settings.rejects_retention)
        except Exception:  # what is over its time is refused all the same: it can be cleared away the next time
            log.exception("what has expired was not cleared away")
        await asyncio.sleep(_TIDY_SECONDS)


async def _sweep(store: Store, files: Files, settings: Settings, rules: Rules) -> None:
    """Several processes may do so at once: each file is deleted, and told of, once."""
    log = structlog.stdlib.get_logger("gateway.exports")
    while True:
        try:
            await sweep(store, files, settings.export_retention, rules=rules)
        except Exception:  # the next round finds what this one left
            log.exception("files of exports were not looked through")
        await asyncio.sleep(_SWEEP_SECONDS)


def _doors(services: Services) -> ASGIApp:
    """The application. Its code and its schema stay for as long as the process does, so the collector of garbage neither looks
    through them while they are made, which took a tenth of the start, nor ever again while calls wait. What calls make goes when
    they end, hardly any of it in circles: the collector waits for more of it than a few batches have at once."""
    gc.disable()
    try:
        from app.api.factory import create_app  # the doors take longer to load than a command line's whole work

        return create_app(services)
    finally:
        gc.freeze()
        gc.set_threshold(_YOUNG)
        gc.enable()


class Gateway:
    """Opens the store when the server starts and closes it when the server stops; in between it is the application itself."""

    def __init__(self, settings: Settings, *, demo_token: str | None = None) -> None:
        self._settings = settings
        self._demo_token = demo_token
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            assert self._app is not None, "the server sent a request before it announced its start"
            await self._app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        context: AbstractAsyncContextManager[Services] = opened_services(self._settings, demo_token=self._demo_token)
        try:
            services = await context.__aenter__()
        except GatewayError as error:
            await send({"type": "lifespan.startup.failed", "message": f"{error.code}: {error.message}"})
            return
        try:
            self._app = _doors(services)
            await send({"type": "lifespan.startup.complete"})
            message: Message = await receive()
            assert message["type"] == "lifespan.shutdown"
        finally:
            await context.__aexit__(None, None, None)
        await send({"type": "lifespan.shutdown.complete"})
