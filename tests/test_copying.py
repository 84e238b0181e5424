"""Buttons for copying: one for each block, none for what a block printed."""

from bs4 import BeautifulSoup

from tools.copying import add_copy_buttons

BLOCK = '<div class="highlight"><pre><span></span><code>x = 1\n</code></pre></div>'
OUTPUT = '<div class="output highlight"><pre><span></span><code>1\n</code></pre></div>'


def test_each_block_has_a_button_that_names_it() -> None:
    page = add_copy_buttons(f"{BLOCK}\n{OUTPUT}\n{BLOCK}<pre>no code</pre>")
    soup = BeautifulSoup(page, "html.parser")
    buttons = soup.select("button.md-code__button")
    targets = [soup.select_one(str(button["data-clipboard-target"])) for button in buttons]
    assert targets == [
        code for code in soup.select("code") if not code.find_parent(class_="output")
    ]
    assert all(button["title"] for button in buttons)
    assert add_copy_buttons(page) == page
