"""The report's columns, spelled as the contract spells them, for the answer and for the workbook alike."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from app.domain.decimal import plain
from app.domain.entry import Entry
from app.exports.sheet import Value

_Number = Annotated[Decimal, WithJsonSchema({"type": "number"})]


class UsageRow(BaseModel):
    """One API transaction."""

    model_config = ConfigDict(serialize_by_alias=True)

    transaction_id: str = Field(alias="Transaction Id", description="Its id, or the event's ref where it has none.")
    timestamp: str = Field(alias="Timestamp(UTC)", description="When it happened, with microseconds and the offset +00:00.")
    product_id: str | None = Field(alias="Product Id", description="The product that was called.")
    status: int | None = Field(alias="Status", description="The status it ended with.")
    message: str | None = Field(alias="Message", description="What was said of the outcome.")
    charge: _Number | None = Field(alias="Charge", description="What was charged.")


class UsageData(BaseModel):
    """The report, and where its workbook is."""

    file_url: str | None = Field(
        description="Where the workbook can be opened without a token for an hour; null unless asked for."
    )
    usage_data: list[UsageRow] = Field(description="The API transactions, the one that happened last first.")


class UsageReport(BaseModel):
    """The answer."""

    code: int = Field(description="The status.", examples=[200])
    timestamp: int = Field(description="When it was answered, in milliseconds since 1970.")
    transaction_id: str = Field(pattern="^[0-9a-f]{32}$", description="The id of this answer.")
    sub_code: str = Field(examples=["SUCCESS"])
    message: str
    data: UsageData


COLUMNS = tuple(str(each.alias) for each in UsageRow.model_fields.values())


def cells(entry: Entry) -> tuple[Value, ...]:
    """The values of one API transaction, in the order of COLUMNS."""
    return (
        entry.transaction_id or entry.event_ref,
        entry.occurred_at.isoformat(timespec="microseconds"),
        entry.product_id,
        entry.status_code,
        entry.message,
        entry.charge,
    )


def encoded(rows: Sequence[Sequence[Value]]) -> bytes:
    """Rows as JSON objects, one after another with commas between; charges with all their digits."""
    objects = [dict(zip(COLUMNS, map(_exact, row), strict=True)) for row in rows]
    return orjson.dumps(objects)[1:-1]


def _exact(value: Value) -> Any:
    return orjson.Fragment(plain(value)) if isinstance(value, Decimal) else value
