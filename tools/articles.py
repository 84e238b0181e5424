"""Read an article: its fences, quotations, labels, measured numbers, images and headings.

Fences are found exactly as pytest-codeblocks finds them: what is parsed here is what runs there.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import yaml

from tools.kept import kept

EXPECTED = "<!--pytest-codeblocks:expected-output-->"
OUTPUT = " { .text .output }"

_COMMENT = re.compile(r"<!--[-\s]*pytest-codeblocks:(.*)-->")
_INCLUSION = re.compile(r"^[ \t]*-{1,}8<-{1,}[ \t]+(['\"])([^'\":]+)(?::([a-zA-Z][-\w]*))?\1\s*$")
_QUOTATION = re.compile(r' \{ \.python title="([^"]+)"( hl_lines="[\d -]+")? \}')
_MATHS = (
    r"(?s:\\begin\{(equation|align|gather|multline)(?P<star>\*?)\}.*?\\end\{\1(?P=star)\})"
    r"|(?s:\$\$.+?\$\$)|(?<![\\$])\$(?:[^$\\\n]|\\.|\n(?!\s*\n))+\$"
)
MATHS = re.compile(_MATHS)
_INLINE_CODE = re.compile(r"(?<!`)(`+)(?!`)([^\n]|\n(?!\s*\n))*?(?<!`)\1(?!`)")
_LABEL = re.compile(r"\\label\{([^}]*)\}")
_EQREF = re.compile(r"\\eqref\{([^}]*)\}")
_DATA = re.compile(r'<data value="([^":]+):([^"]+)">([^<]*)</data>')
_IMAGE = re.compile(
    r"!\[(?P<alt>(?:[^\[\]]|\[[^\[\]]*\])*)\]\((?P<path>[^)\s#]+)(?:#(?P<fragment>[^)\s]*))?[^)]*\)"
)
_HEADING = re.compile(r"^ {0,3}(#{1,6})(?!#)[ \t]*(.*?)[ \t]*#*$", re.M)


@dataclass(frozen=True)
class Fence:
    """A fenced block, as pytest-codeblocks reads it.

    Args:
        info: What follows the backticks, untouched: ` { .text }` has a space, `python` has none.
        line: The number of its opening line, from 1.
        end: The number of its closing line.
        indent: The white space before the opening backticks.
        code: What it holds, without the indentation.
        tested: What pytest-codeblocks makes of `code`: it drops empty lines of indented blocks.
        mark: Three backticks or more, or tildes.
        comment: For a fence that has one, the line of its expected-output comment.
        output: The fence of its expected output.
        expected: Whether it is such an output itself.
    """

    info: str
    line: int
    end: int
    indent: str
    code: str
    tested: str
    mark: str = "```"
    comment: int | None = None
    output: "Fence | None" = None
    expected: bool = False

    @property
    def executed(self) -> bool:
        """Whether pytest-codeblocks runs it as Python."""
        return self.info == "python" and self.mark[0] == "`" and not self.expected

    @property
    def title(self) -> str | None:
        """The file a quotation says it quotes; None for any other fence."""
        match = _QUOTATION.fullmatch(self.info)
        return match[1] if match else None


class Inclusion(NamedTuple):
    """A line that pymdownx.snippets replaces by a file, or by one region of it."""

    line: int
    path: str
    region: str | None


class Label(NamedTuple):
    """A `\\label`, or a reference to one."""

    line: int
    name: str


class Measured(NamedTuple):
    """A number in prose that a lab measured."""

    line: int
    slug: str
    key: str
    text: str


class Image(NamedTuple):
    """A Markdown image; `fragment` says in which colour scheme it shows."""

    line: int
    alt: str
    path: str
    fragment: str


class Heading(NamedTuple):
    """A heading; its level is the number of hashes."""

    line: int
    level: int
    text: str


@dataclass(frozen=True)
class Article:
    """A parsed page. `prose` is its text with all code blanked, line by line."""

    path: Path
    text: str
    meta: dict[str, str]
    fences: tuple[Fence, ...]
    prose: str
    comments: tuple[Label, ...]

    @property
    def slug(self) -> str:
        """The page's name, which its module, tests and lab share."""
        return self.path.stem

    @property
    def executed(self) -> list[Fence]:
        """The blocks that pytest-codeblocks runs as Python."""
        return [fence for fence in self.fences if fence.executed]

    @property
    def inclusions(self) -> list[Inclusion]:
        """What pymdownx.snippets puts into the page, inside fences and out."""
        return list(_inclusions(self.text))

    @property
    def labels(self) -> list[Label]:
        """The labels that equations define."""
        return [Label(line, m[1]) for line, m in self.find(_LABEL)]

    @property
    def references(self) -> list[Label]:
        r"""The labels that `\eqref` names."""
        return [Label(line, m[1]) for line, m in self.find(_EQREF)]

    @property
    def measured(self) -> list[Measured]:
        """The numbers that come from a lab."""
        return [Measured(line, m[1], m[2], m[3]) for line, m in self.find(_DATA)]

    @property
    def images(self) -> list[Image]:
        """The images, one for each colour scheme."""
        return [
            Image(line, m["alt"], m["path"], m["fragment"] or "") for line, m in self.find(_IMAGE)
        ]

    @property
    def headings(self) -> list[Heading]:
        """The headings, in order."""
        return [Heading(line, len(m[1]), m[2]) for line, m in self.find(_HEADING)]

    def find(self, pattern: re.Pattern[str] | str) -> Iterator[tuple[int, re.Match[str]]]:
        """Yield each match of a pattern in the prose, with the number of its line."""
        for match in re.finditer(pattern, self.prose):
            yield self.prose.count("\n", 0, match.start()) + 1, match


