"""The browser and the windows that the tests of the built site share."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Literal
from urllib.parse import urlsplit

import pytest
from built import SITE, SITE_URL
from playwright.sync_api import Browser, sync_playwright
from reader import Reader, serve

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--every-page",
        action="store_true",
        help="open the API pages too that differ from their like in words alone",
    )


def pytest_configure() -> None:
    if not (SITE / "index.html").is_file():
        raise pytest.UsageError(
            "these tests read site/, which is not there: run `make build` first"
        )


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Serve the site where `site_url` says, if that port is free."""
    with serve(urlsplit(SITE_URL).port or 0) as address:
        yield address


@pytest.fixture(scope="session")
def slow_server() -> Iterator[str]:
    """Serve the site with fonts and pictures that come late, as they do from afar."""
    with serve(0, delay=0.2) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium once. A machine without it fails: these tests are no option."""
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if not path:
        pytest.fail("no browser here: install Debian's package `chromium`", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def reading(browser: Browser, server: str) -> Callable[..., AbstractContextManager[Reader]]:
    """Open a window: `with reading(width=390, scheme="dark", scripts=False) as reader:`.

    Whatever went wrong in it fails the test that closes it.
    """

    @contextmanager
    def window(
        *,
        width: int = 1440,
        scheme: Literal["light", "dark"] = "light",
        scripts: bool = True,
        address: str = server,
    ) -> Iterator[Reader]:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            java_script_enabled=scripts,
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(30_000)
        reader = Reader(context, address, scheme, scripts=scripts)
        try:
            yield reader
        finally:
            context.close()
        assert not reader.complaints, "\n".join(reader.complaints)

    return window
