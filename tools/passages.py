"""Let browsers leave out of their work what is far from the window: a pass over a built article.

What stands between two headings becomes a passage, whose style and layout a browser computes when
it comes near (`content-visibility`, in the stylesheet). Until then it has about the height that it
will have: text counts by letters, pictures by their shape, and the rest, in rem, by its lines.
"""

import re

ARTICLE = re.compile(r'(<article class="md-content__inner[^>]*>)(.*)(</article>)', re.S)
HEADING = re.compile(r"(<h[23]\b.*?</h[23]>)", re.S)
BLOCK = re.compile(r"<(/?)(?:div|details|section|figure|blockquote|table|ul|ol)\b")

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
        parts += [heading, passage(text)]
    return f"{page[: article.start(2)]}{''.join(parts)}{page[article.end(2) :]}"


def passage(text: str) -> str:
    """Return what stands below a heading as a passage, if it is whole."""
    if not text.strip() or sum(-1 if end else 1 for end in BLOCK.findall(text)):
        return text
    letters, rest, pictures = measure(text)
    style = f"--letters: {letters}; --rest: {rest:.0f}; --pictures: {pictures:.2f}"
    return f'\n<div class="passage" style="{style}">{text}</div>\n'


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
