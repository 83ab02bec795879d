"""What has become of an export's question since it was frozen, over GraphQL."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry
from strawberry.relay import PageInfo

from app.api.graphql.arguments import AsOfArgument
from app.api.graphql.connections import After, Before, Edge, First, Last
from app.api.graphql.context import Info
from app.api.graphql.enums import DriftMeasure, PrivateText
from app.api.graphql.exports import NEEDED, Export, export_node
from app.api.graphql.inputs import point_of
from app.api.graphql.nodes import Entry
from app.api.graphql.scalars import SafeInt
from app.api.graphql.scopes import Needs
from app.api.graphql.shapes import resolver
from app.evidence import drift as inside
from app.evidence.drift import Change, ChangeKind
from app.reports.report import PageRequest


@strawberry.type(description="One change since the freeze.")
class DriftChange:
    kind: ChangeKind = strawberry.field(description="What became of the row.")
    recorded_at: datetime = strawberry.field(description="When it was recorded, UTC.")
    actor: str | None = strawberry.field(description="Who did it.")
    reason: str | None = strawberry.field(description="Why, where it corrects something.")
    entries: list[Entry] = strawberry.field(
        description="The entries that made it and that the export's filters ask for: of an amendment the reversal, then what"
        " stands in its place."
    )


@strawberry.type(description="A page of changes, oldest first.")
class DriftChangeConnection:
    edges: list[Edge[DriftChange]] = strawberry.field(description="The changes of this page, in order.")
    page_info: PageInfo = strawberry.field(description="Whether there are more changes, and the cursors at both ends.")


@strawberry.type(description="How many changes there are of each kind.")
class DriftCounts:
    added: SafeInt = strawberry.field(description="Rows that were recorded since.")
    amended: SafeInt = strawberry.field(description="Amendments: an event that was amended twice counts twice.")
    retracted: SafeInt = strawberry.field(description="Events that were taken back.")


@strawberry.type(description="The difference in one total.")
class DriftDifference:
    measure: DriftMeasure = strawberry.field(description="What is totalled.")
    unit: str | None = strawberry.field(description="The quantity's unit or the charge's currency.")
    then: Decimal = strawberry.field(description="What it was as of the export.")
    now: Decimal = strawberry.field(description="What it is now.")
    change: Decimal = strawberry.field(description="By how much it grew.")
    bucket_start: datetime | None = strawberry.field(description="The group's bucket of time; null without buckets.")
    product_id: strawberry.ID | None = strawberry.field(description="The group's product, where grouped by it.")
    customer_id: strawberry.ID | None = strawberry.field(description="The group's customer, where grouped by it.")
    license_id: strawberry.ID | None = strawberry.field(description="The group's license, where grouped by it.")
    order_id: strawberry.ID | None = strawberry.field(description="The group's order, where grouped by it.")
    subscription_id: strawberry.ID | None = strawberry.field(description="The group's subscription, where grouped by it.")
    feature_code: str | None = strawberry.field(description="The group's feature, where grouped by it.")


@strawberry.type(description="Texts that were erased since the freeze from entries that the export covers.")
class DriftErasure:
    sequence: SafeInt = strawberry.field(description="Sequence of the act.")
    recorded_at: datetime = strawberry.field(description="When it was done, UTC.")
    actor: str | None = strawberry.field(description="Who did it.")
    sequences: list[SafeInt] = strawberry.field(description="Sequences of the entries.")
    texts: list[PrivateText] = strawberry.field(description="Which texts were erased.")


@strawberry.type(description="What an export would say otherwise if it were frozen again.")
class Drift:
    export: Export = strawberry.field(description="The export.")
    as_of: SafeInt = strawberry.field(description="The sequence that it is compared with.")
    data_through: datetime | None = strawberry.field(description="When that entry was recorded, UTC; null for an empty ledger.")
    found: strawberry.Private[inside.Drift]

    @resolver("The changes, oldest first: what was recorded since and the export's filters ask for.")
    async def changes(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> DriftChangeConnection:
        request = PageRequest(first=first, after=after, last=last, before=before)
        page = await inside.page(info.context.services.store, self.found, request)
        return DriftChangeConnection(
            edges=[Edge(cursor=at, node=_change(each)) for at, each in zip(page.cursors, page.rows, strict=True)],
            page_info=PageInfo(
                has_next_page=page.has_next,
                has_previous_page=page.has_previous,
                start_cursor=page.cursors[0] if page.cursors else None,
                end_cursor=page.cursors[-1] if page.cursors else None,
            ),
        )

    @resolver("How many changes there are of each kind. They are all read for this, once it is asked for.")
    async def counts(self, info: Info) -> DriftCounts:
        found = await inside.counted(info.context.services.store, self.found)
        return DriftCounts(**{kind.value: SafeInt(count) for kind, count in found.items()})

    @resolver("The difference in each total: of everything that was asked for, then of each group that differs.")
    async def differences(self, info: Info) -> list[DriftDifference]:
        return [
            DriftDifference(
                measure=DriftMeasure(each.measure),
                unit=each.unit,
                then=each.then,
                now=each.now,
                change=each.change,
                bucket_start=each.keys.get("bucket_start"),
                product_id=each.keys.get("product_id"),
                customer_id=each.keys.get("customer_id"),
                license_id=each.keys.get("license_id"),
                order_id=each.keys.get("order_id"),
                subscription_id=each.keys.get("subscription_id"),
                feature_code=each.keys.get("feature_code"),
            )
            for each in await inside.differences(info.context.services.store, self.found)
        ]

    @resolver("What was erased since, newest first: those rows would be told without the texts.")
    async def erasures(self, info: Info) -> list[DriftErasure]:
        return [
            DriftErasure(
                sequence=SafeInt(each.sequence),
                recorded_at=each.recorded_at,
                actor=each.actor,
                sequences=[SafeInt(sequence) for sequence in each.sequences],
                texts=[PrivateText(text) for text in each.texts],
            )
            for each in await inside.erasures(info.context.services.store, self.found)
        ]


def _change(change: Change) -> DriftChange:
    first = change.first
    return DriftChange(
        kind=change.kind,
        recorded_at=first.recorded_at,
        actor=first.actor,
        reason=first.reason,
        entries=list(change.entries),
    )


async def _drift(
    info: Info,
    export_id: Annotated[strawberry.ID, strawberry.argument(description="The export's id.")],
    as_of: AsOfArgument = None,
) -> Drift:
    services = info.context.services
    found = await inside.drift(services.store, info.context.principal, export_id, point_of(as_of))
    return Drift(
        export=export_node(found.export, services.public_url),
        as_of=SafeInt(found.opened.scope.as_of),
        data_through=found.opened.recorded_at,
        found=found,
    )


drift_of_export = strawberry.field(
    resolver=_drift,
    description="What has changed since an export was frozen: rows added, amended, retracted, and the difference in each total.",
    extensions=[Needs(NEEDED)],
)
