"""Files of exports over HTTP: whole, in parts, known already, compressed; with a token, or with a link for a time."""

from __future__ import annotations

import base64
import gzip
import hashlib
import string
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx2
import orjson
import pytest
from structlog.testing import capture_logs

from app.access.links import Links
from app.api.delivery import accepts_gzip
from app.domain.account import Account, Permission, Principal
from app.domain.export import Export
from app.exports.disposal import delete
from app.exports.freeze import Patience
from app.ledger.commands import Rules, record
from app.ports import Files, Store
from app.storage.files import CHUNK, LocalFiles
from tests.asking import ledger_of, nothing_written
from tests.conftest import Clock
from tests.contract.conftest import ORIGIN, Door
from tests.events import START, usage
from tests.exports.world import content, frozen

LINK = """
mutation Link($id: ID!, $seconds: Int) {
  createExportLink(input: { id: $id, lifetimeSeconds: $seconds }) { url expiresAt errors { code field message } }
}
"""
VENDOR, TOKEN, SIGNED = "/api/v1/reports/exports/{id}/download", "/downloads/exports/{id}", "link"
HOUR = timedelta(hours=1)
PLAIN = {"Accept-Encoding": "identity"}


@pytest.fixture
async def export(store: Store, files: Files, admin: Principal, rules: Rules) -> Export:
    """An export whose file has more than one chunk."""
    await record(store, admin, [usage(id=f"n{at}", message="m" * 300) for at in range(600)], rules=rules)
    return await frozen(store, files, admin, rules, format="json")


@pytest.fixture
async def data(files: Files, export: Export) -> bytes:
    """The file's bytes."""
    found = await content(files, export)
    assert len(found) > CHUNK
    return found


@dataclass
class Fetching:
    """One way to the file."""

    client: httpx2.AsyncClient
    path: str
    own: dict[str, str]

    async def get(self, **headers: str) -> httpx2.Response:
        """Fetch with these headers, and unless they say otherwise, uncompressed."""
        return await self.send("GET", **headers)

    async def send(self, method: str, **headers: str) -> httpx2.Response:
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        return await self.client.request(method, self.path, headers=PLAIN | self.own | sent)


async def link_to(door: Door, export: Export, seconds: int = 3_600) -> str:
    told = (await door.ask(LINK, id=export.id, seconds=seconds)).data["createExportLink"]
    assert told["errors"] == []
    return str(told["url"]).removeprefix(ORIGIN)


@pytest.fixture(params=[VENDOR, TOKEN, SIGNED], ids=["vendor", "token", "link"])
async def fetching(request: pytest.FixtureRequest, door: Door, export: Export) -> Fetching:
    """Every way to the file in turn."""
    if request.param == SIGNED:
        return Fetching(door.client, await link_to(door, export), {})
    return Fetching(door.client, request.param.format(id=export.id), door.headers)


async def acts(store: Store, account: Account) -> list[Any]:
    """What was told of downloads, the oldest first: who, and the facts beside the export's own."""
    found = [each for each in await ledger_of(store, account) if each.action == "export.downloaded"]
    own = ("kind", "id", "digest", "artifact_digest")
    told = [orjson.loads(each.record or "") for each in found]
    return [(each.actor, {k: v for k, v in facts.items() if k not in own}) for each, facts in zip(found, told, strict=True)]


