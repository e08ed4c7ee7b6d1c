"""The notebooks run from top to bottom, are kept as text, and have the promised form."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.md"))
EXECUTED = ["01_quickstart"]


def read(path: Path):
    import jupytext

    return jupytext.read(path)


def code_of(path: Path) -> list[str]:
    return [cell.source for cell in read(path).cells if cell.cell_type == "code"]


def test_there_is_a_notebook():
    assert [path.stem for path in NOTEBOOKS] == EXECUTED


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestEveryNotebook:
    def test_runs_within_its_time_and_shows_pictures(self, path, tmp_path):
        import nbclient

        notebook = read(path)
        client = nbclient.NotebookClient(
            notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
        )
        start = time.monotonic()
        client.execute(env={name: text for name, text in os.environ.items() if name != "MPLBACKEND"})
        assert time.monotonic() - start < 120, "60 s on two cores of its own"
        shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        assert sum("image/png" in output.get("data", {}) for output in shown) >= 2
        assert not [output for output in shown if output.output_type == "stream" and output.name == "stderr"]

    def test_is_short_and_says_first_what_one_will_have(self, path):
        cells = read(path).cells
        assert len(cells) <= 40
        assert cells[0].cell_type == "markdown"
        assert "At the end" in cells[0].source

    def test_has_no_outputs_in_its_text(self, path):
        assert "{code-cell}" in path.read_text(encoding="utf-8")
        assert all(not cell.get("outputs") for cell in read(path).cells)

    def test_imports_stand_in_the_first_cell_only(self, path):
        first, *others = code_of(path)
        assert "import immunoprofile as ip" in first
        assert not [source for source in others if re.search(r"^(import|from) ", source, re.MULTILINE)]

    def test_a_sentence_stands_before_and_after_each_cell(self, path):
        kinds = [cell.cell_type for cell in read(path).cells]
        assert "code code" not in " ".join(kinds)
        assert kinds[0] == kinds[-1] == "markdown"

    def test_hides_no_warning_and_ends_with_the_versions(self, path):
        sources = code_of(path)
        assert "filterwarnings" not in "".join(sources)
        assert sources[-1] == "ip.versions()"

    def test_stays_the_same_when_jupytext_writes_it_anew(self, path, tmp_path):
        import jupytext

        jupytext.write(read(path), tmp_path / "again.md", fmt="md:myst")
        again = (tmp_path / "again.md").read_text(encoding="utf-8")
        strip = re.compile(r"^---.*?^---\n", re.DOTALL | re.MULTILINE)
        assert strip.sub("", again, count=1) == strip.sub("", path.read_text(encoding="utf-8"), count=1)
