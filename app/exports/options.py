"""The options of files: how one is laid out, chosen by the caller, stored and stated with what else was asked.

An option changes the file and never the rows: the digest stays, the artifact digest does not.
"""

from __future__ import annotations

from collections.abc import Mapping

from app.domain.errors import InvalidEvent, InvalidQuery
from app.domain.period import zone_named
from app.exports.compression import gzipped
from app.exports.document import Format, Layout

OPTIONS: Mapping[str, str] = {
    "local_time": "An IANA zone in whose time each instant is told too, beside UTC.",
    "decimals": "`point`, or `comma` for spreadsheets that expect it: then semicolons stand between the cells.",
    "compression": "`gzip` for a compressed file.",
}
"""Names of the options, and what each is for."""


def chosen(found: Format, given: Mapping[str, tuple[str, ...]]) -> tuple[Format, Layout]:
    """The format and the layout that these texts choose.

    Raises InvalidEvent naming `options.<name>`, also for an option that the format does not have.
    """
    for name, texts in given.items():
        if name not in found.options:
            known = f"it has {', '.join(found.options)}" if found.options else "it has none"
            raise InvalidEvent(f"options.{name}", f"is not an option of {found.name}; {known}")
        if len(texts) != 1:
            raise InvalidEvent(f"options.{name}", "is given more than once")
    local_time = given["local_time"][0] if "local_time" in given else None
    if local_time is not None:
        try:
            zone_named(local_time, "local_time")
        except InvalidQuery as error:
            raise InvalidEvent("options.local_time", error.reason) from None
    comma = _word(given, "decimals", ("point", "comma")) == "comma"
    if _word(given, "compression", ("gzip",)) is not None:
        found = gzipped(found)
    return found, Layout(local_time, comma)


def _word(given: Mapping[str, tuple[str, ...]], name: str, words: tuple[str, ...]) -> str | None:
    if name not in given:
        return None
    if given[name][0] not in words:
        raise InvalidEvent(f"options.{name}", f"must be {' or '.join(words)}")
    return given[name][0]
