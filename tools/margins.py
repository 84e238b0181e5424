"""Set footnotes beside their references too, for windows that are wide enough to show them there.

The copy in the margin is for the eye: it is hidden from screen readers, which have the note itself,
and its links are plain text.
"""

import re

NOTE = re.compile(r'<li id="(?P<id>fn:[^"]+)">(?P<text>.*?)</li>', re.S)
BACK = re.compile(r'(?:&#160;|\s)*<a class="footnote-backref".*?</a>', re.S)
REFERENCE = re.compile(
    r'<sup id="fnref[^"]*"><a class="footnote-ref" href="#(?P<id>fn:[^"]+)">'
    r"(?P<mark>[^<]*)</a></sup>"
)
TAGS = re.compile(r"</?(?:p|a)\b[^>]*>")
PLACED = '<small class="margin-note"'


def place(page: str) -> str:
    """Put a copy of each footnote behind its reference. A second run changes nothing."""
    if PLACED in page:
        return page
    notes = {note["id"]: _inline(note["text"]) for note in NOTE.finditer(page)}

    def beside(reference: re.Match[str]) -> str:
        text = notes.get(reference["id"])
        copy = f'{PLACED} aria-hidden="true"><sup>{reference["mark"]}</sup> {text}</small>'
        return f"{reference[0]}{copy}" if text else reference[0]

    return REFERENCE.sub(beside, page)


def _inline(text: str) -> str:
    return TAGS.sub("", BACK.sub("", text)).strip()
