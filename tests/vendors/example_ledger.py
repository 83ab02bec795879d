"""The ledger behind the OpenAPI document's examples, and what is asked of it. `python -m tests.vendors.example_ledger` asks anew.

Nothing in it is private text, whose salts are random; so every digest in the examples is the same wherever they are asked.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.domain.account import Account, Permission
from app.domain.catalogue import RecordKind
from app.domain.entry import EntryKind
from app.domain.signing import KeptKey
from app.ledger.catalogue import upsert
from app.ledger.commands import Rules, record
from tests.events import START, at
from tests.vendors.served import Served, serving

FILE = Path(__file__).parents[2] / "app" / "api" / "examples.json"
EXPORT_ID = "rptx_5d2c8f0b1e7a4c93b6d8f210"
KEY_ID = "k3y2exampleabcde"
TIMESTAMP = "2026-04-01T12:00:00.000000Z"
SUBJECTS = {
    "product_id": "prod_123",
    "customer_id": "cust_123",
    "license_id": "lic_123",
    "order_id": "ord_123",
    "subscription_id": "sub_123",
}
CALLS: dict[str, Permission | None] = {"401": None, "403": Permission.EVENT_READ}
"""With which permission the examples of these statuses are called; all others may do everything."""


def _read(query: dict[str, Any], *missing: str) -> dict[str, dict[str, Any]]:
    """The examples of a read route: one that is answered, and one for each error that a caller can bring about."""
    examples: dict[str, dict[str, Any]] = {
        "answered": {"query": query},
        "malformed": {"query": {**query, "limit": 0}},
        "no_token": {"query": query, "status": 401},
        "no_scope": {"query": query, "status": 403},
    }
    return examples | ({"unknown": {"query": {missing[0]: "nobody"}}} if missing else {})


_VERSION = {"Version": "V0"}
_SENT = {
    "timestamp": "2026-04-01T09:30:00Z",
    "customer_ref": "cust_123",
    "usage_product_ref": "prod_123",
    "quantity": "12.5",
    "additional_report_data": {"note": "first of the day"},
    "validations": {"currency": "EUR"},
}
_PAYLOAD = {"occurred_at": "2026-04-01T09:31:00Z", "customer_id": "cust_123", "product_id": "prod_123", "quantity": "3"}
_SEED = bytes(range(32))
SIGNING_KEY = KeptKey(1, b"\0" + _SEED, Ed25519PrivateKey.from_private_bytes(_SEED).public_key().public_bytes_raw(), START)
"""A key that everybody knows, so that signatures in the examples are the same wherever they are asked."""
LOGIN = {"api_key": KEY_ID, "password": "wl5Y0hN1ExampleExampleExampleExampleExample"}
"""In its place a key's real id and secret are sent."""
FORM = dict(zip(("client_id", "client_secret"), LOGIN.values(), strict=True))
"""The same key in the words of another contract."""
GONE = "1.1775048400.a2V5IGszeTI.d29ya2Jvb2s.signature"
"""In its place a link is sent that was signed, and leads to nothing."""
_WEEK = {"since_date": "2026-03-31", "until_date": "2026-04-01", "product_id": "prod_123"}
_KEY = {"x-api-key": LOGIN["password"]}
SESSION_TOKEN = "eyJhbGciOiJIUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJrM3kyZXhhbXBsZWFiY2RlIn0.signature"


