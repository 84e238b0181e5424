"""A rebuild after an edit, in the process that built before, is what a first build would be."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image

ROOT = Path(__file__).parents[1]
# One build a line, as `mkdocs serve` builds: settings, plugins and hooks anew, modules as they are.
BUILDER = """
import sys
from mkdocs.commands.build import build
from mkdocs.config import load_config
for line in sys.stdin:
    build(load_config("mkdocs.yml", site_dir=line.strip()))
    print("built", flush=True)
"""
NAV = "nav:\n  - Articles:\n      - Flows: articles/nice.md\n      - Ranks: articles/svd.md\n"
PICTURE = "figures/nice_a.light.png"
NICE = rf"""---
title: Flows
description: About flows.
---

# Flows

\begin{{equation}}
y = x \label{{nice:same}}
\end{{equation}}

By $\eqref{{nice:same}}$, unlike $\eqref{{svd:other}}$, and [there](svd.md#part).

![A picture of a curve]({PICTURE}#only-light)

``` {{ .python title="snippets/nice.py" }}
--8<-- "snippets/nice.py:same"
```

```python
from snippets.nice import same

print(same(1))
```

<!--pytest-codeblocks:expected-output-->
``` {{ .text .output }}
1
```
"""
SVD = r"""---
title: Ranks
description: About ranks.
---

# Ranks

## Part

\begin{equation}
z = 2 \label{svd:other}
\end{equation}

Some words.
"""
MODULE = '''"""Flows."""

from snippets.parts import kept


# --8<-- [start:same]
def same(first_of_several: int, second_of_several: int = 0, third_of_several: int = 0) -> int:
    """Return the first: `nice:same`, `svd:other`, `svd:later`."""
    return kept(first_of_several)


# --8<-- [end:same]
'''
FILES = {
    "docs/index.md": "# Home\n\n[Flows](articles/nice.md)\n",
    "docs/glossary.md": '# Terms\n\nA word.\n{ .term #word data-forms="word" }\n',
    "docs/articles/nice.md": NICE,
    "docs/articles/svd.md": SVD,
    "docs/api/nice.md": "# Code\n\nSee [same][snippets.nice.same].\n\n::: snippets.nice\n",
    "docs/api/svd.md": "# More code\n\n::: snippets.svd\n",
    "snippets/__init__.py": "",
    "snippets/nice.py": MODULE,
    "snippets/parts.py": 'def kept(x: int) -> int:\n    """Return x."""\n    return x\n',
    "snippets/svd.py": '"""Ranks."""\n\nfrom snippets.nice import same\n\n__all__ = ["same"]\n',
}
# What a page is made from besides its own text comes last: an edit of the page would hide it.
EDITS = {
    "a title": ("docs/articles/nice.md", "title: Flows", "title: Streams"),
    "a heading": ("docs/articles/svd.md", "# Ranks", "# Rank"),
    "an anchor": ("docs/articles/svd.md", "## Part", "## Whole"),
    "a label": ("docs/articles/nice.md", "nice:same", "nice:alike"),
    "a label of another page": ("docs/articles/svd.md", "svd:other", "svd:another"),
    "a name that another module has": ("snippets/svd.py", "__all__ =", "NAMES ="),
    "a docstring": ("snippets/nice.py", "Return the first:", "Hand back the first:"),
    "a quoted module": ("snippets/nice.py", "return kept(", "return +kept("),
    "a module behind it": ("snippets/parts.py", "return x", "return +x"),
    "a number of an equation": (
        "docs/articles/svd.md",
        "# Rank\n",
        "# Rank\n\n\\begin{equation}\na\n\\end{equation}\n",
    ),
    "a label that code cites already": (
        "docs/articles/svd.md",
        "\na\n",
        "\na \\label{svd:later}\n",
    ),
    "a form of a term": ("docs/glossary.md", 'forms="word"', 'forms="words"'),
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of a few pages with the settings and the machinery of this one."""
    root = tmp_path_factory.mktemp("repository")
    shutil.copytree(ROOT / "tools", root / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "docs" / "assets", root / "docs" / "assets")
    shutil.copy(ROOT / "requirements.txt", root)
    settings, _, _ = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:")
    (root / "mkdocs.yml").write_text(f"{settings}\n{NAV}")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    paint(root, 30)
    (root / "docs" / "labs").mkdir()
    cells = [new_markdown_cell("# Lab\n\nOf $x$."), new_code_cell("# nice:same\nprint(1)")]
    nbformat.write(new_notebook(cells=cells), root / "docs" / "labs" / "nice.ipynb")
    return root


@pytest.fixture(scope="module")
def builder(repository: Path) -> Iterator["subprocess.Popen[str]"]:
    with start(repository) as process:
        yield process
        assert process.stdin
        process.stdin.close()


def start(root: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", BUILDER]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=root, stdin=pipe, stdout=pipe, text=True, env=quiet)


def paint(root: Path, width: int) -> None:
    file = root / "docs" / "articles" / PICTURE
    file.parent.mkdir(exist_ok=True)
    Image.new("RGB", (width, 20)).save(file)


def built(builder: "subprocess.Popen[str]", site: Path) -> dict[str, bytes]:
    """Build; return the files of the site."""
    assert builder.stdin and builder.stdout
    builder.stdin.write(f"{site}\n")
    builder.stdin.flush()
    assert builder.stdout.readline() == "built\n"
    return {
        file.relative_to(site).as_posix(): file.read_bytes()
        for file in sorted(site.rglob("*"))
        if file.is_file() and file.suffix != ".gz"
    }


def anew(root: Path, folder: Path) -> dict[str, bytes]:
    """Build a copy that has never been built."""
    shutil.copytree(root, folder / "copy", ignore=shutil.ignore_patterns(".cache"))
    with start(folder / "copy") as process:
        files = built(process, folder / "site")
        assert process.stdin
        process.stdin.close()
    return files


def test_rebuilds_are_what_first_builds_would_be(
    repository: Path, builder: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    """Each edit is seen; what the last of them leaves is compared file by file."""
    before = built(builder, tmp_path / "site")
    for what, (name, old, new) in EDITS.items():
        for file in [*repository.glob("docs/**/*.md"), *repository.glob("snippets/*.py")]:
            text = file.read_text()
            if file == repository / name or what.startswith("a label"):
                file.write_text(text.replace(old, new))
        after = built(builder, tmp_path / "site")
        assert after != before, f"{what} was edited in vain"
        before = after
    paint(repository, 60)
    rebuilt = built(builder, tmp_path / "site")
    first = anew(repository, tmp_path)
    assert b"quoted in" in first["api/nice/index.html"], "by the page that leads there"
    assert rebuilt.keys() == first.keys()
    assert [name for name in first if first[name] != rebuilt[name]] == []
