"""A ledger whose texts are written in many scripts, some of them hostile to spreadsheets, and what is asked of it."""

from __future__ import annotations

from decimal import Decimal

from app.domain.account import Principal
from app.domain.catalogue import RecordKind
from app.domain.entry import EntryKind
from app.ledger.catalogue import upsert
from app.ledger.commands import Rules, amend, record, retract
from app.ports import Store
from tests.events import activity, at, usage

NAMES = (
    "Königsberg & Søn A/S",
    "Ελληνική Εταιρεία Ύδρευσης",
    "Общество «Ромашка»",
    "شركة الاتصالات المتحدة",
    "חברת החשמל לישראל בע״מ",
    "भारतीय स्टेट बैंक",
    "บริษัท กรุงเทพ จำกัด",
    "株式会社東京データ",
    "北京数据有限公司",
    "서울데이터 주식회사",
    "Rocket 🚀 Café ☕ 👩‍🚀",
    "ᚠᚢᚦ runes and 𒀀",
    "forty characters are a long name indeed!",
)
"""Names in every script that a page can show, one in scripts that it cannot, and one of forty characters."""
HOSTILE = (
    "=1+1",
    "+49 30 1",
    "@SUM(A1)",
    "x;=cmd()",
    "tab\t=1",
    "'=1",
    "-5",
    "_x0041_",
    'quote " and, comma\r\nnew line',
    "#N/A",
    "007",
)
"""Texts that a spreadsheet would run, take for something else, or read otherwise than they are written."""
LIKE = (
    None,
    True,
    0,
    -3,
    "3",
    "-2.5",
    Decimal("-2.5"),
    "true",
    "null",
    "",
    "[]",
    [],
    {"a": "=1"},
    '{"a":1}',
    2**60,
    10**17,
    "2,5",
)
"""Values of additional data that look like each other and are not the same."""

ASKED: dict[str, dict[str, list[str]]] = {
    "usage-summary": {"group_by": ["customer_id,product_id"], "bucket": ["day"], "from": ["2026-03-01"], "to": ["2026-05-01"]},
    "usage-ledger": {"order": ["asc"]},
    "license-audit": {"license_id": ["ліцензія-1"], "time_zone": ["Asia/Kolkata"]},
    "customer-summary": {"customer_id": [NAMES[3]]},
    "subscription-settlement": {"subscription_id": ["s1"], "to": ["2026-03-20"]},
}
"""Every report that can be exported, with a question to which this ledger has an answer."""


async def fill(store: Store, principal: Principal, rules: Rules, *, rounds: int = 3) -> None:
    """Usage by customers of all these names, corrections, activities and records. What has private text is in no license audit,
    which tells digests that differ from run to run."""
    items = []
    for round_ in range(rounds):
        for number, name in enumerate(NAMES):
            items.append(
                usage(
                    id=f"{round_}-{number}",
                    customer_id=name,
                    product_id=NAMES[(number + round_) % 4 + 7],
                    feature_code=("tiles", "geocode", "routes")[number % 3],
                    license_id="ліцензія-1" if number % 2 else None,
                    subscription_id="s1" if number % 2 else None,
                    quantity=f"{(number * 37 + round_ * 11) % 90 + 1}.{number}",
                    unit="GB" if number % 5 == 0 else "requests",
                    charge=f"{number}.{round_:02}5" if number % 3 else None,
                    currency=("EUR" if number % 2 else "JPY") if number % 3 else None,
                    occurred_at=at(-9 * (round_ * len(NAMES) + number)),
                    status_code=200 if number % 4 else 500,
                    result_class="success" if number % 4 else "error",
                )
            )
    for number, text in enumerate(HOSTILE * 2):
        data = {"text": text, "like": LIKE[number % len(LIKE)], text: number}
        tiny = "0.000000000000000001"
        items.append(usage(id=f"h{number}", customer_id=text, quantity=tiny, request_id=f"r{number}", additional_data=data))
    items.append(usage(id="wide", customer_id="c1", quantity="12345678901234567890.123456789012345678"))
    await record(store, principal, items, rules=rules)
    lives = [activity(license_id="ліцензія-1", subscription_id="s1", customer_id=NAMES[3])]
    await record(store, principal, lives, rules=rules, kind=EntryKind.ACTIVITY)
    described = {"status": "active", "customer_id": NAMES[3], "subscription_id": "s1"}
    await upsert(store, principal, RecordKind.LICENSE, "ліцензія-1", described, rules=rules)
    await amend(store, principal, "evt_1_2", {"quantity": "7"}, rules=rules, reason="typo")
    await retract(store, principal, "evt_1_4", rules=rules, reason="never happened")