async def test_the_whole_file_comes_with_all_that_there_is_to_say_of_it(
    fetching: Fetching, export: Export, data: bytes, store: Store, account: Account
) -> None:
    answer = await fetching.get()

    assert (answer.status_code, answer.content) == (200, data)
    assert f"sha256:{hashlib.sha256(data).hexdigest()}" == export.artifact_digest
    told = {name: answer.headers[name] for name in ("etag", "last-modified", "accept-ranges", "content-length", "content-type")}
    assert told == {
        "etag": f'"{export.artifact_digest}"',
        "last-modified": "Wed, 01 Apr 2026 12:00:00 GMT",
        "accept-ranges": "bytes",
        "content-length": str(len(data)),
        "content-type": "application/json",
    }
    assert answer.headers["content-disposition"] == f'attachment; filename="usage-ledger-as-of-{export.as_of}.json"'
    assert answer.headers["repr-digest"] == f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert "content-encoding" not in answer.headers
    assert len(await acts(store, account)) == 1


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        ("bytes=300000-", 300_000, None),
        ("bytes=-7", -7, None),
        ("bytes=0-999999999", 0, None),
        ("Bytes= 1-1 ", 1, 2),
        ("bytes=-999999999", 0, None),
    ],
)
async def test_a_part_is_a_part_of_the_very_file(
    fetching: Fetching, data: bytes, asked: str, start: int, end: int | None
) -> None:
    answer = await fetching.get(Range=asked, Accept_Encoding="gzip")

    part = data[start:end]
    first = start % len(data)
    assert (answer.status_code, answer.content) == (206, part)
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(part) - 1}/{len(data)}"
    assert answer.headers["content-length"] == str(len(part))
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,5-6", "bytes=9-5", "bytes=-", "bytes=a-b", "lines=1-2", "bytes 0-1", "", "bytes=1--2"]
)
async def test_what_is_no_single_range_is_answered_whole(fetching: Fetching, data: bytes, asked: str) -> None:
    answer = await fetching.get(Range=asked)
    assert (answer.status_code, answer.content) == (200, data)


@pytest.mark.parametrize("asked", ["bytes={size}-", "bytes={size}-{size}", "bytes=-0", "bytes=999999999999999-"])
async def test_a_range_that_the_file_does_not_reach_is_refused_with_nothing_recorded(
    fetching: Fetching, data: bytes, store: Store, account: Account, asked: str
) -> None:
    async with nothing_written(store, account):
        answer = await fetching.get(Range=asked.format(size=len(data)))
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(data)}")
    assert answer.json()["error"] == {
        "code": "RANGE_NOT_SATISFIABLE",
        "message": f"the file has {len(data)} bytes, and none of the range",
    }


async def test_a_download_that_was_cut_off_is_gone_on_with(
    fetching: Fetching, data: bytes, export: Export, store: Store, account: Account
) -> None:
    whole = await fetching.get()
    tag, at = whole.headers["etag"], 123_456
    rest = await fetching.get(Range=f"bytes={at}-", If_Range=tag)
    dated = await fetching.get(Range=f"bytes={at}-", If_Range=whole.headers["last-modified"])

    assert whole.content[:at] + rest.content == whole.content[:at] + dated.content == data
    assert [facts.get("bytes") for _, facts in await acts(store, account)] == [None, *[f"{at}-{len(data) - 1}"] * 2]


@pytest.mark.parametrize("condition", ['"sha256:other"', "Wed, 01 Apr 2026 11:59:59 GMT", "W/{tag}", "nonsense"])
async def test_a_part_of_another_file_is_not_given(fetching: Fetching, data: bytes, export: Export, condition: str) -> None:
    answer = await fetching.get(Range="bytes=5-", If_Range=condition.format(tag=f'"{export.artifact_digest}"'))
    assert (answer.status_code, answer.content) == (200, data)


@pytest.mark.parametrize(
    ("headers", "known"),
    [
        ({"If_None_Match": "{tag}"}, True),
        ({"If_None_Match": '"a", W/{tag}'}, True),
        ({"If_None_Match": "*"}, True),
        ({"If_None_Match": '"a"'}, False),
        ({"If_Modified_Since": "Wed, 01 Apr 2026 12:00:00 GMT"}, True),
        ({"If_Modified_Since": "Thu, 02 Apr 2026 12:00:00 GMT"}, True),
        ({"If_Modified_Since": "Wed, 01 Apr 2026 11:59:59 GMT"}, False),
        ({"If_Modified_Since": "yesterday"}, False),
        ({"If_None_Match": '"a"', "If_Modified_Since": "Thu, 02 Apr 2026 12:00:00 GMT"}, False),
    ],
)
async def test_what_the_caller_has_is_not_sent_again_and_not_recorded(
    fetching: Fetching, data: bytes, export: Export, store: Store, account: Account, headers: dict[str, str], known: bool
) -> None:
    before = len(await acts(store, account))
    tag = f'"{export.artifact_digest}"'
    answer = await fetching.get(**{name: text.format(tag=tag) for name, text in headers.items()})

    assert (answer.status_code, answer.content) == ((304, b"") if known else (200, data))
    assert answer.headers["etag"] == tag
    assert len(await acts(store, account)) == before + (not known)


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=5-9"}, {"Accept_Encoding": "gzip"}, {"If_None_Match": "*"}])
async def test_head_says_the_same_as_get_and_hands_nothing_out(
    fetching: Fetching, data: bytes, store: Store, account: Account, headers: dict[str, str]
) -> None:
    async with nothing_written(store, account):
        head = await fetching.send("HEAD", **headers)
    get = await fetching.send("GET", **headers)

    assert (head.status_code, head.content) == (get.status_code, b"")
    own = {"x-request-id", "transfer-encoding"}
    assert {k: v for k, v in head.headers.items() if k not in own} == {k: v for k, v in get.headers.items() if k not in own}


