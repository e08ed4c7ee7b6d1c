"""README.md is short, its commands are the two of the project, and its ten lines run as shown."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
TRY = "python -m pip install . && immunoprofile demo"
TEST = "python -m pip install -e '.[test]' && python -m pytest"


def blocks(language: str) -> list[str]:
    return [found[1].rstrip("\n") for found in re.finditer(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)]


def test_it_has_at_most_120_lines():
    assert len(TEXT.splitlines()) <= 120


def test_the_first_block_is_the_command_to_try_it():
    first = re.search(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
    assert first is not None
    assert (first[1], first[2].strip()) == ("console", TRY)


def test_it_tells_how_to_test():
    assert TEST in blocks("console")


def test_its_links_inside_the_repository_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (ROOT / target).exists(), target


def test_the_picture_is_small_and_described():
    (alt, path), *_ = re.findall(r"!\[([^\]]+)\]\(([^)]+)\)", TEXT)
    assert (ROOT / path).stat().st_size <= 250_000
    assert len(alt.split()) > 10


def test_every_command_that_prints_a_figure_exists():
    named = re.findall(r"`python (benchmarks/\w+\.py)", TEXT)
    assert named
    for path in named:
        assert (ROOT / path).is_file(), path


def test_the_shell_lines_of_a_trial_are_commands_with_known_options():
    from immunoprofile.cli._main import cli

    lines = [line for block in blocks("console") for line in block.splitlines()]
    shown = [line.split("#")[0].split() for line in lines if line.startswith("immunoprofile ")]
    assert {words[1] for words in shown} == {"init", "check", "run", "unblind"}
    for words in shown:
        command = cli.get_command(None, words[1])
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known


def test_the_ten_lines_run_and_the_last_one_shows_a_picture(tmp_path):
    """In a kernel of its own, as a person would paste them into the first cell of a new notebook."""
    import nbclient
    import nbformat

    block = blocks("python")[0]
    assert len(block.splitlines()) <= 12
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(block)])
    client = nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute(env=_environment())
    outputs = notebook.cells[0].outputs
    assert any("treg" in output.get("text", "") for output in outputs), "the table is printed"
    assert "image/png" in outputs[-1].get("data", {}), "the last line shows the gates"


@pytest.mark.parametrize("line", blocks("python")[0].splitlines())
def test_no_line_is_too_wide_to_read(line):
    assert len(line) <= 100


def test_the_ten_lines_run_without_a_notebook(tmp_path):
    script = blocks("python")[0].splitlines()
    script[-1] = f"figure = {script[-1]}\nassert figure.axes"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join(script)],
        capture_output=True, text=True, cwd=tmp_path, check=False, env=_environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "treg" in done.stdout


def _environment() -> dict[str, str]:
    import os

    return {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
