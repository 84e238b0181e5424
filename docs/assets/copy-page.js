// Copies the Markdown that lies beside a page.
document.addEventListener("click", async event => {
  const button = event.target instanceof Element && event.target.closest("button.copy-page");
  if (!button) return;
  const before = button.textContent;
  try {
    const answer = await fetch(new URL(button.dataset.source, location.href));
    if (!answer.ok) throw new Error(answer.statusText);
    await navigator.clipboard.writeText(await answer.text());
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not copied: use the link";
  }
  setTimeout(() => { button.textContent = before; }, 2000);
});
