"""`pip install .` gives a reader `snippets` alone, typed, with its data, and the articles run."""

import json
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from tools.articles import articles

ROOT = Path(__file__).parents[1]
SHIPPED = ("snippets", "setup.py", "pyproject.toml", "requirements.txt", "README.md", "LICENSE")
# Runs blocks with nothing but their own names; prints what each printed, and where snippets is.
DRIVER = """
import contextlib, io, json, sys
printed = {}
for slug, code in json.load(sys.stdin).items():
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, slug, "exec"), {"__name__": "builtins"})
    printed[slug] = out.getvalue()
import snippets.data
assert len(snippets.data.load_mnist("test")[0]) == 2000
json.dump([snippets.__path__[0], printed], sys.stdout)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy, so that nothing is left in the repository."""
    copy, made = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("made")
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name)
        else:
            shutil.copy(ROOT / name, copy / name)
    pip("wheel", str(copy), "--no-deps", "--no-index", "--no-build-isolation", "-w", str(made))
    (file,) = made.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def reader(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into an environment that sees the packages here, but no repository."""
    home = tmp_path_factory.mktemp("reader")
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip("--python", str(python), "install", "--no-deps", "--no-index", str(wheel))
    return python


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert not done.returncode, done.stderr


def test_the_wheel_holds_the_snippets_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    modules = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("snippets/**/*.py")}
    assert held == modules | {"snippets/py.typed", "snippets/data/mnist.npz"}


def test_the_wheel_needs_the_first_group_of_the_pins(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        metadata = message_from_bytes(archive.read(name))
    lines = metadata.get_all("Requires-Dist", [])
    needed = {line.partition(">=")[0] for line in lines if "extra ==" not in line}
    assert needed == {"torch", "numpy", "einops", "jaxtyping", "matplotlib", "accelerate", "tqdm"}
    assert [line.partition(">=")[0] for line in lines if "extra ==" in line] == ["scipy"]
    assert metadata["Requires-Python"] == ">=3.11"


def test_a_block_of_each_article_runs_where_the_repository_is_not(
    reader: Path, tmp_path: Path
) -> None:
    chosen = {
        page.slug: next(fence for fence in page.executed if "from snippets" in fence.code)
        for page in articles(ROOT)
    }
    done = subprocess.run(
        [reader, "-I", "-c", DRIVER],
        input=json.dumps({slug: fence.tested for slug, fence in chosen.items()}),
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert not done.returncode, done.stderr
    where, printed = json.loads(done.stdout)
    assert Path(where).is_relative_to(reader.parents[1])
    expected = {slug: fence.output and fence.output.code for slug, fence in chosen.items()}
    assert printed == expected
