// Starts the theme's script once the page is painted, and keeps it from what it shall not do to a
// page that is being read.
(() => {
  // It asks for the search index at once. That waits until the search is pointed at or focused, or
  // until the address says what was searched.
  const {open, send} = XMLHttpRequest.prototype;
  const held = [];
  let wanted = /[?&][qh]=/.test(location.search);

  XMLHttpRequest.prototype.open = function (method, address, ...rest) {
    this.isIndex = /\/search_index\.json$/.test(address);
    return open.call(this, method, address, ...rest);
  };
  XMLHttpRequest.prototype.send = function (...body) {
    if (wanted || !this.isIndex) return send.apply(this, body);
    held.push(this);
  };

  const want = (event) => {
    if (!event.target.closest?.(".md-search, [for='__search']")) return;
    wanted = true;
    held.splice(0).forEach((request) => send.call(request));
  };
  for (const sign of ["focusin", "pointerover", "pointerdown"]) document.addEventListener(sign, want);

  // It starts a worker for the search at once. That starts with its first message: the index.
  const {Worker} = window;
  window.Worker = class extends EventTarget {
    constructor(source) {
      super();
      this.source = new URL(source, location);  // of now: a page may become another one
    }

    postMessage(message) {
      this.worker ??= this.start();
      this.worker.postMessage(message);
    }

    start() {
      const worker = new Worker(this.source);
      worker.onmessage = ({data}) => this.dispatchEvent(new MessageEvent("message", {data}));
      return worker;
    }
  };

  // It makes the addresses of links absolute, so that they hold when a page becomes another one in
  // place. Set anew, a stylesheet is taken in anew. So stylesheets say that theirs are absolute
  // already; the theme compares them with those of the next page by their source.
  for (const link of document.head.querySelectorAll("link[rel=stylesheet]")) {
    const {href} = link, {getAttribute} = link;
    const absolute = Object.assign(link.cloneNode(), {href}).outerHTML;
    link.getAttribute = (name) => name === "href" ? href : getAttribute.call(link, name);
    Object.defineProperty(link, "outerHTML", {get: () => absolute});
  }

  // It puts a colour scheme into the head, which our stylesheet says already. A browser then
  // computes the style of the whole page anew, twice: on a phone that takes half a second.
  const {appendChild} = document.head;
  document.head.appendChild = (node) =>
    node.name === "color-scheme" ? node : appendChild.call(document.head, node);

  // Of pictures it makes one address absolute, and leaves the others to whatever page comes next.
  const absolute = (form) => form.trim().replace(/^\S+/, (address) => new URL(address, location));
  const settle = () => {
    for (const picture of document.querySelectorAll("img[srcset]"))
      picture.srcset = picture.srcset.split(",").map(absolute).join(", ");
  };

  // It notes, a moment late, how far a page was scrolled: with an address that by then may be a new
  // one, which would open there and not where its link leads. Noted is what was scrolled since.
  const {pushState, replaceState} = history;
  let shown, left;
  const leave = () => left = scrollY;
  const arrive = () => {
    leave();
    shown = location.pathname;
    settle();
  };
  addEventListener("popstate", leave);
  history.pushState = function (...entry) {
    leave();
    pushState.apply(this, entry);
  };
  history.replaceState = function (...entry) {
    if (location.pathname !== shown || scrollY === left) return;
    left = undefined;
    replaceState.apply(this, entry);
  };

  // It scrolls to an anchor, and where one was on a page that one comes back to, while parts above
  // are only about as high as they will be. (An address that one begins with: see tools/pages.py.)
  const {scrollTo} = window;
  const arriving = (is) => document.documentElement.toggleAttribute("data-arriving", is);
  window.scrollTo = function (...place) {
    arriving(place[1] > 0);
    scrollTo.apply(this, place);
  };
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("a")?.hash) arriving(true);
  }, true);

  // It measures each block of code, and moves each table into a frame of its own: layout of the
  // whole page, far parts included. Our pages have their buttons, and tables that scroll.
  const dear = new Set(["pre:not(.mermaid) > code", "table:not([class])"]);
  const {querySelectorAll} = Element.prototype;
  Element.prototype.querySelectorAll = function (selector) {
    return querySelectorAll.call(this, dear.has(selector) ? ":not(*)" : selector);
  };

  // It waits for the end of the document, which is over by now.
  const listen = document.addEventListener;
  document.addEventListener = function (kind, act, ...rest) {
    if (kind === "DOMContentLoaded") setTimeout(act);
    else listen.call(document, kind, act, ...rest);
  };

  const add = (address) => {
    const script = document.createElement("script");
    script.src = address;
    script.async = false;  // one after the other
    document.body.append(script);
    return script;
  };
  const scripts = document.currentScript.dataset.then.split(" ");
  const start = () => {
    paint.disconnect();
    clearTimeout(late);
    const [theme] = scripts.map(add);
    theme.onload = () => window.document$.subscribe(arrive);
  };
  const paint = new PerformanceObserver((seen) => {
    if (seen.getEntriesByName("first-contentful-paint").length) start();
  });
  paint.observe({type: "paint", buffered: true});
  const late = setTimeout(start, 2000);  // a window in the background paints nothing
})();
