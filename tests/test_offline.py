"""The zip that opens without a server, and the policy that a site keeps to."""

import json
import os
import re
import zipfile
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tools.offline import SHIM, as_file, write_offline
from tools.policy import hashed, policy

PAGE = """<head><link rel="preload" href="../../f.woff2" as="font">
<link rel="canonical" href="https://example.org/articles/nice/"></head>
<a href="../../labs/nice/#part">lab</a> <a href="#x">here</a> <a href="nice.py">script</a>
<a href="https://example.org/articles/nice/">elsewhere</a>
<script id="__config" type="application/json">{"base": "../..", "features":
["navigation.instant", "toc.follow"]}</script>
<script src="../../assets/before-theme.js" data-then="../../assets/b.js" defer></script>"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    texts = {
        "index.html": "<a href='x'>",
        "404.html": "",
        "articles/nice/index.html": PAGE,
        "labs/nice/index.html": "",
        "assets/site.css": '.a { mask: url("logo.svg") } .b { src: url("f.woff2") }',
        "assets/logo.svg": "<svg/>",
        SHIM: "",
        "search/search_index.json": json.dumps(
            {"docs": [{"location": ""}, {"location": "#top"}, {"location": "labs/nice/#part"}]}
        ),
    }
    for name, text in texts.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)
    return site


@pytest.fixture
def opened(site: Path, tmp_path: Path) -> Path:
    target = tmp_path / "copy.zip"
    write_offline(site, target)
    with zipfile.ZipFile(target) as archive:
        archive.extractall(tmp_path)
    return tmp_path / "derive-and-run"


def test_links_name_files(opened: Path) -> None:
    page = BeautifulSoup((opened / "articles" / "nice" / "index.html").read_text(), "html.parser")
    assert [link["href"] for link in page("a")] == [
        "../../labs/nice/index.html#part",
        "#x",
        "nice.py",
        "https://example.org/articles/nice/",
    ]
    assert not page("link")
    assert [script["src"] for script in page("script", src=True)] == [
        f"../../{SHIM}",
        "../../assets/before-theme.js",
    ]
    settings = json.loads(str(page("script", id="__config")[0].string))
    assert settings == {"base": "../..", "features": ["toc.follow"]}


def test_masks_are_inside_the_stylesheet(opened: Path) -> None:
    css = (opened / "assets" / "site.css").read_text()
    drawing = "data:image/svg+xml;base64,PHN2Zy8+"
    assert css == f'.a {{ mask: url("{drawing}") }} .b {{ src: url("f.woff2") }}'


def test_search_is_a_script_that_leads_to_files(opened: Path) -> None:
    script = (opened / "search" / "search_index.js").read_text()
    index = json.loads(script.removeprefix("var __index = "))
    assert [entry["location"] for entry in index["docs"]] == [
        "./index.html",
        "./index.html#top",
        "./labs/nice/index.html#part",
    ]
    assert not (opened / "404.html").exists()


def test_the_same_site_is_the_same_zip(site: Path, tmp_path: Path) -> None:
    for number, name in enumerate(("one", "two")):
        os.utime(site / "index.html", (10**9, 10**9 + 60 * number))
        write_offline(site, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_missing_shim_is_named(site: Path, tmp_path: Path) -> None:
    (site / SHIM).unlink()
    with pytest.raises(FileNotFoundError, match=r"iframe-worker\.js: search needs it"):
        write_offline(site, tmp_path / "copy.zip")


@pytest.mark.parametrize(
    ("address", "file"),
    [(".", "./index.html"), ("labs/nice", "labs/nice/index.html"), ("?q=1", "?q=1")],
)
def test_folders_become_files(address: str, file: str, site: Path) -> None:
    assert as_file(address, Path("index.html"), site) == file


def test_the_policy_names_each_script_inside_a_page_once(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<script>one()</script><script src="x.js"></script>'
        '<script type="application/ld+json">{}</script><script id="c" type="application/json">{}'
        "</script>"
    )
    (tmp_path / "b.html").write_text("<script>one()</script><script>two()</script>")
    named = re.findall(r"'sha256-[^']*'", policy(tmp_path))
    assert named == sorted([hashed("one()"), hashed("two()")])
    # The example of the specification.
    assert hashed("doSomething();") == "'sha256-RFWPLDbv2BY+rCkDzsE+0fr8ylGr2R2faWMhq4lfEQc='"
