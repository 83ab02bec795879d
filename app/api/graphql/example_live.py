"""What people who explore can follow, as texts: each subscription once, commented."""

from __future__ import annotations

FOLLOW_ACTIVITIES = """\
# Follow what is recorded, within a second of it: run this, then RecordUsageEvent in its own tab, and come back.
# The first event says where the ledger ends; each cursor, put into "after", goes on from there: nothing is lost or
# told twice, however long the connection was away. The button that runs it also ends it.
subscription FollowActivities($after: String) {
  activities(after: $after) {
    cursor
    edge { node { sequence action occurredAt customerId productId quantity unit } }
  }
}
"""
FOLLOW_EXPORT = """\
# Follow an export until it is finished: at once, and whenever it has changed.
subscription FollowExport($id: ID!) {
  export(id: $id) { id status rows rowsExpected reason digest downloadUrl }
}
"""
