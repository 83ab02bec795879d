"""From what engines count to groups: the merging, comparing, filling, choosing and cutting that is the same for all of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from operator import itemgetter
from typing import Any

from app.domain.errors import InvalidQuery
from app.question.groups import Group, Grouped, Groups
from app.question.measures import NO_EXTRAS, Extras, Measure
from app.question.order import meets, only_currency, only_unit, place, sort_key, sorting
from app.question.tally import Cell, Counted, Key, Tally, tallied

__all__ = ["MOST_FILLED", "Cell", "Counted", "added_up", "fold", "only_currency", "only_unit", "place"]

MOST_FILLED = 100_000
"""Groups that filling may make."""
_TALLIED: dict[Measure, Callable[[Tally], int | datetime | None]] = {
    Measure.KEY: lambda tally: None,
    Measure.EVENTS: lambda tally: tally.events,
    Measure.FIRST_USE: lambda tally: tally.first,
    Measure.LAST_USE: lambda tally: tally.last,
}
"""What groups can be ordered by before they are made."""


def fold(counted: Counted | Iterable[Cell], question: Groups, earlier: Counted | Iterable[Cell] = ()) -> Grouped:
    """The groups that `question` asks for, from all that was counted for it, in any order; cells alone will do without extras.

    `earlier` is what was counted for `question.earlier`. Raises InvalidQuery for more groups than filling may make.
    """
    tallies, total = tallied(counted if isinstance(counted, Counted) else Counted(counted), question)
    past: dict[Key, Tally] = {}
    past_total = Tally()
    if question.earlier is not None:
        told, past_total = tallied(earlier if isinstance(earlier, Counted) else Counted(earlier), question.earlier)
        past = {_of_now(key, question): tally for key, tally in told.items()}
        for key in past:
            tallies.setdefault(key, Tally())
    return _told(tallies, total, question, past, past_total)


def added_up(groups: Iterable[tuple[tuple[str | None, ...], Group]], question: Groups) -> Grouped:
    """The same from groups by more keys, each with its values under those of `question`: without buckets and extras."""
    tallies: dict[Key, Tally] = {}
    total = Tally()
    for dimensions, group in groups:
        tallies.setdefault((None, dimensions), Tally()).take(group)
    for tally in tallies.values():
        total.merge(tally)
    return _told(tallies, total, question, {}, Tally())


def _told(tallies: dict[Key, Tally], total: Tally, question: Groups, past: dict[Key, Tally], past_total: Tally) -> Grouped:
    """What is told of all that was added up."""
    _fill(tallies, question)
    wanted = question.wanted
    # The whole tells extras only where it is the one group.
    of_all = NO_EXTRAS if question.by or question.buckets is not None else wanted
    all_told = _compared(total.group((None, ()), of_all), past_total, of_all, question)
    told_of = _TALLIED.get(question.order.measure)
    if told_of is not None and not question.having and question.top is None and question.comparison is None:
        # Of many thousands a page is told: only its groups are made.
        sorted_by = sorting(question)
        places = sorted([(sorted_by(told_of(tally), *key), key) for key, tally in tallies.items()], key=itemgetter(0))
        first, last = _window(places, question)
        page = [tallies[key].group(key, wanted) for _, key in places[first:last]]
        return Grouped(page, all_told, len(places), more_after=last < len(places), more_before=first > 0)
    groups = [_compared(tally.group(key, wanted), past.get(key), wanted, question) for key, tally in tallies.items()]
    groups = [group for group in groups if all(meets(group, each) for each in question.having)]
    keyed = sorted([(sort_key(place(group, question), question), group) for group in groups], key=itemgetter(0))
    other, top = None, list[Group]()
    if question.top is not None:
        keyed = keyed[: question.top]
        top = [group for _, group in keyed]
        other = _other(top, tallies, past, question)
    first, last = _window(keyed, question)
    return Grouped(
        [group for _, group in keyed[first:last]],
        all_told,
        len(keyed),
        more_after=last < len(keyed),
        more_before=first > 0,
        other=other,
        top=top,
    )


def _fill(tallies: dict[Key, Tally], question: Groups) -> None:
    """Put an empty tally wherever a combination of values has none in a bucket."""
    if not question.fill or question.buckets is None:
        return
    combinations = {dimensions for _, dimensions in tallies} or ({()} if not question.by else set())
    if len(combinations) * len(question.buckets.edges) > MOST_FILLED:
        told = f"{len(combinations):,} combinations of values in {len(question.buckets.edges) - 1:,} buckets"
        raise InvalidQuery("fill", f"would tell {told}, more than {MOST_FILLED:,}; name a shorter period or longer buckets")
    for edge in question.buckets.edges[:-1]:
        for dimensions in combinations:
            tallies.setdefault((edge, dimensions), Tally())


def _of_now(key: Key, question: Groups) -> Key:
    """The group of the period itself that an earlier one is compared with: the same values, in the bucket of that number."""
    bucket, dimensions = key
    if bucket is None or question.buckets is None or question.comparison is None or question.comparison.buckets is None:
        return key
    return question.buckets.edges[bisect_left(question.comparison.buckets.edges, bucket)], dimensions


def _compared(group: Group, past: Tally | None, wanted: Extras, question: Groups) -> Group:
    """The group with what it was in the period that is compared with, if one is."""
    comparison = question.comparison
    if comparison is None:
        return group
    bucket = group.bucket
    if bucket is not None and question.buckets is not None and comparison.buckets is not None:
        bucket = comparison.buckets.edges[bisect_left(question.buckets.edges, bucket)]
    return replace(group, previous=(past or Tally()).group((bucket, group.dimensions), wanted))


def _other(told: Sequence[Group], tallies: dict[Key, Tally], past: dict[Key, Tally], question: Groups) -> Group | None:
    """All groups but those that are told, as one; extras are not among what can be added up."""
    left = tallies.keys() - {(group.bucket, group.dimensions) for group in told}
    if not left:
        return None
    rest, past_rest = Tally(), Tally()
    for key in left:
        rest.merge(tallies[key])
        if key in past:
            past_rest.merge(past[key])
    return _compared(rest.group((None, ()), NO_EXTRAS), past_rest, NO_EXTRAS, question)


def _window(keyed: Sequence[tuple[Any, Any]], question: Groups) -> tuple[int, int]:
    """Where the asked-for groups begin and end."""
    first, last = 0, len(keyed)
    if question.after is not None:
        bound = sort_key(question.after, question)
        first = next((at for at, (key, _) in enumerate(keyed) if key > bound), last)
    if question.before is not None:
        bound = sort_key(question.before, question)
        # Not `>=`: a value that sorts the other way round knows `<` alone.
        last = next((at for at, (key, _) in enumerate(keyed) if not key < bound), last)
    if question.limit is not None and last - first > question.limit:
        if question.from_end:
            first = last - question.limit
        else:
            last = first + question.limit
    return first, last
