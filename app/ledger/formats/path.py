"""Where in a payload a value stands: the part of JMESPath that only looks values up and never makes one.

Names, sub-expressions, indexes and `||` are taken; functions, literals, filters and projections are not, so that what is found is
what the sender wrote: no expression makes a float, and none takes longer than the payload is deep.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult

from app.domain.canonical import check_text
from app.domain.errors import InvalidEvent

LONGEST = 256
"""Characters of a path."""
_LOOKUPS = frozenset({"field", "subexpression", "index_expression", "index", "or_expression"})


@dataclass(frozen=True, slots=True)
class Path:
    """A path as it was written. `key` is the payload's own key where the path is nothing but that."""

    text: str
    key: str | None
    roots: tuple[str, ...]
    """The payload's own keys that the path begins with: more than one where it has alternatives."""
    expression: ParsedResult | None

    def find(self, payload: Mapping[str, Any]) -> Any:
        """What stands there; None where nothing does."""
        if self.key is not None:
            return payload.get(self.key)
        assert self.expression is not None
        return self.expression.search(payload)


def parse_path(text: Any, where: str) -> Path:
    """The path that `text` writes; raises InvalidEvent naming `where` in the format it stands."""
    if not isinstance(text, str) or not text or len(text) > LONGEST:
        raise InvalidEvent(where, f"must be a path of 1 to {LONGEST} characters")
    check_text(text, where, longest=LONGEST)
    try:
        expression = jmespath.compile(text)
    except (JMESPathError, RecursionError) as error:
        first = str(error).partition("\n")[0]
        raise InvalidEvent(where, f"is not a path; a key with signs in it is written in double quotes ({first[:200]})") from None
    root: Any = expression.parsed
    _refuse_other_than_lookups(root, where)
    if root["type"] == "field":
        return Path(text, root["value"], (root["value"],), None)
    return Path(text, None, tuple(_roots(root)), expression)


def _refuse_other_than_lookups(node: Any, where: str) -> None:
    if node["type"] not in _LOOKUPS:
        kind = node["type"].replace("_", " ")
        raise InvalidEvent(where, f"holds a {kind}; a path is made of names, points, indexes such as [0], and ||")
    for child in node["children"]:
        _refuse_other_than_lookups(child, where)


def _roots(node: Any) -> list[str]:
    if node["type"] == "field":
        return [node["value"]]
    branches = node["children"] if node["type"] == "or_expression" else node["children"][:1]
    return [root for branch in branches for root in _roots(branch)]
