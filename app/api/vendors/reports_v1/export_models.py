"""The export routes' shapes for the OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from app.api.openapi import Meta
from app.api.vendors.reports_v1.models import Sequence
from app.api.vendors.reports_v1.orders import DEFAULT_FORMAT, FORMATS, filters_of
from app.api.vendors.reports_v1.parameters import schema_of
from app.api.vendors.reports_v1.vocabulary import EXPORTED
from app.exports.formats import FORMATS as ALL_FORMATS
from app.reports.catalog import report_named

_DIGEST = r"^sha256:[0-9a-f]{64}$"


class ExportMetadata(BaseModel):
    """A report frozen as of a sequence, and its file."""

    id: str = Field(pattern="^rptx_", description="The export's id.")
    report_kind: str = Field(json_schema_extra={"enum": list(EXPORTED)}, description="Which report was frozen.")
    format: str = Field(json_schema_extra={"enum": [each.name for each in ALL_FORMATS]}, description="What kind of file it is.")
    status: Literal["pending", "ready", "failed"] = Field(description="Whether the file can be fetched.")
    as_of: Sequence = Field(description="The last sequence that counts.")
    filters: dict[str, str | list[str]] = Field(description="What was asked for, in the order's own texts.")
    digest: str | None = Field(
        pattern=_DIGEST, description="Tree hash over the rows, the same for every format; null until it is ready."
    )
    artifact_digest: str | None = Field(pattern=_DIGEST, description="SHA-256 over the file; null until it is ready.")
    content_type: str = Field(description="The file's content type.")
    created_by: str = Field(description="Who ordered it.")
    created_at: datetime = Field(description="When it was frozen, UTC.")
    updated_at: datetime = Field(description="When its status last changed, UTC.")
    download_url: str = Field(description="Where the file is fetched, on this host.")


class ExportAnswer(BaseModel):
    """How an export stands."""

    data: ExportMetadata
    meta: Meta


def order_body() -> dict[str, Any]:
    """The request body of an order, as the OpenAPI specification writes it: for each kind, the filters that it takes."""
    return {"required": True, "content": {"application/json": {"schema": {"oneOf": [_order(kind) for kind in EXPORTED]}}}}


def _order(kind: str) -> dict[str, Any]:
    route = EXPORTED[kind]
    report = report_named(route.report)
    assert report is not None
    filters: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _filter(schema_of(name, report)) for name in filters_of(route)},
    }
    required = ["report_kind"]
    if report.required:
        filters["anyOf"] = [{"required": [name]} for name in report.required]
        required.append("filters")
    return {
        "type": "object",
        "title": report.title,
        "required": required,
        "additionalProperties": False,
        "properties": {
            "report_kind": {"const": kind},
            "format": {"type": "string", "enum": [each.name for each in FORMATS], "default": DEFAULT_FORMAT},
            "filters": filters,
        },
    }


def _filter(schema: dict[str, Any]) -> dict[str, Any]:
    """A filter in a body: a list may be one value alone."""
    if schema.get("type") != "array":
        return schema
    return {"oneOf": [schema["items"], {**schema, "minItems": 1}]}


def download_content() -> dict[str, Any]:
    """The content of a download, by format."""
    binary = {"type": "string", "format": "binary"}
    sections = {"type": "object", "description": "The report's sections, each a list of rows.", "required": ["sections"]}
    return {each.content_type: {"schema": sections if each.name == DEFAULT_FORMAT else binary} for each in FORMATS}
