"""The Relay client compiles against the schema without a warning, and does what it says in a real browser against the demo."""

from __future__ import annotations

import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from scripts.proofs.product import Server
from tests.e2e.clients.conftest import WITH_NODE, Client, environment

LEVELS = re.compile(r"^\[([A-Z]+)\]", re.MULTILINE)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
def client(copied: Callable[[str], Client]) -> Client:
    return copied("relay")


@pytest.fixture(scope="module")
def compiled(client: Client) -> Client:
    done = client.run("npm", "--loglevel=error", "run", "build")
    assert done.returncode == 0, done.stdout + done.stderr
    # A warning of relay-compiler, tsc or esbuild would stand in either.
    told = COLOURS.sub("", done.stdout + done.stderr)
    assert set(LEVELS.findall(told)) == {"INFO"}
    assert not re.search(r"warn|deprecat|error", told, re.IGNORECASE), told
    return client


@pytest.fixture(scope="module")
def app(compiled: Client, demo: Server, token: str) -> Iterator[str]:
    """Where the app is served."""
    process = subprocess.Popen(
        [WITH_NODE, "node", "serve.mjs"],
        cwd=compiled.folder,
        env=environment() | {"USAGE_URL": demo.url, "USAGE_TOKEN": token, "PORT": "0"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.terminate()
    process.wait(30)
    process.stdout.close()


def test_it_scrolls_opens_a_number_and_follows_an_export(
    app: str, demo: Server, token: str, browser: Browser, tmp_path: Path
) -> None:
    told = demo.graphql(
        token,
        """{
          viewer { account { name } }
          usageSummary { total { events } }
          usageLedger(filters: {productId: ["prod_gateway"]}, first: 0) { totalCount }
          opened: usageSummary(filters: {productId: ["prod_gateway"]}) { total { events } }
          all: usageLedger(first: 0) { totalCount }
        }""",
    )
    page = browser.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(app)
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Usage of {told['viewer']['account']['name']}")
    expect(page.get_by_text(re.compile(rf"^{told['usageSummary']['total']['events']} events, as of entry \d+$"))).to_be_visible()

    # The feed: nothing more is asked for until one comes to its end.
    feed, shown = page.get_by_role("region", name="Activities"), page.locator("#feed-count")
    for pages in (1, 2, 3):
        expect(shown).to_have_text(f"{pages * 50} shown")
        feed.get_by_text("Loading more…").scroll_into_view_if_needed()
    expect(shown).to_have_text("200 shown")
    sequences = [int(text) for text in feed.locator("tbody td:first-child").all_inner_texts()]
    assert sequences == list(range(sequences[0], sequences[0] - 200, -1))

    # A number, opened to the last of the rows that add up to it.
    page.get_by_role("button", name="Rows of prod_gateway").click()
    rows, count = page.get_by_role("region", name="Rows of prod_gateway"), page.locator("#rows-count")
    whole = told["usageLedger"]["totalCount"]
    for least in range(200, whole, 200):
        expect(count).to_have_text(re.compile(rf"^{least} rows shown"))
        rows.locator("p").scroll_into_view_if_needed()
    expect(count).to_have_text(f"{whole} rows shown, {told['opened']['total']['events']} events")
    expect(rows.locator("p")).to_have_text("That is all.")

    # An export, followed until its file is there.
    page.get_by_role("button", name="Freeze the usage ledger").click()
    made = told["all"]["totalCount"]
    expect(page.get_by_role("status")).to_have_text(f"READY: {made} of {made} rows", timeout=60_000)
    with page.expect_download() as download:
        page.get_by_role("link", name="usage-ledger-as-of-").click()
    download.value.save_as(tmp_path / "ledger.csv")
    assert (tmp_path / "ledger.csv").read_bytes().count(b"\r\n") == made + 1

    assert complaints == []
    assert [url for url in asked if not url.startswith((app, "data:"))] == []
    assert token not in page.content()
    page.close()


@pytest.mark.parametrize("headers", [{"Host": "elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_its_server_lends_the_token_to_no_other_page(app: str, headers: dict[str, str]) -> None:
    body = b'{"query": "{ viewer { account { name } } }"}'
    request = urllib.request.Request(f"{app}/graphql", body, {"Content-Type": "application/json", **headers})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    with refused.value as answer:
        assert (answer.status, answer.read()) == (403, b"for this page alone\n")


def test_it_does_not_compile_once_the_schema_lacks_what_it_asks_for(client: Client) -> None:
    whole = client.schema.read_text()
    try:
        client.schema.write_text(whole.replace("  rowsExpected: ", "  rowsInAll: "))
        done = client.run("npm", "run", "generate")
    finally:
        client.schema.write_text(whole)
    assert done.returncode != 0
    assert "The type `Export` has no field `rowsExpected`" in COLOURS.sub("", done.stdout + done.stderr)
