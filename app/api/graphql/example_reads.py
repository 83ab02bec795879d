"""What people who explore can ask, as texts: each read once, commented."""

from __future__ import annotations

WHO = """\
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
WHY = """\
# Why does this event count, or why not? Asked by the sender's own id, an event's ref, an entry's id or a
# reject's: accepted, duplicate, conflict or rejected, with the reason, and the reports in which it counts.
query Why($id: ID!) {
  why(id: $id) {
    verdict
    told
    entry { eventRef recordedAt customerId quantity unit }
    standing { id version }
    reject { id status field reason payload }
    countedIn { report subject value }
    exportIds
  }
}
"""
REJECTS = """\
# What was sent and not recorded, kept with its payload and the reason. Mend the format, then replay.
query Rejects {
  rejects(first: 20, filters: { status: [REJECTED, CONFLICT] }) {
    totalCount
    edges { node { id status format senderId field reason times lastAt payload } }
  }
}
"""
FORMATS = """\
# Formats say where in a payload each field of an event stands. Some ship; show one and change it to your own.
query Formats {
  formats { name ref version description createdAt }
  format(ref: "access-log") { document }
}
"""
TRY_FORMAT = """\
# What would become of these samples? Nothing is recorded. "compute" calculates exactly: decimals are texts.
query TryFormat($samples: String!) {
  tryFormat(
    format: {
      document: {
        version: 1
        name: "meter"
        fields: {
          id: { path: "id" }
          occurred_at: { path: "at", layout: ["unix", "rfc3339"], required: true }
          customer_id: { path: "customer.id || tenant", none: ["-"] }
          quantity: { compute: "over(bytes, 1000000)" }
          unit: { constant: "MB" }
        }
        additional: ["region"]
      }
    }
    samples: $samples
  ) {
    line
    status
    event
    errors { code field message }
  }
}
"""
LEDGER = """\
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
ACTIVITIES = """\
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
BY_PRODUCT = """\
# Totals. Units and currencies are never mixed: a group with two currencies has charge: null, and both of
# them in charges.
query UsageByProduct($from: DateTime, $to: DateTime) {
  usageSummary(filters: { from: $from, to: $to }, groupBy: [{ dimension: PRODUCT }]) {
    asOf
    total { events quantities { unit quantity } charges { currency charge } firstUse lastUse }
    groups(first: 20) {
      edges { node { productId events quantity unit charge charges { currency charge } } }
    }
  }
}
"""
TOP = """\
# Who uses most? Groups in order of a measure, page by page.
query TopCustomers($from: DateTime) {
  usageSummary(
    filters: { from: $from }
    groupBy: [{ dimension: CUSTOMER }]
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
DAYS = """\
# Usage over time. Days are those of the calendar in Berlin, so two of them in a year have 23 or 25 hours.
# fill tells the days without usage too, which is what a chart wants.
query DailyUsage($from: DateTime, $to: DateTime) {
  usageSummary(
    filters: { from: $from, to: $to, customerId: ["cust_001"] }
    groupBy: [{ dimension: PRODUCT }]
    bucket: { granularity: DAY, timeZone: "Europe/Berlin", fill: true }
  ) {
    groups(first: 100) {
      edges { node { bucketStart bucketEnd productId events quantity unit } }
    }
  }
}
"""
LEADERS = """\
# The first three customers by charge, what all the others come to (other), and each beside the 30 days before.
# Numbers that are no sums are counted only when they are selected.
query Leaders($from: DateTime, $to: DateTime) {
  usageSummary(
    filters: { from: $from, to: $to }
    groupBy: { dimension: CUSTOMER }
    orderBy: { measure: CHARGE, currency: "EUR", direction: DESCENDING }
    having: { measure: EVENTS, atLeast: 1 }
    top: 3
    compareWith: { previous: true }
  ) {
    groups {
      edges {
        node {
          customer { name }
          charges { currency charge average }
          quantities { unit quantity maximum p95: percentile(percent: 95) }
          previous { charges { currency charge } }
          change { events charges { currency charge } }
        }
      }
    }
    other { distinctCustomers charges { currency charge } }
    total { distinctCustomers charges { currency charge } }
  }
}
"""
OPENED = """\
# Every number opens into the entries that add up to it. Keys that senders put into additional data are grouped by like
# dimensions. completeness says up to where the ledger was read, what came late, and which values nobody has ever named.
query Opened($from: DateTime, $to: DateTime) {
  usageSummary(filters: { from: $from, to: $to, customerId: ["cust_001", "nobody"] }, groupBy: [{ data: "region" }]) {
    completeness { sequence recordedAt lateArrivals { afterPeriod sinceAsOf } rejectsWaiting unknown { filter value } }
    groups(first: 5) {
      edges {
        node {
          additionalData
          events
          entries(first: 3) { totalCount edges { node { sequence occurredAt quantity unit correction } } }
        }
      }
    }
  }
}
"""
AS_OF = """\
# The past as it was known: every question can be asked as of a sequence, or as of an instant of recording.
# What was recorded or corrected after that point does not count.
query AsOf($then: DateTime!) {
  then: usageSummary(asOf: { recordedAt: $then }) { asOf dataThrough total { events firstUse lastUse } }
  now: usageSummary { asOf dataThrough total { events firstUse lastUse } }
}
"""
NODE = """\
# Every entry has an id of its own, by which it is found again. So have accounts and keys.
query Node($id: ID!) {
  node(id: $id) {
    id
    __typename
    ... on Entry { sequence action occurredAt quantity unit correction corrects }
  }
}
"""
AUDIT = """\
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
CUSTOMER = """\
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
SETTLEMENT = """\
# What one subscription used in a period, and what was corrected after the period had ended. Not a bill.
query SubscriptionSettlement($from: DateTime, $to: DateTime) {
  subscriptionSettlement(
    subject: { subscriptionId: "sub_001" }
    period: { from: $from, to: $to }
    groupBy: { dimension: LICENSE }
  ) {
    subject { __typename recordId status }
    linked { __typename recordId name }
    documents { recordId ... on Document { type number } }
    total { events charges { currency charge } }
    groups { isCut rows { license { name } events quantities { unit quantity } charges { currency charge } } }
    lateCorrections { isCut rows { correction occurredAt recordedAt quantity reason } }
  }
}
"""
CATALOGUE = """\
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
RECORDS = """\
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
EXPORTS = """\
# What was frozen, newest first, and one export by its id: put in the one that the tab CreateExport answered.
# A long export is PENDING or RUNNING for a while; once it is READY, downloadUrl is where its file is fetched:
#   curl -H "Authorization: Bearer <token>" <downloadUrl>
query Exports($id: ID!) {
  exports(filters: { status: [READY, RUNNING, PENDING] }, first: 10) {
    edges { node { id report format status asOf rows createdBy createdAt } }
    pageInfo { hasNextPage endCursor }
  }
  export(id: $id) { status reason rows rowsExpected digest artifactDigest downloadUrl }
}
"""
PROOFS = """\
# The ledger in one signed hash, and the proof that an entry is in it and that it goes on from what it was.
# Keep a checkpoint's "document" where the gateway cannot reach it, and the public keys too:
#   gateway verify <document> --key <keys>      needs no database and no server
query Proofs($id: ID!) {
  signingKeys { keyId x validFrom validUntil }
  checkpoint { name sequence root keyId document }
  checkpoints(first: 3) { edges { node { name recordedAt } } }
  inclusionProof(ids: [$id]) { entries { leaf leafIndex path entry { id action } } document }
  consistencyProof(older: { sequence: 1 }) { older { name } newer { name } path }
}
"""
DRIFT = """\
# What an export would say otherwise if it were frozen again: who changed what, when and why, and by how much each
# total differs. Put in the id that the tab CreateExport answered. "manifest" goes with the file: gateway verify
# makes the digest again from both, with a pinned key and nothing of ours.
query Drift($id: ID!) {
  export(id: $id) { manifestUrl manifest }
  drift(exportId: $id) {
    asOf
    counts { added amended retracted }
    differences { measure unit then now change productId }
    changes(first: 10) { edges { node { kind recordedAt actor reason entries { id quantity unit } } } }
    erasures { recordedAt actor texts }
  }
}
"""
PRICE = """\
# What would a question cost? Documents are priced by their shape and page sizes, never by what an account holds; every answer
# tells its own price in extensions. Try a larger "first", and see what the problems say to cut.
query Price {
  estimate(
    document: "query Q($n: Int) { usageLedger(first: $n) { totalCount edges { node { eventRef product { name } } } } }"
    variables: { n: 100 }
  ) {
    price most allowed left resetSeconds
    costliest { path points }
    problems
  }
}
"""
