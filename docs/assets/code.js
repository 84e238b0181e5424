// Lets keys reach the blocks of code that are wider than their frame, and those alone.
(() => {
  const frames = new ResizeObserver((changes) => {
    for (const {target: code} of changes) {
      if (code.scrollWidth > code.clientWidth) code.tabIndex = 0;
      else code.removeAttribute("tabindex");
    }
  });
  const watch = () => {
    frames.disconnect();
    document.querySelectorAll("pre > code").forEach((code) => frames.observe(code));
  };
  if (window.document$) window.document$.subscribe(watch);
  else watch();
})();
