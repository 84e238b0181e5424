"""What the built site must hold, read without a browser: rule 5 of DESIGN, links, mathematics."""

import ast
import json
import re
from functools import cache

import built
import pytest
from built import ARTICLES, FILES, LABS, SITE, SLUGS, describe, soup, target, text, words

every_page = pytest.mark.parametrize("page", FILES)
every_article = pytest.mark.parametrize("slug", SLUGS)

LATEX = re.compile(r"\\[()\[\]]|\\(?:begin|end|label|eqref|ref|frac|tag)\b|\$\$|\?\?\?|NaNem")
MARKUP = re.compile(r"--8<--|\{ ?[.:][\w-]+|\{ ?loading=|/// ?\w+|!\[|\]\(")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f\ufffd]")
GLYPH_STYLE = re.compile(r'mjx-c((?:\.[\w-]+)+)::before\{[^}]*content:"')
LABEL = re.compile(rf"(?<![\w/.])(?:{'|'.join(SLUGS) or 'no slug'}):[a-z][a-z0-9-]*\b")
SCHEME = re.compile(r"\.(light|dark)\.\w+#only-\1$")
PICTURES = {".svg", ".png", ".jpg", ".webp", ".gif"}


@every_page
def test_nothing_is_fetched_from_another_host(page: str) -> None:
    """Rule 5: scripts, styles, fonts, images, frames, forms, hints; inline scripts included."""
    refuse(
        page,
        [
            f"{describe(tag)} names {address}"
            for tag in soup(page).find_all(True)
            for address in built.fetched(tag)
            if built.is_foreign(address)
        ],
    )


def test_no_style_names_another_host_or_a_missing_file() -> None:
    """Rule 5 for stylesheets; and a font that is not there would be a request for nothing."""
    problems = []
    for file in sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.css")):
        for address in built.style_urls(text(file)):
            found = target(address, file)
            if built.is_foreign(address):
                problems.append(f"{file}: {address} is on another host")
            elif found and not (SITE / found[0]).is_file():
                problems.append(f"{file}: {address} is missing")
    assert not problems, "\n".join(problems)


@every_page
def test_links_and_anchors_resolve(page: str) -> None:
    """In notebooks too, where a link to a `.md` file stays broken and MkDocs says nothing."""
    problems = []
    for tag in soup(page).select("[href], [src], [srcset]"):
        address = str(tag.get("href") or tag.get("src") or tag.get("srcset") or "")
        found = target(address, page.removesuffix("index.html"))
        if not found:
            continue
        file, anchor = found
        if not (SITE / file).is_file():
            problems.append(f"{describe(tag)} leads to {file}, which does not exist")
        elif anchor and tag.name == "a" and anchor not in built.anchors(file):
            problems.append(f"{describe(tag)}: {file} has no #{anchor}")
    refuse(page, problems)


@every_page
def test_pages_say_what_they_are(page: str) -> None:
    """A language, a title, a description, one main heading, and nothing empty."""
    html, problems = soup(page), []
    title, description = html.title, html.select_one('meta[name="description"]')
    if not (html.html and html.html.get("lang")):
        problems.append("<html> has no lang")
    if not (title and title.get_text(strip=True)):
        problems.append("no <title>")
    if not (description and str(description.get("content", "")).strip()):
        problems.append("no description")
    if len(html.select("h1")) != 1:
        problems.append(f"{len(html.select('h1'))} main headings: {html.select('h1')}")
    for heading in html.select("h1, h2, h3, h4, h5, h6"):
        if not heading.get_text(strip=True).strip("¶"):
            problems.append(f"{describe(heading)} is empty")
    refuse(page, problems)


def test_titles_and_descriptions_differ() -> None:
    for selector in ("title", 'meta[name="description"]'):
        seen: dict[str, str] = {}
        for page in built.PAGES:
            tag = soup(page).select_one(selector)
            said = str(tag.get("content") or tag.get_text()) if tag else ""
            assert said not in seen, f"{page} and {seen[said]} share the {selector} {said!r}"
            seen[said] = page


@every_page
def test_images_have_words_and_a_size(page: str) -> None:
    """So that nobody misses what they show, and nothing moves when they arrive."""
    refuse(
        page,
        [
            f"{describe(image)} lacks {name}"
            for image in soup(page).select("img")
            for name in ("alt", "width", "height")
            if not str(image.get(name, "")).strip()
        ],
    )