@pytest.mark.parametrize("fetching", [TOKEN, SIGNED], indirect=True)
async def test_compression_is_there_for_who_asks(fetching: Fetching, data: bytes, export: Export) -> None:
    async with fetching.client.stream("GET", fetching.path, headers=fetching.own | {"Accept-Encoding": "gzip"}) as answer:
        packed = b"".join([chunk async for chunk in answer.aiter_raw()])

    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["etag"] == f'W/"{export.artifact_digest}"'
    assert answer.headers["vary"] == "Accept-Encoding"
    assert not {"content-length", "accept-ranges", "repr-digest"} & set(answer.headers)
    assert gzip.decompress(packed) == data
    assert len(packed) < len(data) / 5
    again = await fetching.get(If_None_Match=answer.headers["etag"], Accept_Encoding="gzip")
    assert again.status_code == 304


@pytest.mark.parametrize("fetching", [VENDOR], indirect=True)
async def test_the_legacy_door_sends_the_stored_bytes_whatever_is_asked(fetching: Fetching, data: bytes) -> None:
    async with fetching.client.stream("GET", fetching.path, headers=fetching.own | {"Accept-Encoding": "gzip"}) as answer:
        assert b"".join([chunk async for chunk in answer.aiter_raw()]) == data
    assert answer.headers["content-length"] == str(len(data))


