"""What a selection asks to be counted beside sums: read from the document, so that nothing is counted that nobody reads."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from strawberry.types.nodes import SelectedField, Selection

from app.api.graphql.context import Info
from app.question.measures import MEDIAN, NO_EXTRAS, Extras

CUSTOMERS, MINIMUM, MAXIMUM, PERCENTILE = "distinctCustomers", "minimum", "maximum", "percentile"
"""Fields that cost a reading of their own."""
QUANTITIES, CHARGES = "quantities", "charges"


def extras_in(info: Info) -> Extras:
    """The extras that the field's selection asks for, whatever fragments they stand in. Raises InvalidQuery for percentiles that
    there are not."""
    return _extras(info.selected_fields, None)


def _extras(selections: Iterable[Selection], within: str | None) -> Extras:
    found = NO_EXTRAS
    for each in selections:
        if not isinstance(each, SelectedField):
            found |= _extras(each.selections, within)
            continue
        match each.name:
            case "distinctCustomers":
                found |= Extras(customers=True)
            case "minimum" | "maximum":
                found |= Extras(quantities=within == QUANTITIES, charges=within == CHARGES)
            case "percentile":
                found |= Extras(percentiles=(_number(each.arguments.get("percent", MEDIAN)),))
        found |= _extras(each.selections, each.name if each.name in (QUANTITIES, CHARGES) else within)
    return found


def _number(stated: Any) -> Decimal:
    # A literal comes as the document's number, a variable as the decimal that it was read as.
    return stated if isinstance(stated, Decimal) else Decimal(str(stated))