@every_page
def test_no_latex_or_markup_is_left(page: str) -> None:
    """Text that a reader sees, and what search engines and tabs show of the page."""
    head = soup(page).select("title, meta[content]")
    said = " ".join(str(tag.get("content") or tag.get_text()) for tag in head)
    shown = f"{said} {words(page)}"
    problems = [
        f"…{shown[max(0, match.start() - 40) : match.end() + 40]}…"
        for pattern in (LATEX, MARKUP)
        for match in pattern.finditer(shown)
    ]
    problems += [f"unknown number in {tag}" for tag in soup(page).select("mjx-merror")]
    problems += ["NaNem in a style"] * ("NaNem" in text(page))
    problems += [f"control character {match[0]!r}" for match in CONTROL.finditer(text(page))]
    refuse(page, problems)


@every_page
def test_each_glyph_has_its_shape(page: str) -> None:
    """MathJax's adaptive style may leave out what an earlier page used; boxes stay as they were."""
    style = "".join(tag.string or "" for tag in soup(page).select("style"))
    styled = {frozenset(names.split(".")[1:]) for names in GLYPH_STYLE.findall(style)}
    used = {frozenset(glyph["class"]) for glyph in soup(page).select("mjx-c[class]")}
    refuse(page, [f"no style for glyph {' '.join(sorted(glyph))}" for glyph in used - styled])


@every_page
def test_labels_in_code_lead_to_their_equations(page: str) -> None:
    """`# SLUG:label` in code is a link to the equation."""
    problems = []
    for code in soup(page).select("code"):
        links = {link.get_text(): str(link["href"]) for link in code.select("a[href]")}
        for label in LABEL.findall(code.get_text()):
            equation = f"articles/{label.partition(':')[0]}/index.html", f"mjx-eqn:{label}"
            found = target(links.get(label, ""), page.removesuffix("index.html"))
            if found != equation or equation[1] not in built.anchors(equation[0]):
                problems.append(f"{label} in code does not lead to an equation")
    refuse(page, problems)


@every_article
def test_every_labelled_equation_has_its_evidence(slug: str) -> None:
    """In its own line and on the evidence page: places that name the label, counted from source."""
    source = (built.ROOT / "docs" / "articles" / f"{slug}.md").read_text("utf-8")
    labels = re.findall(r"\\label\{([^}]*)\}", source)
    evidence = soup("evidence/")
    rows = evidence.select(f'.evidence[data-article="{slug}"] tbody tr')
    assert [str(row["id"]) for row in rows] == labels
    for label, row in zip(labels, rows, strict=True):
        for cell in row.select("td")[2:]:
            assert cell.select("a"), f"{label} has nothing in a column of the evidence page"
            for link in cell.select("a"):
                assert label in cited_at(str(link["href"]), "evidence/"), f"{label}: {link}"
    proofs = {
        line.get_text().split()[0]: [str(link["href"]) for link in line.select("a")]
        for line in soup(f"articles/{slug}/").select(".mjx-display + .proof > span")
    }
    for label in labels:
        links = proofs[label]
        assert links[0] == f"../../evidence/#{label}"
        assert len(links) == 3, f"{label}: its line leads to {links}"
        for link in links[1:]:
            assert label in cited_at(link, f"articles/{slug}/"), f"{label} is not said at {link}"


def cited_at(address: str, page: str) -> str:
    """Return the code of a source page from the line that an address names, an object long."""
    file, anchor = target(address, page) or ("", "")
    start = int(anchor.removeprefix("L-")) - 1
    return "\n".join(source_lines(file)[start : start + 80])


@cache
def source_lines(file: str) -> list[str]:
    """Return the lines of the code that a source page shows."""
    return [line.get_text().rstrip("\n") for line in soup(file).select(".source code > span[id]")]


def test_quotations_say_what_they_quote() -> None:
    """Their source page has, from the line that they link, the lines that they show."""
    quotations = [
        (page, str(box["id"]), box.select("pre code")[0].get_text(), box.select(".filename a"))
        for page in ["", *ARTICLES]
        for box in soup(page).select(".highlight:has(> .filename)")
    ]
    assert len(quotations) > len(SLUGS)
    for page, name, shown, links in quotations:
        there = cited_at(str(links[0]["href"]), page)
        assert there.startswith(shown.splitlines()[0]), name
        said = [str(link.get("aria-label", "")) for link in links]
        assert any(each.startswith("test of") for each in said), f"{name} names no test"


