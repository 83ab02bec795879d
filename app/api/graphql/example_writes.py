"""What people who explore can record, as texts: each write once, commented."""

from __future__ import annotations

RECORD = """\
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
BATCH = """\
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
SAVE_FORMAT = """\
# Save a format of your own: a version that never changes. Saving the same again makes no other.
# Then send payloads as they are: POST /api/v1/usage-events?format=explorer-meter
mutation SaveFormat {
  saveFormat(
    input: {
      document: {
        version: 1
        name: "explorer-meter"
        fields: {
          id: { path: "id" }
          occurred_at: { path: "at", required: true }
          quantity: { path: "n" }
          charge: { compute: "times(n, '0.002')" }
          currency: { constant: "EUR" }
        }
      }
    }
  ) {
    format { ref description digest }
    errors { code field message }
  }
}
"""
REPLAY = """\
# Try again what was refused, once its format or what it is about was mended. Nothing is counted twice.
mutation ReplayRejects {
  replayRejects(input: {}) {
    inserted
    duplicate
    conflict
    rejected
    left { id field reason }
    more
    errors { code field message }
  }
}
"""
DROP = """\
# Take rejects away for good, payload and reason, as a privacy request asks. Put ids of rejects in.
mutation DropRejects($ids: [ID!]!) {
  dropRejects(input: { ids: $ids }) {
    ids
    errors { code field message }
  }
}
"""
ACTIVITY = """\
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
AMEND = """\
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
RETRACT = """\
# Take an event back. It can be done once: afterwards the answer is ALREADY_CORRECTED.
mutation RetractUsageEvent($id: ID!) {
  retractUsageEvent(input: { id: $id, reason: "test traffic" }) {
    reversal { id quantity charge correction corrects }
    errors { code field message }
  }
}
"""
ERASE = """\
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
DESCRIBE = """\
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
EXPORT = """\
# Freeze a report as a file whose bytes never change, whatever is recorded or corrected later. The digest is
# over the rows, the same for every format; the artifact digest is SHA-256 over the file.
mutation CreateExport($from: DateTime, $to: DateTime) {
  createExport(
    input: {
      report: USAGE_SUMMARY, format: CSV
      filters: { from: $from, to: $to }, groupBy: [{ dimension: PRODUCT }], bucket: { granularity: DAY }
    }
  ) {
    export { id status asOf rows sections { name rows } digest artifactDigest size fileName downloadUrl }
    errors { code field message }
  }
}
"""
SHARE_AND_END = """\
# Hand the file of an export to someone without a token, for an hour; call one off that is not made yet; and delete
# the file of one that is, which ends its links too. The record and its digests stay.
mutation ShareAndEndExports($unfinished: ID!, $ready: ID!) {
  createExportLink(input: { id: $ready, lifetimeSeconds: 3600 }) { url expiresAt errors { code field message } }
  cancelExport(input: { id: $unfinished }) { export { status reason } errors { code field message } }
  deleteExport(input: { id: $ready }) { export { status reason digest artifactDigest } errors { code field message } }
}
"""
