"""Pairs: two things measured in turn, and the ratio of each pair, so that it holds where the machine's speed drifts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

RUNS = 7
"""Pairs of which the median counts."""


@dataclass(frozen=True, slots=True)
class Result:
    """One figure against another. `ratios` are ours over theirs of each pair; `wanted` is the least (or, with `most`, the most)
    that the ratio should be; None where nothing was promised."""

    name: str
    ours: float
    theirs: float
    unit: str
    ratios: list[float]
    against: str
    wanted: float | None = None
    most: bool = False
    note: str = ""
    more: dict[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """The median of the pairs."""
        return median(self.ratios)

    @property
    def reached(self) -> bool | None:
        """Whether it is as wanted."""
        if self.wanted is None:
            return None
        return self.ratio <= self.wanted if self.most else self.ratio >= self.wanted


def paired(
    name: str,
    ours: Callable[[], float],
    theirs: Callable[[], float],
    *,
    unit: str,
    against: str,
    wanted: float | None = None,
    most: bool = False,
    runs: int = RUNS,
    note: str = "",
) -> Result:
    """Measure both in turn, `runs` times, after once each that does not count."""
    ours(), theirs()
    pairs = [(ours(), theirs()) for _ in range(runs)]
    return Result(
        name,
        median(each for each, _ in pairs),
        median(each for _, each in pairs),
        unit,
        [mine / other for mine, other in pairs],
        against,
        wanted,
        most,
        note,
    )
