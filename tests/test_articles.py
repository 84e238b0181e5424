"""The rules of DESIGN hold in this repository, and each rule notices what breaks it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tools import hygiene, rules
from tools.fences import fences

ROOT = Path(__file__).parents[1]
Rule = Callable[[Path], list[str]]
RULES: list[Rule] = [
    fences,
    rules.labels,
    rules.numbers,
    rules.current_labs,
    rules.slugs,
    hygiene.figures,
    hygiene.shape,
    hygiene.sizes,
    hygiene.links,
    hygiene.tracked,
]

PAGE = r"""---
title: "A page"
description: What it is about.
---

# A page

Let $x$ be given, as in equation (3) of the paper. It took
<data value="svd:seconds">1.5</data> s; see the [notation](../notation.md).

\begin{equation}
y = x \label{svd:same}
\end{equation}

By $\eqref{svd:same}$ nothing happens.

![A line that goes up, then down](figures/svd_curve.light.svg#only-light){ loading=lazy }
![A line that goes up, then down](figures/svd_curve.dark.svg#only-dark){ loading=lazy }

## Code

``` { .python title="snippets/svd.py" }
--8<-- "snippets/svd.py:same"
```

```python
import torch

torch.manual_seed(0)
print(torch.rand(()) < 1)
```

<!--pytest-codeblocks:expected-output-->
``` { .text .output }
tensor(True)
```

??? question "Why?"

    ```python
    print("because")
    ```

    <!--pytest-codeblocks:expected-output-->

    ``` { .text .output }
    because
    ```

--8<-- "docs/labs/svd_table.md"

``` { .bibtex }
@misc{key}
```
"""
MODULE = '''"""The module of `svd:same`."""

import torch


# --8<-- [start:same]
def same(x: torch.Tensor) -> torch.Tensor:
    """Return x: `svd:same`."""
    first = x.sum()
    second = first + 1
    third = second - 1
    return x + third - first


# --8<-- [end:same]
'''
TEST = '''"""Tests."""


def test_same() -> None:
    """svd:same, by looking."""
'''
NOTEBOOK = '{"cells": [{"cell_type": "markdown", "source": ["[page](../articles/svd.md)"]}]}'
FILES = {
    "README.md": "# Read me\n\n[A page](docs/articles/svd.md)\n",
    "docs/notation.md": "# Notation\n",
    "docs/articles/svd.md": PAGE,
    "docs/articles/figures/svd_curve.light.svg": "<svg/>",
    "docs/articles/figures/svd_curve.dark.svg": "<svg/>",
    "docs/labs/svd.py": "# %%\n",
    "docs/labs/svd.ipynb": NOTEBOOK,
    "docs/labs/svd.json": '{"seconds": 1.52}',
    "docs/labs/svd_table.md": "| a |\n|---|\n",
    "mkdocs.yml": "nav: [articles/svd.md, labs/svd.ipynb]\n",
    "snippets/svd.py": MODULE,
    "tests/test_svd.py": TEST,
}
PAGE_FILE, MODULE_FILE = "docs/articles/svd.md", "snippets/svd.py"
LINES = "first = x.sum()\nsecond = first + 1\nthird = second - 1\nreturn x + third - first\n"
SEEN = "<!--pytest-codeblocks:expected-output-->\n``` { .text .output }\n"
CODE = 'print("because")'
TABLE = '--8<-- "docs/labs/svd_table.md"'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_this_repository_keeps(rule: Rule) -> None:
    problems = rule(ROOT)
    assert not problems, "\n".join(["", *problems])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_small_repository_keeps(rule: Rule, root: Path) -> None:
    if rule not in (hygiene.shape, rules.current_labs):
        assert rule(root) == []


def planted(root: Path, rule: Rule, file: str, old: str, new: str) -> list[str]:
    """Plant a fault in a file and return what the rule says of it."""
    text = (root / file).read_text() if (root / file).is_file() else ""
    assert old in text
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(text.replace(old, new, 1))
    return rule(root)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("```python\nimport", "~~~python\n~~~\n\n```python\nimport", "26: a fence of tildes"),
        ("```python\nimport", "``` python\nimport", "26: Python that nobody runs"),
        ("```python\nimport", '```python title="x"\nimport', "26: Python that nobody runs"),
        ("```python\nimport", "``` { .python }\nimport", "26: Python that nobody runs"),
        ("```python\nimport", "```py\nimport", "26: Python that nobody runs"),
        ("```python\nimport", "``` { .text }\nimport", "26: Python that nobody runs"),
        ("    ```python\n", "    ```python3\n", "40: Python that nobody runs"),
        ("``` { .bibtex }", "```", "52: a fence that does not say what it holds"),
        ("``` { .bibtex }", "```sh", "52: pytest-codeblocks would run this"),
        (SEEN + "tensor(True)\n```\n", "", "26: an executed block without its output"),
        ("tensor(True)\n", "", "34: an empty output"),
        ("``` { .text .output }\nt", "``` { .text }\nt", "34: an output fence reads"),
        (SEEN, "``` { .text .output }\n", "33: an output without"),
        ("-->\n``` {", "-->\nSo:\n``` {", "33: an output follows its block"),
        ("    <!--pyt", "<!--pyt", "44: write <!--pytest-codeblocks:expected-output-->, indented"),
        ("-->\n\n    ```", "-->\n    ```", "44: in a fold-out an empty line follows"),
        (':same"\n```\n', f':same"\n```\n\n{SEEN}x\n```\n', "22: an output after what is not"),
        ("torch.manual_seed(0)\n", "", "26: torch.rand(...) without a seed in view"),
        (':same"\n', ':same"\nx = 1\n', "22: a quotation holds nothing but"),
        (':same"\n', '"\n', "22: a quotation holds nothing but"),
        ("svd.py:same", "svd.py:other", "22: svd.py has no region 'other'"),
        ("svd.py:same", "vae.py:same", "22: a quotation holds nothing but"),
        ("snippets/svd.py", "tests/svd.py", "22: a quotation holds nothing but"),
        (CODE, LINES.replace("\n", "\n    ") + CODE, "40: repeats lines of snippets/svd.py:9"),
        ("@misc{key}", LINES, "52: repeats lines of snippets/svd.py:9"),
        (
            "```python\nimp",
            "<!--pytest-codeblocks:cont-->\n```python\nimp",
            "26: pytest-codeblocks:",
        ),
        ("```python\nimp", "<!--pytest-codeblocks:skip-->\n```python\nimp", "is not used here"),
        (
            "---\ntitle",
            "<!--pytest-codeblocks:skipfile-->\n---\ntitle",
            "1: pytest-codeblocks:skipf",
        ),
        (
            "```python\nimp",
            "<!--pytest.mark.xfail-->\n```python\nimp",
            "26: a mark that pytest-cod",
        ),
        ("<!--pytest-codeblocks:exp", "<!--pytest-codeblock:exp", "33: a mark that pytest-codeb"),
        ("output-->\n```", "output-ignore-whitespace-->\n```", "is not used here"),
        ("## Code", "<pre><code>x = 1</code></pre>", "20: <pre> hides code"),
        ("## Code", "Words:\n\n    import torch\n", "22: Python in an indented block"),
        (TABLE, '--8<-- "snippets/svd.py:same"', "50: outside fences only tables"),
        (TABLE, '--8<-- "benchmarks/svd.md"', "50: outside fences only tables"),
    ],
)
def test_fences_of_a_fourth_kind_are_noticed(root: Path, old: str, new: str, said: str) -> None:
    problems = planted(root, fences, PAGE_FILE, old, new)
    assert any(said in problem for problem in problems), problems
    assert all(problem.startswith(f"{PAGE_FILE}:") for problem in problems)


@pytest.mark.parametrize("file", ["README.md", "docs/index.md", "docs/api/svd.md"])
def test_fences_are_read_wherever_people_write(root: Path, file: str) -> None:
    new = "# A page\n\n``` py\nx = 1\n```\n"
    assert any(f"{file}:" in each for each in planted(root, fences, file, "", new))


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (PAGE_FILE, r"\label{svd:same}", "", f"{MODULE_FILE}:1: cites svd:same, which no"),
        (PAGE_FILE, r"\label{svd:same}", "", "tests/test_svd.py:5: cites svd:same, which no"),
        (PAGE_FILE, r"\label{svd:same}", "", "15: \\eqref names svd:same, which no equation"),
        (PAGE_FILE, r"\label{svd:same}", r"\label{svd:Same}", "12: label svd:Same must read"),
        (PAGE_FILE, r"\label{svd:same}", r"\label{vae:same}", "12: label vae:same must read"),
        (PAGE_FILE, "y = x", r"y \label{svd:same}", "12: label svd:same is defined in line 12"),
        (PAGE_FILE, "y = x", r"y \label{svd:new}", f"12: no docstring or comment of {MODULE_FILE}"),
        (PAGE_FILE, "y = x", r"y \label{svd:new}", "12: no docstring or comment of tests/test_svd"),
        (
            MODULE_FILE,
            "Return x: `svd:same`",
            "Return `svd:other`",
            f"{MODULE_FILE}:8: cites svd:o",
        ),
        (MODULE_FILE, "first = x", "first = x  # svd:more", f"{MODULE_FILE}:9: cites svd:more"),
        ("tests/test_svd.py", "svd:same", "svd:same-not", "test_svd.py cites svd:same"),
        (
            "tests/test_svd.py",
            '"""svd:same, by looking."""',
            'print("svd:same")',
            "test_svd.py cit",
        ),
        (PAGE_FILE, r"$\eqref{svd:same}$", "equation (1)", "15: write $\\eqref{...}$, not 'equat"),
        (PAGE_FILE, r"$\eqref{svd:same}$", "Eq. 1", "15: write $\\eqref{...}$, not 'Eq. 1'"),
        (PAGE_FILE, r"By $\eqref{svd:same}$", "By (1)", "15: write $\\eqref{...}$, not 'By (1)'"),
        (PAGE_FILE, " of the paper", "", "8: write $\\eqref{...}$, not 'equation (3)'"),
        (PAGE_FILE, r"\eqref{svd:same}", r"\ref{svd:same}", "15: write $\\eqref{...}$, not \\ref"),
        (PAGE_FILE, r"$\eqref{svd:same}$", r"\eqref{svd:same}", "15: \\eqref{svd:same} stands out"),
    ],
)
def test_labels_that_disagree_are_noticed(
    root: Path, file: str, old: str, new: str, said: str
) -> None:
    problems = planted(root, rules.labels, file, old, new)
    assert any(said in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (">1.5<", ">1.6<", f"{PAGE_FILE}:9: svd:seconds reads '1.6', the lab measured '1.5'"),
        (">1.5<", ">1.520<", ""),
        (">1.5<", ">1.53<", "the lab measured '1.52'"),
        ("svd:seconds", "svd:minutes", f"{PAGE_FILE}:9: svd:minutes is no number in"),
        ("svd:seconds", "vae:seconds", "has no docs/labs/vae.json"),
        ("svd:seconds", "benchmarks:seconds", "has no docs/benchmarks.json: run `make bench`"),
        ('value="svd:', "value='svd:", 'a <data> is not <data value="SLUG:key">'),
    ],
)
def test_numbers_that_no_lab_measured_are_noticed(
    root: Path, old: str, new: str, said: str
) -> None:
    problems = planted(root, rules.numbers, PAGE_FILE, old, new)
    assert any(said in problem for problem in problems) if said else not problems, problems


def test_a_stale_lab_is_noticed(root: Path) -> None:
    (root / "docs/labs/svd.ipynb").unlink()
    (problem,) = rules.current_labs(root)
    assert problem.startswith("docs/labs/svd.py: stale, ")


@pytest.mark.parametrize("place", [PAGE_FILE, MODULE_FILE, "tests/test_svd.py", "docs/labs/svd.py"])
def test_an_article_without_one_of_its_parts_is_noticed(root: Path, place: str) -> None:
    (root / place).unlink()
    assert any(f"has no {place}" in problem for problem in rules.slugs(root))


def test_a_package_is_a_module_too(root: Path) -> None:
    package = root / "snippets" / "svd"
    package.mkdir()
    (root / MODULE_FILE).rename(package / "parts.py")
    first = package / "__init__.py"
    first.write_text("from snippets.svd.parts import same\n")
    assert rules.slugs(root) == rules.labels(root) == []
    first.write_text('"""Nothing of `svd:other`."""\n')
    assert rules.labels(root) == [
        f"snippets/svd/__init__.py:1: cites svd:other, which no equation of {PAGE_FILE} defines"
    ]
    parts = package / "parts.py"
    parts.write_text(parts.read_text().replace("svd:same", "it"))
    assert any("comment of snippets/svd cites svd:same" in each for each in rules.labels(root))


def test_a_part_without_an_article_is_noticed(root: Path) -> None:
    said = "docs/labs/nothing.py: is of no article"
    assert said in planted(root, rules.slugs, "docs/labs/nothing.py", "", "# %%")[0]
    assert (
        "nav has no labs/svd.ipynb"
        in planted(root, rules.slugs, "mkdocs.yml", "labs/svd.ipynb", "")[-1]
    )


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            PAGE_FILE,
            "A line that goes up, then down",
            "A line",
            f"{PAGE_FILE}:17: alt text 'A line'",
        ),
        (PAGE_FILE, "A line that goes up, then down", "", f"{PAGE_FILE}:17: alt text ''"),
        (
            PAGE_FILE,
            "down](figures/svd_curve.dark",
            "up](figures/svd_curve.dark",
            "17: show figures",
        ),
        (PAGE_FILE, "svd_curve.dark.svg#only-dark", "svd_curve.dark.svg", "18: add #only-light"),
        (PAGE_FILE, "svd_curve.light.svg#only-light", "x.png", "on dark paper only"),
        (PAGE_FILE, "## Code", '<img src="figures/x.png">', f"{PAGE_FILE}:20: an <img> whose alt"),
        ("docs/articles/figures/svd_old.light.svg", "", "<svg/>", "no page and no lab shows it"),
        ("docs/articles/figures/svd_old.light.svg", "", "<svg/>", "has no dark twin"),
        ("docs/articles/figures/svd_curve.dark.svg", "/", " " * 300_000, "weighs 300005 bytes"),
        ("docs/labs/old.json", "", "{}", "docs/labs/old.json: no lab writes it"),
    ],
)
def test_figures_that_fail_their_readers_are_noticed(
    root: Path, file: str, old: str, new: str, said: str
) -> None:
    problems = planted(root, hygiene.figures, file, old, new)
    assert any(said in problem for problem in problems), problems


def test_an_article_that_falls_short_is_noticed(root: Path) -> None:
    assert hygiene.shape(root) == [
        f"{PAGE_FILE}: 1 labels; at least 14",
        f"{PAGE_FILE}: 2 executed blocks; at least 9",
        f"{PAGE_FILE}: 1 figures; at least 5",
        f"{PAGE_FILE}: 27 words of prose; 2000 to 4000",
    ]
    assert f"{PAGE_FILE}:20: an empty heading" in planted(
        root, hygiene.shape, PAGE_FILE, "## Code", "## { #code }"
    )
    (problem,) = set(planted(root, hygiene.shape, PAGE_FILE, "description", "about")) - {
        *hygiene.shape(root)[:-2],
        f"{PAGE_FILE}:20: an empty heading",
    }
    assert problem.startswith(f"{PAGE_FILE}: no description in its front matter")


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (MODULE_FILE, "import torch\n", "import torch\n" * 300, "snippets/svd.py: 314 lines"),
        (
            MODULE_FILE,
            "    first = x.sum()\n",
            "    first = 1\n" * 23,
            "svd.py:7: same has 26 lines",
        ),
        (MODULE_FILE, "x.sum()", "x.sum()" + "  # long" * 10, "svd.py:9: more than 80 columns"),
        (MODULE_FILE, "def same", "# \n" * 36 + "def same", f"{PAGE_FILE}:23: quotes 44 lines"),
        (PAGE_FILE, "@misc{key}", "@misc{" + "k" * 75, f"{PAGE_FILE}:53: 81 columns in a fence"),
        (PAGE_FILE, "    because", "    " + "be" * 41, f"{PAGE_FILE}:47: 82 columns in a fence"),
        ("docs/labs/svd.py", "# %%\n", "# %%\n" * 151, "docs/labs/svd.py: 151 lines; at most 150"),
        ("README.md", "# Read me\n", "\n" * 60, "README.md: 62 lines; at most 60"),
    ],
)
def test_what_is_too_long_to_read_is_noticed(
    root: Path, file: str, old: str, new: str, said: str
) -> None:
    problems = planted(root, hygiene.sizes, file, old, new)
    assert any(said in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (PAGE_FILE, "notation.md", "notations.md", f"{PAGE_FILE}:9: no file ../notations.md"),
        (PAGE_FILE, "svd_curve.dark", "svd_other.dark", f"{PAGE_FILE}:18: no file figures/svd_oth"),
        ("README.md", "svd.md", "vae.md", "README.md:3: no file docs/articles/vae.md"),
        (
            "docs/labs/svd.ipynb",
            "svd.md",
            "vae.md",
            "svd.ipynb: cell 1: no file ../articles/vae.md",
        ),
    ],
)
def test_links_that_lead_nowhere_are_noticed(
    root: Path, file: str, old: str, new: str, said: str
) -> None:
    problems = planted(root, hygiene.links, file, old, new)
    assert any(said in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ("x = '" + chr(12) + "rac'", "snippets/new.py:1: control character '\\x0c'"),
        (r"x = '\frac'", "snippets/new.py:1: '\\x0c' in a string; LaTeX wants a raw one"),
        (r"x = '$\theta$'", "snippets/new.py:1: '\\theta' in a string"),
        (r"x = r'$\theta$'", ""),
        (r"x = 'a\tb\n'", ""),
        ("x = '/" + "home/me/file'", "snippets/new.py:1: /" + "home/m... is a path of one machine"),
        ("x = 'https://example.org/" + "home/me'", ""),
        ("x = '--index-" + "url https://example.org'", "names the package registry"),
        ("x = 'http://10." + "0.0.1/simple'", "names the package registry"),
        ("x = 0" + " " * 4_000_000, "snippets/new.py: 4000005 bytes; at most 4000000"),
    ],
)
def test_what_does_not_belong_in_a_file_is_noticed(root: Path, new: str, said: str) -> None:
    problems = planted(root, hygiene.tracked, "snippets/new.py", "", new)
    assert any(said in problem for problem in problems) if said else not problems, problems
