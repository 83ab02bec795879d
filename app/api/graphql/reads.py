"""The queries: each opens the caller's ledger, asks a report, and hands its rows out."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from app.api.graphql import reports, summary
from app.api.graphql.arguments import (
    AsOfArgument,
    BucketArgument,
    CompareArgument,
    FiltersArgument,
    GroupByArgument,
    GroupOrderArgument,
    HavingArgument,
    OrderArgument,
    TopArgument,
)
from app.api.graphql.catalogue import listing, lookup
from app.api.graphql.connections import After, Before, First, Last
from app.api.graphql.context import Info
from app.api.graphql.drift import drift_of_export
from app.api.graphql.enums import FeedOrder
from app.api.graphql.estimate import estimate
from app.api.graphql.evidence import checkpoint_at, consistency_proof, inclusion_proof, kept_checkpoints, signing_keys
from app.api.graphql.explaining import explained
from app.api.graphql.exports import export_by_id, newest_exports
from app.api.graphql.feeds import EntryConnection, open_page
from app.api.graphql.formats import format_named, formats, tried_format
from app.api.graphql.inputs import (
    AsOfInput,
    UsageFilters,
    compared,
    conditions,
    filters_of,
    group_key,
    group_order,
    point_of,
)
from app.api.graphql.node import Node
from app.api.graphql.nodes import MOST_NODES, Account, ApiKey, account_node, key_node, load
from app.api.graphql.rejects import newest_rejects
from app.api.graphql.scopes import Needs
from app.api.graphql.shapes import resolver
from app.api.graphql.summary import UsageSummary
from app.domain.account import Permission
from app.domain.catalogue import RecordKind
from app.domain.entry import EntryKind
from app.reports import activities, customer_summary, license_audit, subscription_settlement, usage_ledger, usage_summary
from app.reports.grouping import SummaryQuestion
from app.reports.report import PageRequest, Report


@strawberry.type(description="Who is asking, as the gateway knows it.")
class Viewer:
    account: Account = strawberry.field(description="The account that the token belongs to.")
    scopes: list[Permission] = strawberry.field(description="What the token may do.")

    @resolver("The key that the token was made for.")
    async def key(self, info: Info) -> ApiKey | None:
        return await key_node(info.context)


def _report(resolve: Any, report: Report) -> Any:
    return strawberry.field(resolver=resolve, description=report.description, extensions=[Needs(Permission.REPORT_READ)])


@strawberry.type(description="Everything that can be asked.")
class Query:
    @resolver("Who is asking. Needs a token, and no scope.")
    def viewer(self, info: Info) -> Viewer:
        principal = info.context.principal
        scopes = sorted((Permission(each) for each in principal.scopes), key=lambda each: each.value)
        return Viewer(account=account_node(principal.account), scopes=scopes)

    @resolver("The thing with this id; null where the account has none.")
    async def node(self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The id.")]) -> Node | None:
        (found,) = await load(info, [id])
        return found

    @resolver("The things with these ids, in their order; null for each that the account does not have.")
    async def nodes(
        self, info: Info, ids: Annotated[list[strawberry.ID], strawberry.argument(description=f"At most {MOST_NODES} ids.")]
    ) -> list[Node | None]:
        return await load(info, list(ids))

    @resolver(activities.REPORT.description, needs=Permission.REPORT_READ)
    async def activities(
        self,
        info: Info,
        filters: FiltersArgument = None,
        order: OrderArgument = FeedOrder.NEWEST_FIRST,
        as_of: AsOfArgument = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> EntryConnection:
        request = PageRequest(first=first, after=after, last=last, before=before)
        return await _feed(info, activities.KINDS, filters, order, as_of, request)

    @resolver(usage_ledger.REPORT.description, needs=Permission.REPORT_READ)
    async def usage_ledger(
        self,
        info: Info,
        filters: FiltersArgument = None,
        order: OrderArgument = FeedOrder.NEWEST_FIRST,
        as_of: AsOfArgument = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> EntryConnection:
        request = PageRequest(first=first, after=after, last=last, before=before)
        return await _feed(info, usage_ledger.KINDS, filters, order, as_of, request)

    @resolver(usage_summary.REPORT.description, needs=Permission.REPORT_READ)
    async def usage_summary(
        self,
        info: Info,
        filters: FiltersArgument = None,
        group_by: GroupByArgument = (),  # type: ignore[assignment]
        bucket: BucketArgument = None,
        order_by: GroupOrderArgument = None,
        having: HavingArgument = (),  # type: ignore[assignment]
        top: TopArgument = None,
        compare_with: CompareArgument = None,
        as_of: AsOfArgument = None,
    ) -> UsageSummary:
        opened = await info.context.open(point_of(as_of), info.path)
        question = SummaryQuestion(
            filters_of(filters),
            tuple(group_key(each) for each in group_by),
            bucket.granularity if bucket else None,
            bucket.time_zone if bucket else "UTC",
            group_order(order_by),
            bucket.fill if bucket else False,
            conditions(having),
            top,
            compared(compare_with),
        )
        return summary.usage_summary(info.context.services.store, opened, question)

    license_audit = _report(reports.license_audit, license_audit.REPORT)
    customer_summary = _report(reports.customer_summary, customer_summary.REPORT)
    subscription_settlement = _report(reports.subscription_settlement, subscription_settlement.REPORT)

    drift = drift_of_export
    signing_keys = signing_keys
    checkpoint = checkpoint_at
    checkpoints = kept_checkpoints
    inclusion_proof = inclusion_proof
    consistency_proof = consistency_proof
    estimate = estimate

    formats = formats
    format = format_named
    try_format = tried_format
    rejects = newest_rejects
    why = explained

    export = export_by_id
    exports = newest_exports

    customer = lookup(RecordKind.CUSTOMER)
    product = lookup(RecordKind.PRODUCT)
    license = lookup(RecordKind.LICENSE)
    order = lookup(RecordKind.ORDER)
    subscription = lookup(RecordKind.SUBSCRIPTION)
    document = lookup(RecordKind.DOCUMENT)
    customers = listing(RecordKind.CUSTOMER)
    products = listing(RecordKind.PRODUCT)
    licenses = listing(RecordKind.LICENSE)
    orders = listing(RecordKind.ORDER)
    subscriptions = listing(RecordKind.SUBSCRIPTION)
    documents = listing(RecordKind.DOCUMENT)


async def _feed(
    info: Info,
    kinds: frozenset[EntryKind] | None,
    filters: UsageFilters | None,
    order: FeedOrder,
    as_of: AsOfInput | None,
    request: PageRequest,
) -> EntryConnection:
    return await open_page(info, point_of(as_of), filters_of(filters), kinds, order, request)
