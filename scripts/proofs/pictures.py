"""The pictures of the README: GraphiQL and an answer drawn, of the demo in a real browser. Called by scripts/pictures."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from scripts.proofs.product import Product

DOCS = Path(__file__).parents[2] / "docs"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def main() -> None:
    """Take them."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("pictures: a Chromium is needed: on Debian and Ubuntu, sudo apt-get install chromium")
    DOCS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Product(Path(folder)).serving("--demo") as demo, sync_playwright() as driver:
        page = driver.chromium.launch(executable_path=browser, args=FLAGS).new_page(viewport={"width": 1280, "height": 760})
        page.goto(f"{demo.url}/graphql", wait_until="networkidle")
        page.wait_for_selector(".graphiql-tab-button")
        page.wait_for_timeout(3_000)
        page.locator('.graphiql-tab-button[title="DailyUsage"]').click()
        page.wait_for_timeout(1_000)
        page.get_by_role("button", name="Execute query").click()
        page.wait_for_timeout(3_000)
        page.screenshot(path=DOCS / "graphiql.png")
        page.get_by_role("button", name="Look at the answer as a chart and a table").click()
        page.wait_for_timeout(500)
        page.get_by_role("dialog").screenshot(path=DOCS / "chart.png")
    for picture in DOCS.glob("*.png"):
        with Image.open(picture) as image:
            image.convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(picture, optimize=True)
    print(*sorted(each.name for each in DOCS.glob("*.png")))


if __name__ == "__main__":
    main()
