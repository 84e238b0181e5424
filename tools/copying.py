"""Give every block of code its button for copying: a pass over a built page.

The theme's script would add these as it starts, measuring each block of the page for it; it still
answers their clicks.
"""

import re
from itertools import count

CODE = re.compile(r"<pre>(?=(?:<span></span>)?<code\b)")
OUTPUT = re.compile(r'<div class="[^"]*\boutput\b[^"]*">\s*$')
BUTTON = (
    '<span class="md-code__nav"><button type="button" class="md-code__button" data-md-type="copy" '
    'title="Copy to clipboard" data-clipboard-target="#{name} > code"></button></span>'
)


def add_copy_buttons(page: str) -> str:
    """Put a button into each block of code that is no output. A second run changes nothing."""
    numbers = count(1)

    def with_button(block: re.Match[str]) -> str:
        if OUTPUT.search(page, max(0, block.start() - 200), block.start()):
            return block[0]
        name = f"__code_{next(numbers)}"
        return f'<pre id="{name}">{BUTTON.format(name=name)}'

    return CODE.sub(with_button, page)
