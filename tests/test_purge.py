"""Stylesheets without what nothing asks for; what may match stays, in its order."""

import pytest

from tools.purge import named, purged


@pytest.mark.parametrize(
    ("css", "left"),
    [
        ("a{b:c}.kept{d:e}.gone{f:g}", "a{b:c}.kept{d:e}"),
        (".gone,.kept p,h1.gone{a:b}", ".kept p{a:b}"),
        (".kept.gone{a:b}.kept:hover{c:d}", ".kept:hover{c:d}"),
        ("a:not(.gone){b:c}:is(.kept,.gone)>a{d:e}", "a:not(.gone){b:c}:is(.kept,.gone)>a{d:e}"),
        ('[title=".gone"]{a:b}', '[title=".gone"]{a:b}'),
        (".by-script{a:b}", ".by-script{a:b}"),
        ("@media print{.gone{a:b}.kept{c:d}}@media all{.gone{a:b}}", "@media print{.kept{c:d}}"),
        ("@font-face{src:url(a.woff)}", "@font-face{src:url(a.woff)}"),
        ("@keyframes x{from{a:b}to{c:d}}", "@keyframes x{from{a:b}to{c:d}}"),
        (".by-page body{a:b}", ".by-page body{a:b}"),
        (":root{--kept:1;--gone:2;a:var(--kept)}", ":root{--kept:1;a:var(--kept)}"),
        (":root{--page:1;--script:2}", ":root{--page:1;--script:2}"),
        (".gone{a:var(--only)}.kept{--only:1;c:d}", ".kept{c:d}"),
        ('.kept{--gone:url("data:;,");a:";"}', '.kept{a:";"}'),
    ],
)
def test_what_may_match_stays(css: str, left: str) -> None:
    page = '<p class="one kept" style="color: var(--page)">class="x"</p>'
    names = named(page + '<script>(\n"by-page")</script>')
    assert purged(css, names, ['add("by-script", "--script")']).replace(";}", "}") == left
