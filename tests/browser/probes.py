"""What tests ask a page, as functions that run in it."""

# Open all fold-outs.
UNFOLD = "document.querySelectorAll('details').forEach(details => details.open = true)"

# Leave one coloured token of each kind in the code of the page, and make plain text of the others.
SAMPLE = """() => {
  const seen = new Set();
  for (const code of document.querySelectorAll("pre code")) {
    const paper = getComputedStyle(code.closest(".highlight, td, article, body")).background;
    const sample = code.cloneNode(true);
    for (const token of sample.querySelectorAll("span:not(:has(*))")) {
      const kind = token.className + " on " + paper;
      if (seen.has(kind)) token.replaceWith(token.textContent);
      seen.add(kind);
    }
    code.replaceWith(sample);
  }
}"""

# Lay out all passages of an article at once, so that what is measured stays where it is.
LAY_OUT = """() => document.head.insertAdjacentHTML("beforeend",
  "<style id=laid-out>.passage { content-visibility: visible !important }</style>")"""
LET_WAIT = "document.querySelector('#laid-out').remove()"

# Whether the theme's script has started, and ours after it.
STARTED = """() => {
  const {then} = document.querySelector("script[data-then]").dataset;
  const last = new URL(then.split(" ").pop(), location);  // of files there are no entries
  const arrived = last.protocol === "file:" || performance.getEntriesByName(last).length;
  return arrived && "document$" in window;
}"""

# Whether links lead on in the same document: only once the theme knows which pages there are.
KNOWS_PAGES = """() => performance.getEntriesByType("resource")
  .some(({name, responseEnd}) => responseEnd && name.endsWith("/sitemap.xml"))"""

# All addresses of a page, whole.
ADDRESSES = """() => [...document.querySelectorAll("body [href]")]
  .map((node) => new URL(node.getAttribute("href"), document.baseURI).href)"""

# Whether the last link that the table of contents marks leads to an anchor.
MARKED = """hash => [...document.querySelectorAll(
  ".md-sidebar--secondary .md-nav__link--active")].pop()?.hash === hash"""

# Where the window has the top of a part.
TOP = "part => part.getBoundingClientRect().top"

# For each passage of an article, whether it waits with its layout.
WAITING = """() => [...document.querySelectorAll(".passage > :first-child")].map(
  part => !part.checkVisibility({contentVisibilityAuto: true}))"""

# Blocks of code in sight that scroll and that keys do not reach, or the other way round.
UNREACHED = """() => [...document.querySelectorAll("pre > code")]
  .filter(code => code.checkVisibility({contentVisibilityAuto: true}) && code.clientWidth)
  .filter(code => (code.scrollWidth > code.clientWidth) !== code.hasAttribute("tabindex"))
  .map(code => code.textContent.slice(0, 40))"""

# Equations without a box, glyphs without a shape or a font.
EQUATIONS = """() => {
  const problems = [];
  for (const equation of document.querySelectorAll("mjx-container")) {
    const box = equation.getBoundingClientRect();
    if (!box.width || !box.height) problems.push("no box: " + equation.textContent);
  }
  const kinds = new Map([...document.querySelectorAll("mjx-c")].map(
    glyph => [glyph.parentElement.className + glyph.className, glyph]));
  for (const glyph of kinds.values()) {
    const shape = getComputedStyle(glyph, "::before");
    const faces = shape.fontFamily.split(", ").filter(face => face !== "MJXZERO");
    if (shape.content === "none") problems.push("no shape: " + glyph.className);
    const loaded = faces.some(face => document.fonts.check("1em " + face));
    if (!loaded) problems.push("no font: " + faces);
  }
  return [...new Set(problems)];
}"""

# The first glyphs of each kind that are in sight, for neighbours may reach into the box of one:
# their classes and their boxes, in pixels of the page.
GLYPHS = """() => {
  const kinds = new Map();
  for (const glyph of document.querySelectorAll("mjx-c[class]")) {
    const kind = glyph.parentElement.className + " " + glyph.className;
    const same = kinds.get(kind) ?? [];
    const box = glyph.getBoundingClientRect();
    const around = glyph.closest(".mjx-display")?.getBoundingClientRect();
    if (same.length < 8 && !(around && box.right > around.right + 1))
      kinds.set(kind, [...same, {name: glyph.className, x: box.x, y: box.y + scrollY,
        width: box.width, height: box.height}]);
  }
  return [...kinds.values()].flat().sort((one, other) => one.y - other.y);
}"""

