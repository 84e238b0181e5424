"""Leave out of a stylesheet what no page needs: the theme styles far more than this site shows.

A rule goes if each of its selectors asks for a class that neither a page nor a script names; a
custom property goes if nothing reads it.
"""

import re
from collections.abc import Iterable
from functools import partial

import tinycss2
from tinycss2.ast import AtRule, Declaration, Node, QualifiedRule

from tools.kept import kept

NAMING = re.compile(r'\bclass="([^"]*)"|(?<=var\()(--[\w-]+)|<script>(.*?)</script>', re.S)
WORD = re.compile(r"[\w-]+")
CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
READ = re.compile(r"var\((--[\w-]+)")
PROPERTY = re.compile(r"--[\w-]+")
# What stands in these need not be there for a selector to match.
CHOICE = re.compile(r":(?:not|is|where|has)\((?:[^()]|\([^()]*\))*\)|\[[^]]*\]")
GROUPS = ("media", "supports", "layer", "container")


def named(page: str) -> set[str]:
    """Return the classes and custom properties that a page or a script inside it may name."""
    return {word for parts in NAMING.findall(page) for word in WORD.findall(" ".join(parts))}


def purged(css: str, names: set[str], scripts: Iterable[str]) -> str:
    """Return a stylesheet without the rules and custom properties that nothing asks for.

    Args:
        css: The stylesheet.
        names: What all pages name, as `named` finds it.
        scripts: Any word in them may be a class that they set.
    """
    asked = {*CLASS.findall(css), *PROPERTY.findall(css)}
    known = sorted(asked & names.union(*map(WORD.findall, scripts)))
    return kept("purged", [css, *known], partial(_purged, css, set(known)))


def _purged(css: str, known: set[str]) -> str:
    rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    left = "".join(_rule(rule, known) for rule in rules)
    known |= set(READ.findall(left))
    return "".join(_lean(rule, known) for rule in tinycss2.parse_stylesheet(left))


def _rule(rule: Node, known: set[str]) -> str:
    """Return a rule with the selectors that may match, or nothing."""
    if isinstance(rule, QualifiedRule):
        selectors = [one for one in _selectors(rule.prelude) if _may_match(one, known)]
        return _block(",".join(selectors), rule.content) if selectors else ""
    if isinstance(rule, AtRule) and rule.lower_at_keyword in GROUPS and rule.content:
        inner = "".join(_rule(each, known) for each in tinycss2.parse_rule_list(rule.content))
        return f"{_head(rule)}{{{inner}}}" if inner.strip() else ""
    return rule.serialize()


def _lean(rule: Node, known: set[str]) -> str:
    """Return a rule without the custom properties that nothing reads."""
    if isinstance(rule, QualifiedRule):
        parts = tinycss2.parse_blocks_contents(rule.content, skip_whitespace=True)
        left = [each for each in parts if not _is_unread(each, known)]
        if len(left) == len(parts):
            return rule.serialize()
        text = ";".join(each.serialize() for each in left)
        return f"{tinycss2.serialize(rule.prelude)}{{{text}}}" if left else ""
    if isinstance(rule, AtRule) and rule.lower_at_keyword in GROUPS and rule.content:
        inner = "".join(_lean(each, known) for each in tinycss2.parse_rule_list(rule.content))
        return f"{_head(rule)}{{{inner}}}"
    return rule.serialize()


def _selectors(prelude: list[Node]) -> list[str]:
    parts: list[list[Node]] = [[]]
    for token in prelude:
        if token == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return [tinycss2.serialize(part).strip() for part in parts]


def _may_match(selector: str, known: set[str]) -> bool:
    return set(CLASS.findall(CHOICE.sub("", selector))) <= known


def _is_unread(part: Node, known: set[str]) -> bool:
    return isinstance(part, Declaration) and part.name.startswith("--") and part.name not in known


def _head(rule: AtRule) -> str:
    return f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}"


def _block(head: str, content: list[Node]) -> str:
    return f"{head}{{{tinycss2.serialize(content)}}}"
