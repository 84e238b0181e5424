"""Small mends to every built page: image sizes, take-home links, names for screen readers."""

import html
import re
from pathlib import Path

from PIL import Image

from tools.typeset import relative

FONTS = tuple(
    f"source-{face}.woff2"
    for face in ("serif-4-roman", "serif-4-italic", "serif-4-display", "code-pro")
)
MATHS = "assets/mathjax/fonts.css"
FONT_FOLDER = "assets/vendor/fonts"
IMAGE = re.compile(r'<img\b(?![^>]*\bwidth=)[^>]*\bsrc="(?P<src>[^"#:]+)(?:#[^"]*)?"[^>]*>')
DARK = (
    'matchMedia("(prefers-color-scheme: dark)").matches&&'
    'Object.keys(localStorage).every(key=>!key.endsWith("__palette"))&&'
    'document.body.setAttribute("data-md-color-scheme","slate")'
)
# Text is invisible while its faces may still arrive, a moment at most, and shows without those that
# are late: it has its place from the start. (`font-display: optional` says the same, but on a busy
# machine Chromium was seen to put in a face a second later.)
FACES = ("Derive Serif", "Derive Display", "Derive Ampersand", "Derive Mono", "MJXZERO")
LOADS = ",".join(
    f'document.fonts.load("{face}","&")'
    for face in (*(f"1em {face}" for face in FACES), "italic 1em Derive Serif")
)
SETTLE = (
    '(classes=>{classes.add("settling");'
    f"Promise.race([Promise.all([{LOADS}]),new Promise((_,late)=>setTimeout(late,150))])"
    '.catch(()=>classes.add("late")).finally(()=>classes.remove("settling"))'
    "})(document.documentElement.classList)"
)
BUNDLE = re.compile(r'<script src="(?P<root>[^"]*)assets/javascripts/bundle\.[^"]*">')
BEFORE = "assets/before-theme.js"
SWITCHING = re.compile(r"[^{}]*\[data-md-color-switching\][^{}]*\{[^{}]*\}")
TAKE_HOME = {".ipynb": "Notebook", ".py": "Script", ".md": "Markdown"}


def mend_pages(site: Path) -> None:
    """Mend every page of a built site, in place. A second run changes nothing."""
    for sheet in site.glob("assets/stylesheets/*.css"):
        # A rule for all elements: the browser computes the style of all when the theme starts.
        sheet.write_text(SWITCHING.sub("", sheet.read_text("utf-8")), "utf-8")
    for file in site.rglob("*.html"):
        page = file.read_text("utf-8")
        path = file.relative_to(site)
        mended = add_take_home(size_images(page, file), file)
        mended = prepare_paint(correct(name_parts(preload_fonts(mended, path, site))))
        mended = hold_theme(mended)
        if mended != page:
            file.write_text(mended, "utf-8")


def size_images(page: str, file: Path) -> str:
    """Give images their size, so that nothing moves when they arrive."""

    def sized(match: re.Match[str]) -> str:
        # The error page, at the root, has addresses that begin there.
        source = (file.parent / html.unescape(match["src"]).lstrip("/")).resolve()
        if not source.is_file():
            return match[0]
        width, height = image_size(source)
        return match[0].replace("<img", f'<img width="{width:.0f}" height="{height:.0f}"', 1)

    return IMAGE.sub(sized, page)


def image_size(file: Path) -> tuple[float, float]:
    """Return width and height of a picture in CSS pixels (of an SVG) or in pixels."""
    if file.suffix != ".svg":
        with Image.open(file) as image:
            return image.size
    box = re.search(r'viewBox="[\d.-]+ [\d.-]+ ([\d.]+) ([\d.]+)"', file.read_text("utf-8"))
    if not box:
        raise ValueError(f"{file}: expected an SVG with a viewBox")
    return float(box[1]), float(box[2])


def add_take_home(page: str, file: Path) -> str:
    """Link the copies of a page that can be taken home, under its title."""
    copies = [file.with_name(file.parent.name + suffix) for suffix in TAKE_HOME]
    links = "".join(
        f'<li><a href="{copy.name}" download>{TAKE_HOME[copy.suffix]}</a></li>'
        for copy in copies
        if copy.is_file()
    )
    if not links or 'class="take-home"' in page:
        return page
    twin = file.with_name(f"{file.parent.name}.md")
    if twin.is_file():
        links += (
            f'<li><button type="button" class="copy-page" data-source="{twin.name}" '
            'aria-live="polite">Copy as Markdown</button></li>'
        )
    row = f'<ul class="take-home" aria-label="Take this page home">{links}</ul>'
    return page.replace("</h1>", f"</h1>\n{row}", 1)


def preload_fonts(page: str, path: Path, site: Path) -> str:
    """Have the faces of the text fetched before the stylesheet asks for them."""
    links = "".join(
        f'<link rel="preload" href="{relative(path, f"{FONT_FOLDER}/{font}")}" '
        'as="font" type="font/woff2" crossorigin>\n'
        for font in FONTS
        if (site / FONT_FOLDER / font).is_file()
    )
    # On all pages, so that instant navigation does not drop the faces of mathematics on the way.
    sheet = f'<link rel="stylesheet" href="{relative(path, MATHS)}">\n'
    if (site / MATHS).is_file() and sheet not in page:
        links += sheet
    # The error page is served from any depth: it has no relative address that holds.
    if path == Path("404.html") or not links or links in page:
        return page
    return page.replace("</title>", f"</title>\n{links}", 1)


def hold_theme(page: str) -> str:
    """Load, before the theme's script, what keeps it from work that nobody asked for."""
    script = BUNDLE.search(page)
    if not script or BEFORE in page:
        return page
    tag = f'<script src="{script["root"]}{BEFORE}"></script>'
    return page.replace(script[0], tag + script[0], 1)


def name_parts(page: str) -> str:
    """Name what the theme leaves without a name, and let keys reach tables, which may scroll."""
    return page.replace("<table>", '<table tabindex="0">').replace(
        'data-md-component="search" role="dialog">',
        'data-md-component="search" role="dialog" aria-label="Search">',
    )


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
