"""An edit is noticed, and looked for more often than twice a second, as MkDocs does by itself."""

import time
from pathlib import Path

import pytest
from mkdocs.config import load_config
from mkdocs.livereload import LiveReloadServer

from tools.watching import look_often


@pytest.mark.parametrize("name", ["docs/index.md", "mkdocs.yml"])
def test_an_edit_is_noticed_soon(tmp_path: Path, name: str) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# Home\n")
    (tmp_path / "mkdocs.yml").write_text("site_name: Test\n")
    config = load_config(str(tmp_path / "mkdocs.yml"))
    server = LiveReloadServer(lambda: None, "127.0.0.1", 0, str(tmp_path))
    for path in (config.docs_dir, config.config_file_path):
        server.watch(str(path))
    look_often(server, config)
    server.observer.start()
    try:
        time.sleep(0.2)  # a first look
        (tmp_path / name).write_text("site_name: Edited\n")
        give_up = time.monotonic() + 20
        while not server._want_rebuild and time.monotonic() < give_up:
            time.sleep(0.01)
        assert server._want_rebuild
        assert server.observer.timeout <= 0.1
    finally:
        server.observer.stop()
        server.observer.join()
        server.server_close()
