"""What search reads of a page is kept, and read again when the page changes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tools import kept
from tools.sections import keep_sections


class Index:
    """Stands for the index of Material's search plugin; notes which pages it reads."""

    def __init__(self) -> None:
        self.entries: list[dict[str, str]] = []
        self.read: list[str] = []

    def add_entry_from_context(self, page: Any) -> None:
        self.read.append(page.url)
        self.entries += [{"location": page.url, "text": page.content}]


def page(**changes: Any) -> Any:
    return SimpleNamespace(
        **{"url": "a/", "title": "A", "meta": {}, "toc": "", "content": "x"} | changes
    )


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "CACHE", tmp_path)


def built(*pages: Any) -> Index:
    index = Index()
    plugin = SimpleNamespace(search_index=index)
    keep_sections(cast(Any, SimpleNamespace(plugins={"material/search": plugin})))
    for each in pages:
        index.add_entry_from_context(each)
    return index


def test_an_unchanged_page_is_not_read_again() -> None:
    first = built(page(), page(url="b/"))
    again = built(page(), page(url="b/"))
    assert first.read == ["a/", "b/"]
    assert again.read == []
    assert again.entries == first.entries


@pytest.mark.parametrize(
    "change",
    [{"content": "y"}, {"title": "B"}, {"toc": "T - #t"}, {"meta": {"tags": ["t"]}}, {"url": "c/"}],
)
def test_a_change_is_read(change: dict[str, Any]) -> None:
    built(page())
    assert len(built(page(**change)).read) == 1


def test_a_site_without_search_is_left_alone() -> None:
    keep_sections(cast(Any, SimpleNamespace(plugins={})))
