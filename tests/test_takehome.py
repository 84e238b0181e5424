"""What is taken home runs where the repository is not, and prints what the page says."""

import ast
import atexit
import contextlib
import io
import json
import os
import subprocess
import sys
from functools import cache
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import kept as keeping
from tools.articles import articles
from tools.script import comment, import_lines
from tools.takehome import write

ROOT = Path(__file__).parents[1]
PROMISED = ("torch", "numpy", "matplotlib", "einops", "jaxtyping")
# Runs one script a line, each in a process of its own that begins with PyTorch imported.
ALONE = """
import importlib.machinery as machinery, os, runpy, sys

class Only(machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        spec = super().find_spec(name, path, target)
        installed = spec and "site-packages" in str(spec.origin or spec.submodule_search_locations)
        return None if installed and name.split(".")[0] not in allowed else spec

allowed = set(sys.argv[1].split(","))
sys.meta_path[:] = [machinery.BuiltinImporter, machinery.FrozenImporter, Only]
import torch

for line in sys.stdin:
    script, folder, printed, errors = line.rstrip("\\n").split("\\t")
    child = os.fork()
    if not child:
        os.chdir(folder)
        for stream, file in ((sys.stdout, printed), (sys.stderr, errors)):
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), stream.fileno())
        sys.argv = [script]
        runpy.run_path(script, run_name="__main__")
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

FIRST = '''"""A module.

Article:  docs/articles/demo.md; `demo:twice` below.
"""

import math
from typing import NamedTuple

from snippets.second import BASE, shout as loud

__all__ = ["Pair", "twice"]
Number = float


class Pair(NamedTuple):
    """Two."""

    left: Number
    right: Number


# --8<-- [start:twice]
# Why twice: once is not enough.
def twice(x: Number) -> Pair:
    """Return x twice: `demo:twice`."""
    return Pair(_checked(x), x * BASE / BASE)


# --8<-- [end:twice]


# --8<-- [start:root]
def root(x: Number) -> Number:
    """Return the root of x, loudly."""
    loud("root")
    return math.sqrt(_checked(x))


# --8<-- [end:root]


def _checked(x: Number) -> Number:
    if x < LIMIT:
        raise ValueError(f"x must be at least {LIMIT}, got {x}")
    return x


LIMIT = 0
LIMIT += 1
REGISTER: dict[str, object] = {}
REGISTER["twice"] = twice


def unused() -> None:
    """Be left at home."""


if __name__ == "__main__":
    unused()
'''
SECOND = '''"""Another module, with data."""

from pathlib import Path

Number = float
BASE: Number = 10
FILE = Path(__file__).parent / "data" / "mnist.npz"


def shout(word: str) -> None:
    """Print a word."""
    print(word.upper())


def size() -> int:
    """Return the size of the data."""
    return FILE.stat().st_size
'''
PAGE = r"""---
title: "Demo: a page"
description: What it is about.
---

# Demo: a page

