"""Cut the site's faces out of two npm packages: `python -m tools.subset_fonts FOLDER`.

FOLDER holds them unpacked, as source-serif-4 and source-code-pro. Wants brotli, which nothing else
here needs; docs/assets/vendor/fonts/README.txt has the commands and versions.
"""

import io
import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

FONTS = Path(__file__).parents[1] / "docs" / "assets" / "vendor" / "fonts"
SERIF = "source-serif-4/files/source-serif-4-latin-opsz-{}.woff2"
MONO = "source-code-pro/files/source-code-pro-latin-wght-normal.woff2"

BASIC = " -~ °·×–—‘’“”…−"  # a dash between two characters is a range, as in a regular expression
NAMES = "ÄÅÇÉÖØÜß-ïñ-öø-ýÿ"  # letters that names of authors have
LATIN = BASIC + NAMES + "§©±-³µ½\u2009\u200a\u2011•′″⁄↑↓"
WORDS = ["kern", "liga", "pnum", "tnum"]

# Name: source, what is pinned on its axes, characters, features. Optical sizes are in CSS pixels.
FACES = {
    "source-serif-4-roman.woff2": (
        SERIF.format("normal"),
        {"opsz": 18, "wght": (400, 700)},
        LATIN,
        WORDS,
    ),
    "source-serif-4-italic.woff2": (
        SERIF.format("italic"),
        {"opsz": 18, "wght": 400},
        LATIN,
        WORDS,
    ),
    "source-serif-4-display.woff2": (
        SERIF.format("normal"),
        {"opsz": 44, "wght": 520},
        BASIC + NAMES,
        ["kern", "liga"],
    ),
    "source-code-pro.woff2": (MONO, {"wght": 400}, LATIN, []),
    "source-serif-4-figures.ttf": (
        SERIF.format("normal"),
        {"opsz": 14, "wght": 400},
        BASIC,
        ["kern"],
    ),
}


def characters(pattern: str) -> set[int]:
    """Return the code points of a pattern such as `A-Za-z`."""
    points, rest = set(), list(pattern)
    while rest:
        first = last = ord(rest.pop(0))
        if rest[:1] == ["-"] and len(rest) > 1:
            last = ord(rest[1])
            del rest[:2]
        points |= set(range(first, last + 1))
    return points


def cut(source: Path, limits: dict, pattern: str, features: list[str], target: Path) -> None:
    """Pin axes, keep some characters and features, rename, and write."""
    font = instantiateVariableFont(TTFont(source, recalcTimestamp=False), limits)
    font.flavor = None
    whole = io.BytesIO()  # the subsetter wants the instance as it lies in a file
    font.save(whole)
    font = TTFont(whole, recalcTimestamp=False)
    options = subset.Options(
        layout_features=features, hinting=False, name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14]
    )
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=characters(pattern))
    subsetter.subset(font)
    # "Source" is a reserved name: the licence asks that a changed font carry another.
    family = "Derive Mono" if "code" in target.name else "Derive Serif"
    renamed = {1: family, 3: family, 4: family, 6: family.replace(" ", "")}
    for name in list(font["name"].names):
        if name.nameID in renamed:
            place = (name.platformID, name.platEncID, name.langID)
            font["name"].setName(renamed[name.nameID], name.nameID, *place)
    font.flavor = "woff2" if target.suffix == ".woff2" else None
    font.save(target)
    print(f"{target.name}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    for name, (source, limits, pattern, features) in FACES.items():
        cut(Path(sys.argv[1]) / source, limits, pattern, features, FONTS / name)
