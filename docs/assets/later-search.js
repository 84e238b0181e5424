// Ask for the search index when somebody is about to search, not on every page that is read.
//
// The theme asks for it at once. This stands before the theme's script, and holds the request back
// until the search is pointed at or focused, or until the address says what was searched.
(() => {
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
})();