# Scroll to a place of the page; say what of it is in sight.
LOOK = """top => {
  scrollTo({top, behavior: "instant"});
  return [scrollY, scrollY + innerHeight];
}"""

# Display equations that do not fit their column.
TOO_WIDE = """() => [...document.querySelectorAll(".mjx-display")]
  .filter(display => display.scrollWidth > display.clientWidth + 1)
  .map(display => display.querySelector("[id^='mjx-eqn:']")?.id || display.textContent)"""

# Text, code, tables and figures that are not to be seen.
INVISIBLE = """() => [...document.querySelectorAll("article *")]
  .filter(part => part.matches("h1, h2, h3, p, li, pre, table, figure"))
  .filter(part => part.textContent.trim() && !part.checkVisibility({visibilityProperty: true,
    opacityProperty: true}))
  .map(part => part.outerHTML.slice(0, 120))"""

# What there is of pictures for one colour scheme, and which of them show.
FIGURES = """() => [...document.querySelectorAll('article img[src*="#only-"]')].map(image => ({
  source: image.getAttribute("src"), shown: image.checkVisibility(),
  loaded: image.complete && image.naturalWidth > 0}))"""

# Scroll to the end as a reader does, and wait for the pictures on the way, a few seconds at most:
# one that was never asked for would never be there.
SCROLL = """async () => {
  for (let y = 0; y < document.scrollingElement.scrollHeight; y += innerHeight / 2) {
    scrollTo(0, y);
    await new Promise(requestAnimationFrame);
  }
  const shown = [...document.images].filter(image => image.getBoundingClientRect().width);
  const pictures = Promise.all(shown.map(image => image.decode().catch(() => null)));
  await Promise.race([pictures, new Promise(done => setTimeout(done, 5000))]);
}"""

# How much the layout has shifted so far.
SHIFT = """() => new Promise(resolve => {
  let total = 0;
  new PerformanceObserver(list => {
    for (const shift of list.getEntries()) if (!shift.hadRecentInput) total += shift.value;
  }).observe({type: "layout-shift", buffered: true});
  setTimeout(() => resolve(total), 100);
})"""

# What is wider than the window and does not scroll in a box of its own.
SIDEWAYS = """() => {
  const scrolls = part => /auto|scroll/.test(getComputedStyle(part).overflowX);
  const problems = new Map();
  for (const part of document.querySelectorAll(".md-main *, .md-footer *, .md-header *")) {
    if (part.closest("mjx-container, .md-search, .md-sidebar, svg")) continue;
    let around = part.parentElement;
    while (around !== document.body && !scrolls(around)) around = around.parentElement;
    const box = part.getBoundingClientRect();
    const known = [...problems.keys()].some(problem => problem.contains(part));
    if (around !== document.body || !box.width || known) continue;
    if (box.right > innerWidth + 1 || box.left < -1)
      problems.set(part, `is in sight from ${box.left} to ${box.right} px only in part: `);
    else if (part.matches("pre, code, table, .arithmatex, figure") && !scrolls(part)
             && part.scrollWidth > part.clientWidth + 1 && part.clientWidth)
      problems.set(part, "is cut off: ");
  }
  return [...problems].map(([part, problem]) => problem + part.outerHTML.slice(0, 120));
}"""

# A link to an address that can be clicked, one in the text if there is one.
LINK = """address => ["article a", "a"].flatMap(part => [...document.querySelectorAll(part)])
  .find(link => link.href === address && link.checkVisibility())"""

# Whether an equation is in sight, and not under the header.
LANDED = """anchor => {
  const target = document.getElementById(anchor)?.closest(".mjx-display");
  const box = target?.getBoundingClientRect();
  const header = document.querySelector(".md-header").offsetHeight;
  return !!box && box.top >= header && box.top < innerHeight - 20;
}"""

# For each reference, whether its equation comes later on the page, or earlier, or elsewhere.
REFERENCES = """() => [...document.querySelectorAll("article a.eqref")].map(link => {
  const target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
  if (link.pathname !== location.pathname || !target) return "elsewhere";
  return link.compareDocumentPosition(target) & 4 ? "forward" : "backward";
})"""
