"""What a page was rendered to is kept, and used again exactly as long as nothing changes it."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from mkdocs.config import load_config
from mkdocs.structure.files import get_files
from mkdocs.structure.pages import Page

from tools import kept, rendering

PAGE = '# Title\n\nText of [b](b.md#there).\n\n## Part\n\n--8<-- "snippets/part.py:region"\n'
SETTINGS = (
    "site_name: Test\nvalidation: {links: {anchors: warn}}\n"
    "markdown_extensions:\n  - toc\n  - pymdownx.snippets: {base_path: ['.']}\n"
)
KEPT = ("content", "title", "present_anchor_ids")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "CACHE", tmp_path / "cache")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "mkdocs.yml", SETTINGS)
    write(tmp_path / "requirements.txt", "markdown==1\n")
    write(tmp_path / "docs" / "a.md", PAGE)
    write(tmp_path / "docs" / "b.md", "# There\n")
    write(tmp_path / "snippets" / "part.py", "# --8<-- [start:region]\nx = 1\n")
    return tmp_path


@pytest.fixture
def build(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[Page, int]]:
    """Read and render docs/a.md as a build does; say whether Markdown had to be converted."""
    rendered, original = [], Page.render

    def render(page: Page, *arguments: object) -> None:
        rendered.append(page)
        original(page, *arguments)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(Page, "render", render)

    def once() -> tuple[Page, int]:
        rendered.clear()
        config = load_config(str(root / "mkdocs.yml"))
        files = get_files(config)
        page = Page(None, files.src_uris["a.md"], config)
        page.read_source(config)
        rendering.keep(page, config, files)
        page.render(config, files)
        return page, len(rendered)

    return once


def write(file: Path, text: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, "utf-8")


def test_an_unchanged_page_is_taken_as_it_was(build: Callable[[], tuple[Page, int]]) -> None:
    first, rendered = build()
    assert rendered == 1
    again, rendered = build()
    assert rendered == 0
    assert "x = 1" in str(first.content)
    assert [getattr(again, name) for name in KEPT] == [getattr(first, name) for name in KEPT]
    assert str(again.toc) == str(first.toc) == "Title - #title\n    Part - #part\n"
    links = [
        {file.src_uri: anchors for file, anchors in (page.links_to_anchors or {}).items()}
        for page in (first, again)
    ]
    assert links == [{"b.md": {"there": "b.md#there"}}] * 2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("docs/a.md", PAGE + "\nMore.\n"),
        ("docs/c.md", "# A third page\n"),
        ("snippets/part.py", "# --8<-- [start:region]\nx = 2\n"),
        ("requirements.txt", "markdown==2\n"),
        ("mkdocs.yml", SETTINGS + "  - tables\n"),
    ],
)
def test_any_change_renders_anew(
    name: str, text: str, root: Path, build: Callable[[], tuple[Page, int]]
) -> None:
    build()
    write(root / name, text)
    page, rendered = build()
    assert rendered == 1
    assert ("x = 2" in str(page.content)) == (name == "snippets/part.py")


def test_a_complaint_is_heard_in_each_build(
    root: Path, build: Callable[[], tuple[Page, int]], caplog: pytest.LogCaptureFixture
) -> None:
    write(root / "docs" / "a.md", "A link to [nowhere](nowhere.md).\n")
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "mkdocs"):
            _, rendered = build()
        assert rendered == 1
        assert "nowhere.md" in caplog.text


def test_documentation_of_code_is_rendered_anew_when_any_code_changes(
    root: Path, build: Callable[[], tuple[Page, int]]
) -> None:
    write(root / "docs" / "a.md", "# API\n\n::: snippets.nice\n")
    assert [build()[1], build()[1]] == [1, 0]
    write(root / "snippets" / "other.py", "from snippets import nice\n")
    assert [build()[1], build()[1]] == [1, 0]
