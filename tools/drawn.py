"""Say under each figure which cell of the lab drew it, and let it be seen large.

A pass over a built site. The cells of a lab are counted as Jupyter counts them: code alone, from 1.
Each picture becomes a link to its file, which `assets/zoom.js` shows in the page.
"""

import json
import re
from functools import cache
from pathlib import Path

from tools.typeset import relative

FIGURE = re.compile(r"<figure\b.*?</figure>", re.S)
PICTURE = re.compile(
    r'<img\b[^>]*\bsrc="(?P<file>[^"#]*/(?P<name>\w+)\.(?:light|dark)\.\w+)'
    r'#only-(?P<scheme>light|dark)"[^>]*>'
)
CAPTION_END = re.compile(r"</p>\s*</figcaption>")
CELL = '<div class="language-python highlight cell">'
WRITES = re.compile(r'\bfigure\(\s*"(\w+)"')


def mark_cells(page: str) -> str:
    """Number the code of a lab's page, so that a link can lead to a cell."""
    first, *cells = page.split(CELL)
    marked = [
        f'{CELL[:-1]} id="cell-{number}" data-cell="{number}">{cell}'
        for number, cell in enumerate(cells, 1)
    ]
    return "".join([first, *marked])


def mark_figures(page: str, path: Path, site: Path, labs: Path) -> str:
    """Make links of the pictures in figures, and name the cell that drew each in its caption.

    Args:
        page: The page's HTML.
        path: The page, relative to the site.
        site: The built site: a cell is linked if its lab has a page there.
        labs: The folder of the notebooks.
    """

    def marked(figure: re.Match[str]) -> str:
        names = [picture["name"] for picture in PICTURE.finditer(figure[0])]
        if not names or 'class="zoom' in figure[0]:
            return figure[0]
        enlarged = PICTURE.sub(_link, figure[0])
        credit = _credit(names[0], path, site, labs)
        return CAPTION_END.sub(lambda end: f" {credit}{end[0]}" if credit else end[0], enlarged)

    return FIGURE.sub(marked, page)


@cache
def cells(notebook: Path, changed: float) -> dict[str, int]:
    """Return the number of the cell that writes each figure.

    Args:
        notebook: The lab.
        changed: When it was last written, so that a result is not kept too long.
    """
    content = json.loads(notebook.read_text("utf-8"))
    code = (cell for cell in content["cells"] if cell["cell_type"] == "code")
    return {
        name: number
        for number, cell in enumerate(code, 1)
        for name in WRITES.findall("".join(cell["source"]))
    }


def _link(picture: re.Match[str]) -> str:
    return f'<a class="zoom only-{picture["scheme"]}" href="{picture["file"]}">{picture[0]}</a>'


def _credit(name: str, path: Path, site: Path, labs: Path) -> str:
    slug = name.partition("_")[0]
    notebook, page = labs / f"{slug}.ipynb", Path("labs") / slug / "index.html"
    if page == path or not notebook.is_file() or not (site / page).is_file():
        return ""
    number = cells(notebook, notebook.stat().st_mtime).get(name)
    if not number:
        return ""
    address = f"{relative(path, page)}#cell-{number}"
    return f'<a class="drawn" href="{address}">Drawn by cell {number} of the lab</a>'
