// Shows a figure as large as the window allows, where its link would open the picture alone.
(() => {
  const made = (name, className, ...parts) => {
    const element = document.createElement(name);
    element.className = className;
    element.append(...parts);
    return element;
  };

  // A copy without names, which belong to the page.
  const copied = element => {
    const copy = element.cloneNode(true);
    for (const named of [copy, ...copy.querySelectorAll("[id]")]) named.removeAttribute("id");
    return copy;
  };

  const show = link => {
    const figure = link.closest("figure");
    const close = made("button", "zoomed__close", "Close");
    close.type = "button";
    const pictures = [...figure.querySelectorAll("a.zoom > img")].map(copied);
    for (const picture of pictures) picture.removeAttribute("srcset"); // large, on a phone too
    const caption = figure.querySelector("figcaption");
    const parts = caption ? [made("div", "zoomed__caption", ...copied(caption).childNodes)] : [];
    const dialog = made("dialog", "zoomed md-typeset", close, ...pictures, ...parts);
    const number = figure.querySelector(".caption-prefix");
    dialog.setAttribute("aria-label", number ? number.textContent.replace(/\.$/, "") : "Figure");
    dialog.addEventListener("click", event => {
      if (!event.target.closest(".zoomed__caption")) dialog.close();
      else if (event.target.closest("a")) dialog.close(); // leads away from here
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      link.focus({preventScroll: true});
    });
    document.body.append(dialog);
    dialog.showModal();
  };

  document.addEventListener("click", event => {
    const link = event.target instanceof Element && event.target.closest("figure a.zoom");
    const elsewhere = event.button || event.ctrlKey || event.metaKey || event.shiftKey;
    if (!link || elsewhere || event.defaultPrevented) return;
    event.preventDefault();
    show(link);
  });
})();
