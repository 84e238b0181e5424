"""Keep what each page was rendered to, so that a build renders only pages that changed.

A page is rendered anew when its text has changed, a file that it includes, or what all pages
depend on: the settings, the pins, the machinery, the list of pages. Pages that document code are
rendered each time, because the plugins that link to them listen in.
"""

import hashlib
import logging
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

from tools import notebooks

CACHE = Path(__file__).parents[1] / ".cache"
INCLUSION = re.compile(r'^\s*-{1,}8<-{1,} +"([^":]+)', re.M)
LINKS = "links_to_anchors"  # of a page, by the file that they lead to


class _Ears(logging.Handler):
    """Hears whether something is said while a page is rendered."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard = False

    def emit(self, record: logging.LogRecord) -> None:
        self.heard = True


def folder(name: str) -> Path:
    """Return a folder of what builds keep, after making sure that it is there."""
    (CACHE / name).mkdir(parents=True, exist_ok=True)
    return CACHE / name


def keep(page: Page, config: MkDocsConfig, files: Files) -> None:
    """Have a page that is about to be rendered take what it was rendered to before, if it can."""
    if page.markdown is None or "\n::: " in f"\n{page.markdown}":
        return
    kept = folder("pages") / f"{_key(page, config, files)}.pickle"
    original = page.render

    def render(config: MkDocsConfig, files: Files) -> None:
        if kept.is_file():
            state = pickle.loads(kept.read_bytes())
            links = state.pop(LINKS) or {}
            vars(page).update(state)
            at = files.src_uris
            page.links_to_anchors = {at[uri]: found for uri, found in links.items()}
            return
        state, is_quiet = _rendered(page, original, config, files)
        if is_quiet:  # or the complaint would be heard once, and never again
            kept.write_bytes(pickle.dumps(state))

    page.render = render


def _rendered(
    page: Page, original: Any, config: MkDocsConfig, files: Files
) -> tuple[dict[str, Any], bool]:
    """Render a page; return what that changed of it, and whether nothing was said meanwhile."""
    before, ears, log = dict(vars(page)), _Ears(), logging.getLogger("mkdocs")
    log.addHandler(ears)
    try:
        original(config, files)
    finally:
        log.removeHandler(ears)
    if page.file.src_path.endswith(".ipynb"):
        page.content = notebooks.clean(page.content or "")
    state = {name: value for name, value in vars(page).items() if before.get(name) is not value}
    links = page.links_to_anchors or {}
    return state | {LINKS: {file.src_uri: found for file, found in links.items()}}, not ears.heard


def _key(page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return a name for the page's content, different for whatever may be rendered differently."""
    root = Path(config.config_file_path).parent
    common = [Path(config.config_file_path), root / "requirements.txt"]
    parts = [page.file.src_uri, page.markdown or "", *sorted(files.src_uris)]
    for file in [*common, *sorted(Path(__file__).parent.glob("*.py"))]:
        parts.append(file.read_text("utf-8") if file.is_file() else "")
    parts += _included(root, page.markdown or "")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _included(root: Path, text: str) -> Iterator[str]:
    """Yield the files that a page includes, and those that they include."""
    for name in INCLUSION.findall(text):
        file = root / name
        if file.is_file():  # else rendering says what is wrong
            inner = file.read_text("utf-8")
            yield inner
            yield from _included(root, inner)
