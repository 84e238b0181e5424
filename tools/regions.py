"""Find the named regions of a file, `# --8<-- [start:name]` to `[end:name]`.

As pymdownx.snippets finds them, so that what is checked and taken home is what the page shows.
"""

import re
from pathlib import Path

_MARKER = re.compile(
    r"^.*?(?P<escape>;*)-{1,}8<-{1,}[ \t]+\[[ \t]*(?P<type>start|end)[ \t]*:[ \t]*"
    r"(?P<name>[a-z][-_0-9a-z]*)[ \t]*\].*$",
    re.I,
)


def region(path: Path, name: str | None) -> str:
    """Return a file, or the named region of it, as a page that includes it shows it.

    Raises:
        ValueError: There is no such file, or no such region in it.
    """
    if not path.is_file():
        raise ValueError(f"there is no file {path.name} to quote")
    lines = path.read_text("utf-8").splitlines()
    numbers = region_lines(lines, name)
    if not numbers:
        raise ValueError(f"{path.name} has no region {name!r}, or nothing in it")
    return "".join(f"{lines[number - 1]}\n" for number in numbers)


def region_lines(lines: list[str], name: str | None) -> list[int]:
    """Return the numbers, from 1, of the lines that a region holds, markers left out."""
    found, inside = [], name is None
    for number, line in enumerate(lines, 1):
        match = marker(line)
        if match and match["name"] == name:
            if match["type"].lower() == "end":
                break
            inside = True
        elif inside and not match:
            found.append(number)
    return found


def marker(line: str) -> re.Match[str] | None:
    """Return the match of a line that starts or ends a region, None for any other."""
    match = _MARKER.match(line) if "8<-" in line else None
    return None if match and match["escape"] else match
