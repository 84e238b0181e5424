"""Say under each figure which cell of the lab drew it, and let it be seen large.

A pass over a built site. The cells of a lab are counted as Jupyter counts them: code alone, from 1.
Each picture becomes a link to its file, which `assets/zoom.js` shows in the page.
"""

import json
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from tools.kept import kept
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


def mark_figures(page: str, path: Path, drawers: Mapping[str, int]) -> str:
    """Make links of the pictures in figures, and name the cell that drew each in its caption.

    Args:
        page: The page's HTML.
        path: The page, relative to the site.
        drawers: The cell that draws each figure, as far as the site has a page of its lab.
    """

    def marked(figure: re.Match[str]) -> str:
        names = [picture["name"] for picture in PICTURE.finditer(figure[0])]
        if not names or 'class="zoom' in figure[0]:
            return figure[0]
        enlarged = PICTURE.sub(_link, figure[0])
        credit = _credit(names[0], path, drawers)
        return CAPTION_END.sub(lambda end: f" {credit}{end[0]}" if credit else end[0], enlarged)

    return FIGURE.sub(marked, page)


def all_cells(labs: Path) -> dict[str, int]:
    """Return the number of the cell that draws each figure, in the lab that has its name."""
    found: dict[str, int] = {}
    for notebook in sorted(labs.glob("*.ipynb")):
        text = notebook.read_text("utf-8")
        drawn = kept("cells", [text], partial(cells, text))
        found |= {
            name: at for name, at in drawn.items() if lab_page(name).parent.name == notebook.stem
        }
    return found


def lab_page(figure: str) -> Path:
    """Return the page of the lab that a figure is named after."""
    return Path("labs") / figure.partition("_")[0] / "index.html"


def cells(notebook: str) -> dict[str, int]:
    """Return the number of the cell of a notebook that writes each figure."""
    content = json.loads(notebook)
    code = (cell for cell in content["cells"] if cell["cell_type"] == "code")
    return {
        name: number
        for number, cell in enumerate(code, 1)
        for name in WRITES.findall("".join(cell["source"]))
    }


def _link(picture: re.Match[str]) -> str:
    return f'<a class="zoom only-{picture["scheme"]}" href="{picture["file"]}">{picture[0]}</a>'


def _credit(name: str, path: Path, drawers: Mapping[str, int]) -> str:
    page, number = lab_page(name), drawers.get(name)
    if page == path or not number:
        return ""
    address = f"{relative(path, page)}#cell-{number}"
    return f'<a class="drawn" href="{address}">Drawn by cell {number} of the lab</a>'
