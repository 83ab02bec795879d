"""The contract of `/v1/client/usage-report`, as clients of the Deepvue service use it."""

from app.api.vendors.client_usage_report.routes import router

__all__ = ["router"]
