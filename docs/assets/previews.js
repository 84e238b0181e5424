// Show in place what a reference leads to: an equation, a figure, a source, a term.
//
// On hover and on focus, and on the first touch (the second follows the link). Of this page the
// target is copied; another page is fetched, once. Without this script the links are links.
(() => {
  const REFERENCES = "a.eqref, a.label, a.cite, a.term, article a[href*='#figure-'],"
    + "article a[href*='references/#'], article a[href*='glossary/#']";
  const TARGETS = ".mjx-display, figure, .reference, .term:not(a)";
  const WAIT = 150, LEAVE = 250, GAP = 8;  // milliseconds, milliseconds, pixels

  const pages = new Map();  // what was fetched, by address
  let panel, link, timer, touched = false;

  const page = (address) => {
    if (!pages.has(address)) {
      const found = fetch(address)
        .then((answer) => answer.ok ? answer.text() : Promise.reject(answer.status))
        .then((text) => new DOMParser().parseFromString(text, "text/html"));
      found.catch(() => pages.delete(address));
      pages.set(address, found);
    }
    return pages.get(address);
  };

  const target = async (reference) => {
    const {origin, pathname, search, hash, href} = new URL(reference.href);
    if (origin !== location.origin || !hash) return null;
    const here = pathname === location.pathname;
    const source = here ? document : await page(origin + pathname + search);
    const found = source.getElementById(decodeURIComponent(hash.slice(1)))?.closest(TARGETS);
    return found && [...(here ? [] : glyphs(source)), copy(found, href)];
  };

  // MathJax gives a page styles for the glyphs that it has: a preview brings those of its page.
  const glyphs = (source) => [...source.querySelectorAll("head style")]
    .filter((style) => style.textContent.includes("mjx-"))
    .map((style) => {
      const scoped = document.createElement("style");
      const css = style.textContent;
      scoped.textContent = "CSSScopeRule" in window ? `@scope (.preview) {${css}}` : css;
      return scoped;
    });

  const copy = (found, address) => {
    const made = document.importNode(found, true);
    for (const part of [made, ...made.querySelectorAll("*")]) {
      part.removeAttribute("id");
      part.removeAttribute("tabindex");
      for (const name of ["href", "src"])
        if (part.hasAttribute(name)) part[name] = new URL(part.getAttribute(name), address).href;
      if (part.matches("a")) part.tabIndex = -1;  // keys go on from the reference
    }
    made.querySelectorAll(".cited").forEach((part) => part.remove());
    return made;
  };

  const place = () => {
    const around = link.getBoundingClientRect();
    const above = around.top - GAP, below = innerHeight - around.bottom - GAP;
    panel.style.maxHeight = `${Math.max(above, below) - GAP}px`;
    const {offsetWidth: width, offsetHeight: height} = panel;
    const top = below >= height || below >= above ? around.bottom + GAP : around.top - GAP - height;
    const left = Math.min(Math.max(around.left, GAP), document.body.clientWidth - width - GAP);
    panel.style.top = `${top + scrollY}px`;
    panel.style.left = `${Math.max(left, GAP) + scrollX}px`;
  };

  const show = async (reference) => {
    if (reference === link) return;
    hide();
    link = reference;
    const parts = await target(reference).catch(() => null);
    if (link !== reference || panel) return;  // the reader has moved on, or come back
    if (!parts || !reference.isConnected) return hide();
    panel = document.createElement("div");
    panel.className = "preview md-typeset";
    panel.id = "preview";
    panel.setAttribute("role", "tooltip");
    panel.append(...parts);
    document.body.append(panel);
    link.setAttribute("aria-describedby", panel.id);
    place();
  };

  const hide = () => {
    clearTimeout(timer);
    panel?.remove();
    link?.removeAttribute("aria-describedby");
    panel = link = undefined;
  };

  const later = (act, wait) => {
    clearTimeout(timer);
    timer = setTimeout(act, wait);
  };

  const inside = (part) => part?.closest?.(".preview");
  const over = ({target: part}) => !inside(part) && part.closest?.(REFERENCES);

  const allowNotes = () => document.documentElement.classList.remove("dismissed");
  document.addEventListener("pointerover", (event) => {
    allowNotes();
    if (event.pointerType === "touch") return;
    const reference = over(event);
    if (reference) later(() => show(reference), WAIT);
    else if (link && !inside(event.target) && document.activeElement !== link) later(hide, LEAVE);
    else clearTimeout(timer);
  });
  document.addEventListener("focusin", (event) => {
    allowNotes();
    const reference = over(event);
    if (reference && reference.matches(":focus-visible")) show(reference);
    else if (!inside(event.target)) hide();
  });
  document.addEventListener("focusout", (event) => {
    if (!inside(event.relatedTarget)) later(hide, LEAVE);
  });
  document.addEventListener("keydown", (event) => {
    touched = false;
    if (event.key !== "Escape") return;
    hide();
    document.documentElement.classList.add("dismissed");  // notes, until another is pointed at
  });
  document.addEventListener("pointerdown", (event) => touched = event.pointerType === "touch");
  // Before the theme's own listener, which would follow the link.
  document.addEventListener("click", (event) => {
    const reference = over(event);
    if (touched && reference && reference !== link) {
      event.preventDefault();
      event.stopPropagation();
      show(reference);
    } else if (!inside(event.target)) hide();
  }, true);
})();
