"""Notice edits soon while the site is served: MkDocs looks for them twice a second."""

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.livereload import LiveReloadServer
from watchdog.observers.polling import PollingObserver

SECONDS = 0.1


def look_often(server: LiveReloadServer, config: MkDocsConfig) -> LiveReloadServer:
    """Have a server that has not started yet look for edits ten times a second.

    It goes on asking the file system, which works on every one; being told by it would have the
    site rebuilt for ever, because reading a file counts as an event.
    """
    watched = [path for path in (config.docs_dir, config.config_file_path) if path]
    for path in watched:
        server.unwatch(path)
    server.observer = PollingObserver(timeout=SECONDS)
    for path in watched:
        server.watch(path)
    return server
