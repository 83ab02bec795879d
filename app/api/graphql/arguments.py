"""Arguments that several queries take, each with its one description."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import strawberry

from app.api.graphql.enums import FeedOrder
from app.api.graphql.inputs import (
    AsOfInput,
    BucketInput,
    CompareInput,
    GroupKeyInput,
    GroupOrderInput,
    HavingInput,
    PeriodInput,
    UsageFilters,
)
from app.api.graphql.scalars import TimeZone
from app.question.groups import MOST_TOP
from app.reports.report import DEFAULT_ROWS, MOST_ROWS

FiltersArgument: TypeAlias = Annotated[UsageFilters | None, strawberry.argument(description="Which entries; all by default.")]
PeriodArgument: TypeAlias = Annotated[
    PeriodInput | None, strawberry.argument(description="What happened when; everything by default.")
]
AsOfArgument: TypeAlias = Annotated[
    AsOfInput | None, strawberry.argument(description="As of which point in the ledger; the newest entry by default.")
]
HavingArgument: TypeAlias = Annotated[
    list[HavingInput], strawberry.argument(description="Which groups to tell: those that are all of this; all by default.")
]
TopArgument: TypeAlias = Annotated[
    int | None,
    strawberry.argument(
        description=f"Only the first so many groups in the order, 1 to {MOST_TOP}; `other` is the rest. All groups by default."
    ),
]
CompareArgument: TypeAlias = Annotated[
    CompareInput | None, strawberry.argument(description="What to compare each total with; nothing by default.")
]
OrderArgument: TypeAlias = Annotated[FeedOrder, strawberry.argument(description="In which order.")]
GroupByArgument: TypeAlias = Annotated[
    list[GroupKeyInput], strawberry.argument(description="What to group by, the first first; nothing gives one total.")
]
BucketArgument: TypeAlias = Annotated[
    BucketInput | None, strawberry.argument(description="How to cut time; not at all by default.")
]
GroupOrderArgument: TypeAlias = Annotated[
    GroupOrderInput | None, strawberry.argument(description="In which order groups come; by their keys by default.")
]
TimeZoneArgument: TypeAlias = Annotated[TimeZone, strawberry.argument(description="On whose calendar months are cut.")]
Each: TypeAlias = Annotated[
    int | None,
    strawberry.argument(
        description=f"How many rows each excerpt has at most: 0 to {MOST_ROWS}; {DEFAULT_ROWS} where nothing is said."
    ),
]
