"""Operations for people who explore: each read and each write once, commented, running as they stand against the demo account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.api.graphql import example_live as live
from app.api.graphql import example_reads as reads
from app.api.graphql import example_writes as writes
from app.api.graphql.ide import Tab
from app.domain.instant import format_instant

SAMPLES = """\
{{"id": "a", "at": {at}, "tenant": "t1", "bytes": 1500000, "region": "eu"}}
{{"id": "b", "at": "soon", "customer": {{"id": "c1"}}, "bytes": 7}}
"""


def tabs(now: datetime, refs: Sequence[str] = (), export: str = "rptx_…") -> list[Tab]:
    """The examples with variables that suit `now`: two of `refs` are corrected, `export` is looked at, shared and ended."""
    amended, retracted = (*refs, "evt_…", "evt_…")[:2]
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    month = {"from": format_instant(today - timedelta(days=30)), "to": format_instant(today)}
    start, hour_ago = {"from": month["from"]}, {"occurredAt": format_instant(now - timedelta(hours=1))}
    return [
        Tab(query=reads.WHO),
        Tab(query=reads.LEDGER, variables=start | {"after": None}),
        Tab(query=reads.ACTIVITIES),
        Tab(query=reads.BY_PRODUCT, variables=month),
        Tab(query=reads.TOP, variables=start),
        Tab(query=reads.DAYS, variables=month),
        Tab(query=reads.LEADERS, variables=month),
        Tab(query=reads.OPENED, variables=month),
        Tab(query=reads.AS_OF, variables={"then": month["from"]}),
        Tab(query=reads.AUDIT, variables=month),
        Tab(query=reads.CUSTOMER, variables=month),
        Tab(query=reads.SETTLEMENT, variables=month),
        Tab(query=reads.CATALOGUE, variables={"after": None}),
        Tab(query=reads.NODE, variables={"id": amended.replace("evt_", "act_", 1)}),
        Tab(query=writes.EXPORT, variables=month),
        Tab(query=reads.EXPORTS, variables={"id": export}),
        Tab(query=reads.DRIFT, variables={"id": export}),
        Tab(query=reads.PROOFS, variables={"id": amended.replace("evt_", "act_", 1)}),
        Tab(query=writes.SHARE_AND_END, variables={"unfinished": export, "ready": export}),
        Tab(query=live.FOLLOW_ACTIVITIES, variables={"after": None}),
        Tab(query=live.FOLLOW_EXPORT, variables={"id": export}),
        Tab(query=writes.RECORD, variables={"id": f"explorer-{now:%Y%m%d%H%M%S%f}"} | hour_ago),
        Tab(query=writes.BATCH, variables=hour_ago),
        Tab(query=reads.REJECTS),
        Tab(query=reads.WHY, variables={"id": amended}),
        Tab(query=reads.FORMATS),
        Tab(query=reads.TRY_FORMAT, variables={"samples": SAMPLES.format(at=int(now.timestamp()) - 3600)}),
        Tab(query=writes.SAVE_FORMAT),
        Tab(query=writes.REPLAY),
        Tab(query=writes.DROP, variables={"ids": []}),
        Tab(query=writes.ACTIVITY, variables=hour_ago),
        Tab(query=writes.AMEND, variables={"id": amended}),
        Tab(query=writes.RETRACT, variables={"id": retracted}),
        Tab(query=writes.ERASE, variables={"id": amended}),
        Tab(query=writes.DESCRIBE),
        Tab(query=reads.RECORDS),
        Tab(query=reads.PRICE),
    ]
