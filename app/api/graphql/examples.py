"""Operations for people who explore: each read and each write once, commented, running as they stand against the demo account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.api.graphql.ide import Tab
from app.domain.instant import format_instant

_WHO = """\
# Who am I? Run this with Ctrl-Enter (Cmd-Enter on a Mac).
# Every other tab is one thing that can be asked or recorded here; Ctrl-Space completes, and the book icon
# on the left opens the documentation of every type.
query WhoAmI {
  viewer {
    account { id name createdAt }
    key { label scopes expiresAt }
    scopes
  }
}
"""
_LEDGER = """\
# Row by row what was used, what was recorded last first. Reversals and replacements are rows of their own,
# so the rows always add up to the totals of a summary.
# For the next page put pageInfo.endCursor into "after" below. Leave totalCount out where it is not needed:
# it is counted only when asked for.
query UsageLedger($from: DateTime, $after: String) {
  usageLedger(first: 10, after: $after, filters: { from: $from, productId: ["prod_identity"] }) {
    totalCount
    asOf
    dataThrough
    pageInfo { hasNextPage endCursor }
    edges {
      cursor
      node {
        eventRef version occurredAt customerId featureCode
        quantity unit charge currency
        statusCode resultClass additionalData
      }
    }
  }
}
"""
_ACTIVITIES = """\
# Everything that was recorded: usage, the life of licenses and subscriptions, catalogue changes, and the
# gateway's own acts. Several values of one filter are joined by "or", several filters by "and".
query Activities {
  activities(first: 10, filters: { action: ["license.issued", "license.suspended", "license.renewed"] }) {
    edges {
      node { id sequence kind action occurredAt recordedAt licenseId customerId actor }
    }
  }
}
"""
_BY_PRODUCT = """\
# Totals. Units and currencies are never mixed: a group with two currencies has charge: null, and both of
# them in charges.
query UsageByProduct($from: DateTime, $to: DateTime) {
  usageSummary(filters: { from: $from, to: $to }, groupBy: [PRODUCT]) {
    asOf
    total { events quantities { unit quantity } charges { currency charge } firstUse lastUse }
    groups(first: 20) {
      edges { node { productId events quantity unit charge charges { currency charge } } }
    }
  }
}
"""
_TOP = """\
# Who uses most? Groups in order of a measure, page by page.
query TopCustomers($from: DateTime) {
  usageSummary(
    filters: { from: $from }
    groupBy: [CUSTOMER]
    orderBy: { measure: CHARGE, direction: DESCENDING, currency: "EUR" }
  ) {
    groups(first: 5) {
      totalCount
      pageInfo { hasNextPage endCursor }
      edges { node { customerId events charges { currency charge events } } }
    }
  }
}
"""
_DAYS = """\
# Usage over time. Days are those of the calendar in Berlin, so two of them in a year have 23 or 25 hours.
# fill tells the days without usage too, which is what a chart wants.
query DailyUsage($from: DateTime, $to: DateTime) {
  usageSummary(
    filters: { from: $from, to: $to, customerId: ["cust_001"] }
    groupBy: [PRODUCT]
    bucket: { granularity: DAY, timeZone: "Europe/Berlin", fill: true }
  ) {
    groups(first: 100) {
      edges { node { bucketStart bucketEnd productId events quantity unit } }
    }
  }
}
"""
_AS_OF = """\
# The past as it was known: every question can be asked as of a sequence, or as of an instant of recording.
# What was recorded or corrected after that point does not count.
query AsOf($then: DateTime!) {
  then: usageSummary(asOf: { recordedAt: $then }) { asOf dataThrough total { events firstUse lastUse } }
  now: usageSummary { asOf dataThrough total { events firstUse lastUse } }
}
"""
_NODE = """\
# Every entry has an id of its own, by which it is found again. So have accounts and keys.
query Node($id: ID!) {
  node(id: $id) {
    id
    __typename
    ... on Entry { sequence action occurredAt quantity unit correction corrects }
  }
}
"""
_AUDIT = """\
# Everything that became of one license: its states, its usage by feature and month, its corrections, and the
# evidence for each entry. isCut says whether there are more rows than "first" let through.
query LicenseAudit($from: DateTime, $to: DateTime) {
  licenseAudit(licenseId: "lic_001_storage", period: { from: $from, to: $to }, timeZone: "Europe/Berlin", first: 5) {
    asOf
    license { name status startsAt product { name } customer { name } }
    states { action status occurredAt actor }
    total { events quantities { unit quantity } charges { currency charge } }
    months { bucketStart events quantity unit }
    corrections { isCut rows { correction corrects quantity reason } }
    activities { isCut rows { sequence action occurredAt contentDigest leaf holds } }
    cover { asOf recordedAt chain }
  }
}
"""
_CUSTOMER = """\
# One customer: its licenses with their last use, usage by product and feature, and how it compares with before.
query CustomerSummary($from: DateTime, $to: DateTime) {
  customerSummary(customerId: "cust_001", period: { from: $from, to: $to }, first: 5) {
    customer { name status }
    licenses { licenseId name status events lastUse }
    products { product { name } events quantity unit charge currency }
    trend { measure unit value previous change periodStart periodEnd }
    activities { isCut rows { sequence action occurredAt } }
  }
}
"""
_SETTLEMENT = """\
# What one subscription used in a period, and what was corrected after the period had ended. Not a bill.
query SubscriptionSettlement($from: DateTime, $to: DateTime) {
  subscriptionSettlement(subject: { subscriptionId: "sub_001" }, period: { from: $from, to: $to }, groupBy: [LICENSE]) {
    subject { __typename recordId status }
    linked { __typename recordId name }
    documents { recordId ... on Document { type number } }
    total { events charges { currency charge } }
    groups { isCut rows { license { name } events quantities { unit quantity } charges { currency charge } } }
    lateCorrections { isCut rows { correction occurredAt recordedAt quantity reason } }
  }
}
"""
_CATALOGUE = """\
# What events are about, page by page in order of id. The same is there for products, orders, subscriptions and
# documents. Links are followed at the point that the answer is as of, and each kind is read once for a whole page.
query Catalogue($after: String) {
  customers(first: 5, after: $after) {
    pageInfo { hasNextPage endCursor }
    edges { node { id recordId name status described } }
  }
  licenses(first: 5, customerId: "cust_001") {
    totalCount
    edges { node { recordId name product { name } subscription { recordId status endsAt } } }
  }
  products { edges { node { recordId name } } }
  orders(first: 2) { edges { node { recordId customer { name } } } }
  subscriptions(first: 2) { edges { node { recordId startsAt endsAt order { status } } } }
  documents(first: 2) { edges { node { recordId type number parent { number } } } }
}
"""
_RECORD = """\
# Record that something was used. Run it twice: the second time it is a DUPLICATE, and nothing is counted
# again. Change the quantity and keep the id: that is a CONFLICT.
# Quantities are exact: a string or a number, up to 20 digits before the point and 18 after.
mutation RecordUsageEvent($id: ID!, $occurredAt: DateTime!) {
  recordUsageEvent(
    input: {
      id: $id
      occurredAt: $occurredAt
      customerId: "cust_001"
      productId: "prod_identity"
      featureCode: "face_match"
      quantity: "1"
      unit: "checks"
      charge: 2.95
      currency: "EUR"
      statusCode: 200
      additionalData: { region: "eu-central", score: 0.9950 }
    }
  ) {
    status
    entry { id eventRef sequence resultClass additionalData }
    errors { code field message }
  }
}
"""
_BATCH = """\
# Up to 100 events at once. Each is recorded or refused by itself: the last one here has neither quantity nor
# charge. An event without an id of yours is recorded anew each time it is sent.
mutation RecordUsageEvents($occurredAt: DateTime!) {
  recordUsageEvents(
    input: {
      events: [
        { occurredAt: $occurredAt, customerId: "cust_002", productId: "prod_maps", quantity: 12, unit: "requests" }
        { occurredAt: $occurredAt, customerId: "cust_002", productId: "prod_maps", charge: "0.5", currency: "EUR" }
        { occurredAt: $occurredAt, customerId: "cust_002", productId: "prod_maps" }
      ]
    }
  ) {
    inserted
    duplicate
    conflict
    rejected
    outcomes { status entry { eventRef } errors { code field message } }
  }
}
"""
_ACTIVITY = """\
# Record something that happened in the life of a license.
mutation RecordActivity($occurredAt: DateTime!) {
  recordActivity(
    input: {
      action: "license.renewed"
      occurredAt: $occurredAt
      licenseId: "lic_001_identity"
      customerId: "cust_001"
      actor: "explorer@example.com"
    }
  ) {
    status
    entry { id action actor }
    errors { code field message }
  }
}
"""
_AMEND = """\
# Correct an event: a reversal takes the standing version back, a replacement stands in its place.
# Nothing that was recorded is changed, so every earlier answer can still be given as of its own point.
mutation AmendUsageEvent($id: ID!) {
  amendUsageEvent(input: { id: $id, changes: { quantity: "2.5" }, reason: "metered twice" }) {
    reversal { id quantity correction corrects }
    replacement { id version quantity reason actor }
    errors { code field message }
  }
}
"""
_RETRACT = """\
# Take an event back. It can be done once: afterwards the answer is ALREADY_CORRECTED.
mutation RetractUsageEvent($id: ID!) {
  retractUsageEvent(input: { id: $id, reason: "test traffic" }) {
    reversal { id quantity charge correction corrects }
    errors { code field message }
  }
}
"""
_ERASE = """\
# Erase personal or free texts from an event and all its versions. Their digests stay, so the chain of the
# ledger still verifies.
mutation EraseTexts($id: ID!) {
  eraseTexts(input: { id: $id, texts: [ACTOR, MESSAGE] }) {
    texts
    sequences
    errors { code field message }
  }
}
"""
_DESCRIBE = """\
# Describe what events are about. Each change is an entry of the ledger that carries the whole record;
# fields that are left out stay as they are, null takes a value away.
mutation DescribeRecords {
  upsertProduct(input: { id: "prod_explorer", name: "Explorer's product", status: "active" }) { ...Done }
  upsertCustomer(input: { id: "cust_explorer", name: "Explorer & Sons", status: "active" }) { ...Done }
  upsertOrder(input: { id: "ord_explorer", customerId: "cust_explorer" }) { ...Done }
  upsertSubscription(input: { id: "sub_explorer", customerId: "cust_explorer", orderId: "ord_explorer" }) { ...Done }
  upsertLicense(input: { id: "lic_explorer", productId: "prod_explorer", subscriptionId: "sub_explorer" }) { ...Done }
  upsertDocument(input: { id: "doc_explorer", type: INVOICE, number: "EX-0001", customerId: "cust_explorer", currency: "EUR" }) {
    ...Done
  }
}

