"""Rows a batch at a time: the same values and the same canonical bytes as one row at a time gives."""

from __future__ import annotations

from decimal import Decimal

import rfc8785

from app.domain.account import Permission, Principal
from app.exports.order import order
from app.exports.rows import canonical, values_of
from app.ledger.commands import Rules, record
from app.ports import Store
from app.reports.answer import open_ledger
from app.reports.catalog import REPORTS
from app.reports.report import canonical_row, row_values
from tests.events import usage
from tests.exports.world import ASKED, correct, fill


async def test_every_row_of_every_report_is_encoded_as_one_alone_would_be(store: Store, admin: Principal, rules: Rules) -> None:
    await fill(store, admin, rules)
    await correct(store, admin, rules)
    texts = {"message": "für dich 😀", "additional_data": DATA}
    await record(store, admin, [usage(license_id="l1", subscription_id="s1", **texts)], rules=rules)
    opened = await open_ledger(store, admin, permission=Permission.REPORT_EXPORT)
    met = set()
    for kind, asked in ASKED.items():
        async for section, batch in order(kind, "json", asked).parts(store, opened):
            values = values_of(section, batch)
            assert values == [row_values(section, row) for row in batch]
            assert [list(each) for each in values] == [[column.name for column in section.columns]] * len(values)
            encoded = list(canonical(section, values))
            assert encoded == [canonical_row(section, row) for row in batch]
            assert encoded == [rfc8785.dumps({"row": row, "section": section.name}) for row in values]
            met |= {section.name} if batch else set()
    assert {"entries", "groups", "activities", "corrections", "license"} <= met


DATA = {"n": 1, "big": 2**60, "none": None, "yes": True, "𐀀": Decimal("0.1"), "\ufb33": [1, {}]}
"""The last two keys stand in another order as UTF-16, which RFC 8785 sorts by, than as texts."""


def test_the_questions_of_these_tests_cover_every_report_that_can_be_exported() -> None:
    assert {each.name.replace("_", "-") for each in REPORTS if each.exported} == set(ASKED)
