"""Write what every public name makes of wrong arguments into docs/robustness.md.

`python -m tools.robustness`; a test compares.
"""

import json
from pathlib import Path

from tools.robustness.table import cases, tables, words

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "robustness.md"
WORDS = ROOT / "docs" / "robustness.json"
BEGIN, END = "<!-- written by tools/robustness -->\n", "<!-- end -->\n"


def written() -> tuple[str, str]:
    """Return the page with new tables, and the words of all errors."""
    every = list(cases())
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    text = json.dumps(words(every), indent=1, ensure_ascii=False)
    return f"{before}{BEGIN}\n{tables(every)}\n{END}{after}", f"{text}\n"


if __name__ == "__main__":
    page, said = written()
    PAGE.write_text(page, "utf-8")
    WORDS.write_text(said, "utf-8")
