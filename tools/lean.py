"""Make the code of built pages light to lay out, on phones above all.

A page has thousands of tokens. Those in the colour of the text need no element of their own; and a
block that says what it is spares the stylesheet from asking what it holds, which is dear.
"""

import re

BLOCK = re.compile(r"<pre>.*?</pre>", re.S)
# Names, operators, punctuation and white space, perhaps with a link inside.
PLAIN = re.compile(r'<span class="(?:n|na|nv|o|p|w)">((?:[^<]|<a\b[^>]*>[^<]*</a>)*)</span>')
QUOTATION = re.compile(r'(<div class="highlight)("[^>]*><span class="filename">)')
ANSWERED = re.compile(
    r'(<div class="(?:(?! answered)[^"])*\bhighlight\b(?:(?! answered)[^"])*)'
    r'("[^>]*>(?:(?!</div>).)*</div>(?:\s|<!--[^>]*-->)*<div class="[^"]*\boutput\b)',
    re.S,
)


def lighten_code(page: str) -> str:
    """Lighten the code of a page. A second run changes nothing."""
    return named(BLOCK.sub(lambda block: PLAIN.sub(r"\1", block[0]), page))


def named(page: str) -> str:
    """Return a page whose quotations, and blocks with an output, have a class that says so."""
    return ANSWERED.sub(r"\1 answered\2", QUOTATION.sub(r"\1 quotation\2", page))
