"""Link what belongs together in a built site: equations, code, tests, sources and terms."""

from pathlib import Path

from tools.citations import evidence
from tools.codelinks import link_labels
from tools.evidence import show_evidence
from tools.glossary import link_terms
from tools.quotations import link_code
from tools.references import link_references
from tools.sources import write_sources
from tools.typeset import Label


def link_site(root: Path, site: Path, index: dict[str, Label]) -> None:
    """Add all links to a built and typeset site, in place.

    Args:
        root: The repository that the site was built from.
        site: The folder that holds the site.
        index: The labelled equations of the site.
    """
    found = evidence(root)
    write_sources(root, site, index)
    show_evidence(site, index, found)
    link_code(root, site, index, found)
    link_labels(site, index)
    link_references(root, site)
    link_terms(site)
