"""The system routes, which need no token: whether the process lives, and whether its store can answer."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import PlainTextResponse, Response

from app.api.envelope import success
from app.api.openapi import Meta, operation
from app.api.services import services_of
from app.domain.errors import Unavailable
from app.observability import counters

router = APIRouter(tags=["System"])


class Health(BaseModel):
    """How the gateway is."""

    status: Literal["ok"]


class HealthAnswer(BaseModel):
    """All is well."""

    data: Health
    meta: Meta


class Trouble(BaseModel):
    """What the gateway waits for."""

    status: Literal["unavailable"]
    reason: str = Field(description="What is wrong, for people.")


class TroubleAnswer(BaseModel):
    """No calls should be sent here for now."""

    data: Trouble
    meta: Meta


@router.get("/health", operation_id="health", summary="Liveness probe", response_model=HealthAnswer, openapi_extra=operation())
@router.get("/healthz", operation_id="healthz", summary="Liveness probe", response_model=HealthAnswer, openapi_extra=operation())
async def health(request: Request) -> Response:
    """The process lives."""
    return success(request, {"status": "ok"})


@router.get(
    "/readyz",
    operation_id="readyz",
    summary="Readiness probe",
    response_model=HealthAnswer,
    responses={503: {"model": TroubleAnswer, "description": "The store cannot answer."}},
    openapi_extra=operation(),
)
async def readyz(request: Request) -> Response:
    """The store can answer. Otherwise 503, with the reason beside the status: probes and the vendor's client read `data`."""
    try:
        await services_of(request.scope).store.ready()
    except Unavailable as error:
        return success(request, {"status": "unavailable", "reason": error.message}, status=503)
    return success(request, {"status": "ok"})


@router.get(
    "/metrics",
    operation_id="getMetrics",
    summary="Prometheus metrics",
    response_class=PlainTextResponse,
    openapi_extra=operation(),
)
async def counted() -> Response:
    """What is counted and timed, in Prometheus's text format."""
    return Response(counters.page(), media_type=counters.MEDIA_TYPE)
