"""What holds for every page and every tracked file: figures, sizes, links, characters, paths.

A problem reads `file:line: what is wrong; what to do`.
"""

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tools.articles import Article, articles, pages, without_mathematics
from tools.regions import region_lines

Problems = list[str]

FIGURE_LIMIT = 300_000  # bytes
FILE_LIMIT = 4_000_000
ALT = 25  # characters that an alternative text has at least
FEWEST = {"labels": 14, "executed blocks": 9, "figures": 5}
WORDS = range(2000, 4001)
LINES = {"snippets/**/*.py": 300, "tools/*.py": 300, "docs/labs/**/*.py": 150}
LINES |= {"README.md": 60, "CONTRIBUTING.md": 60}
FUNCTION_LINES = 25
REGION_LINES = 40
COLUMNS = 80

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff]")
_HALF_LATEX = re.compile(
    r"[\x07\x08\x0b\x0c]|\t(?:heta|au|imes|ilde|anh|ext)\b|\n(?:abla|eq|u)\b|\r(?:ho|ight|angle)\b"
)
_MACHINE = re.compile(r"(?<![\w.~:/<-])/(?:work|root|home|Users|mnt)/[\w.]|(?i:c:\\+users)")
_REGISTRY = re.compile(
    r"(?:index-url|find-links|trusted-host|registry)[ =\"':]+(?:https?|file)://"
    r"|https?://(?:10|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d"
)
_TARGET = re.compile(r"\]\(([^)\s]+)(?:\s[^)]*)?\)|\b(?:src|href|srcset)=\\?\"([^\"\\]+)\\?\"")


def figures(root: Path) -> Problems:
    """Each image says what it shows, each figure is there for light and dark, and is used."""
    problems = [problem for page in pages(root) for problem in _image_problems(root, page)]
    sources = [*root.glob("docs/**/*.md"), *root.glob("docs/labs/*.ipynb"), root / "README.md"]
    shown = "".join(path.read_text("utf-8") for path in sources if path.is_file())
    for path in sorted(root.glob("docs/articles/figures/*")):
        name, stem = path.relative_to(root), path.name.split(".")[0]
        if path.stat().st_size > FIGURE_LIMIT:
            problems.append(f"{name}: weighs {path.stat().st_size} bytes; at most {FIGURE_LIMIT}")
        if not re.search(rf"\b{re.escape(stem)}\.(?:light|dark)\.", shown):
            problems.append(f"{name}: no page and no lab shows it; delete it")
        scheme, other = ("light", "dark") if ".light." in path.name else ("dark", "light")
        if not path.with_name(path.name.replace(f".{scheme}.", f".{other}.")).is_file():
            problems.append(f"{name}: has no {other} twin; run `make labs`")
    for path in sorted(root.glob("docs/labs/*")):
        slug = re.split(r"[._]", path.name)[0]
        written = path.suffix in (".json", ".md", ".ipynb")
        if written and not (root / "docs" / "labs" / f"{slug}.py").is_file():
            problems.append(f"{path.relative_to(root)}: no lab writes it; delete it")
    return problems


def shape(root: Path) -> Problems:
    """An article has the length, the equations, the blocks and the figures that DESIGN asks for."""
    problems = []
    for page in articles(root):
        name = page.path.relative_to(root)
        lights = [image for image in page.images if image.fragment == "only-light"]
        has = dict(zip(FEWEST, map(len, (page.labels, page.executed, lights)), strict=True))
        problems += [
            f"{name}: {has[what]} {what}; at least {least}"
            for what, least in FEWEST.items()
            if has[what] < least
        ]
        if (words := prose_words(page)) not in WORDS:
            problems.append(f"{name}: {words} words of prose; {WORDS[0]} to {WORDS[-1]}")
        problems += [
            f"{name}: no {key} in its front matter; the listings show it"
            for key in ("title", "description")
            if not page.meta.get(key)
        ]
        problems += [
            f"{name}:{heading.line}: an empty heading"
            for heading in page.headings
            if not re.sub(r"\{[^}]*\}", "", heading.text).strip()
        ]
    return problems


def prose_words(page: Article) -> int:
    """Count the words of an article, without code, mathematics, images and marks."""
    text = re.sub(
        r"!\[[^\]]*\]\([^)]*\)|\]\([^)]*\)|<[^>]*>|\{[^}]*\}|^///.*$",
        " ",
        without_mathematics(page.prose),
        flags=re.M,
    )
    return len(re.findall(r"[^\W\d_][\w'’-]*", text))