def _session(example: dict[str, Any], **more: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The examples of a route for senders: one that is answered, one for each error, and `more`."""
    example = {"header": _VERSION, **example}
    return {
        "answered": example,
        "no_version": {**example, "header": {}, "status": 400},
        "no_session": {**example, "status": 401},
        "no_scope": {**example, "status": 403},
        **{name: {"header": _VERSION, **each} for name, each in more.items()},
    }


def _evidence(example: dict[str, Any], **more: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The examples of a route of evidence: one that is answered, one for each error that a caller can bring about."""
    return {
        "answered": example,
        "malformed": {**example, "query": {**example.get("query", {}), "as_of": "soon"}},
        "no_token": {**example, "status": 401},
        "no_scope": {**example, "status": 403},
        **more,
    }


REQUESTS: dict[str, dict[str, dict[str, Any]]] = {
    "health": {"answered": {}},
    "healthz": {"answered": {}},
    "readyz": {"answered": {}},
    "listActivities": _read({"customer_id": ["cust_123"], "limit": 2}),
    "listUsageLedger": _read({"product_id": ["prod_123"], "limit": 1}),
    "getUsageSummary": _read({"feature_code": ["api_calls"], "group_by": ["product_id"]}),
    "getLicenseAuditReport": _read({"license_id": "lic_123", "limit": 1, "as_of": 5}, "license_id"),
    "getCustomerSummary": _read({"customer_id": "cust_123", "limit": 1}, "customer_id"),
    "getSubscriptionSettlement": _read({"subscription_id": "sub_123", "group_by": ["feature_code"]}, "subscription_id"),
    "recordUsageEvents": {
        "recorded": {
            "body": [
                {
                    "id": "call-4711",
                    "source": "meter-1",
                    "occurred_at": "2026-04-01T09:30:00Z",
                    **SUBJECTS,
                    "feature_code": "api_calls",
                    "quantity": "12.5",
                    "unit": "call",
                    "charge": "0.25",
                    "currency": "EUR",
                    "status_code": 200,
                }
            ]
        },
        "no_token": {"body": [], "status": 401},
        "no_scope": {"body": [], "status": 403},
    },
    "createReportExport": {
        "minimal": {"body": {"report_kind": "usage-summary"}},
        "frozen": {
            "header": {"Idempotency-Key": "settlement-2026-04"},
            "body": {
                "report_kind": "usage-summary",
                "format": "csv",
                "filters": {"from": "2026-04-01T00:00:00Z", "to": "2026-05-01T00:00:00Z", "product_id": "prod_123"},
            },
        },
        "unknown_field": {"body": {"report_kind": "usage-summary", "colour": "red"}},
        "broken_rule": {"body": {"report_kind": "license-audit"}},
        "other_body": {"header": {"Idempotency-Key": "settlement-2026-04"}, "body": {"report_kind": "usage-ledger"}},
        "unknown": {"body": {"report_kind": "license-audit", "filters": {"license_id": "nobody"}}},
        "no_token": {"body": {"report_kind": "usage-summary"}, "status": 401},
        "no_scope": {"body": {"report_kind": "usage-summary"}, "status": 403},
    },
    "getReportExport": {
        "ready": {"path": {"id": EXPORT_ID}},
        "unknown": {"path": {"id": "rptx_123"}},
        "no_token": {"path": {"id": EXPORT_ID}, "status": 401},
        "no_scope": {"path": {"id": EXPORT_ID}, "status": 403},
    },
    "downloadReportExport": {
        "unknown": {"path": {"id": "rptx_123"}},
        "no_token": {"path": {"id": EXPORT_ID}, "status": 401},
        "no_scope": {"path": {"id": EXPORT_ID}, "status": 403},
    },
    "listSigningKeys": {"answered": {}},
    "getCheckpoint": _evidence({"query": {"as_of": "5"}}),
    "proveInclusion": _evidence(
        {"query": {"entry_id": ["act_1_3"], "as_of": "5"}}, unknown={"query": {"entry_id": ["act_1_99999"], "as_of": "5"}}
    ),
    "proveConsistency": _evidence({"query": {"older": "2", "as_of": "5"}}),
    "getExportManifest": _evidence({"path": {"id": EXPORT_ID}}, unknown={"path": {"id": "rptx_123"}}),
    "getExportDrift": _evidence({"path": {"id": EXPORT_ID}}, unknown={"path": {"id": "rptx_123"}}),
    "login": {
        "answered": {"body": LOGIN},
        "wrong": {"body": {**LOGIN, "password": "wrong"}},
        "incomplete": {"body": {"api_key": KEY_ID}},
    },
    "logout": {
        "answered": {"header": _VERSION},
        "no_session": {"header": _VERSION, "status": 401},
    },
    "reportUsageEvent": _session({"body": _SENT}, other_currency={"body": {**_SENT, "validations": {"currency": "USD"}}}),
    "reportFormattedUsageEvent": _session(
        {"body": {"format_name": "default", "event": _PAYLOAD}},
        unknown={"body": {"format_name": "nameless", "event": _PAYLOAD}},
    ),
    "updateUsageEvent": _session(
        {"body": {"event_ref": "evt_1_10", **_SENT, "quantity": "12.25"}},
        unknown={"body": {"event_ref": "evt_1_999", "quantity": "1"}},
    ),
    "updateFormattedUsageEvent": _session(
        {"body": {"event_ref": "evt_1_11", "format_name": "default", "event": {**_PAYLOAD, "quantity": "4"}}},
        unknown={"body": {"event_ref": "evt_1_999", "format_name": "default", "event": _PAYLOAD}},
    ),
    "deleteUsageEvent": _session({"path": {"event_ref": "evt_1_10"}}, unknown={"path": {"event_ref": "evt_1_999"}}),
    "authorize": {
        "answered": {"form": FORM},
        "wrong": {"form": {**FORM, "client_secret": "wrong"}},
        "incomplete": {"form": {"client_id": KEY_ID}},
    },
    "getClientUsageReport": {
        "answered": {"header": _KEY, "query": _WEEK},
        "too_long": {"header": _KEY, "query": {**_WEEK, "since_date": "2026-03-01"}},
        "malformed": {"header": _KEY, "query": {**_WEEK, "since_date": "yesterday"}},
        "no_session": {"header": _KEY, "query": _WEEK, "status": 401},
        "no_scope": {"header": _KEY, "query": _WEEK, "status": 403},
    },
    "downloadClientUsageReport": {
        "changed": {"path": {"link": "changed"}},
        "gone": {"path": {"link": GONE}},
    },
}
"""By operation and name, in the order in which they are asked. `status` is stated where it is the caller that decides it."""


@dataclass
class Example:
    """The gateway of the examples, and the export that was frozen last."""

    served: Served
    account: Account
    operations: dict[str, tuple[str, str, bool]]
    """Of each operation its method, its path, and whether it takes a session's token."""
    export_id: str = EXPORT_ID

    def ask(self, operation: str, example: dict[str, Any]) -> dict[str, Any]:
        """The example with the status and the answer that it gets, ids and instants put in place of those that are random."""
        method, path, in_session = self.operations[operation]
        scope = CALLS.get(str(example.get("status")), Permission.ADMIN)
        token = self.served.token(self.account, scope or Permission.ADMIN)
        _, *words = token.split("_", 2)
        # What is random, or real, in the place of what the example shows.
        real = dict(zip(LOGIN.values(), words, strict=True)) | {EXPORT_ID: self.export_id, GONE: self._gone()}
        for name, value in example.get("path", {}).items():
            path = path.replace(f"{{{name}}}", real.get(value, value))
        body, form, headers = (_replaced(example.get(part), real) for part in ("body", "form", "header"))
        with self.served.client() as client:
            if scope is not None:
                client.headers["Authorization"] = f"Bearer {self._session(path, words) if in_session else token}"
            response = client.request(
                method,
                path,
                params=example.get("query"),
                headers={"X-Request-Id": "req_example", **(headers or {})},
                **({} if body is None else {"json": body}),
                **({} if form is None else {"data": form}),
            )
        made = re.search(r"rptx_[0-9a-f]{24}", response.text)
        if response.status_code == 201 and made:
            self.export_id = made[0]
        answer = response.text.replace(self.export_id, EXPORT_ID)
        answer = re.sub(r"key [a-z2-7]{16}", f"key {KEY_ID}", answer)
        if operation == "getExportManifest":  # the export's random id is in the ledger, and so in all that is over it
            answer = re.sub(r'"(root|chain)":"sha256:[0-9a-f]{64}"', rf'"\1":"sha256:{"5" * 64}"', answer)
            answer = re.sub(r'"value":"[^"]+"', f'"value":"{"A" * 86}"', answer)
        answer = re.sub(r"\beyJ[\w-]+\.[\w-]+\.[\w-]+", SESSION_TOKEN, answer)
        answer = re.sub(r'"transaction_id":"[0-9a-f]{32}"', f'"transaction_id":"{"5a936bce" * 4}"', answer)
        told = orjson.loads(re.sub(r'("request_id":"[^"]+","timestamp":)"[^"]+"', rf'\1"{TIMESTAMP}"', answer))
        return {**example, "status": response.status_code, "answer": told}

    def _session(self, path: str, words: list[str]) -> str:
        with self.served.client() as client:
            if path.startswith("/v1/"):
                opened = client.post("/v1/authorize", data=dict(zip(FORM, words, strict=True))).json()["access_token"]
            else:
                opened = client.post("/auth/login", json=dict(zip(LOGIN, words, strict=True))).json()
        return str(opened)

    def _gone(self) -> str:
        name, hour = f"workbook-1-1-{'0' * 24}.xlsx", timedelta(hours=1)
        key_id = self.served.token(self.account, Permission.REPORT_READ).split("_")[1]
        signing = self.served.services.links.sign(
            "client_usage_report", self.account.id, name, issuer=f"key {key_id}", at=START, lifetime=hour
        )
        return self.served.run(signing)[0]


def _replaced(stated: Any, real: dict[str, str]) -> Any:
    """The fields, with what is real in them."""
    if not isinstance(stated, dict):
        return stated
    return {name: real.get(value, value) if isinstance(value, str) else value for name, value in stated.items()}


@contextmanager
def example_gateway(folder: Path) -> Iterator[Example]:
    """A gateway whose only account has a small ledger: a license that was issued and described, and three usage events."""
    rules = Rules(clock=lambda: START)
    with serving(folder, rules=rules) as served:
        account = served.account("example")
        store, principal = served.services.store, served.principal(account)
        served.run(store.keep_signing_key(SIGNING_KEY))
        issued = {"occurred_at": at(-48), "action": "license.issued", **SUBJECTS}
        served.run(record(store, principal, [issued], rules=rules, kind=EntryKind.ACTIVITY))
        described = {"status": "active", "customer_id": "cust_123", "product_id": "prod_123"}
        served.run(upsert(store, principal, RecordKind.LICENSE, "lic_123", described, rules=rules))
        used = {**SUBJECTS, "source": "meter-1", "quantity": "1200", "unit": "call", "charge": "2.95", "currency": "EUR"}
        events = [
            {**used, "id": "call-1", "occurred_at": at(-30), "feature_code": "api_calls", "status_code": 200},
            {**used, "id": "call-2", "occurred_at": at(-6), "feature_code": "api_calls", "quantity": "0.5", "status_code": 503},
            {**used, "id": "call-3", "occurred_at": at(-5), "feature_code": "exports", "unit": "GB", "charge": "0.1"},
        ]
        served.run(record(store, principal, events, rules=rules))
        invoice = {"type": "invoice", "number": "US-INV-1234", "status": "open", "currency": "EUR"}
        invoice |= {"customer_id": "cust_123", "product_id": "prod_123"}
        served.run(upsert(store, principal, RecordKind.DOCUMENT, "inv_123", invoice, rules=rules))
        with served.client() as client:
            paths = client.get("/api/v1/openapi.json").json()["paths"]
        operations = {
            each["operationId"]: (method, path, each.get("security") == [{"session": []}])
            for path, item in paths.items()
            for method, each in item.items()
        }
        yield Example(served, account, operations)


def ask_all(folder: Path) -> dict[str, dict[str, Any]]:
    """Every example, asked anew."""
    with example_gateway(folder) as example:
        return {
            operation: {name: example.ask(operation, stated) for name, stated in examples.items()}
            for operation, examples in REQUESTS.items()
        }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        FILE.write_bytes(orjson.dumps(ask_all(Path(folder)), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
