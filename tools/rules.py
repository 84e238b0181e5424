"""Rules 2 to 4 of DESIGN, as functions from a repository to a list of what breaks them.

Labels, measured numbers, current labs, and one slug for all that belongs to an article; rule 1 is
in `tools/fences.py`. A problem reads `file:line: what is wrong; what to do`.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tools import labs
from tools.articles import Article, articles, pages, without_mathematics
from tools.measured import corrections

SLUGS = ("vae", "svd", "capsules", "nice", "infomax", "bottleneck", "positions", "sinusoidal")
Problems = list[str]

_TYPED = re.compile(
    r"\b(?:equations?|eqs?|formulas?|formulae)\b\.?[ ~\n]*\(?\d+\)?(?P<whose>[ ,\n]+(?:of|in)"
    r"\s(?:the|that|their|its|his)\s(?:original|paper|article|authors?|blog))?"
    r"|\b(?:by|from|in|see|with|of|to|and|using)[ \n]\(\d{1,2}\)",
    re.I,
)


def labels(root: Path) -> Problems:
    """Rule 2: labels of page, module and tests are the same, and references name them."""
    return [problem for page in articles(root) for problem in _label_problems(root, page)]


def numbers(root: Path) -> Problems:
    """Rule 3: a measured number is in its lab's JSON, and the prose agrees with it."""
    problems = []
    for page in pages(root):
        name = page.path.relative_to(root)
        tags = len(re.findall(r"<data\b", page.prose))
        if tags != len(page.measured):
            problems.append(f'{name}: a <data> is not <data value="SLUG:key">number</data>')
        try:
            wrong = [(found, text) for found, text in corrections(root, page) if found.text != text]
        except ValueError as error:
            problems.append(str(error))
            continue
        problems += [
            f"{name}:{found.line}: {found.slug}:{found.key} reads {found.text!r}, the lab measured "
            f"{text!r}; run `make outputs`"
            for found, text in wrong
        ]
    return problems


def current_labs(root: Path) -> Problems:
    """Rule 4: each notebook was made from what is here now."""
    return labs.check(root)


def slugs(root: Path) -> Problems:
    """One slug is one page, one module or package, one test file, one lab."""
    problems, known = [], set()
    for slug in SLUGS:
        page, lab = root / f"docs/articles/{slug}.md", root / f"docs/labs/{slug}.py"
        places = (page, module_files(root, slug)[0], root / f"tests/test_{slug}.py", lab)
        known |= {page, lab}
        there = [str(place.relative_to(root)) for place in places if place.is_file()]
        missing = sorted(str(place.relative_to(root)) for place in places if not place.is_file())
        if there and missing:
            problems.append(f"{there[0]}: has no {', no '.join(missing)}; add it")
    for file in (*root.glob("docs/articles/*.md"), *root.glob("docs/labs/*.py")):
        if file not in known:
            problems.append(f"{file.relative_to(root)}: is of no article; name it after one")
    settings = root / "mkdocs.yml"
    nav = settings.read_text("utf-8") if settings.is_file() else ""
    for page in articles(root):
        for target in (f"articles/{page.slug}.md", f"labs/{page.slug}.ipynb"):
            if target not in nav:
                problems.append(f"mkdocs.yml: nav has no {target}; add it")
    return problems


def module_files(root: Path, slug: str) -> list[Path]:
    """Return the file of an article's module, or those of its package."""
    return sorted(root.glob(f"snippets/{slug}/*.py")) or [root / f"snippets/{slug}.py"]


def label_tokens(path: Path, slug: str) -> dict[str, int]:
    """Return the labels that a module cites, in comments and docstrings, with a line of each."""
    source = path.read_text("utf-8")
    texts = [
        (token.start[0], token.string)
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    ]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            texts += [(node.body[0].lineno, docstring)] if docstring else []
    token = re.compile(rf"(?<![\w:/.-]){slug}:[a-z0-9]+(?:-[a-z0-9]+)*(?![\w-])")
    return {name: line for line, text in reversed(texts) for name in token.findall(text)}


def _label_problems(root: Path, page: Article) -> Iterator[str]:
    slug, name = page.slug, page.path.relative_to(root)
    defined: dict[str, int] = {}
    for line, label in page.labels:
        if not re.fullmatch(rf"{slug}:[a-z0-9]+(-[a-z0-9]+)*", label):
            yield f"{name}:{line}: label {label} must read {slug}:what-it-says"
        if label in defined:
            yield f"{name}:{line}: label {label} is defined in line {defined[label]} already"
        defined.setdefault(label, line)
    for files in (module_files(root, slug), [root / f"tests/test_{slug}.py"]):
        if not files[0].is_file():
            continue
        where = (files[0].parent if len(files) > 1 else files[0]).relative_to(root)
        cited = {
            label: f"{path.relative_to(root)}:{line}"
            for path in files
            for label, line in label_tokens(path, slug).items()
        }
        for label in sorted(defined.keys() - cited):
            yield f"{name}:{defined[label]}: no docstring or comment of {where} cites {label}"
        for label in sorted(cited.keys() - defined):
            yield f"{cited[label]}: cites {label}, which no equation of {name} defines"
    for line, label in page.references:
        if label not in defined:
            yield f"{name}:{line}: \\eqref names {label}, which no equation of this page defines"
    yield from (f"{name}:{line}: {what}" for line, what in _typed_references(page))


def _typed_references(page: Article) -> Iterator[tuple[int, str]]:
    for line, match in page.find(r"\\ref\{[^}]*\}"):
        yield line, f"write $\\eqref{{...}}$, not {match[0]}"
    prose = without_mathematics(page.prose)
    for match in re.finditer(r"\\(?:eqref|label)\{[^}]*\}", prose):
        yield _line(prose, match), f"{match[0]} stands outside mathematics"
    for match in _TYPED.finditer(prose):
        if not match["whose"]:
            typed = " ".join(match[0].split())
            yield _line(prose, match), f"write $\\eqref{{...}}$, not {typed!r}"


def _line(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1
