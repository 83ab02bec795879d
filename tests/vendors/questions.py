"""Questions to the read routes, drawn from a seed: what REST is asked, and independently of it what GraphQL is asked."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, timedelta, timezone
from typing import Any

from tests.events import START
from tests.vendors.world import ACTIONS, DAYS, VALUES

DIMENSIONS = ("product_id", "customer_id", "license_id", "order_id", "subscription_id", "feature_code")
HEAD = 805
"""The last sequence of the ledger that `tests.vendors.world` makes by default."""


@dataclass
class Question:
    """One question in both languages."""

    path: str
    query: list[tuple[str, str]]
    field: str
    variables: dict[str, Any]


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(each.capitalize() for each in rest)


def drawn(draw: random.Random) -> Question:
    """A question to one of the read routes."""
    return _about_one(draw) if draw.random() < 0.2 else _about_many(draw)


def _about_one(draw: random.Random) -> Question:
    """A question to a report about one subject."""
    query: list[tuple[str, str]] = []
    period: dict[str, Any] = {}
    path, field, name = draw.choice(
        (
            ("license-audit", "licenseAudit", "license_id"),
            ("customer-summary", "customerSummary", "customer_id"),
            ("subscription-settlement", "subscriptionSettlement", "subscription_id"),
            ("subscription-settlement", "subscriptionSettlement", "order_id"),
        )
    )
    subject = draw.choice([each for each in VALUES[name] if each is not None])
    query.append((name, subject))
    limit = draw.choice((1, 2, 5, 20))
    query.append(("limit", str(limit)))
    variables: dict[str, Any] = {"first": limit}
    variables |= {"subject": {camel(name): subject}} if field == "subscriptionSettlement" else {camel(name): subject}
    _period(draw, query, period)
    if period:
        variables["period"] = period
    if field == "subscriptionSettlement":
        _dimensions(draw, query, variables)
    elif field == "licenseAudit" and draw.random() < 0.5:
        query.append(("time_zone", "Asia/Kolkata"))
        variables["timeZone"] = "Asia/Kolkata"
    if draw.random() < 0.3:
        sequence = draw.randrange(HEAD // 2, HEAD + 1)  # by then every subject is known
        query.append(("as_of", str(sequence)))
        variables["asOf"] = {"sequence": sequence}
    draw.shuffle(query)
    return Question(f"/api/v1/reports/{path}", query, field, variables)


def _about_many(draw: random.Random) -> Question:
    """A question to a feed or to the summary."""
    path, field = draw.choice(
        (
            ("/activities", "activities"),
            ("/reports/usage-ledger", "usageLedger"),
            *[("/reports/usage-summary", "usageSummary")] * 3,
        )
    )
    query: list[tuple[str, str]] = []
    variables: dict[str, Any] = {}
    filters: dict[str, Any] = {}
    taken = {
        "activities": (*VALUES, "action", "result_class"),
        "usageLedger": (*DIMENSIONS, "action"),
        "usageSummary": DIMENSIONS,
    }
    words = {**VALUES, "action": ("usage.consumed", *ACTIONS), "result_class": ("success", "client_error", "server_error")}
    for name in draw.sample(taken[field], draw.choice((0, 0, 1, 1, 2, 3))):
        values = draw.sample(
            [*(each for each in words[name] if each is not None), 599 if name == "status_code" else "?"], draw.choice((1, 1, 2))
        )
        query += [(name, str(value)) for value in values]
        filters[camel(name)] = values
    _period(draw, query, filters)
    if filters:
        variables["filters"] = filters
    if draw.random() < 0.9:  # else the page has 50 rows; small ones are as good, and sooner compared
        limit = draw.choice((*[1, 2, 3, 7, 20] * 5, 200, 999))
        query.append(("limit", str(limit)))
        variables["first"] = min(limit, 200)
    if field == "usageSummary":
        _grouping(draw, query, variables)
    _point(draw, query, variables, paged=field != "usageSummary")
    draw.shuffle(query)  # the order of parameters means nothing, except to group_by, which is one of them
    return Question(f"/api/v1{path}", query, field, variables)


def _period(draw: random.Random, query: list[tuple[str, str]], filters: dict[str, Any]) -> None:
    start = START - timedelta(days=draw.randrange(DAYS + 3), seconds=draw.choice((0, 0, 1)) * draw.randrange(86_400))
    end = start + timedelta(days=draw.choice((1, 3, 20)), hours=draw.randrange(3))
    both = draw.choice(((), ("from",), ("to",), ("from", "to"), ("from", "to")))
    for name, moment in (("from", start), ("to", end)):
        if name in both:
            zone = draw.choice((UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-3))))
            query.append((name, moment.astimezone(zone).isoformat()))
            filters[name] = moment.isoformat()


def _grouping(draw: random.Random, query: list[tuple[str, str]], variables: dict[str, Any]) -> None:
    _dimensions(draw, query, variables)
    if draw.random() < 0.5:
        bucket = draw.choice(("1h", "1d"))
        zone = draw.choice(("UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns"))
        query += [("bucket", bucket), *([("time_zone", zone)] if zone != "UTC" else [])]
        variables["bucket"] = {"granularity": {"1h": "HOUR", "1d": "DAY"}[bucket], "timeZone": zone}


def _dimensions(draw: random.Random, query: list[tuple[str, str]], variables: dict[str, Any]) -> None:
    by = draw.sample(DIMENSIONS, draw.choice((0, 1, 1, 2, 3)))
    if by:
        query.append(("group_by", ",".join(by)))
        variables["groupBy"] = [{"dimension": each.partition("_")[0].upper()} for each in by]


def _point(draw: random.Random, query: list[tuple[str, str]], variables: dict[str, Any], *, paged: bool) -> None:
    chance = draw.random()
    sequence = draw.randrange(1, HEAD + 1)
    if paged and chance < 0.3:
        query.append(("cursor", str(sequence)))
        variables["asOf"] = {"sequence": sequence - 1}
    elif chance < 0.5:
        query.append(("as_of", str(sequence)))
        variables["asOf"] = {"sequence": sequence}
    elif chance < 0.6:
        moment = (START - timedelta(days=draw.randrange(DAYS + 1))).isoformat()
        query.append(("as_of", moment))
        variables["asOf"] = {"recordedAt": moment}