def sizes(root: Path) -> Problems:
    """Modules, functions, quoted regions and lines are short enough to be read on a page."""
    problems = []
    for glob, limit in LINES.items():
        for path in sorted(root.glob(glob)):
            count = len(path.read_text("utf-8").splitlines())
            if count > limit:
                problems.append(f"{path.relative_to(root)}: {count} lines; at most {limit}")
    for path in (*sorted(root.glob("snippets/**/*.py")), *sorted(root.glob("tools/*.py"))):
        problems += [f"{path.relative_to(root)}:{each}" for each in _long_functions(path)]
    for path in sorted(root.glob("snippets/**/*.py")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if len(line) > COLUMNS:
                problems.append(f"{path.relative_to(root)}:{number}: more than {COLUMNS} columns")
    for page in articles(root):
        problems += [f"{page.path.relative_to(root)}:{each}" for each in _wide_fences(root, page)]
    return problems


def links(root: Path) -> Problems:
    """Links from Markdown and notebooks to files of the repository lead somewhere."""
    problems = []
    for page in pages(root):
        for line, match in page.find(_TARGET):
            if not _leads(page.path, match):
                name = page.path.relative_to(root)
                problems.append(f"{name}:{line}: no file {match[1] or match[2]}; mend the link")
    for path in sorted(root.glob("docs/labs/*.ipynb")):
        for number, cell in enumerate(json.loads(path.read_text("utf-8"))["cells"], 1):
            texts = [cell["source"]] if cell["cell_type"] == "markdown" else []
            texts += [each.get("data", {}).get("text/html", "") for each in cell.get("outputs", [])]
            for match in _TARGET.finditer("\n".join("".join(text) for text in texts)):
                if not _leads(path, match):
                    target = match[1] or match[2]
                    problems.append(f"{path.relative_to(root)}: cell {number}: no file {target}")
    return problems


def tracked(root: Path) -> Problems:
    """No tracked file is huge, holds control characters, or names a machine or its registry."""
    problems = []
    for path in tracked_files(root):
        name, content = path.relative_to(root), path.read_bytes()
        if len(content) > FILE_LIMIT:
            problems.append(f"{name}: {len(content)} bytes; at most {FILE_LIMIT}")
            continue
        if b"\0" in content[:8000] or path.suffix in (".npz", ".png", ".woff2", ".ttf"):
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").split("\n"), 1):
            problems += [f"{name}:{number}: {what}" for what in _line_problems(line.rstrip("\r"))]
        if path.suffix == ".py":
            problems += [f"{name}:{each}" for each in _half_latex(content.decode("utf-8"))]
    return problems


def tracked_files(root: Path) -> list[Path]:
    """Return the files that git tracks or would; without git, all that are not hidden."""
    if (root / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout
        files = [root / name for name in listed.decode("utf-8").split("\0") if name]
        return sorted(file for file in files if file.is_file())
    return sorted(
        path
        for path in root.rglob("*")
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(root).parts)
    )


def _image_problems(root: Path, page: Article) -> Iterator[str]:
    name = page.path.relative_to(root)
    dark = {image.path: image.alt for image in page.images if image.fragment == "only-dark"}
    for image in page.images:
        where = f"{name}:{image.line}"
        stem = re.sub(r"[\W_]+", " ", Path(image.path).name.split(".")[0])
        said = re.sub(r"[\W_]+", " ", image.alt).strip()
        if len(said) < ALT or said.lower() == stem.lower():
            yield f"{where}: alt text {image.alt!r}; say in {ALT} characters or more what shows"
        if image.fragment == "only-light":
            twin = image.path.replace(".light.", ".dark.")
            if dark.pop(twin, None) != image.alt:
                yield f"{where}: show {twin}#only-dark too, with the same alt text"
        elif (
            name.parts[0] == "docs"
            and re.search(r"\.(light|dark)\.\w+$", image.path)
            and (image.fragment != "only-dark")
        ):
            yield f"{where}: add #only-light or #only-dark"
    for path in dark:
        yield f"{name}: shows {path} on dark paper only; add its light twin"
    for line, match in page.find(r"<img\b[^>]*>"):
        if not re.search(rf'alt="[^"]{{{ALT},}}"', match[0]):
            yield f"{name}:{line}: an <img> whose alt says what shows, please"


def _long_functions(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        body = node.body[1:] if ast.get_docstring(node) else node.body
        count = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
        if count > FUNCTION_LINES:
            yield f"{node.lineno}: {node.name} has {count} lines; at most {FUNCTION_LINES}"


def _wide_fences(root: Path, page: Article) -> Iterator[str]:
    for fence in (*page.fences, *(each.output for each in page.fences if each.output)):
        for number, line in enumerate(fence.code.splitlines(), fence.line + 1):
            if len(line) > COLUMNS:
                yield f"{number}: {len(line)} columns in a fence; at most {COLUMNS}"
    for inclusion in page.inclusions:
        path = root / inclusion.path
        if inclusion.region and path.is_file():
            count = len(region_lines(path.read_text("utf-8").splitlines(), inclusion.region))
            if count > REGION_LINES:
                yield f"{inclusion.line}: quotes {count} lines; at most {REGION_LINES}"


def _leads(source: Path, match: re.Match[str]) -> bool:
    target = (match[1] or match[2]).split("#")[0].split("?")[0]
    if not target or re.match(r"[a-z][a-z0-9+.-]*:|//", target, re.I):
        return True
    return (source.parent / target).exists()


def _line_problems(line: str) -> Iterator[str]:
    if control := _CONTROL.search(line):
        yield f"control character {control[0]!r}; LaTeX in a string that is not raw?"
    if machine := _MACHINE.search(line):
        yield f"{machine[0]}... is a path of one machine; write it relative to the repository"
    if _REGISTRY.search(line):
        yield "names the package registry of one machine; leave it out"


def _half_latex(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found = _HALF_LATEX.search(node.value)
            if found:
                yield f"{node.lineno}: {found[0]!r} in a string; LaTeX wants a raw one, r'...'"
