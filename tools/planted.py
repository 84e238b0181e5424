"""The faults that `tools/faults.py` plants, each with the step of `make test` that must see it."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from tools.articles import EXPECTED
from tools.regions import region

RUFF = "ruff check ."
FORMAT = "ruff format --check ."
TYPES = "basedpyright --level error"
UNIT = 'pytest --ignore tests/browser -m "not refusal"'
REFUSALS = "pytest --ignore tests/browser -m refusal --no-shape-checks"
BUILD = "mkdocs build --strict"
BLOCKS = "pytest --codeblocks docs README.md"
BROWSER = "pytest tests/browser"
STEPS = (RUFF, FORMAT, TYPES, UNIT, REFUSALS, BLOCKS, BUILD, BROWSER)

RULES = f"{UNIT} tests/test_articles.py"  # steps, narrowed to the tests that must notice
CLAIMS = f"{UNIT} tests/test_nice.py"
RUN = BLOCKS.replace("docs README.md", "docs/articles/nice.md")
STATIC = f"{BROWSER}/test_static.py"
READING = f"{BROWSER}/test_reading.py -k "

ARTICLE, MODULE, LAB = "docs/articles/nice.md", "snippets/nice.py", "docs/labs/nice.py"
LIGHT, DARK = (f"docs/articles/figures/nice_*.{scheme}.svg" for scheme in ("light", "dark"))
NOTATION, NOTEBOOK, PAGES = "docs/notation.md", "docs/labs/nice.ipynb", "tools/pages.py"
PAGE, CSS = "site/articles/nice/index.html", "site/assets/site.css"
SEARCH, SITEMAP = "site/search/search_index.json", "site/sitemap.xml"

END, LAST, BLOCK = r"\Z", "</body>", r"\n```python\n"
LINE, ON_PAGE = rf"{ARTICLE}:\d+: ", "articles/nice/index.html: .*"
NOISE = "".join(hashlib.sha256(b"%d" % number).hexdigest() for number in range(10_000))
FAILED = r"FAILED .*::test_\w+"
COPY = region(Path(__file__).parents[1] / MODULE, "coupling").replace("\\", r"\\")


class Fault(NamedTuple):
    """One edit, the step that must notice it, and what the message must say.

    `file` may be a pattern, and means its first match. The first `times` matches of `find` (0: all)
    are replaced by `put`; without `find` the file is written, without both it is deleted.
    """

    name: str
    file: str
    find: str | None
    put: str | None
    step: str
    says: str
    times: int = 1


FAULTS = [
    # Fences: rule 1
    Fault("a cont comment", ARTICLE, BLOCK, r"\n<!--pytest-codeblocks:cont-->\g<0>", RULES, LINE),
    Fault("a skip comment", ARTICLE, BLOCK, r"\n<!--pytest-codeblocks:skip-->\g<0>", RULES, LINE),
    Fault("a titled fence, never run", ARTICLE, BLOCK, '\n```python title="x"\n', RULES, LINE),
    Fault("a block without output", ARTICLE, f"(?s){EXPECTED}.*?```.*?```\n", "", RULES, LINE),
    Fault("a wrong output", ARTICLE, r"(?<= \.output \}\n)(?=\w)", "9", RUN,
          r"nice\.md::line \d+"),
    Fault("a block that fails", ARTICLE, BLOCK, r"\g<0>1 / 0\n", RUN, r"nice\.md::line \d+"),
    Fault("an output after a quotation", ARTICLE, r'8<-- "snippets/.*"\n```\n',
          rf"\g<0>\n{EXPECTED}\n``` {{ .text .output }}\n1\n```\n", RULES, LINE),
    Fault("a stale region", ARTICLE, r"nice\.py:coupling", "nice.py:gone", RULES, LINE),
    # Labels and references: rule 2
    Fault("a label that no code cites", ARTICLE, r"(?=\n## )",
          r"\n\\begin{equation}\nx\n\\label{nice:planted}\n\\end{equation}\n", RULES, LINE),
    Fault("a label that no test cites", "tests/test_nice.py", "nice:inverse", "it", RULES, LINE, 0),
    Fault("a label twice", ARTICLE, r"label\{nice:inverse", "label{nice:coupling", RULES, LINE),
    Fault("an unknown reference", ARTICLE, r"eqref\{nice:", "eqref{nice:no-", RULES, LINE),
    Fault("an unknown reference elsewhere", NOTATION, END, r"\n$\\eqref{nice:no}$\n", BUILD,
          r"notation\.md:\d+"),
    Fault("a number typed", ARTICLE, r"(?<=\n\n)(?=[A-Z][a-z]+ )", "Equation (3): ", RULES, LINE),
    Fault("an unbalanced brace", ARTICLE, r"\\label\{nice:coup", r"\\frac{1}{2\g<0>", BUILD, LINE),
    # Measured numbers and labs: rules 3 and 4
    Fault("a wrong number", ARTICLE, r'(<data value="[^"]*">)(?=\D?\d)', r"\g<1>9", RULES, LINE),
    Fault("a number of no lab", ARTICLE, '<data value="nice:', r"\g<0>no_", RULES, LINE),
    Fault("an edited lab", LAB, END, "# edited\n", RULES, f"{LAB}: stale"),
    Fault("an edited model", MODULE, END, "# edited\n", RULES, f"{LAB}: stale"),
    Fault("an edited figure", LIGHT, END, "<!-- edited -->\n", RULES, f"{LAB}: stale"),
    Fault("a dark figure missing", DARK, None, None, RULES, r"figures/nice_\w+\.light.*: has no"),
    Fault("a figure too large", LIGHT, END, f"<!-- {NOISE} -->", RULES, r"\.svg: weighs"),
    Fault("a path of one machine", NOTEBOOK, '"metadata": {', rf'\g<0>"at": "{"/home"}/me/x",',
          RULES, r"nice\.ipynb:\d+"),
    Fault("a backslash lost", LAB, END, 'T = "$\\\\frac{1}{2}$"\n', RULES, rf"{LAB}:\d+"),
    # The house
    Fault("a page alone", "docs/articles/gan.md", None, "# GAN\n", RULES,
          r"gan\.md: is of no article"),
    Fault("a file too large", "docs/weights.pt", None, "x" * 5_000_000, RULES, r"weights\.pt: "),
    Fault("an alt text missing", ARTICLE, r"!\[[^\]]+\]", "![]", RULES, LINE),
    Fault("a copy of the module", ARTICLE, END, f"\n```python\n{COPY}```\n", RULES,
          f"{LINE}repeats"),
    Fault("a broken link", "docs/index.md", END, "\n[x](gone.md)\n", BUILD, r"gone\.md"),
    Fault("an unused import", PAGES, r"\nimport re\n", r"\nimport os\g<0>", RUFF, r"pages\.py:\d+"),
    Fault("a line badly set", PAGES, END, "x = [1,2]\n", FORMAT, r"pages\.py"),
    Fault("a wrong type", "snippets/data.py", END, 'N: int = "3"\n', TYPES, r"data\.py:\d+"),
    Fault("a sign in the inverse", MODULE, r"ed\(z, -1", "ed(z, +1", CLAIMS, FAILED),
    Fault("a log-det dropped", MODULE, r"(\]\(z\)) \+ log_det", r"\1", CLAIMS, FAILED),
    Fault("another kind of error", "snippets/checks.py", "e ValueError", "e KeyError",
          REFUSALS, FAILED, 0),
    Fault("damaged data", "snippets/data/mnist.npz", END, "x", f"{UNIT} tests/test_data.py", "npz"),
    # Nothing from elsewhere: rule 5
    Fault("a script on a page", NOTATION, END, '\n<script src="//cdn.example/x.js"></script>\n',
          RULES, r"notation\.md:\d+"),
    Fault("a script from a CDN", PAGE, LAST, '<script src="//cdn.example/x.js"></script>',
          STATIC, f"{ON_PAGE}cdn"),
    Fault("a preconnect", PAGE, "</title>", r'\g<0><link rel="preconnect" href="//cdn.example">',
          STATIC, f"{ON_PAGE}cdn"),
    Fault("a fetch in a script", PAGE, LAST, '<script>fetch("https://api.example/")</script>',
          STATIC, f"{ON_PAGE}api"),
    Fault("a font from elsewhere", CSS, END, "@font-face{font-family:x;src:url(//cdn.example/x)}",
          STATIC, "site.css: .*cdn"),
    Fault("a request at run time", PAGE, LAST, '<script>new Image().src="//"+"a.example"</script>',
          f"{READING}complaint", "nice/ asks another host"),
    # Built pages, as they are written
    Fault("an anchor that is gone", PAGE, LAST, '<a href="#gone">x</a>', STATIC, f"{ON_PAGE}gone"),
    Fault("two main headings", PAGE, LAST, "<h1>x</h1>", STATIC, f"{ON_PAGE}2 main"),
    Fault("an image without alt", PAGE, '(<img[^>]*) alt="[^"]*"', r"\1", STATIC, f"{ON_PAGE}alt"),
    Fault("LaTeX in the text", PAGE, "<p>", r"<p>\\(x\\)", STATIC, ON_PAGE),
    Fault("a glyph without style", PAGE, r"mjx-c\.mjx-c1D465\.", "x.", STATIC, f"{ON_PAGE}glyph"),
    Fault("a label unlinked", PAGE, 'class="label" href', "name", STATIC, f"{ON_PAGE}not lead"),
    Fault("style of Jupyter", "site/labs/nice/index.html", LAST, '<p class="jp-Cell">x</p>',
          STATIC, "labs/nice/ has markup"),
    Fault("LaTeX in the search", SEARCH, '"text":"', r"\g<0>\\\\(x\\\\) ", STATIC,
          "Error: search entry"),
    Fault("a label not found", SEARCH, "nice:coupling", "", STATIC, "lacks .*nice:coupling", 0),
    Fault("a copy to take home lost", "site/articles/nice/nice.py", None, None, STATIC,
          "Error: .*missing"),
    Fault("a wrong link for machines", "site/llms.txt", r"nice\.md", "gone.md", STATIC, "gone"),
    Fault("a figure alone", PAGE, '<img[^>]*#only-dark"[^>]*>', "", STATIC, "nice/: .*twin"),
    Fault("a picture too large", "site/assets/logo.svg", END, NOISE, STATIC, "logo.svg weighs"),
    # Built pages, as they are read
    Fault("an error on the console", PAGE, LAST, "<script>console.error('x')</script>",
          f"{READING}complaint", "nice/: error on the console"),
    Fault("both schemes at once", CSS, END, 'img[src$="dark"]{display:block!important}',
          f"{READING}scheme", "only-dark in the light scheme"),
    Fault("too little contrast", CSS, r"--muted: #\w+", "--muted: #c9c4ba", f"{READING}axe",
          "color-contrast: "),
    Fault("an equation too wide", PAGE, 'mjx-display"', r'\g<0> style="width: 5rem"',
          f"{READING}column", "mjx-eqn:nice:"),
    Fault("a font missing", "site/assets/mathjax/MathJax_Main-Regular.woff", None, None,
          f"{READING}no_script", "MathJax_Main"),
    Fault("glyphs in the paper's colour", CSS, END, "mjx-c::before{color:var(--paper)!important}",
          f"{READING}no_script", "Error: glyphs"),
    Fault("code that waits for a script", CSS, END, ".no-js pre{display:none}",
          f"{READING}rest_needs", "<pre"),
    Fault("a wide element", PAGE, "<h1", '<div style="width:700px">x</div><h1',
          f"{READING}sideways", "width:700px"),
    Fault("a page that moves", PAGE, LAST, "<script>setTimeout(() => {document.querySelector("
          "'h1').style.marginTop = '9rem'}, 90)</script>", f"{READING}moves", ": layout shift"),
    Fault("a heavy page", CSS, END, f"/*{NOISE}*/", f"{READING}article_is_light", r"\d bytes"),
    Fault("a lab off the map", SITEMAP, r"<url>\s*<loc>[^<]*labs/[^~]*?</url>", "",
          f"{READING}instant", "labs/nice/ was loaded the ordinary way"),
    Fault("a search that leads astray", SEARCH, '"articles/nice/', '"labs/nice/',
          f"{READING}search", "Error: .* leads to", 0),
    Fault("an output that is copied", PAGE, '<pre id="__code_1">.*?<code>',
          r"\g<0>planted ", f"{READING}copy", "planted"),
    Fault("a reference under the header", CSS, END, 'html{scroll-padding:0!important}'
          '[id^="mjx-eqn"]{scroll-margin:0!important}', f"{READING}references", "not in sight"),
    Fault("an equation off the keyboard", PAGE, '(mjx-display") tabindex="0"', r"\1",
          f"{READING}keyboard", "Error: .*no tabindex", 0),
    Fault("printed navigation", CSS, END, "@media print{.md-header{display:block!important}}",
          f"{READING}print", "md-header.* printed"),
]  # fmt: skip