def test_each_term_of_the_glossary_is_met() -> None:
    """And at most once a page."""
    terms = {str(term["id"]) for term in soup("glossary/").select(".term")}
    met: set[str] = set()
    for page in ["", *ARTICLES, *LABS]:
        links = [str(link["href"]).partition("#")[2] for link in soup(page).select("a.term")]
        assert len(links) == len(set(links)), f"{page} explains a term twice"
        met |= set(links)
    assert met == terms
    assert 30 <= len(terms) <= 60


@pytest.mark.parametrize("page", ["", *ARTICLES, *LABS])
def test_a_block_and_its_output_are_one(page: str) -> None:
    """The stylesheet joins them by the class of the block."""
    alone = soup(page).select(".highlight:not(.answered) + .output")
    refuse(page, [f"{describe(output)} stands apart from its block" for output in alone])


@pytest.mark.parametrize("page", LABS)
def test_lab_pages_are_light(page: str) -> None:
    """mkdocs-jupyter brings 650 kB of style a page, which must not reach the reader."""
    size = len(text(page).encode())
    assert size <= 150_000, f"{page} weighs {size} bytes"
    styles = "".join(tag.string or "" for tag in soup(page).select("style"))
    assert len(styles) <= 40_000, f"{page} has {len(styles)} bytes of inline style"
    jupyter = re.findall(r'class="[^"]*\bjp-[^"]*"|--jp-[\w-]+', text(page))
    assert not jupyter, f"{page} has markup of Jupyter: {jupyter[:3]}"


def test_the_search_index_is_clean() -> None:
    """Words and labels, no LaTeX; each entry leads somewhere."""
    entries = json.loads(text("search/search_index.json"))["docs"]
    for entry in entries:
        shown = re.sub(r"<(pre|code)\b.*?</\1>", "", f"{entry['title']} {entry['text']}")
        found = LATEX.search(shown) or re.search(r"\\[a-zA-Z]{2,}|\$[^$\s][^$]*\$", shown)
        assert not found, f"search entry {entry['location']} shows {found and found[0]!r}"
        location, _, anchor = entry["location"].partition("#")
        assert not anchor or anchor in built.anchors(location), f"{entry['location']} is no anchor"


@every_article
def test_search_finds_the_labels(slug: str) -> None:
    entries = json.loads(text("search/search_index.json"))["docs"]
    indexed = " ".join(e["text"] for e in entries if e["location"].startswith(f"articles/{slug}/"))
    labels = {
        name[8:] for name in built.anchors(f"articles/{slug}/") if name.startswith("mjx-eqn:")
    }
    missing = sorted(label for label in labels if label not in indexed)
    assert labels, f"{slug} has no labelled equation"
    assert not missing, f"the search index lacks {missing}"


@every_article
def test_articles_can_be_taken_home(slug: str) -> None:
    """As Markdown, notebook and script; linked at the top, and the Markdown from llms.txt."""
    folder = SITE / "articles" / slug
    for suffix in (".md", ".ipynb", ".py"):
        assert (folder / f"{slug}{suffix}").is_file(), f"articles/{slug}/{slug}{suffix} is missing"
        link = soup(f"articles/{slug}/").select_one(f'.take-home a[href="{slug}{suffix}"]')
        assert link, f"articles/{slug}/ does not link {slug}{suffix}"
    ast.parse((folder / f"{slug}.py").read_text("utf-8"))
    assert json.loads((folder / f"{slug}.ipynb").read_text("utf-8"))["cells"]
    assert f"articles/{slug}/{slug}.md" in text("llms.txt"), f"llms.txt does not list {slug}.md"


@every_article
def test_articles_say_what_stands_around_them(slug: str) -> None:
    """How long they take, and which cell of the lab drew each figure."""
    page = soup(f"articles/{slug}/")
    assert page.select_one("h1 ~ .reading"), f"{slug} does not say how long it takes"
    numbers = [number.get_text() for number in page.select("figcaption .caption-prefix")]
    assert numbers == [f"Figure {number}." for number in range(1, len(numbers) + 1)]
    for caption in page.select("figure:has(a.zoom) > figcaption"):
        credit = caption.select_one(f'a[href*="labs/{slug}/#cell-"]')
        assert credit, f"{slug}: no cell drew {caption.get_text()[:60]}"
    twin = (SITE / f"articles/{slug}/{slug}.md").read_text("utf-8")
    assert twin in text("llms-full.txt")


