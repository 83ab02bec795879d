"""Rules that JSON Schema has no words for: well-formed questions are brought to what the gateway answers.

A period begins before it ends, a settlement names its subject, a zone exists, a point lies in the ledger. What schemathesis
has made malformed on purpose is left as it is.
"""

from __future__ import annotations

from typing import Any

import schemathesis
from schemathesis import GenerationMode

PERIOD = {"from": "2026-03-01", "to": "2026-03-05T00:00:00+01:00"}


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Called before each request is sent."""
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    settle(case.query, case.operation.path.endswith("settlement"))
    if isinstance(case.body, dict) and isinstance(case.body.get("filters"), dict):
        settle(case.body["filters"], case.body["report_kind"] == "subscription-settlement")


def settle(stated: Any, settlement: bool) -> None:
    """Bring what is stated to what can be answered."""
    if not stated:
        if settlement and stated is not None:
            stated["subscription_id"] = "s1"
        return
    for name, value in PERIOD.items():
        if name in stated:
            stated[name] = value
    if "time_zone" in stated:
        stated["time_zone"] = "Europe/Berlin"
    if "as_of" in stated:
        stated["as_of"] = 1 if isinstance(stated["as_of"], int) else "2026-03-30"
    if settlement and "subscription_id" not in stated and "order_id" not in stated:
        stated["subscription_id"] = "s1"
