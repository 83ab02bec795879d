"""What a reader says of a file that is not as the gateway writes it."""

from __future__ import annotations

from app.reports.report import Report, Section


class Unreadable(Exception):
    """The file is not what it is said to be; the message says where."""


def section_named(report: Report, name: object, where: str) -> Section:
    """The report's section of that name. Raises Unreadable."""
    found = next((each for each in report.sections if each.name == name), None)
    if found is None:
        raise Unreadable(f"{where}: {name} is no section of the report {report.name}")
    return found
