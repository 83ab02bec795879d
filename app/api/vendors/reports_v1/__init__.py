"""The reporting contract of `/api/v1`, as callers of the LicenseKit service use it."""

from app.api.vendors.reports_v1.reads import router

__all__ = ["router"]
