"""Make the code of built pages light to lay out, on phones above all.

A page has thousands of tokens. Those in the colour of the text need no element of their own; and a
block that says what it is spares the stylesheet from asking what it holds, which is dear.
"""

import re
from pathlib import Path

BLOCK = re.compile(r"<pre>.*?</pre>", re.S)
# Names, operators and white space, perhaps with a link inside.
PLAIN = re.compile(r'<span class="(?:n|o|w)">((?:[^<]|<a\b[^>]*>[^<]*</a>)*)</span>')
QUOTATION = re.compile(r'(<div class="highlight)("[^>]*><span class="filename">)')
ANSWERED = re.compile(
    r'(<div class="(?:(?! answered)[^"])*\bhighlight\b(?:(?! answered)[^"])*)'
    r'("[^>]*>(?:(?!</div>).)*</div>(?:\s|<!--[^>]*-->)*<div class="[^"]*\boutput\b)',
    re.S,
)
SOURCE = "code"  # the folder of whole files, whose lines are linked to


def lighten_code(site: Path) -> None:
    """Lighten the code of every page of a built site, in place. A second run changes nothing."""
    for file in site.rglob("*.html"):
        if file.relative_to(site).parts[0] != SOURCE:
            page = file.read_text("utf-8")
            light = named(BLOCK.sub(lambda block: PLAIN.sub(r"\1", block[0]), page))
            if light != page:
                file.write_text(light, "utf-8")


def named(page: str) -> str:
    """Return a page whose quotations, and blocks with an output, have a class that says so."""
    return ANSWERED.sub(r"\1 answered\2", QUOTATION.sub(r"\1 quotation\2", page))
