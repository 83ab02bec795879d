"""An explorer opens GraphiQL, runs what stands there, and sees the demo account answer; no request leaves the gateway."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from scripts.proofs.product import Server


def test_graphiql_opens_offline_and_runs_its_first_query(demo: Server, browser: Browser, token: str) -> None:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    context.route("**/*", lambda route: route.continue_() if route.request.url.startswith(demo.url) else route.abort())
    page.goto(f"{demo.url}/graphql", wait_until="networkidle")
    expect(page.locator(".graphiql-query-editor")).to_contain_text("viewer")
    answer = page.locator(".graphiql-response")
    # The button shows before the editors behind it are ready, and a click until then does nothing.
    for patience in (5_000, 10_000, 30_000):
        page.get_by_role("button", name="Execute query").click()
        try:
            expect(answer).to_contain_text('"demo"', timeout=patience)
            break
        except AssertionError:
            continue
    expect(answer).to_contain_text('"demo"')
    assert [url for url in asked if not url.startswith((demo.url, "data:", "blob:"))] == []
    assert complaints == []
    context.close()


def test_the_token_stands_in_the_page_of_the_demo_alone(demo: Server, token: str, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(f"{demo.url}/graphql")
    assert token in page.content()
    page.close()
