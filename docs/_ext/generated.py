"""Make the pages that repeat what the code knows, before Sphinx reads the sources.

API from the doors, codes, columns, command line, keys of files, strategies and notebooks.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pages_api import api_pages
from pages_cli import cli_page
from pages_codes import codes_page
from pages_files import file_pages
from pages_strategies import strategy_pages
from pages_tables import tables_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = {"01_quickstart": "quickstart"}
"""Notebook to the tutorial that it is built as."""


def pages() -> Iterator[tuple[str, str]]:
    """Give every page: its path below docs/, its text."""
    yield from api_pages()
    yield "reference/cli.md", cli_page()
    yield "reference/codes.md", codes_page()
    yield "reference/tables.md", tables_page()
    yield from file_pages()
    yield from strategy_pages(ROOT / "gating")
    for source, name in NOTEBOOKS.items():
        yield f"tutorials/{name}.md", (ROOT / "notebooks" / f"{source}.md").read_text(encoding="utf-8")


def write_pages(app: Sphinx) -> None:
    """Write the pages; one that has not changed is left alone, so that a second build is quick."""
    for name, text in pages():
        path = Path(app.srcdir) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register."""
    app.connect("builder-inited", write_pages, priority=100)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
