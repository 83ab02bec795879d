"""A sender of usage events, written from the page of that contract alone with an ordinary HTTP client.

It reports one use in the default format, corrects it, takes it back, and reports another through a format. Run it against a
gateway with the two words that `gateway key create … --scope usage:write` prints:

    BASE_URL=http://127.0.0.1:8000 API_KEY=… API_PASSWORD=… python scripts/examples/usage_events.py
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime
from typing import Any


class Usage:
    """The calls of the usage API. Each carries the token of the login call and the version of the API."""

    def __init__(self, base_url: str, api_key: str, password: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {"Content-Type": "application/json", "Version": "V0"}
        token = self._call("POST", "/auth/login", {"api_key": api_key, "password": password})
        self._headers["Authorization"] = f"Bearer {token}"

    def report(self, event: dict[str, Any]) -> Any:
        """Report usage in the default format."""
        return self._call("POST", "/api/usage/event", event)

    def report_formatted(self, format_name: str, event: dict[str, Any]) -> Any:
        """Report usage in a format of your own."""
        return self._call("POST", "/api/usage/event/formatted", {"format_name": format_name, "event": event})

    def update(self, event_ref: str, **changes: Any) -> Any:
        """Edit an event by date, quantity, or additional information."""
        return self._call("POST", "/api/usage/event/update", {"event_ref": event_ref, **changes})

    def delete(self, event_ref: str) -> Any:
        """Delete an event."""
        return self._call("DELETE", f"/api/usage/event/{urllib.parse.quote(event_ref)}")

    def logout(self) -> None:
        """Give the token back."""
        self._call("POST", "/auth/logout")

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base_url + path, data, self._headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                raise SystemExit(f"{method} {path}: {error.code} {error.read().decode()}") from None


def main() -> None:
    """Report, correct, take back, and report through a format."""
    if missing := [name for name in ("BASE_URL", "API_KEY", "API_PASSWORD") if name not in os.environ]:
        raise SystemExit(f"set {', '.join(missing)} in the environment:\n{__doc__}")
    usage = Usage(os.environ["BASE_URL"], os.environ["API_KEY"], os.environ["API_PASSWORD"])

    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    event = {
        "timestamp": now,
        "customer_ref": "eaa65954-9eb7-4246-a96c-7f6bc3aac42f",
        "usage_product_ref": "94434ff8-8537-4f72-a5df-a45cca271544",
        "quantity": 10,
        "additional_report_data": {"note": "User-specific note"},
    }
    reported = usage.report(event)
    document = reported["related_document_numbers"] or "no document"
    print(f"reported {reported['event_ref']}, which belongs to {document}")

    updated = usage.update(reported["event_ref"], quantity="12.5")
    print(
        f"updated {updated['event_ref']} to {updated['quantity']} of {updated['usage_product_name'] or 'a product without name'}"
    )

    deleted = usage.delete(reported["event_ref"])
    print(f"deleted {deleted['event_ref']}")

    formatted = usage.report_formatted(
        "default", {"occurred_at": now, "customer_id": "cust_1", "product_id": "maps", "quantity": 3}
    )
    print(
        f"reported {formatted['event_ref']}: {formatted['quantity']} for {formatted['customer_ref']} at {formatted['timestamp']}"
    )

    usage.logout()
    print("logged out")


if __name__ == "__main__":
    main()
