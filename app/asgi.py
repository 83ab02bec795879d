"""The application for any ASGI server: `uvicorn app.asgi:create --factory`."""

from __future__ import annotations

from starlette.types import ASGIApp

from app.bootstrap import Gateway, configure_logs
from app.settings import load


def create() -> ASGIApp:
    """The application as the environment configures it."""
    settings = load()
    configure_logs(settings)
    return Gateway(settings)
