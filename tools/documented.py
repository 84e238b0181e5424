"""Keep what pages that document code announce, so that they need not be rendered to announce it.

While it renders such a page, mkdocstrings tells the plugin of cross-references where each object
stands, and enters it into the site's inventory. A page that is taken as it was does the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.pages import Page
from mkdocstrings import Inventory, InventoryItem

from tools.kept import templates

DIRECTIVE = "\n::: "


class Announced(NamedTuple):
    """What a page announced: anchors, as the arguments that they came with, and entries."""

    anchors: list[tuple[tuple[Any, ...], dict[str, Any]]]
    entries: list[dict[str, Any]]


def documents_code(text: str) -> bool:
    """Whether a page's Markdown asks mkdocstrings for something."""
    return DIRECTIVE in f"\n{text}"


def keep_templates(config: MkDocsConfig) -> None:
    """Keep what mkdocstrings compiles of its templates from one build to the next."""
    if "mkdocstrings" in config.plugins:
        _handlers(config).get_handler("python").env.bytecode_cache = templates()


@contextmanager
def listening(config: MkDocsConfig) -> Iterator[Announced]:
    """Note what is announced meanwhile."""
    announced = Announced([], [])
    if "mkdocstrings" not in config.plugins:
        yield announced
        return
    handlers = _handlers(config)
    references: Any = config.plugins["autorefs"]
    register, inventory = references.register_anchor, handlers.inventory

    def note(page: Page, *arguments: Any, **named: Any) -> None:
        announced.anchors.append((arguments, named))
        register(page, *arguments, **named)

    references.register_anchor = note
    handlers.inventory = Inventory()
    try:
        yield announced
    finally:
        announced.entries.extend(vars(item) for item in handlers.inventory.values())
        handlers.inventory = inventory
        del references.register_anchor
        _enter(inventory, announced.entries)


def announce(announced: Announced, page: Page, config: MkDocsConfig) -> None:
    """Announce again what a page announced when it was rendered."""
    if not announced.anchors:
        return
    handlers = _handlers(config)
    references: Any = config.plugins["autorefs"]
    handlers.get_handler("python")  # whose style and inventory are written if it was seen
    for arguments, named in announced.anchors:
        references.register_anchor(page, *arguments, **named)
    _enter(handlers.inventory, announced.entries)


def _handlers(config: MkDocsConfig) -> Any:
    return config.plugins["mkdocstrings"].handlers  # pyright: ignore[reportAttributeAccessIssue]


def _enter(inventory: Inventory, entries: list[dict[str, Any]]) -> None:
    """Enter objects as mkdocstrings does: a second name never takes the place of a first."""
    for entry in entries:
        if entry["priority"] == 1 or entry["name"] not in inventory:
            inventory[entry["name"]] = InventoryItem(**entry)
