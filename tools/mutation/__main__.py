"""Mutate the snippets, one expression at a time, and count the mutants that the tests kill.

`python -m tools.mutation` takes hours for all of them; `--only svd.py vae.py` names files,
`--sample 300` draws some at random. Results are kept in .cache/mutation/results.jsonl: what was
judged is not judged again while its text stays (`--fresh` forgets, `--again` gives the survivors
another chance). Survivors are listed at the end.
"""

import argparse
import json
import math
import random
import shutil
import time
from pathlib import Path

from tqdm import tqdm

from tools.mutation.mutants import mutants
from tools.mutation.proving import Cover, covered, import_libraries, verdict
from tools.mutation.scores import KILLED, Mutant, key, report

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".cache" / "mutation"
TOGETHER = ("survey", "properties", "robustness")  # tests of more than one module
PASSES = (("--no-shape-checks",), ("-m", "not refusal"))  # as `make unit` runs the tests


def main(arguments: list[str] | None = None) -> None:
    """Judge mutants, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutation", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="FILE", help="below snippets/")
    parser.add_argument("--sample", type=int, metavar="N", help="mutants drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--fresh", action="store_true", help="forget what was found before")
    parser.add_argument("--minutes", type=float, default=math.inf, help="then stop, and report")
    parser.add_argument("--again", action="store_true", help="judge survivors again")
    chosen = parser.parse_args(arguments)
    FOLDER.mkdir(parents=True, exist_ok=True)
    if chosen.fresh:
        shutil.rmtree(FOLDER)
        FOLDER.mkdir()
    files = [f"snippets/{name}" for name in chosen.only] or modules()
    every = [mutant for file in files for mutant in mutants(ROOT, file)]
    if chosen.sample:
        every = random.Random(chosen.seed).sample(every, min(chosen.sample, len(every)))
    print(report(judged(every, chosen.again, time.monotonic() + 60 * chosen.minutes)))


def modules() -> list[str]:
    """Return the files of the package, less those that hold no code."""
    files = sorted((ROOT / "snippets").rglob("*.py"))
    return [str(file.relative_to(ROOT)) for file in files if file.name != "__init__.py"]


def test_files() -> list[Path]:
    """Return the tests of the snippets, not those of the site."""
    names = {Path(file).stem for file in modules()} | {"positions", *TOGETHER}
    return [
        file
        for file in sorted((ROOT / "tests").glob("test_*.py"))
        if any(file.stem.removeprefix("test_").startswith(name) for name in names)
        and "snippets" in file.read_text("utf-8")
    ]


def judged(every: list[Mutant], again: bool, end: float) -> list[tuple[Mutant, str]]:
    """Return a verdict for each mutant, from the record or from the tests, as time allows."""
    file = FOLDER / "results.jsonl"
    rows = file.read_text("utf-8").splitlines() if file.is_file() else []
    known = {row["key"]: row["verdict"] for row in map(json.loads, rows)}
    if again:
        known = {key: value for key, value in known.items() if value == "killed"}
    seconds, cover = {}, {}
    if {key(mutant) for mutant in every} - known.keys():
        import_libraries(test_files())
        seconds, cover = covered(ROOT, test_files())
    found = []
    for mutant in tqdm(every, unit="mutant"):
        if key(mutant) not in known and time.monotonic() > end:
            continue
        if key(mutant) not in known:
            known[key(mutant)] = judge(mutant, seconds, cover)
            row = mutant._asdict() | {"key": key(mutant), "verdict": known[key(mutant)], "text": ""}
            with file.open("a", encoding="utf-8") as record:
                record.write(json.dumps(row) + "\n")
        found.append((mutant, known[key(mutant)]))
    return found


def judge(mutant: Mutant, seconds: dict[str, float], cover: Cover) -> str:
    """Run the tests of the mutated lines: the module's own, all, and all with checks of shapes.

    Their whole files come last: what tests share is run in the name of the first of them.
    """
    lines = cover.get(mutant.file, {})
    names = {test for line in mutant.lines or lines for test in lines.get(line, [])}
    tests = sorted(names & seconds.keys())
    own = [test for test in tests if test.startswith(f"tests/test_{_slug(mutant)}")]
    files = {test.partition("::")[0] for test in tests}
    whole = [test for test in seconds if test.partition("::")[0] in files]
    result = "not run"
    rounds = (own, PASSES[0]), (tests, PASSES[0]), (tests, PASSES[1]), (whole, PASSES[0])
    for chosen, options in rounds:
        result = verdict(ROOT, mutant, chosen, seconds, *options)
        if result in KILLED:
            break
    return result


def _slug(mutant: Mutant) -> str:
    parts = Path(mutant.file).with_suffix("").parts
    return parts[1]


if __name__ == "__main__":
    main()