Words with $x_1$ and [a link](../notation.md#x), [the lab](../labs/demo.ipynb){ .wide }.
`{ .kept }`. It took <data value="demo:seconds">1.5</data> s. <!-- nobody sees this -->

\begin{equation}
y = (x, x) \label{demo:twice}
\end{equation}

![A curve that goes up](figures/demo_curve.light.svg#only-light){ loading=lazy }
![A curve that goes up](figures/demo_curve.dark.svg#only-dark){ loading=lazy }

/// figure-caption
The curve.
///

## The second comes first {data-toc-label="Second"}

Look at $\eqref{demo:twice}$ again:

``` { .python title="snippets/demo.py" }
--8<-- "snippets/demo.py:root"
```

``` { .python title="snippets/demo.py" }
--8<-- "snippets/demo.py:twice"
```

```python
import numpy as np

from snippets.demo import root
from snippets.demo import twice as again

print(root(np.float64(4.0)), again(2.0))
```

<!--pytest-codeblocks:expected-output-->
``` { .text .output }
ROOT
2.0 Pair(left=2.0, right=2.0)
```

??? question "Why *twice*?"

    Because:

    - a reason

    ```python
    from snippets.demo import REGISTER


    def f():
        return list(REGISTER)


    print(f())
    ```

    <!--pytest-codeblocks:expected-output-->

    ``` { .text .output }
    ['twice']
    ```

    !!! note "Deeper"

        Still inside.

And once more.

--8<-- "docs/labs/demo_table.md"

``` { .python title="snippets/demo.py" }
--8<-- "snippets/demo.py:twice"
```

``` { .bibtex }
@misc{demo}
```
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "docs/articles/demo.md": PAGE,
        "docs/labs/demo_table.md": "| a | b |\n|---|---|\n| 1 | 2 |\n",
        "snippets/demo.py": FIRST,
        "snippets/second.py": SECOND,
        "snippets/data/mnist.npz": "seven b",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def taken(root: Path, old: str = "", new: str = "", file: str = "docs/articles/demo.md") -> Path:
    """Change a file, take the article home, and return the folder where it lands."""
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new, 1))
    write(root, root / "site")
    return root / "site" / "articles" / "demo"


def expected(page: Path) -> str:
    return "".join(
        fence.output.code
        for article in articles(page.parents[2])
        if article.path == page
        for fence in article.executed
        if fence.output
    )


def importable() -> set[str]:
    """Return the modules of the packages promised, and of what these pull in."""
    found: set[str] = set()
    queue = list(PROMISED)
    while queue:
        name = canonicalize_name(queue.pop())
        if name in found:
            continue
        found.add(name)
        needs = [Requirement(each) for each in distribution(name).requires or []]
        queue += [n.name for n in needs if not n.marker or n.marker.evaluate({"extra": ""})]
    return {
        module
        for module, names in packages_distributions().items()
        if found & {canonicalize_name(name) for name in names}
    }


@cache
def runner() -> "subprocess.Popen[str]":
    """Start what runs scripts with nothing but the packages promised."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    process = subprocess.Popen(
        [sys.executable, "-I", "-W", "error", "-c", ALONE, ",".join(importable())],
        env=environment | {"MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(process.communicate)  # closes its input, on which it ends
    return process


def run_alone(script: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in a folder, where the repository is not."""
    process, said = runner(), [folder / "printed.txt", folder / "errors.txt"]
    assert process.stdin and process.stdout
    print(script, folder, *said, sep="\t", file=process.stdin, flush=True)
    code = int(process.stdout.readline())
    return subprocess.CompletedProcess(script.name, code, *(file.read_text() for file in said))


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The copies of all articles, written once."""
    folder = tmp_path_factory.mktemp("copies")
    write(ROOT, folder)
    return folder


@pytest.mark.parametrize("slug", [article.slug for article in articles(ROOT)])
def test_an_article_prints_at_home_what_its_page_says(
    slug: str, copies: Path, tmp_path: Path
) -> None:
    script = copies / "articles" / slug / f"{slug}.py"
    done = run_alone(script, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == expected(ROOT / "docs" / "articles" / f"{slug}.md")
    cells = nbformat.read(script.with_suffix(".ipynb"), as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    same = [ast.dump(ast.parse(each)) for each in (script.read_text(), code)]
    assert same[0] == same[1].replace(_file_of(slug), "")


def _file_of(slug: str) -> str:
    """Return how the one line reads that a notebook has and a script has not."""
    (line,) = ast.parse(f"__file__ = '{slug}.ipynb'").body
    return f"{ast.dump(line)}, "


def test_only_what_is_promised_can_be_imported(tmp_path: Path) -> None:
    names = ("scipy", "sklearn", "zuko", "tqdm", "snippets", "tools")
    tries = (f"try:\n    import {name}\nexcept ImportError:\n    print('no')\n" for name in names)
    (tmp_path / "script.py").write_text("".join(tries))
    assert run_alone(tmp_path / "script.py", tmp_path).stdout == "no\n" * len(names)


def test_a_script_runs_alone(root: Path, tmp_path: Path) -> None:
    script = taken(root) / "demo.py"
    (tmp_path / "elsewhere").mkdir()
    done = run_alone(script, tmp_path / "elsewhere")
    assert done.stderr == ""
    assert done.stdout == "ROOT\n2.0 Pair(left=2.0, right=2.0)\n['twice']\n"


def test_the_cells_of_a_notebook_print_what_is_stored(root: Path) -> None:
    notebook = nbformat.read(taken(root) / "demo.ipynb", as_version=4)
    namespace: dict[str, object] = {}
    outputs = 0
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(cell.source, namespace)
        assert printed.getvalue() == "".join(output.text for output in cell.outputs)
        outputs += len(cell.outputs)
    assert outputs == 2
    assert "snippets" not in json.dumps([namespace.get("__name__", "")])


def test_each_piece_is_written_once_and_only_if_it_is_needed(root: Path) -> None:
    script = (taken(root) / "demo.py").read_text()
    tree = ast.parse(script)
    names = [each.name for each in tree.body if isinstance(each, ast.FunctionDef | ast.ClassDef)]
    assert sorted(names) == ["Pair", "_checked", "f", "root", "shout", "twice"]
    assert script.count("\nNumber = float\n") == 1  # both modules have it, and it is the same
    assert "# Why twice: once is not enough.\ndef twice" in script
    assert "again = twice\n" in script
    for left_at_home in ("unused", "__all__", "FILE", "from snippets", "8<", "__main__"):
        assert left_at_home not in script


def test_a_package_travels_as_its_modules_do(root: Path, tmp_path: Path) -> None:
    package = root / "snippets" / "demo"
    package.mkdir()
    (root / "snippets" / "demo.py").rename(package / "parts.py")
    names = "from snippets.demo.parts import REGISTER, root\nfrom .parts import twice\n"
    (package / "__init__.py").write_text(names)
    page = (root / "docs/articles/demo.md").read_text().replace("demo.py", "demo/parts.py")
    (root / "docs/articles/demo.md").write_text(page)
    script = taken(root) / "demo.py"
    assert script.read_text().count("# snippets/demo/parts.py") == 1
    result = run_alone(script, tmp_path)
    assert result.stdout == expected(root / "docs/articles/demo.md"), result.stderr


def test_imports_stand_first(root: Path) -> None:
    script = (taken(root) / "demo.py").read_text()
    head = "# %%\nimport math\nfrom typing import NamedTuple\n\nimport numpy as np\n"
    assert head in script
    assert script.count("import ") == 3


def test_markdown_is_plain(root: Path) -> None:
    text = (taken(root) / "demo.md").read_text()
    for syntax in (
        "8<",
        "???",
        "!!!",
        "///",
        "toc-label",
        "loading",
        ".wide",
        "<data",
        "nobody",
        "dark",
        ".output",
        "codeblocks",
    ):
        assert syntax not in text
    for kept in (
        "`{ .kept }`",
        "[a link](../../notation/#x)",
        "[the lab](../../labs/demo/)",
        "![A curve that goes up](../figures/demo_curve.light.svg)\n",
        "*Figure 1.* The curve.",
        "## The second comes first\n",
        "It took 1.5 s.",
        "\\label{demo:twice}",
        "$\\eqref{demo:twice}$",
        "```python\n# Why twice",
        "```python\nfrom snippets.demo import REGISTER\n\n\ndef f():\n    return",
        "```text\n['twice']\n```",
        "**Why *twice*?**\n\nBecause:\n\n- a reason",
        "**Deeper**\n\nStill inside.",
        "| 1 | 2 |",
        "```bibtex\n@misc",
    ):
        assert kept in text, kept


def test_equations_carry_the_names_that_code_cites(root: Path) -> None:
    folder = taken(root)
    cells = nbformat.read(folder / "demo.ipynb", as_version=4).cells
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert "\\tag{demo:twice}" in prose
    assert "Look at (demo:twice) again" in prose
    assert "Look at (demo:twice) again" in (folder / "demo.py").read_text()


def test_data_travel_along(root: Path, tmp_path: Path) -> None:
    (root / "snippets/second.py").rename(root / "snippets/data.py")
    text = (root / "snippets/demo.py").read_text()
    (root / "snippets/demo.py").write_text(text.replace("snippets.second", "snippets.data"))
    block = "from snippets.data import size\nfrom snippets.demo import REGISTER\n\nprint(size())"
    folder = taken(root, "from snippets.demo import REGISTER\n", block.replace("\n", "\n    "))
    assert (folder / "data" / "mnist.npz").read_text() == "seven b"
    assert run_alone(folder / "demo.py", tmp_path).stdout.endswith("7\n['twice']\n")
    assert "`data/mnist.npz`" in (folder / "demo.py").read_text()
    assert '__file__ = "demo.ipynb"' in (folder / "demo.ipynb").read_text().replace("\\", "")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("from snippets.demo import root\n", "import snippets.demo\n", "demo.md:37: import names"),
        ("from snippets.demo import root\n", "from snippets import demo\n", "demo.md:37: import"),
        ("import root\n", "import roof\n", "demo.md:34: snippets.demo has no roof"),
        ("import numpy as np", "import scipy as np", "demo.md:34: imports scipy"),
        ("print(root(", "Pair = 3\nprint(root(", "demo.md:34: binds Pair, a name of snippets.demo"),
        ("import numpy as np", "from cmath import sqrt as math", "demo.md:34: binds math"),
        ("twice as again", "twice as BASE", "demo.md:34: binds BASE, a name of snippets.second"),
        ("print(root(", "print(root((", "demo.md:4"),
        ("demo.py:root", "demo.py:nothing", "has no region 'nothing'"),
    ],
)
def test_a_page_that_cannot_be_taken_home_is_refused(
    root: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(ValueError, match="docs/articles/") as raised:
        taken(root, old, new)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Number = float", "Number = int", "snippets.second and snippets.demo both define Number"),
        ("BASE: Number = 10", "BASE = 10\nPair = 3\nBASE += Pair", "both define Pair"),
        ("BASE: Number = 10", "from cmath import sqrt as math\nBASE = math", "both define math"),
        ("BASE: Number = 10", "import scipy\nBASE = scipy", "imports scipy"),
    ],
)
def test_modules_that_cannot_share_a_script_are_refused(
    root: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(ValueError, match="docs/articles/") as raised:
        taken(root, old, new, "snippets/second.py")
    assert said in str(raised.value)


def test_a_name_that_blocks_bind_in_two_ways_stays_in_its_blocks(root: Path) -> None:
    twin = "from math import pi as g\n\n    from snippets.demo import REGISTER\n\n    print(g)"
    taken(root, "import numpy as np", "import numpy as np\nfrom cmath import phase as g\n")
    folder = taken(root, "from snippets.demo import REGISTER\n", twin)
    script = (folder / "demo.py").read_text()
    assert script.index("from cmath import phase as g") > script.index("def root")
    assert script.index("from math import pi as g") > script.index("def root")


def test_the_listing_names_each_copy(root: Path) -> None:
    taken(root)
    line = "- [Demo: a page](articles/demo/demo.md): What it is about."
    assert line in (root / "site" / "llms.txt").read_text().splitlines()


def test_copies_are_the_same_each_time(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = {path.name: path.read_bytes() for path in taken(root).iterdir()}
    monkeypatch.setattr(keeping, "CACHE", root / "nothing kept")
    assert first == {path.name: path.read_bytes() for path in taken(root).iterdir()}


def test_no_articles_make_an_empty_listing(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    assert write(tmp_path, tmp_path / "site") == [
        tmp_path / "site" / name for name in ("llms.txt", "llms-full.txt")
    ]


def test_comments_wrap_prose_and_nothing_else() -> None:
    words = "word " * 30
    prose = f"{words}\n\n- {words}\n- b\n\n\\begin{{align}}\n{words}\n\\end{{align}}\n\n| {words} |"
    lines = comment(prose).splitlines()
    assert max(map(len, lines[:6])) <= 79
    assert lines[3].startswith("# - word")
    assert lines[4].startswith("#   word")
    assert lines.count(f"# {words}".rstrip()) == 1
    assert lines[-1] == f"# | {words} |"


def test_imports_are_merged_and_sorted() -> None:
    statements = {
        "import torch",
        "from torch import nn",
        "import math",
        "from torch import Tensor",
        "from collections.abc import Callable",
        "import torch.nn.functional as F",
    }
    assert import_lines(statements) == [
        "import math",
        "from collections.abc import Callable",
        "",
        "import torch",
        "import torch.nn.functional as F",
        "from torch import Tensor, nn",
    ]
