"""Serve the built site, and read it in a window that notes what goes wrong."""

import io
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import probes
import pytest
from built import PAGES, SITE, SITE_URL, as_file, soup, words
from PIL import Image
from playwright.sync_api import BrowserContext, Error, Locator, Page

# Code points without ink: spaces, and operators that are not to be seen.
BLANK = {0x20, 0xA0, *range(0x2000, 0x2010), *range(0x2061, 0x2065)}
INK = 40  # grey levels, of 256, between a glyph and its paper
HEADER = 100  # pixels at the top of a window where nothing is looked for


class Handler(SimpleHTTPRequestHandler):
    """Serves the site; its addresses in the sitemap become those of this server.

    Instant navigation follows only what the sitemap lists.

    Args:
        delay: Seconds that a font or a picture takes to arrive.
    """

    protocol_version = "HTTP/1.1"

    def __init__(self, *request: Any, delay: float) -> None:
        self.delay = delay
        super().__init__(*request, directory=str(SITE))

    def do_GET(self) -> None:
        if re.search(r"\.(woff2?|svg|png|webp)$", self.path):
            time.sleep(self.delay)
        if self.path != "/sitemap.xml":
            super().do_GET()
            return
        sitemap = (SITE / "sitemap.xml").read_text("utf-8")
        content = sitemap.replace(SITE_URL, f"http://{self.headers['Host']}/").encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: a test says what is wrong."""


@contextmanager
def serve(port: int, delay: float = 0, handler: type[Handler] = Handler) -> Iterator[str]:
    """Serve the site and yield its address; a port that is taken is replaced by another."""
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(handler, delay=delay))
    except OSError:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, delay=delay))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


class Reader:
    """Someone reading the site in a window of their own, who notes what goes wrong.

    `files` are those of the site that the window asked for.
    """

    def __init__(self, context: BrowserContext, server: str, scheme: str, *, scripts: bool) -> None:
        self.server, self.scheme, self.scripts, self.opened = server, scheme, scripts, ""
        self.complaints: list[str] = []
        self.files: list[str] = []
        self.page = context.new_page()
        self.page.on("console", lambda said: self._hear(said.type, said.text))
        self.page.on("pageerror", lambda error: self._hear("error", str(error)))
        context.on("request", lambda request: self._see(request.url))
        context.on("response", lambda answer: self._check(answer.url, answer.status))

    def open(self, path: str) -> Page:
        """Load a page and wait until it is complete, fonts and late scripts included."""
        self.opened = self.server + path
        self.page.goto(self.opened, wait_until="load")
        if self.scripts:
            self.page.wait_for_function(probes.STARTED)
        self.page.evaluate("document.fonts.ready.then(() => true)")
        return self.page

    def _hear(self, kind: str, said: str) -> None:
        # Instant navigation takes a page's preloads into a document that has its faces already.
        is_moot = "was preloaded using link preload" in said and self.page.url != self.opened
        if kind in {"error", "warning"} and not is_moot:
            self.complaints.append(f"{self.page.url}: {kind} on the console: {said}")

    def _see(self, address: str) -> None:
        if address.startswith(self.server):
            self.files.append(as_file(re.sub(r"[?#].*", "", address.removeprefix(self.server))))
        elif not address.startswith(("data:", "blob:")):
            self.complaints.append(f"{self.page.url} asks another host for {address}")

    def _check(self, address: str, status: int) -> None:
        if status >= HTTPStatus.BAD_REQUEST:
            self.complaints.append(f"{self.page.url}: {address} answers {status}")


def follow(reader: Reader, path: str) -> None:
    """Click a link to another page, one in the text if there is one, and wait for the page."""
    page, address = reader.page, reader.server + path
    link = page.evaluate_handle(probes.LINK, address).as_element()
    assert link, f"{page.url} has no link to {path} in sight"
    link.click()
    page.wait_for_url(address)
    title = soup(path).select_one("title")
    page.wait_for_function("title => document.title === title", arg=title and title.get_text())


def land(page: Page, link: Locator) -> None:
    """Click a reference and see that its equation is in sight."""
    anchor = str(link.get_attribute("href")).partition("#")[2]
    link.scroll_into_view_if_needed()
    link.click()
    try:
        page.wait_for_function(probes.LANDED, arg=anchor, timeout=15_000)
    except Error:
        pytest.fail(f"{page.url}: the equation {anchor} is not in sight", pytrace=False)


def rare_word(path: str) -> str:
    """Return a long word from the middle of a page that no other page has."""
    elsewhere = " ".join(words(page) for page in PAGES if page != path).lower()
    paragraphs = soup(path).select(".passage > p:not(:has(mjx-container))")
    for paragraph in paragraphs[len(paragraphs) // 3 :]:
        for word in re.findall(r"(?<![\w-])[a-z]{8,}(?![\w-])", paragraph.get_text()):
            if word not in elsewhere:
                return word
    raise AssertionError(f"{path} has no word of its own")


def glyphs_without_ink(page: Page) -> set[str]:
    """Return the classes of glyphs in whose boxes photographs of the page show nothing.

    What one photograph misses is looked for in a second: on a busy machine a window that has just
    scrolled may not have been painted.
    """
    return _inkless(page) and _inkless(page)


def _inkless(page: Page) -> set[str]:
    glyphs = [glyph for glyph in page.evaluate(probes.GLYPHS) if not _code_points(glyph) <= BLANK]
    inkless = set()
    while glyphs:
        top, bottom = page.evaluate(probes.LOOK, glyphs[0]["y"] - HEADER)
        picture = np.asarray(Image.open(io.BytesIO(page.screenshot(type="jpeg"))).convert("L"))
        for glyph in [each for each in glyphs if each["y"] + each["height"] < bottom]:
            glyphs.remove(glyph)
            if np.ptp(_cut(picture, glyph, top)) < INK:
                inkless.add(glyph["name"])
    return inkless


def _code_points(glyph: dict[str, Any]) -> set[int]:
    return {int(code, 16) for code in re.findall(r"mjx-c([0-9A-F]+)", glyph["name"])}


def _cut(picture: np.ndarray, glyph: dict[str, Any], top: float) -> np.ndarray:
    x, y = int(glyph["x"]), int(glyph["y"] - top)
    rows = slice(max(y - 1, 0), y + int(glyph["height"]) + 2)
    return picture[rows, max(x - 1, 0) : x + int(glyph["width"]) + 2]
