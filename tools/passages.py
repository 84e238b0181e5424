"""Let browsers leave out of their work what is far from the window: a pass over a built article.

What stands between two headings becomes a passage, or several if it is long. A browser computes the
style and layout of one when it comes near (`content-visibility`, in the stylesheet). Until then it
has about the height that it will have: text counts by letters, pictures by their shape, and the
rest, in rem, by its lines.
"""

import re
from collections.abc import Iterator

ARTICLE = re.compile(r'(<article class="md-content__inner[^>]*>)(.*)(</article>)', re.S)
HEADING = re.compile(r"(<h[23]\b.*?</h[23]>)", re.S)
BLOCK = re.compile(r"<(/?)(?:div|details|section|figure|blockquote|table|ul|ol|p)\b[^>]*>")
# A paragraph after one of these has its distance from it alone, and may begin a passage.
BEFORE = re.compile(r'<p>|<div class="(?:proof|[^"]*\boutput)\b')
LARGE = 100  # elements

FOLD = re.compile(r"<details\b.*?<summary>(.*?)</summary>.*?</details>", re.S)
CODE = re.compile(r"<pre\b.*?</pre>", re.S)
MATHS = re.compile(r"<mjx-container\b.*?</mjx-container>", re.S)
PICTURE = re.compile(r'<img\b(?![^>]*#only-dark)[^>]*\bwidth="(\d+)"[^>]*\bheight="(\d+)"')
LINE, EQUATION, ROW, PARAGRAPH, FRAME = 1.05, 5.2, 1.9, 1.0, 3.0  # rem


def divide(page: str) -> str:
    """Divide an article into passages. A second run changes nothing."""
    article = ARTICLE.search(page)
    if not article or 'class="passage"' in page:
        return page
    top, *rest = HEADING.split(article[2])
    parts = [top]
    for heading, text in zip(rest[::2], rest[1::2], strict=True):
        parts += [heading, passages(text)]
    return f"{page[: article.start(2)]}{''.join(parts)}{page[article.end(2) :]}"


def passages(text: str) -> str:
    """Return what stands below a heading as passages, if it is whole."""
    if not text.strip() or sum(-1 if block[1] else 1 for block in BLOCK.finditer(text)):
        return text
    *parts, last = split(text)
    begun = [passage(part, "passage unfinished") for part in parts]
    return "".join([*begun, passage(last, "passage")])


def split(text: str) -> Iterator[str]:
    """Yield the parts of a text: a long one begins anew where a paragraph does."""
    begun, depth, before = 0, 0, ""
    for block in BLOCK.finditer(text):
        if not block[1] and not depth:
            is_long = text.count("</", begun, block.start()) > LARGE
            if is_long and block[0] == "<p>" and BEFORE.match(before):
                yield text[begun : block.start()]
                begun = block.start()
            before = block[0]
        depth += -1 if block[1] else 1
    yield text[begun:]


def passage(text: str, kind: str) -> str:
    """Return a text as a passage of about the height that it will have."""
    letters, rest, pictures = measure(text)
    style = f"--letters: {letters}; --rest: {rest:.0f}; --pictures: {pictures:.2f}"
    return f'\n<div class="{kind}" style="{style}">{text}</div>\n'


def measure(text: str) -> tuple[int, float, float]:
    """Return what the height of a text depends on.

    Returns:
        The number of its letters, the height of what is not text in rem, and that of its pictures
        in widths of the column.
    """
    text = FOLD.sub(r"<p>\1</p>", text)
    code = CODE.findall(text)
    lines = sum(each.count("\n") for each in code)
    rest = LINE * lines + FRAME * len(code) + EQUATION * text.count("mjx-display")
    rest += ROW * text.count("<tr>") + PARAGRAPH * (text.count("<p>") + text.count("<li"))
    pictures = sum(int(height) / int(width) for width, height in PICTURE.findall(text))
    plain = re.sub(r"<[^>]*>", "", MATHS.sub("xxxx", CODE.sub("", text)))
    return len(re.sub(r"\s+", " ", plain)), rest, pictures
