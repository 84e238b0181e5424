"""Labs are run when, and only when, something that their result depends on has changed."""

import json
import re
from pathlib import Path

import pytest

from tools import labs
from tools.dependencies import dependencies
from tools.labs import check, main, run

LAB = """# %% [markdown]
# # A lab
# of few words.

# %%
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from snippets.demo import double

for step in tqdm(range(2)):
    print(step)
print(Path("x").resolve(), object())

# %%
Path("demo.json").write_text(f'{{"four": {double(2)}}}')
figures = Path("../articles/figures")
figures.mkdir(parents=True, exist_ok=True)
_ = (figures / "demo_what.light.svg").write_text("<svg/>")
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the files of a small repository whose lab has been run."""
    root = tmp_path_factory.mktemp("repository")
    files = {
        "docs/labs/demo.py": LAB,
        "snippets/__init__.py": "",
        "snippets/demo.py": "from snippets.other import TWO\n\ndef double(x): return TWO * x\n",
        "snippets/other.py": "import yaml\n\nTWO = 2\n",
        "snippets/unused.py": "import scipy\n",
        "requirements.txt": "numpy==2.0\nscipy==1.0\nPyYAML==1.0  # words\ntqdm==4.0\n",
    }
    _write(root, files)
    run(root, "demo")
    assert check(root) == []
    return {
        str(path.relative_to(root)): path.read_text()
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture
def root(finished: dict[str, str], tmp_path: Path) -> Path:
    _write(tmp_path, finished)
    return tmp_path


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_a_result_depends_on_all_that_is_imported(root: Path) -> None:
    assert list(dependencies(root, root / "docs/labs/demo.py")) == [
        "docs/labs/demo.py",
        "snippets/__init__.py",
        "snippets/demo.py",
        "snippets/other.py",
        "requirements.txt: numpy",
        "requirements.txt: pyyaml",
        "requirements.txt: tqdm",
    ]


def test_a_folder_without_init_is_inside_too(tmp_path: Path) -> None:
    """As `tools` is: `from tools import publish` names no package that needs a pin."""
    lab = "from tools import publish\n"
    _write(tmp_path, {"tools/publish.py": "", "lab.py": lab, "requirements.txt": ""})
    assert dependencies(tmp_path, tmp_path / "lab.py").keys() == {"lab.py", "tools/publish.py"}


def test_the_data_count_where_the_module_that_reads_them_does() -> None:
    here = Path(__file__).parents[1]
    assert "snippets/data/mnist.npz" in dependencies(here, here / "snippets" / "data.py")
    assert "snippets/data/mnist.npz" not in dependencies(here, here / "snippets" / "nice.py")


def test_what_is_current_is_not_run(root: Path, capsys: pytest.CaptureFixture) -> None:
    notebook = (root / "docs/labs/demo.ipynb").read_text()
    assert main(["--check"], root) == 0
    assert main([], root) == 0
    assert "docs/labs/demo.py: current" in capsys.readouterr().out
    assert (root / "docs/labs/demo.ipynb").read_text() == notebook


@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        ("docs/labs/demo.py", "few", "many", "docs/labs/demo.py changed"),
        ("snippets/other.py", "TWO = 2", "TWO = 3", "snippets/other.py changed"),
        ("requirements.txt", "PyYAML==1.0", "PyYAML==1.1", "requirements.txt: pyyaml changed"),
        ("docs/labs/demo.json", "4", "5", "docs/labs/demo.json changed"),
        ("docs/labs/demo.ipynb", "1\\\\n", "7\\\\n", "docs/labs/demo.ipynb changed"),
        ("docs/articles/figures/demo_what.light.svg", "/", " /", "demo_what.light.svg changed"),
        ("docs/articles/figures/demo_old.svg", None, "<svg/>", "demo_old.svg is new"),
        ("docs/articles/figures/demo_what.light.svg", "", None, "demo_what.light.svg is gone"),
        ("docs/labs/demo.ipynb", "", None, "docs/labs/demo.ipynb is missing"),
        ("docs/labs/demo.ipynb", "derive_and_run", "by hand", "was not written by `make labs`"),
        ("docs/labs/demo.py", "import sys", "import zuko", "does not pin it"),
    ],
)
def test_what_made_a_lab_stale_is_named(
    root: Path, capsys: pytest.CaptureFixture, file: str, old: str | None, new: str, named: str
) -> None:
    path = root / file
    if new is None:
        path.unlink()
    else:
        path.write_text(re.sub(old, new, path.read_text()) if old is not None else new)
    assert main(["--check"], root) == 1
    said = capsys.readouterr().out
    assert said.startswith("docs/labs/demo.py: stale, ")
    assert named in said
    assert "Run `make labs ARGS='--only demo'`." in said
    assert said.count(";") == 0  # nothing else is


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("snippets/unused.py", "scipy", "numpy"),
        ("requirements.txt", "scipy==1.0", "scipy==1.1"),
        ("requirements.txt", "# words", "# other words"),
    ],
)
def test_what_does_not_matter_leaves_a_lab_current(
    root: Path, file: str, old: str, new: str
) -> None:
    (root / file).write_text((root / file).read_text().replace(old, new))
    assert check(root) == []


def test_a_notebook_holds_nothing_of_one_run_or_one_machine(root: Path) -> None:
    text = (root / "docs/labs/demo.ipynb").read_text()
    notebook = json.loads(text)
    assert [cell["id"] for cell in notebook["cells"]] == ["demo-1", "demo-2", "demo-3"]
    (printed,) = notebook["cells"][1]["outputs"]
    assert "".join(printed["text"]) == "0\n1\ndocs/labs/x <object object>\n"
    assert "stderr" not in text
    record = notebook["metadata"].pop("derive_and_run")
    assert set(record) == {"hash", "seconds", "dependencies", "outputs"}
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}


def test_a_lab_that_fails_is_named_and_leaves_its_notebook_alone(
    root: Path, capsys: pytest.CaptureFixture
) -> None:
    notebook = (root / "docs/labs/demo.ipynb").read_text()
    (root / "docs/labs/demo.py").write_text(LAB + "\n# %%\n1 / 0\n")
    assert main([], root) == 1
    said = capsys.readouterr().err
    assert "docs/labs/demo.py: cell 4 failed (1 / 0)" in said
    assert "ZeroDivisionError" in said
    assert (root / "docs/labs/demo.ipynb").read_text() == notebook


def test_at_full_scale_the_plain_script_runs(root: Path) -> None:
    script = "import os\nfrom pathlib import Path\nfrom snippets.demo import double\n"
    script += "Path('scale').write_text(f\"{os.environ['LAB_SCALE']} {double(2)}\")\n"
    (root / "docs/labs/demo.py").write_text(script)
    notebook = (root / "docs/labs/demo.ipynb").read_text()
    assert main(["--scale", "full"], root) == 0
    assert (root / "scale").read_text() == "full 4"
    assert (root / "docs/labs/demo.ipynb").read_text() == notebook


def test_only_the_labs_asked_for_are_run(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "docs/labs/other.py").write_text("# %%\n1\n")
    ran: list[str] = []
    monkeypatch.setattr(labs, "run", lambda root, slug: ran.append(slug))
    main([], root)
    assert ran == ["other"]
    main(["--all"], root)
    assert ran == ["other", "demo", "other"]
    main(["--all", "--only", "demo"], root)
    assert ran == ["other", "demo", "other", "demo"]
