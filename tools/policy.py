"""Name the content security policy that a built site keeps to: `python -m tools.policy site`.

The theme has a few short scripts inside its pages; each is allowed by its hash, and no other is.
Styles may be inline: MathJax positions each glyph so. Nothing else may come from anywhere but the
site itself, and no other site may frame it.
"""

import base64
import hashlib
import re
import sys
from pathlib import Path

SCRIPT = re.compile(r"<script\b(?P<attributes>[^>]*)>(?P<code>.*?)</script>", re.S)
DATA = re.compile(r'\bsrc=|\btype="application/(?:ld\+)?json"')


def policy(site: Path) -> str:
    """Return the value of the header Content-Security-Policy for a built site."""
    hashes = sorted({hashed(code) for file in site.rglob("*.html") for code in inline(file)})
    return "; ".join(
        [
            "default-src 'none'",
            " ".join(["script-src 'self'", *hashes]),
            "worker-src 'self'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )


def inline(file: Path) -> list[str]:
    """Return the scripts inside a page that a browser would run."""
    page = file.read_text("utf-8")
    found = SCRIPT.finditer(page)
    return [script["code"] for script in found if not DATA.search(script["attributes"])]


def hashed(code: str) -> str:
    """Return a script as the policy names it."""
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    return f"'sha256-{digest}'"


if __name__ == "__main__":
    print(f"Content-Security-Policy: {policy(Path(sys.argv[1]))}")