fragment Done on UpsertPayload {
  entry { sequence action name record }
  errors { code field message }
}
"""
_RECORDS = """\
# One record of each kind by the id that its owner gave it; null where nobody has named one.
# The document is there once the tab before this one has been run.
query Records {
  customer(id: "cust_001") { id name additionalData }
  product(id: "prod_storage") { id name }
  license(id: "lic_001_storage") { id name customer { name } product { name } }
  order(id: "ord_001") { id status }
  subscription(id: "sub_001") { id status order { recordId } }
  document(id: "doc_explorer") { id type number }
}
"""


def tabs(now: datetime, refs: Sequence[str] = ()) -> list[Tab]:
    """The examples with variables that suit `now`; the first two of `refs` are the events that are corrected."""
    amended, retracted = (*refs, "evt_…", "evt_…")[:2]
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    month = {"from": format_instant(today - timedelta(days=30)), "to": format_instant(today)}
    start, hour_ago = {"from": month["from"]}, {"occurredAt": format_instant(now - timedelta(hours=1))}
    return [
        Tab(query=_WHO),
        Tab(query=_LEDGER, variables=start | {"after": None}),
        Tab(query=_ACTIVITIES),
        Tab(query=_BY_PRODUCT, variables=month),
        Tab(query=_TOP, variables=start),
        Tab(query=_DAYS, variables=month),
        Tab(query=_AS_OF, variables={"then": month["from"]}),
        Tab(query=_AUDIT, variables=month),
        Tab(query=_CUSTOMER, variables=month),
        Tab(query=_SETTLEMENT, variables=month),
        Tab(query=_CATALOGUE, variables={"after": None}),
        Tab(query=_NODE, variables={"id": amended.replace("evt_", "act_", 1)}),
        Tab(query=_RECORD, variables={"id": f"explorer-{now:%Y%m%d%H%M%S%f}"} | hour_ago),
        Tab(query=_BATCH, variables=hour_ago),
        Tab(query=_ACTIVITY, variables=hour_ago),
        Tab(query=_AMEND, variables={"id": amended}),
        Tab(query=_RETRACT, variables={"id": retracted}),
        Tab(query=_ERASE, variables={"id": amended}),
        Tab(query=_DESCRIBE),
        Tab(query=_RECORDS),
    ]
