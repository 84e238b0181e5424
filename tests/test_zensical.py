"""Zensical builds the same articles without a warning, and our passes finish its site."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import kept
from tools.articles import articles

ROOT = Path(__file__).parents[1]
NEEDED = ("docs", "snippets", "tools", "mkdocs.yml", "requirements.txt")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a copy, so that the site is not touched; what builds keep is shared with it."""
    root = tmp_path_factory.mktemp("repository")
    kept.CACHE.mkdir(exist_ok=True)
    (root / ".cache").symlink_to(kept.CACHE)
    for name in NEEDED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name)
        else:
            shutil.copy(ROOT / name, root / name)
    for command in (["zensical", "build", "--strict"], ["tools.finish", "site"]):
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=root, capture_output=True, text=True
        )
        assert not done.returncode, f"{command[0]}: {done.stdout}{done.stderr}"
    return root / "site"


def test_zensical_builds_what_readers_need(site: Path) -> None:
    """Equations with their numbers, code that leads to them, copies to take home."""
    for article in articles(ROOT):
        page = (site / "articles" / article.slug / "index.html").read_text("utf-8")
        missing = [label.name for label in article.labels if f"mjx-eqn:{label.name}" not in page]
        assert not missing, f"{article.slug}: {missing}"
        assert not re.search(r'class="arithmatex">\\[(\[]', page), article.slug
        assert 'class="label"' in page
        assert 'class="take-home"' in page
        assert '<meta property="og:type" content="article">' in page
        assert (site / "articles" / article.slug / f"{article.slug}.ipynb").is_file()
    assert (site / "api" / "nice" / "index.html").is_file()


def test_its_search_shows_no_latex(site: Path) -> None:
    items = json.loads((site / "search.json").read_text("utf-8"))["items"]
    assert any("nice:coupling" in item["text"] for item in items)
    shown = " ".join(re.sub(r"<code\b.*?</code>", "", item["text"]) for item in items)
    assert not re.search(r"\\[(\[]|\\(?:frac|label)\b", shown)
