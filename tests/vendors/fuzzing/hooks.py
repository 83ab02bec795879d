"""Rules that JSON Schema has no words for: well-formed questions are brought to what the gateway answers.

A period begins before it ends, a settlement names its subject, a zone exists, a point lies in the ledger, a number has no more
digits than are kept. What schemathesis has made malformed on purpose is left as it is. Routes that take a session are called in
one.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import httpx2
import schemathesis
from schemathesis import GenerationMode

PERIOD = {"from": "2026-03-01", "to": "2026-03-05T00:00:00+01:00"}


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Called before each request is sent."""
    enter(case, kwargs)
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    settle(case.query, case.operation.path.endswith("settlement"))
    if "/evidence/" in case.operation.path and case.query:
        case.query |= {name: value for name, value in POINTS.items() if name in case.query}
        for name in ("as_of", "after"):  # neither lies before an export or an entry that a call is about
            case.query.pop(name, None)
    if case.operation.path.startswith("/api/usage/event") and isinstance(case.body, dict):
        case.body |= {name: value for name, value in EVENT.items() if name in case.body}
    if isinstance(case.body, dict) and isinstance(case.body.get("filters"), dict):
        settle(case.body["filters"], case.body["report_kind"] == "subscription-settlement")


def settle(stated: Any, settlement: bool) -> None:
    """Bring what is stated to what can be answered."""
    if not stated:
        if settlement and stated is not None:
            stated["subscription_id"] = "s1"
        return
    for name, value in (PERIOD | WEEK).items():
        if name in stated:
            stated[name] = value
    if "format" in stated:
        stated["format"] = "default"  # an account's own formats may have any name
    if "time_zone" in stated:
        stated["time_zone"] = "Europe/Berlin"
    if "as_of" in stated:
        stated["as_of"] = 1 if isinstance(stated["as_of"], int) else "2026-03-30"
    if settlement and "subscription_id" not in stated and "order_id" not in stated:
        stated["subscription_id"] = "s1"


POINTS: dict[str, Any] = {"older": "1", "entry_id": ["act_1_1"]}
EVENT = {
    "timestamp": "2026-03-31T10:00:00Z",
    "quantity": "1",
    "additional_report_data": {"note": "n"},
    "validations": {},
    "customer_ref": "c1",
    "usage_product_ref": "api",
    "format_name": "default",
    "event": {"occurred_at": "2026-03-31T10:00:00Z", "quantity": 1},
}


WEEK = {"since_date": "2026-03-25", "until_date": "2026-03-31T12:00:00Z"}


def enter(case: Any, kwargs: dict[str, Any]) -> None:
    """Put a session's token in the place of the key's, where the route takes one and the call has a token at all."""
    if {"session": []} not in (case.operation.definition.raw.get("security") or []):
        return
    path, url = case.operation.path, case.operation.base_url.rstrip("/")
    for headers in (kwargs.get("headers"), case.headers):
        for name, value in list((headers or {}).items()):
            if name.lower() == "authorization" and value.startswith("Bearer gwk_"):
                # A session that is ended is of no use to the calls after it.
                again = session.__wrapped__ if path == "/auth/logout" else session
                headers[name] = f"Bearer {again(url, path.startswith('/v1/'), value)}"
                if path.startswith("/v1/") and case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE:
                    case.headers["x-api-key"] = headers["x-api-key"] = value.split("_", 2)[2]


@cache
def session(url: str, as_client: bool, token: str) -> str:
    """The token of a session of that key's."""
    words = token.removeprefix("Bearer ").split("_", 2)[1:]
    with httpx2.Client(verify=False) as client:
        if as_client:
            opened = client.post(f"{url}/v1/authorize", data=dict(zip(("client_id", "client_secret"), words, strict=True)))
            return str(opened.raise_for_status().json()["access_token"])
        opened = client.post(f"{url}/auth/login", json=dict(zip(("api_key", "password"), words, strict=True)))
        return str(opened.raise_for_status().json())
