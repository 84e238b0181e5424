"""Keep what each page was rendered to, so that a build renders only pages that changed.

A page is rendered anew when its text has changed, a file that it includes, or what all pages
depend on: the settings, the pins, the machinery, the list of pages. A page that documents code is
rendered anew when any of that code has changed.
"""

import logging
from functools import lru_cache
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

from tools import notebooks
from tools.documented import announce, documents_code, keep_templates, listening
from tools.kept import code, digest, folder, included, load, machinery, models, outlines, store

LINKS = "links_to_anchors"  # of a page, by the file that they lead to


class _Ears(logging.Handler):
    """Hears whether something is said while a page is rendered."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard = False

    def emit(self, record: logging.LogRecord) -> None:
        self.heard = True


def keep(page: Page, config: MkDocsConfig, files: Files) -> None:
    """Have a page that is about to be rendered take what it was rendered to before, if it can."""
    if page.markdown is None:
        return
    kept = folder("pages") / f"{_key(page, config, files)}.pickle"
    original = page.render

    def render(config: MkDocsConfig, files: Files) -> None:
        if kept.is_file():
            state, announced = load(kept)
            links = state.pop(LINKS) or {}
            vars(page).update(state)
            at = files.src_uris
            page.links_to_anchors = {at[uri]: found for uri, found in links.items()}
            announce(announced, page, config)
            return
        if documents_code(page.markdown or ""):
            keep_templates(config)
        with listening(config) as announced:
            state, is_quiet = _rendered(page, original, config, files)
        if is_quiet:  # or the complaint would be heard once, and never again
            store(kept, (state, announced))

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
    root, text = Path(config.config_file_path).parent, page.markdown or ""
    appended = config.mdx_configs.get("pymdownx.snippets", {}).get("auto_append", [])
    read = [config.config_file_path, "requirements.txt", *appended]
    common, texts = _common(root, tuple(read), files)
    parts = [page.file.src_uri, text, common]
    parts += included(root, text)
    if documents_code(text):
        parts += [*code(texts, text), *outlines(texts)]
    return digest(parts)


@lru_cache(maxsize=1)  # a build has one list of files
def _common(root: Path, names: tuple[str, ...], files: Files) -> tuple[str, dict[str, str]]:
    """Return a name for what all pages depend on, the files named among it, and all models."""
    read = [root / name for name in names]
    texts = [file.read_text("utf-8") if file.is_file() else "" for file in read]
    return digest([machinery(), *sorted(files.src_uris), *texts]), models(root)
