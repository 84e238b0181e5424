"""Turn an article into plain Markdown: what the site's own syntax says, without the syntax.

Fold-outs open, quotations and tables stand in the text, figures show on light paper, links lead
from where the copy lands, and no attribute list is left.
"""

import re
from pathlib import Path
from typing import NamedTuple

from tools.articles import Article, Fence, protected
from tools.regions import region

_FOLD = re.compile(
    r'(?P<mark>\?\?\?\+?|!!!|===[!+]?)[ ]*(?P<kind>[\w -]*?)[ ]*(?:"(?P<title>.*)")?'
)
_ATTRIBUTE = r"(?:[#.][\w:-]+|[\w-]+=(?:\"[^\"]*\"|'[^']*'|[^\s\"'{}]+))"
_ATTRIBUTES = re.compile(
    rf"(?<=[\w)\]*_\ue001]) *\{{:? *{_ATTRIBUTE}(?: +{_ATTRIBUTE})* *\}}"
    rf"|^\{{:? *{_ATTRIBUTE}(?: +{_ATTRIBUTE})* *\}}$",
    re.M,
)
_IMAGE = re.compile(r"(!\[(?:[^\[\]]|\[[^\[\]]*\])*\]\()([^)\s#]+)(#[\w-]+)?([^)]*\))")
_LINK = re.compile(r"(?<!!)(\[(?:[^\[\]]|\[[^\[\]]*\])*\]\()([^)\s]+)(\))")
_TAGS = re.compile(r"</?(?:div|figure|figcaption|section|span|a)\b[^>]*>")
_INCLUSION = re.compile(r'^-{1,}8<-{1,} +"([^":]+)(?::([\w-]+))?"$', re.M)
_CAPTION = re.compile(r"^/// *figure-caption\b[^\n]*\n(?: {4}\S[^\n]*\n)*\n*", re.M)


class Segment(NamedTuple):
    """A stretch of an article in order: prose, or a fence."""

    prose: str = ""
    fence: Fence | None = None


def segments(root: Path, article: Article) -> list[Segment]:
    """Return an article as prose in plain Markdown and fences, in turn."""
    lines = _unfolded(article)
    found, start, figures = [], 0, 0
    for fence in (*article.fences, None):
        stop = fence.line - 1 if fence else len(lines)
        prose, figures = _captioned("\n".join(lines[start:stop]), figures)
        prose = _plain(root, article, prose)
        found += [Segment(prose=prose)] if prose else []
        if fence:
            found.append(Segment(fence=fence))
            start = fence.output.end if fence.output else fence.end
    return found


def twin(root: Path, article: Article) -> str:
    """Return an article as one plain Markdown text."""
    parts = []
    for segment in segments(root, article):
        fence = segment.fence
        parts.append(fenced(root, article, fence) if fence else segment.prose)
    return "\n\n".join(parts) + "\n"


def fenced(root: Path, article: Article, fence: Fence) -> str:
    """Return a fence as plain Markdown, what it quotes and what it prints written out.

    Raises:
        ValueError: What it quotes is not there.
    """

    def text(match: re.Match[str]) -> str:
        try:
            return region(root / match[1], match[2]).strip("\n")
        except ValueError as error:
            raise ValueError(f"docs/articles/{article.path.name}:{fence.line}: {error}") from error

    language = re.search(r"\w+", fence.info)
    code = _INCLUSION.sub(text, fence.code)
    parts = [f"```{language[0] if language else ''}\n{code}```"]
    if fence.output:
        parts.append(f"```text\n{fence.output.code}```")
    return "\n\n".join(parts)


def quoted_regions(fence: Fence) -> list[tuple[str, str | None]]:
    """Return path and region of all that a fence quotes."""
    return [(match[1], match[2]) for match in _INCLUSION.finditer(fence.code)]


def _unfolded(article: Article) -> list[str]:
    """Return the lines of an article with the content of fold-outs moved to the margin."""
    lines, depths = article.text.splitlines(), [0]
    head = re.match(r"---\n.*?\n---\n", article.text, re.S)
    for number in range(head[0].count("\n") if head else 0):
        lines[number] = ""
    inside = {n for fence in article.fences for n in range(fence.line, fence.end + 1)}
    for number, line in enumerate(lines):
        if number + 1 in inside or not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        while indent < depths[-1]:
            depths.pop()
        lines[number] = line[depths[-1] :]
        fold = _FOLD.fullmatch(line.strip())
        if fold:
            depths.append(indent + 4)
            title = fold["kind"].capitalize() if fold["title"] is None else fold["title"]
            lines[number] = f"**{title}**\n" if title else ""
    return lines


def _captioned(prose: str, figures: int) -> tuple[str, int]:
    """Replace the marks around figure captions by the number of the figure."""

    def number(_: re.Match[str]) -> str:
        nonlocal figures
        figures += 1
        return f"*Figure {figures}.* "

    prose = _CAPTION.sub(number, prose)
    return re.sub(r"^///.*$", "", prose, flags=re.M), figures


def _plain(root: Path, article: Article, prose: str) -> str:
    def change(text: str) -> str:
        text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
        text = _INCLUSION.sub(lambda m: region(root / m[1], m[2]).strip(), text)
        text = re.sub(r"<data\b[^>]*>([^<]*)</data>", r"\1", text)
        text = _ATTRIBUTES.sub("", text)
        text = _IMAGE.sub(_image, text)
        text = _LINK.sub(lambda match: match[1] + _address(match[2], article) + match[3], text)
        text = re.sub(r":(?:material|octicons|fontawesome|simple)-[\w-]+:", "", text)
        return _TAGS.sub("", text)

    text = re.sub(r"[ \t]+$", "", protected(prose, change), flags=re.M)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n")


def _image(match: re.Match[str]) -> str:
    """Keep the image for light paper; a copy lands one folder below its article's."""
    if match[3] == "#only-dark":
        return ""
    path = match[2] if ":" in match[2] else f"../{match[2]}"
    return f"{match[1]}{path}{match[4]}"


def _address(target: str, article: Article) -> str:
    """Turn a link between sources into one between pages, from the folder of the built page."""
    path, mark, fragment = target.partition("#")
    if ":" in path:
        return target
    if not path or path == article.path.name:
        return f"./{mark}{fragment}"
    page = re.sub(r"(?:\bindex)?\.(?:md|ipynb)$", "/", path)
    return f"../{page.replace('//', '/')}{mark}{fragment}"
