"""Make an article stand alone: prose and code, in order, that run without the repository."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tools.articles import Article, Fence
from tools.blocks import Block, BlockError, foreign, hoistable, only_available, take_apart
from tools.pieces import Inner, Library, Module, Piece
from tools.twin import fenced, quoted_regions, segments

NAMESPACE = "a stand-alone script has one namespace, so choose another name"


class Part(NamedTuple):
    """Prose in Markdown, code with what it prints, or a quotation of code that stands above."""

    prose: str = ""
    quotation: str = ""
    code: str = ""
    output: str = ""


@dataclass
class Standalone:
    """An article whose code needs nothing of the repository.

    Args:
        parts: Its prose and code, in order.
        imports: The statements that its code needs before all else, one name each.
        modules: The repository's modules that code was taken from.
    """

    parts: list[Part] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)


def standalone(root: Path, article: Article) -> Standalone:
    """Make an article stand alone.

    Raises:
        ValueError: Names clash, or the code needs what a reader may not have.
    """
    assembly = _Assembly(root, article)
    for prose, fence in segments(root, article):
        if not fence:
            assembly.result.parts.append(Part(prose=prose))
        elif fence.executed:
            assembly.add_block(fence)
        else:
            assembly.add_quotation(fence)
    assembly.check()
    return assembly.result


class _Assembly:
    """One article, while it is put together."""

    def __init__(self, root: Path, article: Article) -> None:
        self.root, self.article = root, article
        self.result = Standalone()
        self.library = Library(root)
        self.written: set[Piece] = set()
        self.blocks = {fence.line: self._block(fence) for fence in article.executed}
        self.hoisted = hoistable(list(self.blocks.values()))
        self.names: dict[str, tuple[str, str]] = {}  # of modules: which, and what it means there

    def add_quotation(self, fence: Fence) -> None:
        """Write the pieces that a quotation shows; say where they are, if they were written."""
        pieces = []
        for path, region in quoted_regions(fence):
            if path.startswith("snippets/") and path.endswith(".py"):
                module = path.removesuffix(".py").replace("/", ".")
                pieces += self.library.quoted(module, region)
        if not self.written.issuperset(pieces):
            self._write(pieces)
            return
        names = sorted({f"`{name}`" for piece in pieces for name in piece.names})
        above = f"*From {' and '.join(names)}, defined above.*" if names else ""
        quotation = fenced(self.root, self.article, fence)
        self.result.parts.append(Part(prose=above, quotation=quotation))

    def add_block(self, fence: Fence) -> None:
        """Write the pieces that an executed block imports, then the block."""
        block = self.blocks[fence.line]
        try:
            imported = [self.library.named(each.module, each.original) for each in block.inner]
        except ValueError as error:
            raise self._error(fence.line, str(error)) from error
        self._write([piece for pieces in imported for piece in pieces])
        first = [f"{each.name} = {each.original}" for each in block.inner if _renamed(each)]
        for name, statement in block.imports.items():
            if name in self.hoisted:
                self.result.imports.add(statement)
            else:
                first.append(statement)
        code = "\n".join([*first, "", block.body] if first else [block.body])
        output = fence.output.code if fence.output else ""
        self.result.parts.append(Part(code=code, output=output))

    def check(self) -> None:
        """Refuse blocks that bind a name of a module otherwise."""
        for line, block in self.blocks.items():
            bound = dict.fromkeys(block.binds, "")
            bound |= {name: _meaning(each) for name, each in block.imports.items()}
            bound |= {each.name: "" for each in block.inner if _renamed(each)}
            for name in sorted(bound.keys() & self.names.keys()):
                module, meaning = self.names[name]
                if bound[name] != meaning:
                    raise self._error(line, f"binds {name}, a name of {module}; {NAMESPACE}")

    def _block(self, fence: Fence) -> Block:
        try:
            return take_apart(fence)
        except BlockError as error:
            raise self._error(fence.line + error.line, str(error)) from error

    def _write(self, wanted: list[Piece]) -> None:
        """Write the pieces that are not there yet, with what they need: one part a module."""
        texts: dict[str, list[str]] = {}
        for piece in self.library.closure(wanted):
            if piece in self.written:
                continue
            self.written.add(piece)
            self._import_for(piece, self.library.module(piece.module))
            new = [self._claim(name, piece.module, piece.text) for name in sorted(piece.names)]
            if all(new):
                texts.setdefault(piece.module, []).append(piece.text)
        for module, pieces in texts.items():
            self.result.modules.add(module)
            path = self.library.module(module).path.relative_to(self.root)
            self.result.parts.append(Part(code=f"# {path}\n{_joined(pieces)}\n"))

    def _import_for(self, piece: Piece, module: Module) -> None:
        needed = {each for name in piece.uses for each in module.imports.get(name, ())}
        for name in piece.uses & module.imports.keys():
            self._claim(name, piece.module, _meaning(min(module.imports[name])))
        unknown = sorted(foreign("\n".join([*needed, piece.text])))
        if unknown:
            raise ValueError(
                f"docs/articles/{self.article.path.name} uses {' '.join(sorted(piece.names))} of "
                f"{module.name}, which imports {unknown[0]}; {only_available()}"
            )
        self.result.imports |= needed

    def _claim(self, name: str, module: str, text: str) -> bool:
        """Note where a name comes from; return whether its text is to be written."""
        where, known = self.names.setdefault(name, (module, text))
        if known != text and (where != module or known.startswith(("import ", "from "))):
            raise ValueError(
                f"docs/articles/{self.article.path.name}: {where} and {module} both define {name}, "
                f"and differently; {NAMESPACE} in one of them"
            )
        return where == module

    def _error(self, line: int, what: str) -> ValueError:
        return ValueError(f"docs/articles/{self.article.path.name}:{line}: {what}")


def _renamed(inner: Inner) -> bool:
    return inner.name != inner.original


def _meaning(statement: str) -> str:
    """Return what an import binds its name to: `import torch.nn` binds torch as `import torch`."""
    renamed = statement.startswith("from ") or " as " in statement
    return statement if renamed else statement.split(".")[0]


def _joined(pieces: list[str]) -> str:
    """Set definitions apart by two empty lines, constants by none."""
    text = ""
    for number, piece in enumerate(pieces):
        around = pieces[max(number - 1, 0) : number + 1]
        short = not any(each.startswith(("def ", "class ", "@", "async ", "#")) for each in around)
        text += ("\n" if short else "\n\n\n") + piece
    return text.lstrip("\n")
