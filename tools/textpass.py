"""Change the words of a built page, and nothing else in it: no code, no mathematics, no link."""

import re
from collections.abc import Callable

ARTICLE = re.compile(r'(<article class="md-content__inner[^>]*>)(.*)(</article>)', re.S)
# Whole elements that are not running text, and tags.
NO_TEXT = re.compile(
    r"<(a|code|pre|h[1-6]|mjx-container|script|style|svg|button|summary|nav|data)\b.*?</\1>"
    r"|<!--.*?-->|<[^>]*>",
    re.S,
)


FOLDED = re.compile(rf"<details\b.*?</details>|{NO_TEXT.pattern}", re.S)


def in_words(page: str, change: Callable[[str], str], *, folded: bool = True) -> str:
    """Apply a change to each run of text in the article of a page, in reading order.

    Args:
        page: The page.
        change: What to do with a run of text.
        folded: Whether the text of fold-outs changes, too.
    """
    no_text = NO_TEXT if folded else FOLDED

    def changed(article: re.Match[str]) -> str:
        parts, end = [article[1]], 0
        for skipped in no_text.finditer(article[2]):
            parts += [change(article[2][end : skipped.start()]), skipped[0]]
            end = skipped.end()
        return "".join([*parts, change(article[2][end:]), article[3]])

    return ARTICLE.sub(changed, page, count=1)


def words(html: str) -> str:
    """Return the text of a piece of HTML, in small letters without punctuation."""
    return re.sub(r"[\W_]+", " ", re.sub(r"<[^>]*>", " ", html)).lower().strip()
