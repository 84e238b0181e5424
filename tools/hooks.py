"""What MkDocs calls: each hook hands over to a module of `tools`, and does nothing else."""

import sys
from pathlib import Path

from jinja2 import Environment
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.livereload import LiveReloadServer
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

# Under plain `mkdocs serve` the repository's root is not on the path.
sys.path.insert(0, str(Path(__file__).parents[1]))

from tools import notebooks, rendering
from tools.finish import finish
from tools.kept import sweep, templates
from tools.sections import keep_sections
from tools.watching import look_often

_sources: dict[Path, Path] = {}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Teach the notebook renderer to leave mathematics to the typesetter."""
    notebooks.mark_mathematics()
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Remember which page is made from which file, for error messages."""
    _sources.clear()
    for file in files.documentation_pages():
        if file.abs_src_path:
            source = Path(file.abs_src_path).relative_to(Path(config.config_file_path).parent)
            _sources[Path(file.dest_path)] = source
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let a page that has not changed since the last build be what it was."""
    rendering.keep(page, config, files)
    return markdown


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Describe notebooks, which carry no description."""
    if page.file.src_path.endswith(".ipynb"):
        page.meta.setdefault("description", notebooks.description(html))
    return html


def on_env(env: Environment, config: MkDocsConfig, files: Files) -> Environment:
    """Keep compiled templates and what search reads from one build to the next."""
    env.bytecode_cache = templates()
    keep_sections(config)
    return env


def on_serve(server: LiveReloadServer, config: MkDocsConfig, builder: object) -> LiveReloadServer:
    """Notice an edit soon."""
    return look_often(server, config)


def on_post_build(config: MkDocsConfig) -> None:
    """Finish the site, or fail with the list of what is wrong."""
    try:
        finish(Path(config.site_dir), _sources)
    except ValueError as error:
        raise PluginError(str(error)) from error


def on_shutdown() -> None:
    """Forget what has long been of no use."""
    sweep()
