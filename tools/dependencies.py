"""Find everything that the result of a lab depends on, and fingerprint it.

That is its script, the repository's modules that it imports (and those that they import), the data
that these read, and the pins of the packages that any of them imports.
"""

import ast
import hashlib
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

DATA = {  # what a module reads from disk
    "snippets/data.py": "snippets/data/*.npz",
    "tools/figure_style.py": "docs/assets/vendor/fonts/*.ttf",
}


def dependencies(root: Path, script: Path) -> dict[str, str]:
    """Return the digest of each thing that a script's result depends on.

    Args:
        root: The repository.
        script: A Python file in it.

    Returns:
        Digests by path relative to the root, and for packages by `requirements.txt: NAME`.

    Raises:
        ValueError: A package that is imported has no pin.
    """
    files, packages = {script}, set()
    queue = [script]
    while queue:
        for name in imported(queue.pop(0), root):
            inside, top = _files(root, name), name.split(".")[0]
            packages |= set() if inside or (root / top).is_dir() else {top}
            queue += [file for file in inside if file not in files]
            files |= set(inside)
    data = [
        path for module, glob in DATA.items() if root / module in files for path in root.glob(glob)
    ]
    digests = {str(file.relative_to(root)): digest(file.read_bytes()) for file in (*files, *data)}
    pinned = {
        f"requirements.txt: {name}": digest(pin.encode())
        for name, pin in _pins(root, packages - sys.stdlib_module_names).items()
    }
    return dict(sorted(digests.items())) | dict(sorted(pinned.items()))


def digest(content: bytes) -> str:
    """Return a fingerprint of some bytes, short enough to read in a diff."""
    return hashlib.sha256(content).hexdigest()[:16]


def imported(file: Path, root: Path) -> Iterator[str]:
    """Yield the dotted name of each module that a file may import, members of packages included.

    Raises:
        ValueError: The file is no Python.
    """
    try:
        tree = ast.parse(file.read_text("utf-8"))
    except SyntaxError as error:
        raise ValueError(f"{file.name}:{error.lineno}: {error.msg}") from error
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [node.module] if node.module else []
            if node.level:
                base = [*file.relative_to(root).parts[: -node.level], *base]
            yield ".".join(base)
            yield from (".".join([*base, alias.name]) for alias in node.names)


def _files(root: Path, name: str) -> list[Path]:
    """Return the files of the repository that importing a module reads."""
    parts, found = name.split("."), []
    for length in range(1, len(parts) + 1):
        path = root.joinpath(*parts[:length])
        found += [
            file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()
        ]
    # A name imported from a module is no file, but it is inside the repository all the same.
    return found


def _pins(root: Path, packages: set[str]) -> dict[str, str]:
    """Return the requirement that pins each imported package, by distribution."""
    lines = (root / "requirements.txt").read_text("utf-8").splitlines()
    pins = {_plain(m[1]): line for line in lines if (m := re.match(r"([\w.-]+)\s*==", line))}
    found = {}
    for package in sorted(packages):
        names = [name for name in _distributions().get(package, [package]) if _plain(name) in pins]
        if not names:
            raise ValueError(f"{package} is imported, but requirements.txt does not pin it")
        found |= {_plain(name): pins[_plain(name)].split("#")[0].strip() for name in names}
    return found


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


_distributions = cache(packages_distributions)
