"""The reporting contract of `/api/v1`, as callers of the LicenseKit service use it."""

from fastapi import APIRouter

from app.api.vendors.reports_v1 import exports, reads

router = APIRouter()
router.include_router(reads.router)
router.include_router(exports.router)

__all__ = ["router"]
