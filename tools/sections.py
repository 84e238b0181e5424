"""Keep what search finds on each page: reading the HTML of all pages is half of a rebuild."""

import json
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.pages import Page

from tools.kept import kept

PLUGINS = ("material/search", "search")


def keep_sections(config: MkDocsConfig) -> None:
    """Have the search plugin read again only pages that have changed.

    Called once a build, after the plugin has made its index.
    """
    plugin: Any = next((config.plugins[name] for name in PLUGINS if name in config.plugins), None)
    index: Any = getattr(plugin, "search_index", None)
    if not hasattr(index, "add_entry_from_context"):  # MkDocs' own plugin calls it otherwise
        return
    original = index.add_entry_from_context

    def read(page: Page) -> list[dict[str, Any]]:
        before = len(index.entries)
        original(page)
        found, index.entries[before:] = index.entries[before:], []
        return found

    def add(page: Page) -> None:
        meta = json.dumps(page.meta, sort_keys=True, default=str)
        parts = [page.url, str(page.title), meta, str(page.toc), page.content or ""]
        index.entries += kept("sections", parts, lambda: read(page))

    index.add_entry_from_context = add