def read(path: Path) -> Article:
    """Parse the article in a file."""
    text, name = path.read_text("utf-8"), Path(path.name)
    article = kept("articles", [path.name, text], lambda: parse(text, name))
    return replace(article, path=path)


def parse(text: str, path: Path = Path("page.md")) -> Article:
    """Parse the text of an article.

    Raises:
        ValueError: A fence is never closed.
    """
    fences, comments = _fences(text.splitlines(keepends=True), path)
    prose = text
    head = re.match(r"---\n(.*?)\n---\n", text, re.S)
    if head:
        prose = _blank(head[0]) + text[head.end() :]
    lines = prose.splitlines(keepends=True)
    for fence in fences:
        lines[fence.line - 1 : fence.end] = ["\n"] * (fence.end - fence.line + 1)
    prose = re.sub(r"<!--.*?-->", lambda match: _blank(match[0]), "".join(lines), flags=re.S)
    prose = _INLINE_CODE.sub(lambda match: _blank(match[0]), prose)
    return Article(
        path, text, yaml.safe_load(head[1]) if head else {}, _paired(fences), prose, comments
    )


def articles(root: Path) -> list[Article]:
    """Return the articles of a repository."""
    return [read(path) for path in sorted((root / "docs" / "articles").glob("*.md"))]


def pages(root: Path) -> list[Article]:
    """Return all Markdown that people write: the site's, README and CONTRIBUTING."""
    globs = ("README.md", "CONTRIBUTING.md", "docs/*.md", "docs/articles/*.md", "docs/api/*.md")
    return [read(path) for glob in globs for path in sorted(root.glob(glob))]


def protected(text: str, change: Callable[[str], str]) -> str:
    """Apply a change to a text whose mathematics and inline code it does not see."""
    kept: list[str] = []

    def hide(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\ue000{len(kept) - 1}\ue001"

    changed = change(MATHS.sub(hide, _INLINE_CODE.sub(hide, text)))
    for _ in range(2):  # code may stand in mathematics
        changed = re.sub("\ue000(\\d+)\ue001", lambda match: kept[int(match[1])], changed)
    return changed


def without_mathematics(text: str) -> str:
    """Blank all mathematics, line by line."""
    return MATHS.sub(lambda match: _blank(match[0]), text)


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _inclusions(text: str) -> Iterator[Inclusion]:
    for number, line in enumerate(text.splitlines(), 1):
        match = _INCLUSION.match(line)
        if match:
            yield Inclusion(number, match[2], match[3])


def _fences(lines: list[str], path: Path) -> tuple[list[Fence], tuple[Label, ...]]:
    """Find fences and the comments for pytest-codeblocks between them, in one pass."""
    fences, comments, number, expecting = [], [], 0, 0
    while number < len(lines):
        line = lines[number]
        number += 1
        comment, mark = _COMMENT.match(line.strip()), re.match(r"`{3,}|~{3,}", line.lstrip())
        if comment:
            comments.append(Label(number, comment[1].strip("- ")))
            expecting = number if comments[-1].name == "expected-output" else expecting
        elif mark:
            fence = _fence(lines, number, mark[0], path, expecting)
            fences.append(fence)
            number, expecting = fence.end, 0
    return fences, tuple(comments)


def _fence(lines: list[str], start: int, mark: str, path: Path, comment: int) -> Fence:
    opening = lines[start - 1]
    indent = opening[: len(opening) - len(opening.lstrip())]
    for end in range(start, len(lines)):
        if lines[end].lstrip().startswith(mark):
            break
    else:
        raise ValueError(f"{path.name}:{start}: this fence is never closed")
    body = [_outdented(line, len(indent)) for line in lines[start:end]]
    info = opening.strip()[len(mark) :]
    code = "".join(line or "\n" for line in body)
    return Fence(
        info,
        start,
        end + 1,
        indent,
        code,
        "".join(body),
        mark,
        comment or None,
        expected=bool(comment),
    )


def _outdented(line: str, width: int) -> str:
    return line[min(width, len(line) - len(line.lstrip())) :]


def _paired(fences: list[Fence]) -> tuple[Fence, ...]:
    """Hand each expected output to the fence before it."""
    paired: list[Fence] = []
    for fence in fences:
        if fence.expected and paired and not paired[-1].output:
            paired[-1] = Fence(**{**vars(paired[-1]), "output": fence, "comment": fence.comment})
        else:
            paired.append(fence)
    return tuple(paired)