@pytest.mark.parametrize(
    ("stated", "accepted"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("x-gzip", True),
        ("*", True),
        ("deflate, *;q=0.1", True),
        ("identity;q=0.5, gzip;q=0.5", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("*, gzip;q=0", False),
        ("gzip;q=0.1, identity", False),
        ("gzip;q=x", False),
    ],
)
def test_gzip_is_for_who_can_read_it(stated: str, accepted: bool) -> None:
    assert accepts_gzip(stated) is accepted


async def test_a_link_opens_its_file_without_a_token_until_it_expires(
    door: Door, nobody: Door, store: Store, account: Account, clock: Clock, export: Export, data: bytes
) -> None:
    told = (await door.ask(LINK, id=export.id, seconds=60)).data["createExportLink"]
    path = told["url"].removeprefix(ORIGIN)
    assert told == {"url": f"{ORIGIN}{path}", "expiresAt": "2026-04-01T12:01:00.000000Z", "errors": []}
    clock.advance(seconds=59)
    answer = await nobody.client.get(path, headers=PLAIN)
    assert (answer.status_code, answer.content, answer.headers["referrer-policy"]) == (200, data, "no-referrer")
    clock.advance(seconds=1)
    async with nothing_written(store, account):
        late = await nobody.client.get(path)

    assert (late.status_code, late.json()["error"]["code"]) == (410, "LINK_EXPIRED")
    made = next(each for each in await ledger_of(store, account) if each.action == "export.shared")
    assert orjson.loads(made.record or "") == {
        "kind": "export",
        "id": export.id,
        "artifact_digest": export.artifact_digest,
        "expires_at": "2026-04-01T12:01:00.000000Z",
    }
    assert await acts(store, account) == [(made.actor, {"by": "link"})]


async def test_one_changed_character_is_refused(door: Door, nobody: Door, store: Store, account: Account, export: Export) -> None:
    path = await link_to(door, export)
    begin = len("/downloads/")
    async with nothing_written(store, account):
        for at in range(begin, len(path)):
            other = next(each for each in string.ascii_letters + string.digits if each != path[at])
            changed = await nobody.client.get(path[:at] + other + path[at + 1 :])
            assert (changed.status_code, changed.json()["error"]["code"]) == (403, "LINK_REFUSED"), at
        for broken in (path[:-1], path + "A", "/downloads/x", f"/downloads/{export.id}"):
            assert (await nobody.client.get(broken)).status_code == 403


async def test_a_link_leads_to_that_very_file_and_ends_with_it(
    door: Door, nobody: Door, store: Store, files: LocalFiles, admin: Principal, rules: Rules, export: Export
) -> None:
    path = await link_to(door, export)
    other = await link_to(door, await frozen(store, files, admin, rules, format="csv"))
    elsewhere, _ = await Links(store).sign("workbook", 1, "x", issuer="key k1", at=rules.clock(), lifetime=HOUR)
    missing, _ = await Links(store).sign("export", 1, f"{export.id} sha256:x", issuer="key k1", at=START, lifetime=HOUR)
    for text in (elsewhere, missing):
        assert (await nobody.client.get(f"/downloads/{text}")).status_code == 403
    await delete(store, files, admin, export.id, rules=rules)

    gone = await nobody.client.get(path)
    assert (gone.status_code, gone.json()["error"]["message"]) == (409, f"the file of export {export.id} was deleted")
    assert (await nobody.client.get(other)).headers["content-type"] == "text/csv"


async def test_a_link_is_made_by_who_may_export_for_what_is_ready_and_for_a_time_that_may_be(
    door: Door,
    strange_door: Door,
    door_with: Callable[..., Any],
    store: Store,
    account: Account,
    files: Files,
    admin: Principal,
    rules: Rules,
    export: Export,
) -> None:
    left = await frozen(store, files, admin, rules, patience=Patience(rows=0, seconds=None))
    async with nothing_written(store, account):
        assert (await (await door_with(Permission.REPORT_READ)).ask(LINK, id=export.id)).code == "TOKEN_SCOPE_DENIED"
        for asking, id, seconds, error in (
            (strange_door, export.id, 60, ("NOT_FOUND", None, f"no export {export.id}")),
            (door, left.id, 60, ("EXPORT_NOT_READY", None, f"export {left.id} is pending; its status tells when it is ready")),
            (door, export.id, 59, ("VALIDATION_ERROR", "lifetimeSeconds", "lifetimeSeconds must be from a minute to 30 days")),
            (
                door,
                export.id,
                2_592_001,
                ("VALIDATION_ERROR", "lifetimeSeconds", "lifetimeSeconds must be from a minute to 30 days"),
            ),
        ):
            told = (await asking.ask(LINK, id=id, seconds=seconds)).data["createExportLink"]
            assert (told["url"], told["expiresAt"]) == (None, None)
            assert [(each["code"], each["field"], each["message"]) for each in told["errors"]] == [error]


async def test_links_are_not_logged(door: Door, nobody: Door, export: Export) -> None:
    path = await link_to(door, export)
    with capture_logs() as lines:
        await nobody.client.get(path)
        await nobody.client.post(path)
        await door.client.get(f"/downloads/exports/{export.id}", headers=door.headers)

    assert [(each["path"], each["status"]) for each in lines if each["event"] == "call"] == [
        ("/downloads/…", 200),
        ("/downloads/…", 405),
        (f"/downloads/exports/{export.id}", 200),
    ]
    assert path.rpartition("/")[2] not in repr(lines)


async def test_the_gateways_own_door_needs_a_token_with_the_scope_and_the_account(
    nobody: Door, strange_door: Door, door_with: Callable[..., Any], store: Store, account: Account, export: Export
) -> None:
    path = f"/downloads/exports/{export.id}"
    reader = await door_with(Permission.REPORT_READ)
    async with nothing_written(store, account):
        answers = [await each.client.get(path, headers=each.headers) for each in (nobody, reader, strange_door)]
    assert [(each.status_code, each.json()["error"]["code"]) for each in answers] == [
        (401, "UNAUTHORIZED"),
        (403, "TOKEN_SCOPE_DENIED"),
        (404, "NOT_FOUND"),
    ]