def test_the_home_page_has_the_map() -> None:
    links = soup("").select(".map a")
    assert sorted(str(link["href"]) for link in links) == sorted(ARTICLES)


def test_links_of_llms_txt_resolve() -> None:
    for address in re.findall(r"\]\(([^)]+)\)", text("llms.txt")):
        found = target(address, "")
        assert found and (SITE / found[0]).is_file(), f"llms.txt: {address} leads nowhere"


@pytest.mark.parametrize("page", ARTICLES + LABS)
def test_figures_come_in_light_and_dark(page: str) -> None:
    """Each picture of the content has its twin next to it, and both say the same."""
    alts = {
        str(image["src"]): str(image.get("alt"))
        for image in soup(page).select('article img[src*="figures/"]')
    }
    problems = []
    for source, alt in alts.items():
        match = SCHEME.search(source)
        other = {"light": "dark", "dark": "light"}[match[1]] if match else ""
        if not match:
            problems.append(f"{source} is not named NAME.light.svg#only-light, or dark")
        elif alts.get(source.replace(match[1], other)) != alt:
            problems.append(f"{source} has no twin in {other} with the same alt")
    refuse(page, problems)


@every_article
def test_animations_have_a_still(slug: str) -> None:
    """Without a script a picture with words is there, and its numbers are where it says."""
    page = soup(f"articles/{slug}/")
    assert not page.select("a.motion"), f"{slug}: an animation that was not drawn"
    for figure in page.select(".motion"):
        picture = figure.select_one('svg[role="img"]')
        assert picture and len(str(picture["aria-label"])) >= 25
        assert picture.select("[data-part]"), f"{slug}: nothing in it can move"
        assert figure.parent and figure.parent.name == "figure" and figure.parent.figcaption
        found = target(str(figure["data-source"]), f"articles/{slug}/")
        assert found and (SITE / found[0]).is_file()
        assert all(control.find_parent("label") for control in figure.select("input"))


def test_pictures_are_light() -> None:
    for file in SITE.rglob("*"):
        if file.suffix in PICTURES:
            size = file.stat().st_size
            assert size <= 300_000, f"{file.relative_to(SITE)} weighs {size} bytes"


def refuse(page: str, problems: list[str]) -> None:
    """Fail with what is wrong on a page, one line each."""
    assert not problems, "\n".join(f"{page}: {problem}" for problem in problems)


@every_page
def test_pages_say_what_they_are_to_other_sites(page: str) -> None:
    """Address, title, description; a picture that is there; one card."""
    if page == "404.html":
        assert soup(page).select_one('meta[name="robots"][content="noindex"]')
        return
    said = {
        str(tag["property"]): str(tag["content"]) for tag in soup(page).select("meta[property]")
    }
    address = built.SITE_URL + page.removesuffix("index.html")
    canonical = soup(page).select_one('link[rel="canonical"]')
    assert canonical and canonical["href"] == said["og:url"] == address
    assert all(said[f"og:{name}"].strip() for name in ("title", "description", "type"))
    assert len(soup(page).select('meta[name="twitter:card"]')) == 1
    picture = target(said.get("og:image", ""), page)
    assert "og:image" not in said or (picture and (SITE / picture[0]).is_file())


def test_the_sitemap_lists_each_page_once() -> None:
    listed = sorted(re.findall(r"<loc>([^<]*)</loc>", text("sitemap.xml")))
    assert listed == sorted(built.SITE_URL + page for page in built.PAGES)


def test_the_feed_lists_articles() -> None:
    """Where the history is known; a shallow clone has no feed, and no page names one."""
    links = {page for page in built.PAGES if soup(page).select('link[type="application/atom+xml"]')}
    if not (SITE / "feed.xml").is_file():
        assert not links
        return
    assert links == set(built.PAGES)
    ids = re.findall(r"<entry>.*?<id>([^<]*)</id>", text("feed.xml"), re.S)
    assert sorted(ids) == sorted(built.SITE_URL + page for page in ARTICLES)
