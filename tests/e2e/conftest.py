"""A real server process with the demo account, and a real browser that can reach nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from scripts.proofs.product import Product, Server

CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Product:
    """`gateway` with a database of its own."""
    return Product(tmp_path_factory.mktemp("product"))


@pytest.fixture(scope="session")
def demo(product: Product) -> Iterator[Server]:
    """The server that `scripts/serve` starts."""
    with product.serving("--demo") as server:
        yield server


@pytest.fixture(scope="session")
def token(product: Product, demo: Server) -> str:
    """The demo account's token."""
    return (product.folder / "demo-token").read_text()


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A headless Chromium, the system's own. Not kept between tests: while it runs, its driver's event loop is the thread's."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.fail("these tests drive a Chromium: on Debian and Ubuntu, sudo apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield started
        started.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where pictures go."""
    return tmp_path
