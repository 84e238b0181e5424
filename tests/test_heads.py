"""Heads and feed: what a page says of itself to those who link to it, and the error page."""

import json
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tools.feed import Dates, from_git, write_feed
from tools.heads import LOST_PAGE, describe

PAGE = """<html><head><title>NICE: a flow - Derive & Run</title>
<meta name="description" content="Exact & cheap.">
<link rel="canonical" href="https://example.org/docs/articles/nice/">
</head><body><h1>NICE</h1>
<img width="1" alt="A curve" src="../figures/nice_a.light.svg#only-light">
<img width="1" alt="Two moons" src="../figures/nice_b.light.png#only-light">
</body></html>"""
DATES = Dates("2026-01-02T03:04:05Z", "2026-02-03T04:05:06Z")
NICE = Path("articles/nice/index.html")
ARTICLE = "---\ntitle: A < B\ndescription: D.\n---\n\n# A\n"
ATOM = "{http://www.w3.org/2005/Atom}"


def soup(page: str) -> BeautifulSoup:
    return BeautifulSoup(page, "html.parser")


def test_an_article_says_what_it_is() -> None:
    page = describe(PAGE, NICE, DATES, has_feed=True)
    said = {
        str(tag.get("property") or tag.get("name")): tag["content"] for tag in soup(page)("meta")
    }
    assert said == {
        "description": "Exact & cheap.",
        "og:type": "article",
        "og:site_name": "Derive & Run",
        "og:title": "NICE: a flow",
        "og:description": "Exact & cheap.",
        "og:url": "https://example.org/docs/articles/nice/",
        "og:image": "https://example.org/docs/articles/figures/nice_b.light.png",
        "og:image:alt": "Two moons",
        "twitter:card": "summary_large_image",
    }
    (feed,) = soup(page).select('link[rel="alternate"]')
    assert feed["href"] == "../../feed.xml"
    assert describe(page, NICE, DATES, has_feed=True) == page
    assert not soup(describe(PAGE, NICE, DATES, has_feed=False)).select('link[rel="alternate"]')


def test_an_article_is_dated_in_its_data() -> None:
    page = describe(PAGE, NICE, DATES, has_feed=False)
    (data,) = soup(page).select('script[type="application/ld+json"]')
    facts = json.loads(str(data.string))
    assert facts["@type"] == "TechArticle"
    assert facts["headline"] == "NICE: a flow"
    assert (facts["datePublished"], facts["dateModified"]) == DATES


def test_a_page_that_does_not_know_its_address_is_left_alone() -> None:
    page = PAGE.replace("canonical", "icon")
    assert describe(page, NICE, DATES, has_feed=True) == page


def test_the_error_page_leads_back_and_is_not_found() -> None:
    logo = '<a href="/docs/." title="t" class="md-header__button md-logo">x</a>'
    page = f"<html><head></head>{logo}<h1>404 - Not found</h1></html>"
    lost = describe(page, LOST_PAGE, None, has_feed=True)
    assert describe(lost, LOST_PAGE, None, has_feed=True) == lost
    assert [link["href"] for link in soup(lost).select("p a")] == ["/docs/."]
    assert len(soup(lost).select('meta[content="noindex"]')) == 1
    assert soup(lost).select("h1")[0].text == "There is no such page"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two articles: one of an old commit and a new one, one of a commit between them."""
    root = tmp_path / "repository"
    (root / "docs" / "articles").mkdir(parents=True)
    for when, slug, text in (("01", "nice", "old"), ("02", "svd", ""), ("03", "nice", "new")):
        (root / "docs" / "articles" / f"{slug}.md").write_text(f"{ARTICLE}{text}\n")
        if not (root / ".git").exists():
            subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
        stamp = f"2026-01-{when}T00:00:00+0100"
        commit = ["git", "-c", "user.name=n", "-c", "user.email=e", "commit", "--quiet", "-m", "m"]
        subprocess.run(["git", "add", "."], cwd=root, check=True)
        subprocess.run(
            [*commit, f"--date={stamp}"], cwd=root, check=True, env={"GIT_COMMITTER_DATE": stamp}
        )
    return root


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text('<link rel="canonical" href="https://example.org/docs/">')
    return folder


def test_the_feed_lists_articles_by_their_last_change(repository: Path, site: Path) -> None:
    found = write_feed(repository, site)
    assert found["nice"] == Dates("2025-12-31T23:00:00Z", "2026-01-02T23:00:00Z")
    feed = ET.parse(site / "feed.xml").getroot()
    ids = [entry.findtext(f"{ATOM}id") for entry in feed.iter(f"{ATOM}entry")]
    assert ids == [f"https://example.org/docs/articles/{slug}/" for slug in ("nice", "svd")]
    assert feed.findtext(f"{ATOM}updated") == found["nice"].changed
    assert [each.text for each in feed.iter(f"{ATOM}title")] == ["Derive & Run", "A < B", "A < B"]
    first = (site / "feed.xml").read_bytes()
    write_feed(repository, site)
    assert (site / "feed.xml").read_bytes() == first


def test_dates_of_a_cut_history_are_not_believed(repository: Path, site: Path) -> None:
    (repository / ".git" / "shallow").touch()
    assert from_git(repository) == {}
    assert write_feed(repository, site) == {}
    assert not (site / "feed.xml").exists()


def test_a_date_in_the_front_matter_is_taken(repository: Path, site: Path) -> None:
    (repository / ".git" / "shallow").touch()
    article = repository / "docs" / "articles" / "svd.md"
    article.write_text(ARTICLE.replace("title", "date: 2026-03-04\ntitle"))
    stamp = "2026-03-04T00:00:00Z"
    assert write_feed(repository, site) == {"svd": Dates(stamp, stamp)}
