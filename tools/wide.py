"""Mark tables of many columns, which the stylesheet then sets closer: a pass over a built page."""

import re

TABLE = re.compile(r"<table(?P<attributes>[^>]*)>(?P<head>\s*<thead>.*?</thead>)", re.S)
COLUMN = re.compile(r"<th\b")
MANY, MOST = 7, 8  # what has more columns yet scrolls


def mark_tables(page: str) -> str:
    """Mark each table that has many columns. A second run changes nothing."""

    def marked(table: re.Match[str]) -> str:
        columns = len(COLUMN.findall(table["head"]))
        if columns < MANY or "data-wide" in table["attributes"]:
            return table[0]
        return f'<table{table["attributes"]} data-wide="{min(columns, MOST)}">{table["head"]}'

    return TABLE.sub(marked, page)
