"""Take the LaTeX out of the search index: readers search for words and for labels."""

import json
import re
from pathlib import Path

INDEXES = {"search/search_index.json": "docs", "search.json": "items"}  # MkDocs', Zensical's
MATHEMATICS = re.compile(
    r"\\\((?P<inline>.*?)\\\)|\\\[(?P<display>.*?)\\\]|\$(?P<lab>[^$\s](?:[^$\n]*[^$\s])?)\$", re.S
)
CODE = re.compile(r"<pre\b.*?</pre>", re.S)  # half of the index, and nobody searches for it
LABEL = re.compile(r"\\label\{([^}]*)\}")
SYMBOLS = {
    "in": "∈", "le": "≤", "ge": "≥", "ne": "≠", "approx": "≈", "times": "×", "cdot": "·",
    "otimes": "⊗", "sum": "Σ", "prod": "Π", "int": "∫", "partial": "∂", "to": "→",
    "infty": "∞", "Gamma": "Γ", "Delta": "Δ", "Sigma": "Σ", "Omega": "Ω", "ell": "ℓ",
}  # fmt: skip
GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho "
    "varsigma sigma tau upsilon phi chi psi omega"
)
SYMBOLS |= {name: chr(code) for code, name in enumerate(GREEK.split(), start=ord("α"))}
WORDS = {"log", "ln", "exp", "det", "max", "min", "tanh", "sin", "cos", "tr"}


def clean_search_index(site: Path) -> None:
    """Rewrite the search index of a built site without LaTeX."""
    for name, entries in INDEXES.items():
        file = site / name
        if not file.is_file():
            continue
        index = json.loads(file.read_text("utf-8"))
        for entry in index[entries]:
            entry["title"] = plain(entry["title"])
            entry["text"] = plain(entry["text"])
        file.write_text(json.dumps(index, ensure_ascii=False, separators=(",", ":")), "utf-8")


def plain(text: str) -> str:
    """Replace display equations by their labels, and inline mathematics by its symbols."""
    return re.sub(r"[ \t]+", " ", MATHEMATICS.sub(_words, CODE.sub("", text)))


def _words(match: re.Match[str]) -> str:
    labels = LABEL.findall(match[0])
    if labels or match["display"] is not None:
        return " ".join(labels)
    return re.sub(r"\\([A-Za-z]+|.)|[{}^_]", _symbol, match["inline"] or match["lab"]).strip()


def _symbol(command: re.Match[str]) -> str:
    name = command[1]
    return f" {name} " if name in WORDS else SYMBOLS.get(name, "")
