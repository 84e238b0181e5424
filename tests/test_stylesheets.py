"""One stylesheet for all pages: the same rules in the same order, with addresses that hold."""

from pathlib import Path

import pytest

from tools.stylesheets import MERGED, merge_stylesheets, moved, take_in_one

LINKS = (
    '<link rel="stylesheet" href="{0}assets/stylesheets/main.css">\n'
    '<style>own</style>\n<link rel="stylesheet" href="{0}assets/site.css">'
)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "assets" / "stylesheets").mkdir(parents=True)
    (tmp_path / "assets" / "stylesheets" / "main.css").write_text(
        '/* one */ a { b: url("../x.svg"); content: "a  ;  b" }\n'
    )
    (tmp_path / "assets" / "site.css").write_text("a > b { c: url(y.woff2); d: url(data:z) }")
    (tmp_path / "assets" / "mathjax").mkdir()
    (tmp_path / "assets" / "mathjax" / "fonts.css").write_text("@font-face { src: url(f.woff) }")
    return tmp_path


def test_sheets_follow_each_other_as_on_the_page(site: Path) -> None:
    merge_stylesheets(site, LINKS.format(""), set())
    rules = [
        'a{b:url("x.svg");content:"a  ;  b"}',
        'a>b{c:url("y.woff2");d:url(data:z)}',
        '@font-face{src:url("mathjax/f.woff")}',
    ]
    assert (site / MERGED).read_text() == "".join(rules)
    merge_stylesheets(site, take_in_one(LINKS.format("")), set())
    assert (site / MERGED).read_text() == "".join(rules)


@pytest.mark.parametrize("root", ["", "../../", "/"])
def test_pages_take_in_that_one_alone(root: str) -> None:
    page = take_in_one(LINKS.format(root))
    assert page == f'<link rel="stylesheet" href="{root}{MERGED}">\n<style>own</style>\n'
    assert take_in_one(page) == page


def test_addresses_elsewhere_stay() -> None:
    css = "a { b: url(#c); d: url('data:e,(f)'); g: url(https://h.org/i.svg); j: url(/k.svg) }"
    assert moved(css, "assets/mathjax/fonts.css") == css
    assert moved('a { b: url("c.woff") }', "assets/mathjax/fonts.css") == (
        'a { b: url("mathjax/c.woff") }'
    )
