"""A client of the API usage report, written from the page of that contract alone with an ordinary HTTP client.

It asks for the API transactions of the last seven days, counts them by status, and saves the workbook. Run it against a gateway
with the two words that `gateway key create … --scope report:read` prints:

    BASE_URL=http://127.0.0.1:8000 CLIENT_ID=… CLIENT_SECRET=… python scripts/examples/client_usage_report.py usage.xlsx
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any


def call(url: str, *, form: dict[str, str] | None = None, headers: dict[str, str] | None = None) -> bytes:
    """What a URL answers: to GET, or to POST where there is a form."""
    data = None if form is None else urllib.parse.urlencode(form).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers or {}), timeout=300) as response:
            return bytes(response.read())
    except urllib.error.HTTPError as error:
        with error:
            detail = json.loads(error.read())["detail"]
        raise SystemExit(f"{error.code}: {detail}") from None


def authorize(base_url: str, client_id: str, client_secret: str) -> str:
    """The access token, which lives for a day."""
    told = json.loads(call(f"{base_url}/v1/authorize", form={"client_id": client_id, "client_secret": client_secret}))
    return str(told["access_token"])


def usage_report(base_url: str, token: str, client_secret: str, **query: str) -> dict[str, Any]:
    """The report's data: where the workbook is, and the rows."""
    headers = {"Authorization": f"Bearer {token}", "x-api-key": client_secret}
    told = json.loads(
        call(f"{base_url}/v1/client/usage-report?{urllib.parse.urlencode(query)}", headers=headers), parse_float=Decimal
    )
    if told["sub_code"] != "SUCCESS":
        raise SystemExit(f"{told['code']} {told['sub_code']}: {told['message']}")
    return dict(told["data"])


def main() -> None:
    """Ask for the last week, and save its workbook."""
    if missing := [name for name in ("BASE_URL", "CLIENT_ID", "CLIENT_SECRET") if name not in os.environ]:
        raise SystemExit(f"set {', '.join(missing)} in the environment:\n{__doc__}")
    base_url, client_id, client_secret = (os.environ[name] for name in ("BASE_URL", "CLIENT_ID", "CLIENT_SECRET"))
    token = authorize(base_url, client_id, client_secret)

    today = datetime.now(UTC).date()
    data = usage_report(
        base_url,
        token,
        client_secret,
        since_date=(today - timedelta(days=7)).isoformat(),
        until_date=today.isoformat(),
        generate_excel="true",
    )
    rows = data["usage_data"]
    print(f"{len(rows)} API transactions, {sum(row['Charge'] or 0 for row in rows)} charged")
    for status, number in sorted(Counter(row["Status"] for row in rows).items(), key=str):
        print(f"  {status}: {number}")
    for row in rows[:3]:
        print(f"  {row['Timestamp(UTC)']} {row['Transaction Id']} {row['Product Id']}: {row['Message'] or '-'}")

    # As a browser would open it: without token and key.
    workbook = call(data["file_url"])
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "usage-report.xlsx")
    target.write_bytes(workbook)
    print(f"saved {target}: {len(workbook)} bytes")


if __name__ == "__main__":
    main()
