"""A caller of the reporting API, written from its pages alone with an ordinary HTTP client: reads, then a frozen export.

Run it against a gateway with something in it, such as the one that `scripts/serve` starts, which prints its token:

    BASE_URL=http://127.0.0.1:8000 TOKEN=gwk_… python scripts/examples/reporting_rest.py
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from decimal import Decimal
from typing import Any


class Reporting:
    """The few calls that an internal tool makes."""

    def __init__(self, base_url: str, token: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._token = token

    def get(self, path: str, **query: Any) -> Any:
        """What a read route answers, amounts exact."""
        # `from` is a word of Python's own, so it is written from_ here.
        stated = {name.rstrip("_"): value for name, value in query.items() if value is not None}
        return self._json(self._call("GET", path + ("?" + urllib.parse.urlencode(stated, doseq=True) if stated else "")))

    def rows(self, path: str, **query: Any) -> Any:
        """Every row of a feed, newest first."""
        cursor = None
        while True:
            page = self.get(path, cursor=cursor, **query)
            yield from page["data"]
            cursor = page["page_info"]["next_cursor"]
            if cursor is None:
                return

    def freeze(self, report_kind: str, format_: str, **filters: Any) -> dict[str, Any]:
        """A frozen export, once it is ready."""
        body = {"report_kind": report_kind, "format": format_, "filters": {n.rstrip("_"): v for n, v in filters.items()}}
        # With a key of its own the call can be sent again after a broken connection without freezing twice.
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        export = self._json(self._call("POST", "/api/v1/reports/exports", json.dumps(body).encode(), headers))["data"]
        while export["status"] == "pending":
            time.sleep(1)
            export = self.get(f"/api/v1/reports/exports/{export['id']}")["data"]
        if export["status"] != "ready":
            raise SystemExit(f"export {export['id']} is {export['status']}")
        return dict(export)

    def download(self, export: dict[str, Any]) -> bytes:
        """The export's file, checked against the digest that its metadata states."""
        content = self._call("GET", export["download_url"])
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        if digest != export["artifact_digest"]:
            raise SystemExit(f"the file of {export['id']} does not have the digest that was stated")
        return content

    def _call(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> bytes:
        request = urllib.request.Request(self._base_url + path, body, method=method)
        request.add_header("Authorization", f"Bearer {self._token}")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return bytes(response.read())
        except urllib.error.HTTPError as error:
            with error:
                told = self._json(error.read())
            raise SystemExit(f"{error.code} {told['error']['code']}: {told['error']['message']}") from None

    @staticmethod
    def _json(data: bytes) -> Any:
        return json.loads(data, parse_float=Decimal)


def main() -> None:
    """Ask each report once, and keep the summary as a file."""
    if missing := [name for name in ("BASE_URL", "TOKEN") if name not in os.environ]:
        raise SystemExit(f"set {', '.join(missing)} in the environment:\n{__doc__}")
    reporting = Reporting(os.environ["BASE_URL"], os.environ["TOKEN"])

    summary = reporting.get("/api/v1/reports/usage-summary", group_by=["product_id", "feature_code"], limit=5)["data"]
    print(f"usage as of entry {summary['as_of']}: {summary['total']['events']} events")
    for part in summary["total"]["quantities"]:
        print(f"  {part['quantity']} {part['unit'] or '(no unit)'}")
    for part in summary["total"]["charges"]:
        print(f"  {part['charge']} {part['currency']}")
    for group in summary["groups"]:
        print(f"  {group['product_id']} / {group['feature_code']}: {group['events']} events")

    newest = reporting.get("/api/v1/activities", limit=5)["data"]
    print("newest activities")
    for row in newest:
        print(f"  {row['sequence']} {row['occurred_at']} {row['action']} {row['customer_id'] or '-'}")

    # Whoever used something last is looked at more closely.
    used = next(iter(reporting.get("/api/v1/reports/usage-ledger", limit=200)["data"]), None)
    if used is None:
        raise SystemExit("nothing was used yet: there is nothing to report")
    if used["customer_id"]:
        customer = reporting.get("/api/v1/reports/customer-summary", customer_id=used["customer_id"], limit=1)["data"]
        ledger = reporting.rows("/api/v1/reports/usage-ledger", customer_id=used["customer_id"], limit=200)
        events = sum(-1 if row["correction"] == "reversal" else 1 for row in ledger)
        print(f"customer {used['customer_id']}: {customer['total']['events']} events, {len(customer['licenses'])} licenses")
        print(f"  its ledger, row by row: {events} events")
    if used["license_id"]:
        audit = reporting.get("/api/v1/reports/license-audit", license_id=used["license_id"], limit=1)["data"]
        print(f"license {used['license_id']}: {audit['license']['status'] or 'never described'}, chain {audit['cover']['chain']}")
    if used["subscription_id"] or used["order_id"]:
        name = "subscription_id" if used["subscription_id"] else "order_id"
        settlement = reporting.get("/api/v1/reports/subscription-settlement", **{name: used[name]}, limit=1)["data"]
        print(f"settlement of {used[name]}: {settlement['total']['events']} events")

    export = reporting.freeze("usage-summary", "csv", group_by=["product_id"])
    content = reporting.download(export)
    print(f"export {export['id']} as of entry {export['as_of']}: {len(content)} bytes, {export['artifact_digest']}")
    sys.stdout.write(content.decode().splitlines()[0] + "\n")


if __name__ == "__main__":
    main()
