"""Importing files: what is recorded, what is refused and kept to be mended, and what an interruption leaves."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.domain.account import Account, Permission, Principal
from app.domain.canonical import additional_value
from app.domain.errors import GatewayError, InvalidBody, PayloadTooLarge, ScopeDenied
from app.ledger.commands import Rules, amend
from app.ledger.exact_json import read_json
from app.ledger.formats import named
from app.ledger.importing import Summary, import_file
from app.ledger.intake import Kind
from app.ports import Store
from tests.asking import ledger_of, nothing_written
from tests.ledger.focus import COLUMNS, row, table

LINE = b'{"id": "%d", "occurred_at": "2026-03-01T10:00:00Z", "quantity": 1}\n'


def counts(inserted: int = 0, duplicate: int = 0, conflict: int = 0, rejected: int = 0) -> dict[str, int]:
    return {"inserted": inserted, "duplicate": duplicate, "conflict": conflict, "rejected": rejected}


class Importer:
    """Imports into one account, and gathers what was refused."""

    def __init__(self, store: Store, principal: Principal, rules: Rules) -> None:
        self._store, self._principal, self._rules = store, principal, rules
        self.rejects = b""
        self.told: list[dict[str, int]] = []

    async def __call__(self, data: bytes, format_: str = "default", **how: Any) -> dict[str, int]:
        self.rejects = b""
        return (await self.summary(data, format_, **how)).told()

    async def summary(self, data: bytes, format_: str = "default", **how: Any) -> Summary:
        def keep(lines: bytes) -> None:
            self.rejects += lines

        how = {"rejects": keep, "on_progress": lambda so_far: self.told.append(so_far.told())} | how
        return await import_file(self._store, self._principal, io.BytesIO(data), named(format_), rules=self._rules, **how)


@pytest.fixture
def importer(store: Store, admin: Principal, rules: Rules) -> Importer:
    return Importer(store, admin, rules)


async def test_a_bill_is_recorded_as_it_is_and_imported_again_nothing_is_new(
    store: Store, account: Account, importer: Importer
) -> None:
    rows = [
        row(Id="1", BilledCost="0.011111111100000", ConsumedQuantity="1234567.890123456", Tags='{"team": "core"}'),
        row(Id="2", ConsumedQuantity="NULL", ConsumedUnit="NULL", ResourceId="NULL", RegionName="US West (Oregon)"),
        row(Id="3", ConsumedQuantity="-12.5", ConsumedUnit="Hours", ChargeCategory='said "so",\r\ntwice'),
    ]
    assert await importer(table(rows), "focus") == counts(inserted=3)
    first, second, third = await ledger_of(store, account)
    assert (first.source, first.sender_id, first.occurred_at) == ("focus", "1", datetime(2026, 3, 1, 10, tzinfo=UTC))
    assert (first.customer_id, first.product_id, first.feature_code) == ("7", "Object Storage", "SKU1")
    assert (first.license_id, first.order_id) == ("bucket/a", "1234567890123")
    assert (first.quantity, first.unit) == (Decimal("1234567.890123456"), "GB")
    assert (first.charge, first.currency) == (Decimal("0.0111111111"), "USD")
    assert additional_value(first.additional_data)["Tags"] == {"team": "core"}
    assert (second.quantity, second.unit, second.license_id, second.charge) == (None, None, None, Decimal("0.0000008"))
    assert additional_value(second.additional_data)["RegionName"] == "US West (Oregon)"
    assert (third.quantity, third.unit) == (Decimal("-12.5"), "Hours")
    assert additional_value(third.additional_data)["ChargeCategory"] == 'said "so",\r\ntwice'

    async with nothing_written(store, account):
        assert await importer(table(rows), "focus") == counts(duplicate=3)
        assert await importer(gzip.compress(table(rows, end="\n")), "focus") == counts(duplicate=3)


async def test_an_event_that_was_amended_since_is_still_a_duplicate(
    store: Store, account: Account, admin: Principal, rules: Rules, importer: Importer
) -> None:
    assert await importer(LINE % 1) == counts(inserted=1)
    (entry,) = await ledger_of(store, account)
    await amend(store, admin, entry.event_ref, {"quantity": "2"}, rules=rules, reason="wrong")
    assert await importer(LINE % 1) == counts(duplicate=1)


async def test_rows_that_were_refused_are_kept_with_their_columns_and_can_be_mended_and_imported_again(
    store: Store, account: Account, importer: Importer
) -> None:
    assert await importer(table([row(Id="1")]), "focus") == counts(inserted=1)
    lines = table(
        [
            row(Id="1", BilledCost="2"),
            row(Id="2", ChargePeriodStart="yesterday"),
            row(Id="3"),
            row(Id="4", Tags='{"a": "b,c"}', BillingCurrency="usd"),
        ],
        end="\n",
    )
    head = lines.split(b"\n")[0]
    short, open_, foreign = b'1,2,"3"', b'5" pipe,2,3', b"\xff" + b"," * (len(COLUMNS) - 1)
    assert await importer(lines + b"\n".join((short, open_, foreign)), "focus") == counts(inserted=1, conflict=1, rejected=5)
    assert importer.rejects.split(b"\n") == [
        head + b",_rejected",
        b"2,1234567890123,USD,Usage,2026-03-01 11:00:00,2026-03-01 10:00:00,10.000000000000000,GB,1,NULL,bucket/a,Object Storage,"
        b"SKU1,7,NULL,Id: was recorded as evt_1_1 with other content: charge differs",
        b"0.00000080000,1234567890123,USD,Usage,2026-03-01 11:00:00,yesterday,10.000000000000000,GB,2,NULL,bucket/a,"
        b'Object Storage,SKU1,7,NULL,"ChargePeriodStart: is not an RFC 3339 date and time, such as 2026-04-01T00:00:00Z"',
        b"0.00000080000,1234567890123,usd,Usage,2026-03-01 11:00:00,2026-03-01 10:00:00,10.000000000000000,GB,4,NULL,bucket/a,"
        b'Object Storage,SKU1,7,"{""a"": ""b,c""}",'
        b'"BillingCurrency: must be an ISO 4217 code of three capital letters, such as EUR"',
        b'1,2,3,"has 3 cells, the header has 15"',
        b'"5"" pipe,2,3","has a quote that is never closed, or one in a cell that is not enclosed in quotes"',
        foreign + b",is not UTF-8",
        b"",
    ]
    before = importer.rejects
    async with nothing_written(store, account):
        assert await importer(before, "focus") == counts(conflict=1, rejected=5)
    assert importer.rejects == before, "imported again as it is, the file stays what it was"

    mended = before.replace(b"yesterday", b"2026-03-02 00:00:00").replace(b",usd,", b",USD,").replace(b"\n2,123", b"\n0.8e-6,123")
    whole = table([row(Id="5")], end="\n").split(b"\n")[1]
    mended = mended.replace(b'"5"" pipe,2,3"', b'"' + whole + b'"')
    assert await importer(mended, "focus") == counts(inserted=3, duplicate=1, rejected=2)
    assert [each.sender_id for each in await ledger_of(store, account)] == ["1", "3", "2", "4", "5"]


async def test_lines_that_were_refused_are_kept_and_can_be_mended_and_imported_again(store: Store, importer: Importer) -> None:
    assert await importer(LINE % 1) == counts(inserted=1)
    lines = [
        b'{"id": "1", "occurred_at": "2026-03-01T10:00:00Z", "quantity": 2}',
        b'{"id": "2", "occurred_at": "2026-03-01T10:00:00Z", "quantity": 0.10, "units": "\xc3\xa9"}',
        b'{"id": "3", "occurred_at": "2026-03-01T10:00:00Z", "quantity": 3',
        b'{"id": "4", "id": "5"}',
        b'{"id": "\xff"}',
        b"[1]",
        b"{}",
    ]
    assert await importer(b"\n".join(lines)) == counts(conflict=1, rejected=6)
    assert importer.rejects.decode().split("\n") == [
        '{"id": "1", "occurred_at": "2026-03-01T10:00:00Z", "quantity": 2, '
        '"_rejected": "id: was recorded as evt_1_1 with other content: quantity differs"}',
        '{"id": "2", "occurred_at": "2026-03-01T10:00:00Z", "quantity": 0.10, "units": "é", '
        '"_rejected": "units: is not known to the format default"}',
        '{"_rejected": "is not JSON: expecting \',\' delimiter at column 65", '
        '"_line": "{\\"id\\": \\"3\\", \\"occurred_at\\": \\"2026-03-01T10:00:00Z\\", \\"quantity\\": 3"}',
        '{"_rejected": "has the key \\"id\\" twice", "_line": "{\\"id\\": \\"4\\", \\"id\\": \\"5\\"}"}',
        '{"_rejected": "is not UTF-8 at byte 9", "_line": "{\\"id\\": \\"�\\"}"}',
        '{"_rejected": "must be an object of keys and values", "_line": "[1]"}',
        '{"_rejected": "occurred_at: is missing"}',
        "",
    ]
    before = importer.rejects
    assert await importer(before) == counts(conflict=1, rejected=6)
    assert importer.rejects.replace(b"is not UTF-8 at byte 9", b"") == before.replace(b"is not UTF-8 at byte 9", b"").replace(
        b'"_rejected": "", "_line": "{\\"id\\": \\"\xef\xbf\xbd\\"}"',
        b'"id": "\xef\xbf\xbd", "_rejected": "occurred_at: is missing"',
    )
    mended = before.replace(b'"units"', b'"unit"').replace(b'\\"quantity\\": 3"', b'\\"quantity\\": 3}"')
    assert await importer(mended) == counts(inserted=2, conflict=1, rejected=4)


async def test_what_was_refused_of_a_json_array_is_kept_as_lines_with_the_digits_that_it_had(importer: Importer) -> None:
    assert await importer(b'[{"quantity": 1.50, "n": 1e3}, {"a": NaN}]') == counts(rejected=2)
    first, second, _ = importer.rejects.decode().split("\n")
    assert first == '{"quantity": 1.50, "n": 1E+3, "_rejected": "occurred_at: is missing"}'
    assert read_json(second) == {"_rejected": "has NaN, which is no number in JSON", "_line": '{"a": NaN}'}


async def test_nothing_is_kept_where_nothing_was_refused(importer: Importer) -> None:
    assert await importer(LINE % 1) == counts(inserted=1)
    assert importer.rejects == b""


async def test_batches_of_a_thousand_are_told_one_after_the_other(importer: Importer) -> None:
    assert await importer(b"".join(LINE % n for n in range(2_500))) == counts(inserted=2_500)
    assert importer.told == [counts(inserted=1_000), counts(inserted=2_000), counts(inserted=2_500)]


async def test_a_json_text_that_breaks_later_leaves_whole_batches_and_imported_again_the_rest_follows(
    store: Store, account: Account, importer: Importer
) -> None:
    items = [(LINE % n).strip() for n in range(4_500)]
    with pytest.raises(InvalidBody) as error:
        await importer(b"[" + b",".join(items) + b"!")
    assert error.value.message.endswith("expecting ',' or ']'")
    recorded = (await store.head(account.id)).sequence
    assert importer.told[-1] == counts(inserted=recorded)
    assert recorded % 1_000 == 0
    assert await importer(b"[" + b",".join(items) + b"]") == counts(inserted=4_500 - recorded, duplicate=recorded)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(b"", InvalidBody, id="empty"),
        pytest.param(b"a,a\n1,2\n", InvalidBody, id="a column twice"),
        pytest.param(b"[" + LINE % 1, InvalidBody, id="half an array"),
        pytest.param(gzip.compress(LINE % 1)[:-1], InvalidBody, id="half a gzip"),
        pytest.param(b'[{"a": "' + b"x" * 300_000, PayloadTooLarge, id="one large item"),
    ],
)
async def test_a_file_that_cannot_be_read_leaves_nothing(
    store: Store, account: Account, importer: Importer, data: bytes, error: type[GatewayError]
) -> None:
    async with nothing_written(store, account):
        with pytest.raises(error):
            await importer(data)


async def test_the_kind_can_be_told_and_the_source_too(store: Store, account: Account, importer: Importer) -> None:
    assert await importer(LINE % 1, name="usage.csv", kind=Kind.JSONL, source="meter") == counts(inserted=1)
    (entry,) = await ledger_of(store, account)
    assert entry.source == "meter"
    assert await importer(table([row()]), "focus", source="cloud-a") == counts(inserted=1)
    assert (await ledger_of(store, account))[1].source == "cloud-a"


async def test_what_has_no_id_is_counted_since_it_would_be_recorded_again(importer: Importer) -> None:
    line = b'{"occurred_at": "2026-03-01T10:00:00Z", "quantity": 1}\n'
    assert (await importer.summary(line + LINE % 1 + line)).unnamed == 2
    assert await importer(line) == counts(inserted=1)


async def test_the_first_refusals_are_told_with_their_lines(importer: Importer) -> None:
    summary = await importer.summary(b"{}\n" + LINE % 1 + b"{}\n" * 5 + b"\n[]\n")
    assert summary.told_first == [f"line {line}: occurred_at: is missing" for line in (1, 3, 4, 5, 6)]
    assert (summary.items, summary.bytes_read) == (8, 3 + len(LINE % 1) + 15 + 4)


async def test_a_caller_without_the_scope_imports_nothing(
    store: Store, account: Account, rules: Rules, caller_with: Callable[..., Principal]
) -> None:
    class Unread(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise AssertionError("nothing is read for a caller who may not write")

    async with nothing_written(store, account):
        with pytest.raises(ScopeDenied) as refused:
            await import_file(store, caller_with(Permission.REPORT_READ), Unread(), named("default"), rules=rules)
    assert refused.value.scope == "usage:write"


async def test_accounts_do_not_meet(store: Store, importer: Importer, stranger: Principal, rules: Rules) -> None:
    assert await importer(LINE % 1) == counts(inserted=1)
    summary = await import_file(store, stranger, io.BytesIO(LINE % 1), named("default"), rules=rules)
    assert summary.told() == counts(inserted=1)


class Endless(io.RawIOBase):
    """A file of so many bytes that is never held in memory as a whole."""

    def __init__(self, line: bytes, size: int) -> None:
        self._line, self.lines = line, size // len(line)
        self._left = self.lines

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        lines = min(size // len(self._line), self._left)
        self._left -= lines
        return self._line * lines


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_a_file_of_any_size_takes_the_same_memory(store: Store, admin: Principal, rules: Rules) -> None:
    most = []
    for size in (4_000_000, 16_000_000):
        file = Endless(b'{"occurred_at": "never", "quantity": 1, "message": "%s"}\n' % (b"x" * 900), size)
        tracemalloc.start()
        summary = await import_file(store, admin, file, named("default"), rules=rules, rejects=len)  # type: ignore[arg-type]
        most.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert summary.told() == counts(rejected=file.lines)
    assert most[1] < most[0] * 1.3
