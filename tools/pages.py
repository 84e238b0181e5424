"""Small mends to every built page: image sizes, take-home links, names for screen readers."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.pictures import Picture
from tools.typeset import relative

FONTS = tuple(
    f"source-{face}.woff2"
    for face in ("serif-4-roman", "serif-4-italic", "serif-4-display", "code-pro")
)
FONT_FOLDER = "assets/vendor/fonts"
PRELOADED = tuple(f"{FONT_FOLDER}/{font}" for font in FONTS)
IMAGE = re.compile(r'<img\b(?![^>]*\bwidth=)[^>]*\bsrc="(?P<src>[^"#:]+)(?:#[^"]*)?"[^>]*>')
DARK = (
    'matchMedia("(prefers-color-scheme: dark)").matches&&'
    'Object.keys(localStorage).every(key=>!key.endsWith("__palette"))&&'
    'document.body.setAttribute("data-md-color-scheme","slate")'
)
# What scripts need has its place before the theme's script, which comes later, says that it runs.
# Text is invisible while its faces may still arrive, a moment at most, and shows without those that
# are late: it has its place from the start. (`font-display: optional` says the same, but on a busy
# machine Chromium was seen to put in a face a second later.)
FACES = ("Derive Serif", "Derive Display", "Derive Ampersand", "Derive Mono", "MJXZERO")
LOADS = ",".join(
    f'document.fonts.load("{face}","&")'
    for face in (*(f"1em {face}" for face in FACES), "italic 1em Derive Serif")
)
# States of the page are attributes of its root: a class that comes or goes there has the style of
# the whole page computed anew, for the sake of `table:not([class])`. So the class that the theme
# will set is there from the start.
SETTLE = (
    '(root=>{root.className="js js-focus-visible";'
    'root.toggleAttribute("data-arriving",!!location.hash);'
    'root.toggleAttribute("data-settling",true);'
    f"Promise.race([Promise.all([{LOADS}]),new Promise((_,late)=>setTimeout(late,150))])"
    '.catch(()=>root.toggleAttribute("data-late"))'
    '.finally(()=>root.removeAttribute("data-settling"))'
    "})(document.documentElement)"
)
BUNDLE = re.compile(r'<script src="(?P<root>[^"]*)assets/javascripts/bundle\.[^"]*">')
SCRIPT = re.compile(r'\s*<script src="([^"]*)"[^>]*></script>')
BEFORE = "assets/before-theme.js"
# From a brace on: from everywhere takes a hundred times as long.
SWITCHING = re.compile(r"(?<![^{}])[^{}]*\[data-md-color-switching\][^{}]*\{[^{}]*\}")
CELL = re.compile(r"<td\b.*?</td>", re.S)
NAME = re.compile(r"<code>[^<]*</code>")
RANGE = re.compile(r"(?<=\d) (±|to) (?=\d)")
TAKE_HOME = {".ipynb": "Notebook", ".py": "Script", ".md": "Markdown"}


def mend_sheets(site: Path) -> None:
    """Mend the theme's stylesheets in a built site, in place."""
    for sheet in site.glob("assets/stylesheets/*.css"):
        # A rule for all elements: the browser computes the style of all when the theme starts.
        sheet.write_text(SWITCHING.sub("", sheet.read_text("utf-8")), "utf-8")


def mend(
    page: str,
    path: Path,
    pictures: Mapping[str, Picture],
    copies: Sequence[str],
    preloaded: Sequence[str],
) -> str:
    """Mend a page. A second run changes nothing.

    Args:
        page: The page.
        path: Where it is in the site.
        pictures: Those that it shows.
        copies: The files beside it that can be taken home.
        preloaded: Which of `PRELOADED` the site has.
    """
    page = add_take_home(size_images(page, pictures), copies)
    page = hold_together(name_parts(preload_fonts(page, path, preloaded)))
    return hold_theme(prepare_paint(correct(page)))


def size_images(page: str, pictures: Mapping[str, Picture]) -> str:
    """Give images their size, so that nothing moves when they arrive."""

    def sized(match: re.Match[str]) -> str:
        if match["src"] not in pictures:
            return match[0]
        width, height = pictures[match["src"]][:2]
        return match[0].replace("<img", f'<img width="{width:.0f}" height="{height:.0f}"', 1)

    return IMAGE.sub(sized, page)


def copies_of(site: Path, path: Path) -> list[str]:
    """Return the files beside a page of a built site that can be taken home."""
    copies = (site / path.with_name(path.parent.name + suffix) for suffix in TAKE_HOME)
    return [copy.name for copy in copies if copy.is_file()]


def add_take_home(page: str, copies: Sequence[str]) -> str:
    """Link the copies of a page that can be taken home, under its title."""
    if not copies or 'class="take-home"' in page:
        return page
    links = "".join(
        f'<li><a href="{copy}" download>{TAKE_HOME[Path(copy).suffix]}</a></li>' for copy in copies
    )
    for twin in (copy for copy in copies if copy.endswith(".md")):
        links += (
            f'<li><button type="button" class="copy-page" data-source="{twin}" '
            'aria-live="polite">Copy as Markdown</button></li>'
        )
    row = f'<ul class="take-home" aria-label="Take this page home">{links}</ul>'
    return page.replace("</h1>", f"</h1>\n{row}", 1)


def preload_fonts(page: str, path: Path, preloaded: Sequence[str]) -> str:
    """Have the faces of the text fetched before the stylesheet asks for them."""
    links = "".join(
        f'<link rel="preload" href="{relative(path, font)}" '
        'as="font" type="font/woff2" crossorigin>\n'
        for font in preloaded
    )
    # The error page is served from any depth: it has no relative address that holds.
    if path == Path("404.html") or not links or links in page:
        return page
    return page.replace("</title>", f"</title>\n{links}", 1)


def hold_theme(page: str) -> str:
    """Have the theme's script, and ours after it, wait until the page is painted."""
    theme = BUNDLE.search(page)
    if not theme:
        return page
    rest = page[theme.start() :]
    scripts = SCRIPT.findall(rest)
    tag = f'<script src="{theme["root"]}{BEFORE}" data-then="{" ".join(scripts)}" defer></script>'
    return page[: theme.start()] + tag + SCRIPT.sub("", rest)


def name_parts(page: str) -> str:
    """Name what the theme leaves without a name, and let keys reach tables, which may scroll."""
    return page.replace("<table>", '<table tabindex="0">').replace(
        'data-md-component="search" role="dialog">',
        'data-md-component="search" role="dialog" aria-label="Search">',
    )


def hold_together(page: str) -> str:
    """Keep a mean and its spread on one line of a cell, and break names between their words."""

    def held(cell: re.Match[str]) -> str:
        text = RANGE.sub("\u00a0\\1\u00a0", cell[0])
        return NAME.sub(lambda name: re.sub(r"([_.])(?=[a-z])", r"\1<wbr>", name[0]), text)

    return CELL.sub(held, page)


def correct(page: str) -> str:
    """Drop attributes of the theme that HTML does not know where they stand."""
    page = re.sub(r'(<input\b[^>]*type="checkbox"[^>]*?) autocomplete="off"', r"\1", page)
    return page.replace(' tabindex=""', "")


def prepare_paint(page: str) -> str:
    """Have the first paint of a first visit dark where the system is, and in its final place."""
    script = f"<script>{DARK};{SETTLE}</script>"
    if script in page:
        return page
    return re.sub(r"<body\b[^>]*>", lambda body: f"{body[0]}\n{script}", page, count=1)
