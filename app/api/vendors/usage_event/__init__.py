"""The contract of `/api/usage/event`, as senders of the Received service use it."""

from fastapi import APIRouter

from app.api.vendors.usage_event import events, logins

router = APIRouter()
router.include_router(logins.router)
router.include_router(events.router)

__all__ = ["router"]
