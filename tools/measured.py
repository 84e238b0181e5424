"""Compare the measured numbers in an article's prose with docs/labs/SLUG.json.

A number is written `<data value="SLUG:key">1,234.5</data>`, of a list `SLUG:key[0]`: how it is
written, decimals and all, is the author's choice; what it says is the lab's. The slug `benchmarks`
stands for docs/benchmarks.json.
"""

import json
import re
from functools import cache
from pathlib import Path

from tools.articles import Article, Measured

_NUMBER = re.compile(r"[-+−]?\d[\d,]*(?:\.(?P<decimals>\d+))?(?P<exponent>e[-+]?\d+)?")
_KEY = re.compile(r"([^\[\]]+)(?:\[(\d+)\])?")


def written(text: str, value: float | str) -> str:
    """Write a value as a text writes its number: decimals, thousands, exponent, sign and unit.

    >>> written("1,000.0 nats", 2345.678)
    '2,345.7 nats'
    """
    if isinstance(value, str):
        return value
    match = _NUMBER.search(text)
    if not match:
        return f"{value:.6g}"
    kind = "e" if match["exponent"] else "f"
    sign = "+" if match[0].startswith("+") else ""
    thousands = "," if "," in match[0] else ""
    number = f"{value:{sign}{thousands}.{len(match['decimals'] or '')}{kind}}"
    number = re.sub(r"e([-+])0*(\d)", lambda m: f"e{m[1].strip('+')}{m[2]}", number)
    if match[0].startswith("−"):
        number = number.replace("-", "−", 1)
    return text[: match.start()] + number + text[match.end() :]


def corrections(root: Path, article: Article) -> list[tuple[Measured, str]]:
    """Return each measured number of an article with the text that it should have.

    Raises:
        ValueError: A number is not in the JSON file of its lab.
    """
    return [
        (found, written(found.text, _value(root, article, found))) for found in article.measured
    ]


def _value(root: Path, article: Article, found: Measured) -> float | str:
    folder = "docs" if found.slug == "benchmarks" else "docs/labs"
    path = Path(folder, f"{found.slug}.json")
    where = f"{_relative(article.path, root)}:{found.line}: {found.slug}:{found.key}"
    key = _KEY.fullmatch(found.key)
    if not (root / path).is_file():
        command = "make bench" if folder == "docs" else "make labs"
        raise ValueError(f"{where} has no {path}: run `{command}`")
    values = _load(root / path, (root / path).stat().st_mtime_ns)
    value = values.get(key[1]) if key else None
    if key and key[2] and isinstance(value, list) and int(key[2]) < len(value):
        value = value[int(key[2])]
    if value is None or isinstance(value, list):
        raise ValueError(f"{where} is no number in {path}, which has {', '.join(sorted(values))}")
    return value


@cache
def _load(path: Path, _changed: int) -> dict:
    return json.loads(path.read_text("utf-8"))


def _relative(path: Path, root: Path) -> Path:
    return path.relative_to(root) if path.is_relative_to(root) else path
