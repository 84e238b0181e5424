"""Keep what is made of texts, under a name made of these texts, from one build to the next.

What is kept is never wrong: the name is that of all that it was made from, the machinery included.
"""

import hashlib
import os
import pickle
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import FileSystemBytecodeCache

CACHE = Path(__file__).parents[1] / ".cache"
INCLUSION = re.compile(r'^\s*-{1,}8<-{1,} +"([^":]+)', re.M)
MODEL = re.compile(r"\b(snippets[./]\w+(?:[./]\w+)*)")
IMPORT = re.compile(r"^[ \t]*(?:from|import|__all__)\b(?:[^\n(\[]*[(\[][^)\]]*[)\]]|[^\n]*)", re.M)
DAY = 86_400  # seconds
Made = TypeVar("Made")


def kept(kind: str, parts: Iterable[str], make: Callable[[], Made], *, by: str = "") -> Made:
    """Return what `make` makes, or what it made before of the same parts.

    Args:
        kind: A word for what is made; what different functions make has different kinds.
        parts: All that it is made from, except for the modules in this folder.
        make: Makes it, the same of the same parts, and says nothing.
        by: A name for what makes it, where that is not the modules in this folder.
    """
    file = folder(kind) / f"{digest([by or machinery(), *parts])}.pickle"
    if file.is_file():
        return load(file)
    made = make()
    store(file, made)
    return made


def load(file: Path) -> Any:
    """Return what a file holds, and note that it is in use."""
    os.utime(file)
    return pickle.loads(file.read_bytes())


def sweep() -> None:
    """Forget what no build has used for a day."""
    for file in CACHE.glob("*/*.pickle"):
        if file.stat().st_mtime < time.time() - DAY:
            file.unlink(missing_ok=True)


def store(file: Path, made: object) -> None:
    """Write a file that others may be about to read, in one piece."""
    part = file.with_suffix(f".{os.getpid()}")
    part.write_bytes(pickle.dumps(made))
    part.replace(file)


def folder(name: str) -> Path:
    """Return a folder of what builds keep, after making sure that it is there."""
    (CACHE / name).mkdir(parents=True, exist_ok=True)
    return CACHE / name


def templates() -> FileSystemBytecodeCache:
    """Return where what Jinja compiles is kept."""
    return FileSystemBytecodeCache(str(folder("templates")))


def digest(parts: Iterable[str]) -> str:
    """Return a name that is different for different texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@cache  # edits under tools need a new process anyway
def machinery() -> str:
    """Return a name for the modules that make the site, and the pins of what they use."""
    here = Path(__file__).parent
    files = [*sorted(here.glob("*.py")), *sorted(here.glob("*.js"))]
    pins = here.parent / "requirements.txt"
    texts = [file.read_text("utf-8") for file in [*files, pins] if file.is_file()]
    return digest(texts)


def code(texts: Mapping[str, str], text: str) -> Iterator[str]:
    """Yield name and text of each of the models that a text names, and of those that they name."""
    names, queue = set[str](), [text]
    while queue:
        new = _named(texts, queue.pop()) - names
        names |= new
        queue += [texts[name] for name in new]
    for name in sorted(names):
        yield from (name, texts[name])


def outlines(texts: Mapping[str, str]) -> Iterator[str]:
    """Yield name and imports of each model: by these an object has a second name elsewhere."""
    for name, text in texts.items():
        yield name
        yield from (match[0] for match in IMPORT.finditer(text))


def models(root: Path) -> dict[str, str]:
    """Return the texts of all models, by their path in the repository."""
    files = sorted(root.glob("snippets/**/*.py"))
    return {file.relative_to(root).as_posix(): file.read_text("utf-8") for file in files}


def _named(texts: Mapping[str, str], text: str) -> set[str]:
    """Return the models that a text names, their packages, and what is in a package it names."""
    parts = {name.partition(".py")[0].removesuffix("/__init__"): name for name in texts}
    said = {match[1].replace(".", "/") for match in MODEL.finditer(text)}
    if "snippets import" in text:
        return set(texts)
    return {
        name
        for module, name in parts.items()
        if any(
            f"{each}/".startswith(f"{module}/") or module.startswith(f"{each}/") for each in said
        )
    }


def included(root: Path, text: str) -> Iterator[str]:
    """Yield the files that a page includes, and those that they include."""
    for name in INCLUSION.findall(text):
        file = root / name
        if file.is_file():  # else rendering says what is wrong
            inner = file.read_text("utf-8")
            yield inner
            yield from included(root, inner)
