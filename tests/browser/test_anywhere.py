"""The site works wherever it is put: under any path, in a folder, behind a strict policy."""

import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import probes
from built import SITE, SLUGS
from playwright.sync_api import Page
from reader import Handler, Reader, follow, rare_word, serve

from tools.offline import FOLDER, write_offline
from tools.policy import policy

Window = Callable[..., AbstractContextManager[Reader]]
SLUG = SLUGS[0]
BELOW = "a/b/"
POLICY = "Content-Security-Policy"


class Below(Handler):
    """Serves the site under a path, and nothing else; the sitemap says otherwise."""

    def do_GET(self) -> None:  # noqa: N802
        if not self.path.startswith(f"/{BELOW}"):
            self.send_error(404)
            return
        self.path = self.path.removeprefix(f"/{BELOW.rstrip('/')}")
        SimpleHTTPRequestHandler.do_GET(self)


class Guarded(Handler):
    """Serves the site with the policy that it says to keep to."""

    header = policy(SITE)

    def end_headers(self) -> None:
        self.send_header(POLICY, self.header)
        super().end_headers()


def test_an_article_works_under_any_path(reading: Window) -> None:
    """Equations, figures, copies to take home, search and links."""
    with serve(0, handler=Below) as address, reading(address=address + BELOW) as reader:
        page = reader.open(f"articles/{SLUG}/")
        check_content(page)
        for link in page.locator(".take-home a[href]").all():
            got = page.evaluate("async a => (await fetch(a)).status", link.get_attribute("href"))
            assert got == 200
        search(reader, f"articles/{SLUG}/")
        reader.open("")
        follow(reader, f"articles/{SLUG}/")
        follow(reader, f"labs/{SLUG}/")


def test_an_article_opens_from_a_folder(reading: Window, tmp_path: Path) -> None:
    """What `make offline` writes: nothing is asked of a host, and search works."""
    write_offline(SITE, tmp_path / "site.zip")
    with zipfile.ZipFile(tmp_path / "site.zip") as archive:
        archive.extractall(tmp_path)
    with reading(address=f"{(tmp_path / FOLDER).as_uri()}/") as reader:
        page = reader.open("index.html")
        link = page.locator(f'article a[href="articles/{SLUG}/index.html"]').first
        link.click()
        page.wait_for_url(f"{reader.server}articles/{SLUG}/index.html")
        check_content(page)
        search(reader, f"articles/{SLUG}/index.html")


def test_an_article_keeps_to_the_policy(reading: Window) -> None:
    """A breach is an error on the console, which fails the test that closes the window."""
    with serve(0, handler=Guarded) as address, reading(address=address, scheme="dark") as reader:
        page = reader.open("")
        assert page.evaluate(f"fetch('').then(page => page.headers.get('{POLICY}'))")
        follow(reader, f"articles/{SLUG}/")
        check_content(page)
        page.locator("label[for^=__palette_]:visible").first.click()
        search(reader, f"articles/{SLUG}/")


def check_content(page: Page) -> None:
    """See that equations have their glyphs and pictures are there."""
    page.evaluate(probes.UNFOLD)
    page.evaluate(probes.SCROLL)
    page.wait_for_function(f"!({probes.EQUATIONS})().length", timeout=10_000)
    for figure in page.evaluate(probes.FIGURES):
        assert figure["loaded"] or not figure["shown"], figure
    assert page.evaluate("getComputedStyle(document.body).getPropertyValue('--paper')").strip()


def search(reader: Reader, path: str) -> None:
    """Search a word from anywhere and follow the first result to its page."""
    word, page = rare_word(f"articles/{SLUG}/"), reader.page
    page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
    page.locator(".md-search__input").click()
    page.keyboard.type(word)
    result = page.locator(f'.md-search-result__item a[href*="?h={word}"]').first
    result.wait_for()
    assert result.evaluate("link => link.href").startswith(reader.server + path)
    result.click()
    page.locator(".md-content article").get_by_text(word).first.wait_for()
