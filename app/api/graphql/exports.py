"""Exports over GraphQL: what was frozen, one by one and page by page. Files are fetched over HTTP, see `Export.downloadUrl`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any

import strawberry
from strawberry.relay import PageInfo

from app.api.delivery import download_url
from app.api.graphql.connections import After, Before, Edge, First, Last
from app.api.graphql.context import Context, Info
from app.api.graphql.enums import ExportFormat, ReportKind
from app.api.graphql.node import Node
from app.api.graphql.scalars import URL, JSONObject, SafeInt
from app.api.graphql.scopes import Needs
from app.api.graphql.shapes import resolver
from app.domain import export as exports
from app.domain.account import Permission
from app.domain.errors import ExportNotReady, NotFound
from app.domain.export import ExportStatus
from app.evidence.manifests import manifest
from app.exports import register
from app.ports import EVERY_EXPORT
from app.reports.report import PageRequest

NEEDED = Permission.REPORT_EXPORT
"""What everything about exports needs."""
MANIFEST = "/api/v1/evidence/exports/{id}/manifest"


@strawberry.type(description="How much of an export is in one of its sections.")
class ExportSection:
    name: str = strawberry.field(description="The section, as the file names it.")
    rows: SafeInt = strawberry.field(description="How many rows it has.")


@strawberry.type(description="A report frozen as of a sequence, as one file whose bytes never change.")
class Export(Node):
    report: ReportKind = strawberry.field(description="Which report was frozen.")
    format: ExportFormat = strawberry.field(description="What kind of file it is.")
    parameters: JSONObject = strawberry.field(
        description="What was asked for: a list of texts for each name, as REST spells them."
    )
    as_of: SafeInt = strawberry.field(description="The last sequence that it covers.")
    data_through: datetime | None = strawberry.field(description="When that entry was recorded, UTC; null for an empty ledger.")
    status: ExportStatus = strawberry.field(description="How far it is.")
    reason: str | None = strawberry.field(
        description="Why it failed, was cancelled or has expired, in words to act on; null otherwise."
    )
    rows: SafeInt = strawberry.field(description="Rows made so far; all of them once it is ready.")
    rows_expected: SafeInt | None = strawberry.field(
        description="How many rows there will be; null where that is not known before they are drawn."
    )
    sections: list[ExportSection] = strawberry.field(description="Rows by section; empty until it is ready.")
    digest: str | None = strawberry.field(
        description="RFC 9162 tree hash over the canonical rows, the same for every format; null until it is ready."
    )
    artifact_digest: str | None = strawberry.field(description="SHA-256 over the file's bytes; null until it is ready.")
    content_type: str = strawberry.field(description="The file's content type.")
    size: SafeInt | None = strawberry.field(description="Bytes of the file; null until it is ready.")
    file_name: str = strawberry.field(description="The name to save the file under.")
    download_url: URL | None = strawberry.field(
        description="Where the file is fetched, with a token that has the same scope; null until it is ready."
    )
    manifest_url: URL | None = strawberry.field(
        description="Where its signed manifest is fetched, with a token that has the same scope; null until it is ready."
    )
    created_by: str = strawberry.field(description="Who froze it.")
    created_at: datetime = strawberry.field(description="When it was frozen, UTC.")
    updated_at: datetime = strawberry.field(description="When its status last changed, UTC.")

    @resolver(
        "Its signed manifest, as JSON: what was asked, as of which sequence, sections with rows and totals, the digests, and the"
        " ledger there. With it and a pinned key `gateway verify` checks the file offline. Null until it is ready."
    )
    async def manifest(self, info: Info) -> JSONObject | None:
        services = info.context.services
        try:
            return JSONObject(await manifest(services.store, services.signer, info.context.principal, self.id))
        except ExportNotReady:
            return None


@strawberry.type(description="A page of exports, newest first.")
class ExportConnection:
    edges: list[Edge[Export]] = strawberry.field(description="The exports of this page, in order.")
    page_info: PageInfo = strawberry.field(description="Whether there are more exports, and the cursors at both ends.")


@strawberry.input(description="Which exports. Whatever is left out or null asks for all; several filters must all hold.")
class ExportFilters:
    report: list[ReportKind] | None = strawberry.field(default=None, description="Only exports of one of these reports.")
    format: list[ExportFormat] | None = strawberry.field(default=None, description="Only files of one of these kinds.")
    status: list[ExportStatus] | None = strawberry.field(
        default=None, description="Only exports that are as far as one of these."
    )
    created_by: list[str] | None = strawberry.field(
        default=None, description="Only exports that one of these froze, as `createdBy` tells it."
    )


async def _one(info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The export's id.")]) -> Export | None:
    return (await _load(info.context, [id])).get(id)


async def _all(
    info: Info,
    filters: Annotated[ExportFilters | None, strawberry.argument(description="Which ones.")] = None,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> ExportConnection:
    services = info.context.services
    request = PageRequest(first=first, after=after, last=last, before=before)
    wanted = register.wanted(**vars(filters)) if filters is not None else EVERY_EXPORT
    page = await register.page(services.store, info.context.principal, request, wanted)
    rows = [export_node(each, services.public_url) for each in page.rows]
    return ExportConnection(
        edges=[Edge(cursor=cursor, node=row) for cursor, row in zip(page.cursors, rows, strict=True)],
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=page.cursors[0] if page.cursors else None,
            end_cursor=page.cursors[-1] if page.cursors else None,
        ),
    )


export_by_id: Any = strawberry.field(
    resolver=_one, description="The export with this id; null where there is none.", extensions=[Needs(NEEDED)]
)
newest_exports: Any = strawberry.field(resolver=_all, description="What was frozen, newest first.", extensions=[Needs(NEEDED)])


def export_node(export: exports.Export, public_url: str) -> Export:
    """The export as a node."""
    ready = export.status is ExportStatus.READY
    return Export(
        id=strawberry.ID(export.id),
        report=ReportKind(export.report),
        format=ExportFormat(export.format),
        parameters=JSONObject({name: list(texts) for name, texts in export.parameters.items()}),
        as_of=SafeInt(export.as_of),
        data_through=export.recorded_at,
        status=export.status,
        reason=export.reason,
        rows=SafeInt(export.rows),
        rows_expected=None if export.rows_expected is None else SafeInt(export.rows_expected),
        sections=[ExportSection(name=name, rows=SafeInt(rows)) for name, rows in export.sections.items()],
        digest=export.digest,
        artifact_digest=export.artifact_digest,
        content_type=export.content_type,
        size=None if export.size is None else SafeInt(export.size),
        file_name=export.file_name,
        manifest_url=URL(public_url + MANIFEST.format(id=export.id)) if export.digest is not None else None,
        download_url=URL(download_url(public_url, export.id)) if ready else None,
        created_by=export.created_by,
        created_at=export.created_at,
        updated_at=export.updated_at,
    )


async def _load(context: Context, ids: Iterable[str]) -> Mapping[str, Export]:
    """The exports with these ids, as far as the account has them."""
    found = {}
    for each in ids:
        try:
            export = await register.find(context.services.store, context.principal, each)
        except NotFound:
            continue
        found[each] = export_node(export, context.services.public_url)
    return found


LOADERS = {"rptx": _load}
"""By the prefix of the nodes' ids."""
