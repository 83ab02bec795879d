"""Documents that are known by a name: trusted ones, which the operator gives in a file, and those that callers have sent before.

A trusted document is asked for by its id in that file, as `documentId` (GraphQL over HTTP, persisted documents) or as the hash of
Apollo's persisted queries (APQ), by which callers can also make any other document known: with its SHA-256 and its text together,
once.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.domain.errors import DocumentRefused, DocumentUnknown, InvalidBody, InvalidSetting

MOST_KNOWN = 1_000
"""Documents that are remembered of what callers have sent, over all of them; what was asked for longest ago is forgotten
first."""
MOST_CHARACTERS = 8_000_000
"""Characters that these have at most, all together."""
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Documents:
    """`trusted` are texts by their ids; `only` takes no others. What callers send is remembered in this process's memory."""

    def __init__(self, trusted: Mapping[str, str] | None = None, *, only: bool = False) -> None:
        self._trusted = dict(trusted or {})
        self._texts = frozenset(self._trusted.values())
        self._only = only
        self._sent: OrderedDict[str, str] = OrderedDict()
        self._characters = 0

    def text(self, query: str | None, document_id: str | None, extensions: Mapping[str, Any] | None) -> str | None:
        """The text of what is asked for, however it is named; None where nothing is.

        Raises DocumentUnknown, DocumentRefused, and InvalidBody for a hash that is none or not that of the text.
        """
        if document_id is not None:
            found = self._trusted.get(document_id) or self._trusted.get(document_id.removeprefix("sha256:"))
            if found is None:
                raise DocumentRefused("no trusted document has this id")
            return found
        digest = _digest_in(extensions)
        if digest is not None:
            query = self._by_digest(digest, query)
        self.check(query)
        return query

    def check(self, query: str | None) -> None:
        """Return if the document is taken. Raises DocumentRefused."""
        if self._only and query is not None and query not in self._texts:
            raise DocumentRefused("only trusted documents are taken here, and this is none of them")

    def _by_digest(self, digest: str, query: str | None) -> str:
        found = self._trusted.get(digest) or self._trusted.get(f"sha256:{digest}") or self._sent.get(digest)
        if query is None:
            if found is None:
                raise DocumentUnknown
            if digest in self._sent:
                self._sent.move_to_end(digest)
            return found
        if hashlib.sha256(query.encode(errors="surrogatepass")).hexdigest() != digest:
            raise InvalidBody("extensions.persistedQuery.sha256Hash is not the SHA-256 of `query`")
        if not self._only and found is None:
            self._remember(digest, query)
        return query

    def _remember(self, digest: str, query: str) -> None:
        self._sent[digest] = query
        self._characters += len(query)
        while len(self._sent) > MOST_KNOWN or self._characters > MOST_CHARACTERS:
            _, forgotten = self._sent.popitem(last=False)
            self._characters -= len(forgotten)


def read_manifest(path: Path) -> dict[str, str]:
    """Trusted documents by id: an object of ids and texts, as Relay's compiler writes it, or an Apollo manifest.

    Raises InvalidSetting.
    """
    name = "GATEWAY_TRUSTED_DOCUMENTS"
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidSetting(name, f"{path} cannot be read: {error.strerror}") from None
    except ValueError:  # UnicodeDecodeError and JSONDecodeError are ones
        raise InvalidSetting(name, f"{path} is not JSON") from None
    found: dict[Any, Any]
    match stated:
        case {"format": "apollo-persisted-query-manifest", "operations": list(operations)}:
            found = {each.get("id"): each.get("body") for each in operations if isinstance(each, dict)}
        case dict():
            found = stated
        case _:
            found = {None: None}
    if not all(isinstance(each, str) and each for pair in found.items() for each in pair):
        raise InvalidSetting(name, f"{path} must hold an object of ids and documents, or an Apollo manifest")
    return found


def _digest_in(extensions: Mapping[str, Any] | None) -> str | None:
    """The hash of Apollo's protocol, version 1."""
    stated = (extensions or {}).get("persistedQuery")
    if stated is None:
        return None
    match stated:
        case {"version": 1, "sha256Hash": str(digest)} if _SHA256.fullmatch(digest):
            return digest
    raise InvalidBody("extensions.persistedQuery must be {version: 1, sha256Hash: <64 hex digits>}")
