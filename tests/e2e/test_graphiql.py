"""An explorer opens the pages, runs what stands there, follows, draws and downloads; no request leaves the gateway."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from scripts.proofs.product import Server
from tests.node import FOLDER, ready

WIDE, PHONE = {"width": 1400, "height": 900}, {"width": 390, "height": 844}


@dataclass
class Visit:
    """A page in a browser that reaches the gateway alone, and what it complained of or asked elsewhere."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """The page at that path, once it rests."""
        self.page.goto(f"{self.url}{path}", wait_until="networkidle")
        return self.page

    def choose(self, name: str) -> None:
        """Open the tab with the example of that name."""
        self.page.locator(f'.graphiql-tab-button[title="{name}"]').click()
        expect(self.page.locator(".graphiql-query-editor .view-lines")).to_contain_text(name, timeout=30_000)
        self.page.wait_for_timeout(500)  # GraphiQL follows its editor with a delay, and would name one operation and send another

    def run(self, name: str) -> Any:
        """What the example of that name answers when its button is pressed."""
        self.choose(name)
        # The button shows before the editors behind it are ready, and a click until then does nothing.
        for _ in range(10):
            try:
                # The page asks for the schema too.
                with self.page.expect_response(
                    lambda each: f'"{name}"' in (each.request.post_data or ""), timeout=8_000
                ) as asked:
                    self.page.get_by_role("button", name="Execute query").click()
                return asked.value.json()
            except Exception:
                self.page.wait_for_timeout(500)
        raise AssertionError(f"{name} did not run")


@pytest.fixture
def visit(demo: Server, browser: Browser) -> Iterator[Visit]:
    """A visit at a desk, in light."""
    context = browser.new_context(viewport=WIDE)
    yield visiting(demo, context.new_page())
    context.close()


def visiting(demo: Server, page: Page) -> Visit:
    """The visit that goes with a page."""
    made = Visit(page, demo.url)
    home = (demo.url, "data:", "blob:")
    page.on("request", lambda request: None if request.url.startswith(home) else made.strays.append(request.url))
    page.on("console", lambda message: made.complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: made.complaints.append(str(error)))
    page.context.route("**/*", lambda route: route.continue_() if route.request.url.startswith(demo.url) else route.abort())
    return made


def examples(page: Page) -> dict[str, str]:
    """The examples that the page holds: their names, and what kind of operation each is."""
    config = json.loads(page.locator("#graphiql-config").inner_text() or page.locator("#graphiql-config").text_content() or "")
    found = [re.search(r"^(query|mutation|subscription) (\w+)", tab["query"], re.MULTILINE) for tab in config["tabs"]]
    return {each[2]: each[1] for each in found if each is not None}


@pytest.mark.timeout(300)
def test_every_example_runs_as_it_stands(visit: Visit) -> None:
    page = visit.open("/graphql")
    names = examples(page)
    assert len(names) > 25
    for name, kind in names.items():
        if kind != "subscription":
            answer = visit.run(name)
            assert answer.get("data") is not None, (name, answer)
            assert "errors" not in answer, (name, answer)
    assert (visit.complaints, visit.strays) == ([], [])


def test_the_keys_that_the_first_tab_names_run_it_before_anything_was_clicked(visit: Visit) -> None:
    page = visit.open("/graphql")
    answer = page.locator(".graphiql-response")
    for _ in range(20):  # the page shows before the editors behind it are ready
        page.keyboard.press("Control+Enter")
        try:
            expect(answer).to_contain_text("viewer", timeout=2_000)
            break
        except AssertionError:
            continue
    expect(answer).to_contain_text('"name": "demo"')


def test_a_subscription_shows_what_is_recorded_meanwhile(visit: Visit, demo: Server, token: str) -> None:
    page = visit.open("/graphql")
    visit.choose("FollowActivities")
    answer = page.locator(".graphiql-response")
    for _ in range(20):
        page.get_by_role("button", name="Execute query").click()
        try:
            expect(answer).to_contain_text("cursor", timeout=2_000)
            break
        except AssertionError:
            continue
    mutation = "mutation ($input: UsageEventInput!) { recordUsageEvent(input: $input) { entry { id } errors { message } } }"
    event = {"occurredAt": "2026-11-01T00:00:00Z", "customerId": "seen-by-a-follower", "productId": "p", "quantity": "1"}
    assert demo.graphql(token, mutation, input=event)["recordUsageEvent"]["errors"] == []
    expect(answer).to_contain_text("seen-by-a-follower", timeout=15_000)
    assert (visit.complaints, visit.strays) == ([], [])


def test_an_export_is_followed_to_its_download(visit: Visit, token: str) -> None:
    page = visit.open("/graphql")
    export = visit.run("CreateExport")["data"]["createExport"]["export"]
    page.reload(wait_until="networkidle")
    followed = page.evaluate(
        """async ([query, id, token]) => {
          const answer = await fetch("/graphql", {
            method: "POST",
            headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", Accept: "text/event-stream" },
            body: JSON.stringify({ query, variables: { id } }),
          });
          return answer.text();
        }""",
        ["subscription ($id: ID!) { export(id: $id) { status downloadUrl } }", export["id"], token],
    )
    last = [json.loads(line.removeprefix("data: ")) for line in followed.splitlines() if line.startswith("data: {")][-1]
    assert last["data"]["export"]["status"] == "READY"
    size = page.evaluate(
        """async ([url, token]) => {
          const answer = await fetch(url, { headers: { Authorization: `Bearer ${token}` } });
          return (await answer.arrayBuffer()).byteLength;
        }""",
        [last["data"]["export"]["downloadUrl"], token],
    )
    assert size == int(export["size"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, PHONE], ids=["desk", "phone"])
def test_an_answer_is_drawn_and_tabled_by_keyboard(scheme: Any, width: Any, demo: Server, browser: Browser) -> None:
    context = browser.new_context(viewport=width, color_scheme=scheme)
    visit = visiting(demo, context.new_page())
    page = visit.open("/graphql")
    answer = visit.run("UsageByProduct")["data"]["usageSummary"]["groups"]["edges"]
    look = page.get_by_role("button", name="Look at the answer as a chart and a table")
    look.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("img")).to_be_visible()
    rows = dialog.locator("tbody tr")
    expect(rows).to_have_count(len(answer))
    expect(dialog.locator("tbody")).to_contain_text(answer[0]["node"]["productId"])
    box = dialog.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width["width"]
    assert faults(page, "dialog") == []
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert (visit.complaints, visit.strays) == ([], [])
    context.close()


def test_the_tour_leads_to_its_tabs_and_no_line_of_an_example_is_cut_off(visit: Visit) -> None:
    page = visit.open("/graphql")
    tour = page.locator(".panel")
    for name in ("FollowActivities", "RecordUsageEvent", "CreateExport", "Drift", "Proofs"):
        tour.get_by_role("button", name=name).click()
        expect(page.locator(f'.graphiql-tab-active .graphiql-tab-button[title="{name}"]')).to_be_visible()
    visit.choose("WhoAmI")
    expect(page.locator(".graphiql-editors .view-lines").first).to_contain_text("Run this with")
    lines = page.locator(".graphiql-editors .view-lines").first.locator(".view-line > span")
    edge = page.locator(".graphiql-editors .monaco-scrollable-element").first.bounding_box()
    assert edge is not None
    ends = lines.evaluate_all("lines => lines.map((each) => each.getBoundingClientRect().right)")
    assert len(ends) > 10
    assert max(ends) <= edge["x"] + edge["width"]
    assert faults(page, ".panel") == []
    assert (visit.complaints, visit.strays) == ([], [])


def test_a_chart_names_the_days_of_the_zone_that_was_asked_in(visit: Visit) -> None:
    page = visit.open("/graphql")
    first = visit.run("DailyUsage")["data"]["usageSummary"]["groups"]["edges"][0]["node"]["bucketStart"]
    page.get_by_role("button", name="Look at the answer as a chart and a table").click()
    day = datetime.fromisoformat(first).astimezone(ZoneInfo("Europe/Berlin")).date().isoformat()
    assert day != first[:10]
    expect(page.get_by_role("dialog").locator("svg").get_by_text(day)).to_be_visible()
    expect(page.get_by_role("dialog").locator("figcaption")).to_contain_text("days of Europe/Berlin")


@pytest.mark.parametrize("path", ["/", "/readme"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_our_own_pages_have_no_serious_fault(path: str, scheme: Any, demo: Server, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE, color_scheme=scheme)
    visit = visiting(demo, context.new_page())
    page = visit.open(path)
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert (visit.complaints, visit.strays) == ([], [])
    context.close()


def test_the_reference_shows_every_operation_from_this_origin_alone(visit: Visit) -> None:
    page = visit.open("/reference")
    expect(page.get_by_text("/api/v1/usage-events").first).to_be_visible(timeout=60_000)
    expect(page.get_by_text("/v1/client/usage-report").first).to_be_visible()
    assert faults(page) == []
    page.get_by_text("/api/v1/usage-events").first.click()
    expect(page).to_have_url(re.compile("#/Recording/"))
    assert (visit.complaints, visit.strays) == ([], [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_editor_has_no_serious_fault_and_says_which_tab_is_open(scheme: Any, demo: Server, browser: Browser) -> None:
    context = browser.new_context(viewport=WIDE, color_scheme=scheme)
    visit = visiting(demo, context.new_page())
    page = visit.open("/graphql")
    visit.choose("UsageByProduct")
    assert faults(page) == []
    assert page.locator('.graphiql-tabs [aria-current="true"]').all_inner_texts() == ["UsageByProduct"]
    context.close()


def test_the_panels_have_no_serious_fault_and_take_a_key(visit: Visit, token: str) -> None:
    page = visit.open("/graphql")
    page.get_by_role("button", name=re.compile("Key")).first.click()
    expect(page.get_by_role("status")).to_contain_text("demo account's key")
    assert faults(page, ".panel") == []
    page.get_by_role("button", name="Forget it").click()
    answer = visit.run("WhoAmI")
    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHORIZED"
    page.get_by_label(re.compile("A key, as")).fill(token)
    page.get_by_role("button", name="Use this key").click()
    assert visit.run("WhoAmI")["data"]["viewer"]["account"]["name"] == "demo"


def test_the_token_stands_in_the_page_of_the_demo_alone(demo: Server, token: str, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(f"{demo.url}/graphql")
    assert token in page.content()
    page.close()


def faults(page: Page, within: str = "html") -> list[str]:
    """The serious faults that axe finds there."""
    ready()
    page.evaluate((FOLDER / "node_modules/axe-core/axe.min.js").read_text())
    found = page.evaluate("(within) => axe.run(within, { resultTypes: ['violations'] })", within)
    return [
        f"{each['id']}: {each['nodes'][0]['html']}" for each in found["violations"] if each["impact"] in ("serious", "critical")
    ]
