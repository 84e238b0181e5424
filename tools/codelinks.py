"""Link the equation labels that code cites, in comments and docstrings, to the equations."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.typeset import Label, relative

CODE = re.compile(r"(<code\b[^>]*>)(.*?)(</code>)", re.S)
LINK = re.compile(r"<a\b.*?</a>|<[^>]*>", re.S)
NAME = re.compile(r":([a-z0-9]+(?:-[a-z0-9]+)*)")  # of a label, without its slug


def by_name(index: Mapping[str, Label]) -> dict[str, list[str]]:
    """Return the labels of an index by their names without the slug."""
    found: dict[str, list[str]] = {}
    for label in index:
        found.setdefault(label.partition(":")[2], []).append(label)
    return found


def mentioned(page: str, names: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the labels that a page may mention, out of those of each name."""
    return [label for name in sorted(set(NAME.findall(page))) for label in names.get(name, ())]


def with_labels(page: str, index: Mapping[str, Label], path: Path) -> str:
    """Return a page in whose code each label of the index is a link to its equation."""
    if not index:
        return page
    slugs = "|".join(sorted({re.escape(name.partition(":")[0]) for name in index}))
    label = re.compile(rf"\b(?:{slugs}):[a-z0-9]+(?:-[a-z0-9]+)*(?![\w-])")
    return CODE.sub(lambda code: _linked(code, label, index, path), page)


def _linked(code: re.Match, label: re.Pattern, index: Mapping[str, Label], path: Path) -> str:
    def anchor(match: re.Match[str]) -> str:
        if match[0] not in index:
            return match[0]
        target = index[match[0]].page
        page = "" if target == path else relative(path, target)
        return f'<a class="label" href="{page}#mjx-eqn:{match[0]}">{match[0]}</a>'

    # Text between tags only, and not inside a link that is there already.
    parts, end = [code[1]], 0
    for tag in LINK.finditer(code[2]):
        parts += [label.sub(anchor, code[2][end : tag.start()]), tag[0]]
        end = tag.end()
    return "".join([*parts, label.sub(anchor, code[2][end:]), code[3]])
