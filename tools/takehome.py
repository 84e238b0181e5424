"""Write each article to take home, beside its built page: `python -m tools.takehome site`.

As plain Markdown, as a notebook with its outputs, and as a script; the code of the two runs where
the repository is not. `llms.txt` lists the Markdown copies, `llms-full.txt` holds them all.
"""

import re
import shutil
import sys
from functools import partial
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.articles import Article, articles
from tools.dependencies import DATA
from tools.kept import code, included, kept, models
from tools.script import import_lines, script
from tools.standalone import Standalone, standalone
from tools.twin import twin

ROOT = Path(__file__).parents[1]
SITE = "Derive & Run"
WHAT = "Deep-learning ideas derived, coded in PyTorch, and checked by running every block."
_EQREF = re.compile(r"\$\\eqref\{([^}]*)\}\$")
_LABEL = re.compile(r"\\label\{([^}]*)\}")


def write(root: Path, site: Path) -> list[Path]:
    """Write the copies of all articles into a built site, and the list of them.

    Returns:
        The files written.

    Raises:
        ValueError: An article cannot stand alone; says which, where and what to do.
    """
    pages, texts = articles(root), models(root)
    data_files = [str(file) for glob in DATA.values() for file in sorted(root.glob(glob))]
    written = [site / "llms.txt"]
    for article in pages:
        parts = [article.path.name, article.text, *included(root, article.text), *data_files]
        parts += code(texts, article.text)
        copies, data = kept("takehome", parts, partial(_made, root, article))
        folder = site / "articles" / article.slug
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, text in copies.items():
            written.append(folder / f"{article.slug}{suffix}")
            written[-1].write_text(text, "utf-8")
        written += _copy_data(root, folder, data)
    written[0].write_text(listing(pages), "utf-8")
    full = site / "llms-full.txt"
    full.write_text("\n\n".join([listing(pages), *_twins(site, pages)]), "utf-8")
    return [*written, full]


def _made(root: Path, article: Article) -> tuple[dict[str, str], dict[str, str]]:
    """Return the copies of an article, by suffix, and the data that they read.

    Data are named by where they are in the repository and where the copies look for them.
    """
    alone = standalone(root, article)
    data = {
        file.relative_to(root).as_posix(): file.relative_to((root / module).parent).as_posix()
        for module in sorted(name.replace(".", "/") + ".py" for name in alone.modules)
        for file in sorted(root.glob(DATA[module]) if module in DATA else [])
    }
    introduction = _introduction(article, list(data.values()))
    copies = {
        ".md": twin(root, article),
        ".ipynb": notebook(article, introduction, alone),
        ".py": script(introduction, alone),
    }
    return copies, data


def notebook(article: Article, introduction: str, alone: Standalone) -> str:
    """Return an article as a notebook that has been run.

    Equations carry their labels as tags: the code cites them so, and not every viewer of notebooks
    numbers equations.
    """
    first = "\n".join(import_lines(alone.imports))
    if any("__file__" in part.code for part in alone.parts):
        first += f'\n\n__file__ = "{article.slug}.ipynb"  # the data lie in a folder beside it'
    cells = [new_markdown_cell(introduction), new_code_cell(first)]
    for part in alone.parts:
        if not part.code:
            text = _LABEL.sub(r"\\tag{\1}", _EQREF.sub(r"(\1)", part.prose))
            cells.append(new_markdown_cell(f"{text}\n\n{part.quotation}".strip("\n")))
            continue
        printed = [new_output("stream", name="stdout", text=part.output)] if part.output else []
        cells.append(new_code_cell(part.code.rstrip("\n"), outputs=printed))
    for number, cell in enumerate(cells, 1):
        cell.id = f"{article.slug}-{number}"
    for count, cell in enumerate((each for each in cells if each.cell_type == "code"), 1):
        cell.execution_count = count
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    language = {"name": "python", "file_extension": ".py"}
    metadata = {"kernelspec": kernel, "language_info": language}
    made = new_notebook(cells=cells, metadata=metadata)
    nbformat.validate(made)
    return nbformat.writes(made) + "\n"


def listing(pages: list[Article]) -> str:
    """Return llms.txt: the Markdown copies, with what each is about."""
    lines = [f"# {SITE}", "", f"> {WHAT}", "", "## Articles", ""]
    for article in pages:
        title, about = article.meta.get("title", article.slug), article.meta.get("description", "")
        lines.append(f"- [{title}](articles/{article.slug}/{article.slug}.md): {about}")
    return "\n".join(lines) + "\n"


def _twins(site: Path, pages: list[Article]) -> list[str]:
    """Return the Markdown copies as they were written, each under a line that names its file."""
    files = [f"articles/{article.slug}/{article.slug}.md" for article in pages]
    return [f"<!-- {file} -->\n\n{(site / file).read_text('utf-8')}" for file in files]


def main(arguments: list[str] | None = None) -> int:
    """Write the copies into the site named, or say why an article cannot be taken home."""
    (site,) = sys.argv[1:] if arguments is None else arguments
    try:
        print(*write(ROOT, Path(site)), sep="\n")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _copy_data(root: Path, folder: Path, data: dict[str, str]) -> list[Path]:
    """Copy what the code reads from disk to where the copies look for it."""
    for source, name in data.items():
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(root / source, folder / name)
    return [folder / name for name in data.values()]


def _introduction(article: Article, data: list[str]) -> str:
    title = article.meta.get("title", article.slug)
    needs = "torch, numpy, matplotlib, einops and jaxtyping"
    beside = f" Keep `{data[0]}`, which the page links to, beside it." if data else ""
    return (
        f"*{title}*, an article of {SITE}, to take home. All it needs is Python 3.11 and {needs}."
        f"{beside} The text is under CC BY-SA 4.0, the code under the MIT licence."
    )


if __name__ == "__main__":
    sys.exit(main())
